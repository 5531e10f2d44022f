"""Control and debug registers: MOV CR, CLTS, LMSW, SMSW, MOV DR, XSETBV, XGETBV and the invalidations.

Not modelled: breakpoints in DR0-DR3 (enabling one in DR7 stops the machine by name), RTM debugging, CR4 bits that
CPUID does not report.
Source: SDM 3A, "Control Registers"; SDM 2B, "MOV-Move to/from Control Registers", "...Debug Registers"
"""
from emu.bits import LOW_32, U64, details
from emu.jit import kernel
from emu.model import guest_mode
from emu.model.cpu import attributes, code_64, cpl, cpu_canonical, refresh_hflags
from emu.model.fault import gp0, raise_exception, ud
from emu.model.interrupts import apic
from emu.model.memory import tlb, walk
from emu.model.observe import breakpoint, watch
from emu.model.processor import operand
from emu.model.processor.segment import WIDE, kind
from emu.spec.cost import COST
from emu.spec.cpu import CR0, CR4, DEBUGREG, DESCRIPTOR, DR6, DR6_RESET, DR7, DR7_RESET, EFER, GPR, SEG, VECTOR
from emu.spec.cpuid import XCR0
from emu.spec.outcome import FAULT, MODE, RESULT
from emu.spec.paging import CR3
from emu.spec.profile import CR0_RULE, CR4_RULE
from emu.spec.vmx import PROC2
from emu.state import machine_at

CR0_DEFINED = (CR0.PE | CR0.MP | CR0.EM | CR0.TS | CR0.ET | CR0.NE | CR0.WP | CR0.AM | CR0.NW | CR0.CD | CR0.PG)
CR0_PDPTE, CR4_PDPTE = CR0.PG | CR0.CD | CR0.NW, CR4.PAE | CR4.PGE | CR4.PSE | CR4.SMEP
CR0_FREE = CR0.PE | CR0.PG                               # what an unrestricted guest may clear
CR4_REPORTED = CR4_RULE.may & ~(CR4.VME | CR4.PVI | CR4.UMIP)       # CPUID reports none of these three
LMSW_BITS = CR0.PE | CR0.MP | CR0.EM | CR0.TS
DR6_WRITABLE, DR7_WRITABLE = (U64(row.writable) for row in details(DEBUGREG).rows.values())
INVPCID_ADDRESS, INVPCID_SINGLE, INVPCID_LAST = U64(0), U64(1), U64(3)


@kernel
def pae_paging(cr0, cr4, efer):
    """Return whether these registers select PAE paging."""
    return cr0 & CR0.PG != 0 and cr4 & CR4.PAE != 0 and efer & (EFER.LME | EFER.LMA) == 0


@kernel
def _cr0_refused(c, e, new):
    """Return whether MOV to CR0 of `new` (reserved low bits dropped) is #GP(0)."""
    old = e.cr[0]
    if new & ~LOW_32 or (new & CR0.PG and not new & CR0.PE) or (new & CR0.NW and not new & CR0.CD):
        return True
    if c.vmx_mode != MODE.BARE:
        must = CR0_RULE.must
        if c.vmx_mode == MODE.NONROOT and c.proc2 & PROC2.UNRESTRICTED:
            must &= ~CR0_FREE
        if must & ~new or new & ~CR0_RULE.may:
            return True
    if new & ~old & CR0.PG and e.efer & EFER.LME:
        if not e.cr[4] & CR4.PAE or attributes(e, SEG.CS) & DESCRIPTOR.L:
            return True
        return not kind(attributes(e, SEG.TR)) & WIDE
    if old & ~new & CR0.PG:
        return code_64(e) or e.cr[4] & CR4.PCIDE != 0
    return False


@kernel
def set_cr0(c, e, value):
    """Do MOV to CR0 of `value`, guest/host mask already applied; returns RESULT."""
    new = (value & (CR0_DEFINED | ~LOW_32)) | CR0.ET
    old = e.cr[0]
    if _cr0_refused(c, e, new):
        return gp0(c)
    if pae_paging(new, e.cr[4], e.efer) and (new ^ old) & CR0_PDPTE:
        if not walk.load_pdptes(c, e.cr[3]):
            return RESULT.FAULT
    before = watch.paging_mode(e)
    e.cr[0] = new
    if (new ^ old) & CR0.PG and e.efer & EFER.LME:
        e.efer = e.efer | EFER.LMA if new & CR0.PG else e.efer & ~EFER.LMA
    tlb.control_change(c, 0, old, new)
    refresh_hflags(e, cpl(e) if new & CR0.PE else 0)
    watch.mode(c, e, before)
    return RESULT.NEXT


