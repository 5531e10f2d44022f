"""Instructions of few lines: time, halting and waiting, random numbers, segment bases, caches, SMAP override.

What ends the wait of MWAIT is in `emu.model.observe.monitor`.  Cache control has no effect, as caches are not modelled.
Source: SDM 2A to 2D, instruction pages
"""
from emu.bits import GOLDEN, LOW_32, U64
from emu.jit import kernel
from emu.model import guest_mode, ram
from emu.model.cpu import FS_BASE, GS_BASE, code_64, cpl, real_mode
from emu.model.fault import gp0, ud
from emu.model.memory import look
from emu.model.memory.walk import canonical, translate
from emu.model.observe import monitor
from emu.model.processor import decode, operand
from emu.spec.cost import COST
from emu.spec.cpu import CR4, GPR, RFLAGS
from emu.spec.insn import INSN
from emu.spec.msr import MISCENABLE
from emu.spec.outcome import ACCESS, FAULT, MODE, RESULT
from emu.spec.vmx import ACTIVITY, MWAIT, PROC, PROC2
from emu.state import machine_at

SCALE_HIGH = U64(16)
MIX_1, MIX_2 = U64(0xBF58476D1CE4E5B9), U64(0x94D049BB133111EB)
STREAM = U64(56)
MWAIT_EXTENSIONS = U64(1)                                # ECX of MWAIT: interrupts end the wait even if masked


@kernel
def scale(value, multiplier):
    """Return bits 111:48 of the product: the time-stamp counter scaled by a multiplier of 48 fraction bits.

    Source: SDM 3C, "Time-Stamp Counter Offsetting" (TSC scaling)
    """
    a1, a0, b1, b0 = value >> 32, value & LOW_32, multiplier >> 32, multiplier & LOW_32
    low, cross_1, cross_2 = a0 * b0, a1 * b0, a0 * b1
    middle = (low >> 32) + (cross_1 & LOW_32) + (cross_2 & LOW_32)
    high = a1 * b1 + (cross_1 >> 32) + (cross_2 >> 32) + (middle >> 32)
    return high << SCALE_HIGH | (middle & LOW_32) >> SCALE_HIGH


@kernel
def time_stamp(c):
    """Return the time-stamp counter as RDTSC, RDTSCP and RDMSR give it: scaled and offset in non-root operation."""
    value = c.cycles + c.tsc_offset
    if c.vmx_mode == MODE.NONROOT and c.proc & PROC.TSC_OFFSETTING:
        if c.proc2 & PROC2.TSC_SCALING:
            value = scale(value, guest_mode.tsc_multiplier(c))
        value += c.tsc_guest_offset
    return value


@kernel
def _aux_disabled(c):
    """Return whether RDTSCP and RDPID do not exist: non-root operation without "enable RDTSCP"."""
    return c.vmx_mode == MODE.NONROOT and c.proc2 & PROC2.RDTSCP == 0


@kernel
def put_time(c, e, kind):
    """Set the registers that RDTSC and RDTSCP (kind: INSN) set, at the processor's present clock."""
    value = time_stamp(c)
    e.regs[GPR.RAX] = value & LOW_32
    e.regs[GPR.RDX] = value >> 32
    if kind == INSN.RDTSCP:
        e.regs[GPR.RCX] = U64(e.tsc_aux)


@kernel
def rdtsc(c, e, insn):
    """Execute RDTSC or RDTSCP."""
    if insn.kind == INSN.RDTSCP and _aux_disabled(c):
        return ud(c)
    if e.cr[4] & CR4.TSD and not real_mode(e) and cpl(e) != 0:
        return gp0(c)
    c.cycles += COST.TSC
    put_time(c, e, insn.kind)
    return RESULT.NEXT


@kernel
def rdpid(c, e, insn):
    """Execute RDPID."""
    if _aux_disabled(c):
        return ud(c)
    operand.set_reg(e, insn, insn.rm, insn.operand_size, U64(e.tsc_aux))
    return RESULT.NEXT


# ---- halting and waiting ----------------------------------------------------------------------------------
@kernel
def hlt(c, e):
    """Execute HLT."""
    if cpl(e) != 0:
        return gp0(c)
    c.activity = ACTIVITY.HLT
    return RESULT.HALT


