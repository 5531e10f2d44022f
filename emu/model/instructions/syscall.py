"""Fast system calls: SYSCALL, SYSRET, SYSENTER, SYSEXIT, SWAPGS, as Intel processors do them.

Descriptors are not read: segments are loaded with fixed values.
Source: SDM 2B, "SYSCALL", "SYSENTER", "SYSEXIT", "SYSRET", "SWAPGS"
"""
from emu.bits import LOW_32, U64, every, get, put, value_of
from emu.jit import kernel
from emu.model.cpu import GS_BASE, SELECTOR, code_64, cpl, long_mode, real_mode, refresh_hflags, rflags, set_rflags, set_segment
from emu.model.fault import gp0, ud
from emu.model.memory.walk import canonical
from emu.model.processor.segment import FLAT_LIMIT, RPL
from emu.spec.cost import COST
from emu.spec.cpu import DESCRIPTOR, EFER, GPR, RFLAGS, SEG, SEGTYPE
from emu.spec.msr import STAR
from emu.spec.outcome import RESULT

NOT_RPL = U64(0xFFFC)
SYSCALL_CODE, SYSCALL_DATA = value_of(DESCRIPTOR, TYPE=SEGTYPE.CODE), value_of(DESCRIPTOR, TYPE=SEGTYPE.DATA)
FLAT_COMMON = DESCRIPTOR.S | DESCRIPTOR.P | DESCRIPTOR.G
SYSRET_FLAGS = U64(every(RFLAGS)) & ~(RFLAGS.RF | RFLAGS.VM)


@kernel
def enter_segments(e, cs, ss, privilege, wide):
    """Load CS and SS with the flat segments of fast system calls; `wide`: 64-bit code."""
    level = put(0, DESCRIPTOR.DPL, privilege)
    set_segment(e, SEG.CS, cs, 0, FLAT_LIMIT, SYSCALL_CODE | FLAT_COMMON | level | (DESCRIPTOR.L if wide else DESCRIPTOR.DB))
    set_segment(e, SEG.SS, ss, 0, FLAT_LIMIT, SYSCALL_DATA | FLAT_COMMON | level | DESCRIPTOR.DB)
    refresh_hflags(e, privilege)


@kernel
def syscall(c, e, insn):
    """Execute SYSCALL: only in 64-bit mode, and only when IA32_EFER.SCE = 1."""
    if not code_64(e) or not e.efer & EFER.SCE:
        return ud(c)
    c.cycles += COST.SYSTEM
    flags = rflags(e)
    e.regs[GPR.RCX] = e.rip + insn.length
    e.regs[GPR.R11] = flags
    e.rip = e.lstar
    cs = get(e.star, STAR.SYSCALL) & NOT_RPL
    enter_segments(e, cs, cs + 8, 0, True)
    set_rflags(e, flags & ~e.fmask & ~RFLAGS.RF)
    return RESULT.JUMP


@kernel
def sysret(c, e, insn):
    """Execute SYSRET: to 64-bit mode with a 64-bit operand size, else to compatibility mode."""
    if not code_64(e) or not e.efer & EFER.SCE:
        return ud(c)
    wide = insn.operand_size == 8
    if cpl(e) != 0 or (wide and not canonical(e, e.regs[GPR.RCX])):
        return gp0(c)
    c.cycles += COST.SYSTEM
    e.rip = e.regs[GPR.RCX] if wide else e.regs[GPR.RCX] & LOW_32
    set_rflags(e, e.regs[GPR.R11] & SYSRET_FLAGS)
    selector = get(e.star, STAR.SYSRET)
    cs = selector + 16 if wide else selector
    enter_segments(e, (cs | 3) & SELECTOR, (selector + 8 | 3) & SELECTOR, 3, wide)
    return RESULT.JUMP


@kernel
def _no_target(e):
    """Return whether SYSENTER and SYSEXIT are #GP(0): real mode, or a null IA32_SYSENTER_CS."""
    return real_mode(e) or U64(e.sysenter_cs) & NOT_RPL == 0


@kernel
def sysenter(c, e):
    """Execute SYSENTER."""
    if _no_target(e):
        return gp0(c)
    c.cycles += COST.SYSTEM
    wide = long_mode(e)
    mask = ~0 if wide else LOW_32
    e.regs[GPR.RSP] = e.sysenter_esp & mask
    e.rip = e.sysenter_eip & mask
    e.eflags &= ~(RFLAGS.VM | RFLAGS.IF | RFLAGS.RF)
    cs = U64(e.sysenter_cs) & NOT_RPL
    enter_segments(e, cs, cs + 8, 0, wide)
    return RESULT.JUMP


@kernel
def sysexit(c, e, insn):
    """Execute SYSEXIT: to 64-bit mode with a 64-bit operand size."""
    wide = insn.operand_size == 8
    if _no_target(e) or cpl(e) != 0:
        return gp0(c)
    if wide and not (canonical(e, e.regs[GPR.RCX]) and canonical(e, e.regs[GPR.RDX])):
        return gp0(c)
    c.cycles += COST.SYSTEM
    mask = ~0 if wide else LOW_32
    e.regs[GPR.RSP] = e.regs[GPR.RCX] & mask
    e.rip = e.regs[GPR.RDX] & mask
    cs = (U64(e.sysenter_cs) & SELECTOR) + (32 if wide else 16) | RPL
    enter_segments(e, cs, cs + 8, 3, wide)
    return RESULT.JUMP


@kernel
def swapgs(c, e):
    """Execute SWAPGS."""
    if not code_64(e):
        return ud(c)
    if cpl(e) != 0:
        return gp0(c)
    other = e.kernel_gs_base
    e.kernel_gs_base = e.seg[GS_BASE]
    e.seg[GS_BASE] = other
    return RESULT.NEXT