@kernel
def _cr4_refused(c, e, new):
    """Return whether MOV to CR4 of `new` is #GP(0)."""
    changed = e.cr[4] ^ new
    if new & ~CR4_REPORTED:
        return True
    if c.vmx_mode != MODE.BARE and CR4_RULE.must & ~new:
        return True
    if e.efer & EFER.LMA and (changed & CR4.LA57 or not new & CR4.PAE):
        return True
    if changed & new & CR4.PCIDE:
        return e.efer & EFER.LMA == 0 or e.cr[3] & CR3.PCID != 0
    return False


@kernel
def set_cr4(c, e, value):
    """Do MOV to CR4 of `value`, guest/host mask already applied; returns RESULT."""
    old = e.cr[4]
    if _cr4_refused(c, e, value):
        return gp0(c)
    if pae_paging(e.cr[0], value, e.efer) and (value ^ old) & CR4_PDPTE:
        if not walk.load_pdptes(c, e.cr[3]):
            return RESULT.FAULT
    before = watch.paging_mode(e)
    e.cr[4] = value
    tlb.control_change(c, 4, old, value)
    refresh_hflags(e, cpl(e))
    watch.mode(c, e, before)
    return RESULT.NEXT


@kernel
def set_cr3(c, e, value):
    """Do MOV to CR3; returns RESULT.

    Source: SDM 3A, "Control Registers" (CR3); SDM 2B, "MOV-Move to/from Control Registers"
    """
    keep = 0
    if e.cr[4] & CR4.PCIDE:
        keep = value & CR3.KEEP
        value &= ~CR3.KEEP
    if value & ~machine_at(c.machine)[0].address_mask:
        return gp0(c)
    if pae_paging(e.cr[0], e.cr[4], e.efer) and not walk.load_pdptes(c, value):
        return RESULT.FAULT
    e.cr[3] = value
    tlb.mov_cr3(c, keep)
    return RESULT.NEXT


@kernel
def set_cr8(c, value):
    """Do MOV to CR8; returns RESULT."""
    if value & ~15:
        return gp0(c)
    if guest_mode.tpr_shadow(c):
        guest_mode.cr8_write(c, value)
    else:
        apic.set_cr8(c, value)
    return RESULT.NEXT


@kernel
def _is_control(number):
    """Return whether CR`number` exists."""
    return number == 0 or (number >= 2 and number <= 4) or number == 8


@kernel
def mov_to_cr(c, e, insn):
    """Execute MOV to CR."""
    number = insn.reg
    if not _is_control(number):
        return ud(c)
    if cpl(e) != 0:
        return gp0(c)
    c.cycles += COST.CONTROL
    value = operand.get_reg(e, insn, insn.rm, insn.operand_size)
    if number == 0:
        return set_cr0(c, e, guest_mode.cr0_to_write(c, value))
    if number == 2:
        e.cr[2] = value
        return RESULT.NEXT
    if number == 3:
        return set_cr3(c, e, value)
    if number == 4:
        return set_cr4(c, e, guest_mode.cr4_to_write(c, value))
    return set_cr8(c, value)


@kernel
def cr_seen(c, e, number):
    """Return what MOV from CR `number`, which exists, reads."""
    if number == 0:
        return guest_mode.cr0_seen(c)
    if number == 4:
        return guest_mode.cr4_seen(c)
    if number == 8:
        return guest_mode.cr8_read(c) if guest_mode.tpr_shadow(c) else apic.cr8(c)
    return e.cr[number]


@kernel
def mov_from_cr(c, e, insn):
    """Execute MOV from CR."""
    number = insn.reg
    if not _is_control(number):
        return ud(c)
    if cpl(e) != 0:
        return gp0(c)
    operand.set_reg(e, insn, insn.rm, insn.operand_size, cr_seen(c, e, number))
    return RESULT.NEXT


@kernel
def clts(c, e):
    """Execute CLTS."""
    if cpl(e) != 0:
        return gp0(c)
    if guest_mode.clts_changes(c):
        e.cr[0] &= ~CR0.TS
        refresh_hflags(e, cpl(e))
    return RESULT.NEXT


@kernel
def lmsw(c, e, insn):
    """Execute LMSW: PE, MP, EM, TS from the operand; PE can be set, not cleared."""
    if cpl(e) != 0:
        return gp0(c)
    value = operand.load(c, insn, 2)
    if c.fault != FAULT.NONE:
        return RESULT.FAULT
    c.cycles += COST.CONTROL
    new = e.cr[0] & ~LMSW_BITS | value & LMSW_BITS | e.cr[0] & CR0.PE
    return set_cr0(c, e, guest_mode.cr0_to_write(c, new))