@kernel
def monitor_line(c, e, insn):
    """Execute MONITOR: the address is checked as a read of one byte."""
    if not c.misc_enable & MISCENABLE.MONITOR or cpl(e) != 0:
        return ud(c)
    if e.regs[GPR.RCX] & LOW_32:
        return gp0(c)
    offset = operand.get_reg(e, insn, GPR.RAX, insn.address_size)
    operand.read_at(c, insn.segment, offset, 1)
    if c.fault != FAULT.NONE:
        return RESULT.FAULT
    monitor.arm(c, look.physical(c, operand.linear_address(e, insn.segment, offset), operand.explicit(e) | ACCESS.READ))
    return RESULT.NEXT


@kernel
def mwait(c, e):
    """Execute MWAIT: wait when the monitor is armed and no store has reached its line."""
    if not c.misc_enable & MISCENABLE.MONITOR or cpl(e) != 0:
        return ud(c)
    if e.regs[GPR.RCX] & LOW_32 & ~MWAIT_EXTENSIONS:
        return gp0(c)
    c.cycles += COST.SYSTEM
    c.monitor_break = e.regs[GPR.RCX] & MWAIT_EXTENSIONS
    if not c.monitor_armed or not ram.is_ram(machine_at(c.machine)[0], c.monitor_address) or _window_open(c, e):
        c.monitor_armed = 0
        return RESULT.NEXT
    c.activity = MWAIT
    return RESULT.HALT


@kernel
def _window_open(c, e):
    """Return whether MWAIT does not wait because an exit for the interrupt window is awaited with interrupts off.

    Source: SDM 3C, "Changes to Instruction Behavior in VMX Non-Root Operation" (MWAIT)
    """
    return (c.vmx_mode == MODE.NONROOT and c.proc & PROC.INTERRUPT_WINDOW != 0 and c.monitor_break != 0
            and e.eflags & RFLAGS.IF == 0)


@kernel
def pause(c):
    """Execute PAUSE.

    Source: Intel 64 and IA-32 Architectures Optimization Reference Manual, "Pause Latency in Skylake Client Microarchitecture"
    """
    c.cycles += COST.PAUSE
    return RESULT.NEXT


@kernel
def cache(c, e):
    """Execute INVD, WBINVD or WBNOINVD: no cache, so no effect."""
    if cpl(e) != 0:
        return gp0(c)
    c.cycles += COST.SYSTEM
    return RESULT.NEXT


@kernel
def flush_line(c, e, insn):
    """Execute CLFLUSH: faults, exits and accessed flags of a byte load, from an execute-only segment too; no data breakpoint.

    Source: SDM 2A, "CLFLUSH"
    """
    c.cycles += decode.cost(decode.timing_class(insn))
    where = operand.reach(c, insn.segment, U64(operand.offset(c, insn)), 1)
    if c.fault == FAULT.NONE:
        translate(c, where, operand.explicit(e) | ACCESS.READ)
    return RESULT.NEXT if c.fault == FAULT.NONE else RESULT.FAULT


# ---- random numbers ---------------------------------------------------------------------------------------
@kernel
def random(seed, stream, count):
    """Return number `count` of a stream (splitmix64): the same for the same machine seed, on any host."""
    value = seed + (stream << STREAM) + (count + 1) * GOLDEN
    value = (value ^ value >> 30) * MIX_1
    value = (value ^ value >> 27) * MIX_2
    return value ^ value >> 31


@kernel
def rdrand(c, e, insn):
    """Execute RDRAND or RDSEED: always a number, CF = 1, the other status flags 0."""
    c.cycles += COST.SYSTEM
    operand.set_reg(e, insn, insn.rm, insn.operand_size, random(machine_at(c.machine)[0].seed, c.id, c.random))
    c.random += 1
    e.cc_src = RFLAGS.CF
    return RESULT.NEXT


# ---- segment bases, SMAP override -------------------------------------------------------------------------
@kernel
def segment_base(c, e, insn):
    """Execute RDFSBASE, RDGSBASE, WRFSBASE or WRGSBASE."""
    if not code_64(e) or not e.cr[4] & CR4.FSGSBASE:
        return ud(c)
    word = FS_BASE if insn.kind == INSN.RDFSBASE or insn.kind == INSN.WRFSBASE else GS_BASE
    if insn.kind == INSN.RDFSBASE or insn.kind == INSN.RDGSBASE:
        operand.set_reg(e, insn, insn.rm, insn.operand_size, e.seg[word])
        return RESULT.NEXT
    value = operand.get_reg(e, insn, insn.rm, insn.operand_size)
    if not canonical(e, value):
        return gp0(c)
    e.seg[word] = value
    return RESULT.NEXT


@kernel
def set_ac(c, e, value):
    """Execute CLAC or STAC."""
    if cpl(e) != 0:
        return ud(c)
    e.eflags = e.eflags & ~RFLAGS.AC | value
    return RESULT.NEXT