@kernel
def smsw(c, e, insn):
    """Execute SMSW: 16 bits to memory, the operand size (upper bits of CR0 too) to a register."""
    size = 2 if insn.memory else insn.operand_size
    return RESULT.NEXT if operand.store(c, insn, size, guest_mode.cr0_seen(c)) else RESULT.FAULT


# ---- debug registers --------------------------------------------------------------------------------------
@kernel
def _debug_refused(c, e, number):
    """Note the fault of MOV to or from debug register `number`, if there is one; returns whether there is."""
    if number >= 8 or ((number == 4 or number == 5) and e.cr[4] & CR4.DE):
        ud(c)
        return True
    if cpl(e) != 0:
        gp0(c)
        return True
    if e.dr[7] & DR7.GD:
        c.pending_debug |= DR6.BD
        c.fault_qualification = DR6.BD
        raise_exception(c, VECTOR.DB, 0)
        return True
    return False


@kernel
def alias(number):
    """Return the debug register that `number` names: DR4 is DR6, DR5 is DR7 when CR4.DE = 0."""
    return number + 2 if number == 4 or number == 5 else number


@kernel
def mov_to_dr(c, e, insn):
    """Execute MOV to DR."""
    if _debug_refused(c, e, insn.reg):
        return RESULT.FAULT
    number = alias(insn.reg)
    value = operand.get_reg(e, insn, insn.rm, insn.operand_size)
    if number >= 6 and value & ~LOW_32:
        return gp0(c)
    if number == 6:
        value = value & DR6_WRITABLE | DR6_RESET
    elif number == 7:
        value = value & DR7_WRITABLE | DR7_RESET
    c.cycles += COST.CONTROL
    e.dr[number] = value
    breakpoint.arm(c, e)
    return RESULT.NEXT


@kernel
def mov_from_dr(c, e, insn):
    """Execute MOV from DR."""
    if _debug_refused(c, e, insn.reg):
        return RESULT.FAULT
    operand.set_reg(e, insn, insn.rm, insn.operand_size, e.dr[alias(insn.reg)])
    return RESULT.NEXT


# ---- extended control register ----------------------------------------------------------------------------
@kernel
def xsetbv(c, e):
    """Execute XSETBV: XCR0 may hold x87 and SSE state, x87 always."""
    if not e.cr[4] & CR4.OSXSAVE:
        return ud(c)
    value = (e.regs[GPR.RDX] << 32) | e.regs[GPR.RAX] & LOW_32
    if cpl(e) != 0 or e.regs[GPR.RCX] & LOW_32 or not value & XCR0.X87 or value & ~(XCR0.X87 | XCR0.SSE):
        return gp0(c)
    c.cycles += COST.CONTROL
    e.xcr0 = value
    return RESULT.NEXT


@kernel
def xgetbv(c, e):
    """Execute XGETBV."""
    if not e.cr[4] & CR4.OSXSAVE:
        return ud(c)
    if e.regs[GPR.RCX] & LOW_32:
        return gp0(c)
    e.regs[GPR.RAX] = e.xcr0 & LOW_32
    e.regs[GPR.RDX] = e.xcr0 >> 32
    return RESULT.NEXT


# ---- invalidations ----------------------------------------------------------------------------------------
@kernel
def invlpg(c, e, insn):
    """Execute INVLPG: no segment checks; a non-canonical address invalidates nothing."""
    if cpl(e) != 0:
        return gp0(c)
    c.cycles += COST.CONTROL
    la = operand.address(c, insn)
    if cpu_canonical(la):
        tlb.invlpg(c, la)
    return RESULT.NEXT


@kernel
def invpcid(c, e, insn):
    """Execute INVPCID: type in the register, PCID and linear address in a 128-bit descriptor in memory.

    Source: SDM 2A, "INVPCID"
    """
    if c.vmx_mode == MODE.NONROOT and not c.proc2 & PROC2.INVPCID:
        return ud(c)
    if cpl(e) != 0:
        return gp0(c)
    if not operand.check_whole(c, insn, 16, False):
        return RESULT.FAULT
    how = operand.get_reg(e, insn, insn.reg, insn.operand_size)
    pcid = operand.load_part(c, insn, 0, 8)
    if c.fault != FAULT.NONE:
        return RESULT.FAULT
    la = operand.load_part(c, insn, 8, 8)
    if c.fault != FAULT.NONE:
        return RESULT.FAULT
    if how > INVPCID_LAST or pcid & ~CR3.PCID:
        return gp0(c)
    if how <= INVPCID_SINGLE and pcid and not e.cr[4] & CR4.PCIDE:
        return gp0(c)
    if how == INVPCID_ADDRESS and not cpu_canonical(la):
        return gp0(c)
    c.cycles += COST.CONTROL
    tlb.invpcid(c, how, pcid, la)
    return RESULT.NEXT
