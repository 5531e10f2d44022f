"""VMX non-root operation: which instructions, exceptions and events exit, and what the VMCS changes about the rest.

`check` decides before an instruction executes; `exception` and `software_exception` before an event is delivered;
`boundary` between instructions.  For instructions that do not exit, `emu.model.system` asks `cr0_seen`,
`cr0_to_write`, `cr4_seen`, `cr4_to_write`, `clts_changes`, `tpr_shadow`, `cr8_read` and `cr8_write`; whoever runs
IRET calls `iret`.  All of these answer for root and bare operation too.

Choices the manual leaves to the processor: STI blocking does not block NMI-window exits; external interrupts that
exit are blocked by STI and MOV SS, NMIs that exit by MOV SS.  REP INS and OUTS with a count of 0 do not exit.
Not modelled: what the processor's profile does not allow (see `emu.spec.profile`).
"""
from emu.bits import U64, get
from emu.jit import kernel
from emu.model import apic, linear, memory, operand
from emu.model.cpu import attributes, base, code_64, cpl, limit, long_mode
from emu.model.fault import raise_exit, ud
from emu.model.vmcs import fields
from emu.spec.apic import PENDING as APIC_PENDING
from emu.spec.cpu import CR0, CR4, DESCRIPTOR, EVENT, GPR, INTR, RFLAGS, SEG, VECTOR
from emu.spec.insn import INSN
from emu.spec.intercept import CASE, CONTROLS, ENABLE, FORMAT, FORMATS, GUARD, GUARDS, IDENTITY, REASONS, WORD, WORDS
from emu.spec.outcome import ACCESS, FAULT, MODE
from emu.spec.vmcs import FIELD
from emu.spec.vmx import ACTIVITY, BLOCKING, CRACCESS, EXITC, INFO, PIN, PROC, QUAL_CR, QUAL_DB, QUAL_DR, REASON
from emu.state import ALL_ONES, env_of

ZERO, ONE, TWO, THREE, FOUR, SIX, SEVEN, EIGHT = (U64(n) for n in (0, 1, 2, 3, 4, 6, 7, 8))
LOW_32, LOW_16, LOW_8, LOW_4 = U64(0xFFFF_FFFF), U64(0xFFFF), U64(0xFF), U64(0xF)
SHADOW = BLOCKING.STI | BLOCKING.MOV_SS
NONE = ALL_ONES                                    # boundary: no exit is due
NO_REGISTER, RIP_BASE = U64(16), U64(17)
HAS_ERROR = U64(sum(1 << n for n in (8, 10, 11, 12, 13, 14, 17, 21)))
DEBUG_BITS = QUAL_DB.B0 | QUAL_DB.B1 | QUAL_DB.B2 | QUAL_DB.B3 | QUAL_DB.BLD | QUAL_DB.BD | QUAL_DB.BS | QUAL_DB.RTM
LMSW_BITS = U64(0xE)                               # MP, EM, TS
TPR_OFFSET, PAGE = U64(0x80), U64(0xFFFF_FFFF_FFFF_F000)
MAP_BASE, TSS_TYPE, SHIFT_8 = U64(0x66), U64(0x900), U64(8)
TSS_TYPES = U64(0xD00)                             # type field without its busy bit: 9 and 11 are 32- or 64-bit TSSs
BITMAP_HALF, BYTE_SHIFT = U64(0x8000), U64(3)
MSR_LOW, MSR_HIGH, MSR_WINDOW, WRITE_MAP, HIGH_MAP = U64(0), U64(0xC000_0000), U64(0x1FFF), U64(0x800), U64(0x400)
PORT_SHIFT, DATA_SHIFT, TO_BIT_3, TO_BIT_4 = U64(16), U64(16), U64(3), U64(4)
NO_DISPLACEMENT_SIZE = U64(8)


# ---- what an instruction's exit tells ---------------------------------------------------------------------
@kernel
def memory_info(insn):
    """Return the memory-operand part of VM-exit instruction information."""
    info = insn.scale | insn.address_size >> TWO << SEVEN | insn.segment << U64(15)
    info |= INFO.INDEX_INVALID if insn.index_reg >= NO_REGISTER else insn.index_reg << U64(18)
    return info | (INFO.BASE_INVALID if insn.base_reg >= NO_REGISTER else insn.base_reg << U64(23))


@kernel
def operand_info(insn):
    """Return the part of VM-exit instruction information that tells an r/m operand."""
    return memory_info(insn) if insn.memory else INFO.REGISTER | insn.rm << THREE


@kernel
def information(insn, how):
    """Return VM-exit instruction information in FORMAT `how`.

    Source: SDM 3C, "Information for VM Exits Due to Instruction Execution"
    """
    if how == FORMAT.MEMORY:
        return memory_info(insn)
    if how == FORMAT.REG2:
        return memory_info(insn) | insn.reg << U64(28)
    if how == FORMAT.FIELD:
        return operand_info(insn) | insn.reg << U64(28)
    if how == FORMAT.TABLE:
        return memory_info(insn) | (ZERO if insn.operand_size == TWO else U64(1 << 11)) | IDENTITY[insn.kind] << U64(28)
    if how == FORMAT.SELECTOR:
        return operand_info(insn) | IDENTITY[insn.kind] << U64(28)
    if how == FORMAT.RANDOM:
        return insn.rm << THREE | insn.operand_size >> TWO << U64(11)
    return ZERO


@kernel
def displacement(e, insn):
    """Return the displacement of a memory operand as an exit qualification: RIP-relative ones with RIP added."""
    if not insn.memory:
        return ZERO
    value = insn.displacement
    if insn.base_reg == RIP_BASE:
        value += e.rip + insn.length
    if insn.address_size < EIGHT:
        value &= (ONE << insn.address_size * EIGHT) - ONE
    return value


@kernel
def depart(c, e, insn, reason):
    """Raise the exit of an instruction whose row tells all; returns True."""
    how = FORMATS[insn.kind]
    qualification = ZERO
    if how == FORMAT.ADDRESS:
        qualification = operand.address(c, insn)
    elif how == FORMAT.MONITOR:
        qualification = ONE if c.monitor_armed else ZERO
    elif how != FORMAT.NONE and how != FORMAT.RANDOM:
        qualification = displacement(e, insn)
    if how != FORMAT.NONE:
        fields(c)[FIELD.EXIT_INSTRUCTION_INFO] = information(insn, how)
    raise_exit(c, reason, qualification)
    return True


# ---- what comes before an exit ----------------------------------------------------------------------------
@kernel
def protected(e):
    """Return whether CR0.PE = 1 and RFLAGS.VM = 0."""
    return e.cr[0] & CR0.PE != ZERO and e.eflags & RFLAGS.VM == ZERO


@kernel
def guarded(e, guard):
    """Return whether the instruction faults before it can exit.

    Source: SDM 3C, "Relative Priority of Faults and VM Exits"
    """
    if guard == GUARD.NONE:
        return False
    if guard == GUARD.VMX:
        return not protected(e) or (long_mode(e) and not code_64(e))
    if guard == GUARD.CPL0_PROTECTED or guard == GUARD.UMIP_PROTECTED:
        if not protected(e):
            return True
    if guard == GUARD.SMX:
        return e.cr[4] & CR4.SMXE == ZERO
    if guard == GUARD.OSXSAVE and not e.cr[4] & CR4.OSXSAVE:
        return True
    if cpl(e) == ZERO:
        return False
    if guard == GUARD.UMIP or guard == GUARD.UMIP_PROTECTED:
        return e.cr[4] & CR4.UMIP != ZERO
    if guard == GUARD.TSD:
        return e.cr[4] & CR4.TSD != ZERO
    if guard == GUARD.PCE:
        return e.cr[4] & CR4.PCE == ZERO and e.cr[0] & CR0.PE != ZERO
    return True


@kernel
def check(c, insn):
    """Return whether the instruction, in non-root operation, does not execute.

    Then `c.fault` is EXIT with reason, qualification, length and information written, or EXCEPTION (#UD) because
    a secondary control disables the instruction.  A fault that comes before the exit gives False: the instruction
    raises it when it executes.
    Source: SDM 3C, "Instructions That Cause VM Exits"
    """
    kind = insn.kind
    if ENABLE[kind] & ~c.proc2:
        ud(c)
        return True
    word = WORDS[kind]
    if word == WORD.NEVER:
        return False
    if word == WORD.PROC:
        if not c.proc & CONTROLS[kind]:
            return False
    elif word == WORD.PROC2:
        if not c.proc2 & CONTROLS[kind]:
            return False
    e = env_of(c.env)[0]
    if guarded(e, GUARDS[kind]):
        return False
    c.fault_length = insn.length
    if word == WORD.CASE:
        return by_case(c, e, insn, CONTROLS[kind])
    return depart(c, e, insn, REASONS[kind])


@kernel
def by_case(c, e, insn, case):
    """Decide for an instruction whose exit depends on its operands."""
    if case == CASE.IO:
        return io(c, e, insn)
    if case == CASE.MSR:
        return msr(c, e, insn)
    if case == CASE.TO_CR:
        return to_cr(c, e, insn)
    if case == CASE.FROM_CR:
        return from_cr(c, insn)
    if case == CASE.LMSW:
        return lmsw(c, e, insn)
    if case == CASE.CLTS:
        return clts(c)
    return debug_register(c, insn)


# ---- control and debug registers --------------------------------------------------------------------------
@kernel
def cr_exit(c, insn, number, access):
    """Raise the exit of MOV to or from a control register."""
    raise_exit(c, REASON.CR_ACCESS, number | access << FOUR | insn.rm << EIGHT)
    return True


@kernel
def to_cr(c, e, insn):
    """Decide whether MOV to CR exits."""
    v, number = fields(c), insn.reg
    value = e.regs[insn.rm] if code_64(e) else e.regs[insn.rm] & LOW_32
    if number == ZERO:
        exits = (value ^ v[FIELD.CR0_READ_SHADOW]) & v[FIELD.CR0_MASK] != ZERO
    elif number == FOUR:
        exits = (value ^ v[FIELD.CR4_READ_SHADOW]) & v[FIELD.CR4_MASK] != ZERO
    elif number == THREE:
        exits = c.proc & PROC.CR3_LOAD != ZERO and not cr3_target(v, value)
    else:
        exits = number == EIGHT and c.proc & PROC.CR8_LOAD != ZERO
    return exits and cr_exit(c, insn, number, CRACCESS.TO)


@kernel
def cr3_target(v, value):
    """Return whether `value` is one of the CR3-target values in use."""
    for n in range(v[FIELD.CR3_TARGET_COUNT]):
        if v[FIELD.CR3_TARGET_0 + U64(n)] == value:
            return True
    return False


@kernel
def from_cr(c, insn):
    """Decide whether MOV from CR exits."""
    number = insn.reg
    if number == THREE:
        return c.proc & PROC.CR3_STORE != ZERO and cr_exit(c, insn, number, CRACCESS.FROM)
    return number == EIGHT and c.proc & PROC.CR8_STORE != ZERO and cr_exit(c, insn, number, CRACCESS.FROM)


@kernel
def clts(c):
    """Decide whether CLTS exits: CR0.TS is the host's and its shadow is 1."""
    v = fields(c)
    if not v[FIELD.CR0_MASK] & v[FIELD.CR0_READ_SHADOW] & CR0.TS:
        return False
    raise_exit(c, REASON.CR_ACCESS, CRACCESS.CLTS << FOUR)
    return True


@kernel
def lmsw(c, e, insn):
    """Decide whether LMSW exits; a fault of its operand comes first and is left to the instruction."""
    v = fields(c)
    if insn.memory:
        source = operand.load(c, insn, TWO)
        if c.fault != FAULT.NONE:
            return False
    else:
        source = e.regs[insn.rm] & LOW_16
    mask, shadow = v[FIELD.CR0_MASK], v[FIELD.CR0_READ_SHADOW]
    if not ((source ^ shadow) & mask & LMSW_BITS or source & ~shadow & mask & CR0.PE):
        return False
    qualification = CRACCESS.LMSW << FOUR | source << DATA_SHIFT
    if insn.memory:
        qualification |= QUAL_CR.LMSW_MEMORY
        v[FIELD.GUEST_LINEAR_ADDRESS] = operand.address(c, insn)
    raise_exit(c, REASON.CR_ACCESS, qualification)
    return True


@kernel
def debug_register(c, insn):
    """Decide whether MOV DR exits; it does so before any check of CPL, CR4.DE and DR7.GD."""
    if not c.proc & PROC.MOV_DR or insn.reg >= EIGHT:
        return False
    direction = QUAL_DR.FROM if insn.kind == INSN.MOV_FROM_DR else ZERO
    raise_exit(c, REASON.MOV_DR, insn.reg | direction | insn.rm << EIGHT)
    return True


# ---- I/O and MSRs -----------------------------------------------------------------------------------------
@kernel
def io_denied(c, e, port, size):
    """Return whether IOPL or the TSS's I/O permission bit map refuses the access; also when the map cannot be read.

    Source: SDM 1, "I/O Privilege Level", "I/O Permission Bit Map"
    """
    if not e.cr[0] & CR0.PE:
        return False
    if not e.eflags & RFLAGS.VM and cpl(e) <= get(e.eflags, RFLAGS.IOPL):
        return False
    attr, last = attributes(e, SEG.TR), limit(e, SEG.TR)
    if not attr & DESCRIPTOR.P or attr & TSS_TYPES != TSS_TYPE or last <= MAP_BASE:
        return True
    start = base(e, SEG.TR)
    offset = linear.read(c, start + MAP_BASE, TWO, ACCESS.READ | ACCESS.IMPLICIT)
    if c.fault != FAULT.NONE:
        return True
    offset += port >> BYTE_SHIFT
    if offset + ONE > last:
        return True
    bits = linear.read(c, start + offset, TWO, ACCESS.READ | ACCESS.IMPLICIT)
    if c.fault != FAULT.NONE:
        return True
    return bits >> (port & SEVEN) & ((ONE << size) - ONE) != ZERO


@kernel
def io_wanted(c, port, size):
    """Return whether the controls make an access to these ports exit.

    Source: SDM 3C, "I/O-Bitmap Addresses"
    """
    if not c.proc & PROC.IO_BITMAPS:
        return c.proc & PROC.IO != ZERO
    if port + size > LOW_16 + ONE:
        return True
    v, m = fields(c), memory.machine_of(c)
    for n in range(size):
        at = port + U64(n)
        page = v[FIELD.IO_BITMAP_B] if at >= BITMAP_HALF else v[FIELD.IO_BITMAP_A]
        at &= BITMAP_HALF - ONE
        if memory.load(m, page + (at >> BYTE_SHIFT), ONE) >> (at & SEVEN) & ONE:
            return True
    return False


@kernel
def io(c, e, insn):
    """Decide whether IN, OUT, INS or OUTS exits."""
    kind, size = insn.kind, insn.operand_size
    immediate = kind == INSN.IN_IMM or kind == INSN.OUT_IMM
    string = kind == INSN.INS or kind == INSN.OUTS
    port = insn.immediate & LOW_8 if immediate else e.regs[GPR.RDX] & LOW_16
    if string and insn.rep and operand.get_reg(e, insn, GPR.RCX, insn.address_size) == ZERO:
        return False
    if not io_wanted(c, port, size) or io_denied(c, e, port, size):
        return False
    qualification = size - ONE | port << PORT_SHIFT
    if kind == INSN.IN_IMM or kind == INSN.IN_DX or kind == INSN.INS:
        qualification |= U64(1 << 3)
    if immediate:
        qualification |= U64(1 << 6)
    if string:
        qualification |= U64(1 << 4) | (U64(1 << 5) if insn.rep else ZERO)
        string_information(c, e, insn)
    raise_exit(c, REASON.IO, qualification)
    return True


@kernel
def string_information(c, e, insn):
    """Write instruction information and guest-linear address of INS or OUTS."""
    v = fields(c)
    segment, index = (SEG.ES, GPR.RDI) if insn.kind == INSN.INS else (insn.segment, GPR.RSI)
    info = insn.address_size >> TWO << SEVEN
    if insn.kind == INSN.OUTS:
        info |= segment << U64(15)
    address = operand.get_reg(e, insn, index, insn.address_size)
    if not code_64(e) or segment == SEG.FS or segment == SEG.GS:
        address += base(e, segment)
    v[FIELD.EXIT_INSTRUCTION_INFO] = info
    v[FIELD.GUEST_LINEAR_ADDRESS] = address if code_64(e) else address & LOW_32


@kernel
def msr_wanted(c, index, write):
    """Return whether RDMSR or WRMSR (write = 1) of `index` exits.

    Source: SDM 3C, "MSR-Bitmap Address"
    """
    if not c.proc & PROC.MSR_BITMAPS:
        return True
    where = WRITE_MAP * write
    if index >= MSR_HIGH:
        where += HIGH_MAP
        index -= MSR_HIGH
    if index > MSR_WINDOW:
        return True
    address = fields(c)[FIELD.MSR_BITMAPS] + where + (index >> BYTE_SHIFT)
    return memory.load(memory.machine_of(c), address, ONE) >> (index & SEVEN) & ONE != ZERO


@kernel
def msr(c, e, insn):
    """Decide whether RDMSR or WRMSR exits."""
    write = ONE if insn.kind == INSN.WRMSR else ZERO
    if not msr_wanted(c, e.regs[GPR.RCX] & LOW_32, write):
        return False
    raise_exit(c, REASON.WRMSR if write else REASON.RDMSR, ZERO)
    return True


# ---- exceptions -------------------------------------------------------------------------------------------
@kernel
def exception(c, vector, error):
    """Return whether hardware exception `vector` exits; `c.fault` is then EXIT and all information is written.

    error: its error code.  A page fault's address is in `c.fault_address`, the causes of a debug exception (DR6
    positions) in `c.pending_debug`; CR2 and DR6 stay as they are.
    Source: SDM 3C, "Exception Bitmap", "Exit Qualification for Debug Exceptions"
    """
    v = fields(c)
    wanted = c.exception_bitmap >> vector & ONE
    if vector == VECTOR.PF and error & v[FIELD.PFEC_MASK] != v[FIELD.PFEC_MATCH]:
        wanted ^= ONE
    if not wanted:
        return False
    info = INTR.VALID | EVENT.HARD << EIGHT | vector
    if HAS_ERROR >> vector & ONE and env_of(c.env)[0].cr[0] & CR0.PE:
        info |= INTR.ERROR
        v[FIELD.EXIT_INTERRUPTION_ERROR_CODE] = error
    v[FIELD.EXIT_INTERRUPTION_INFO] = info
    qualification = ZERO
    if vector == VECTOR.PF:
        qualification = c.fault_address
    elif vector == VECTOR.DB:
        qualification = c.pending_debug & DEBUG_BITS
    raise_exit(c, REASON.EXCEPTION, qualification)
    return True


@kernel
def software_exception(c, kind, vector):
    """Return whether INT1, INT3 or INTO (kind: EVENT.PRIV or SOFT_EXC) exits; its length is in `c.fault_length`."""
    if not c.exception_bitmap >> vector & ONE:
        return False
    fields(c)[FIELD.EXIT_INTERRUPTION_INFO] = INTR.VALID | kind << EIGHT | vector
    raise_exit(c, REASON.EXCEPTION, ZERO)
    return True


@kernel
def iret(c):
    """Account for the start of IRET, which removes blocking by NMI even when it faults.

    Call `iret_done` when it has completed: an exit before that tells that blocking was removed.
    Source: SDM 3C, "Changes to Instruction Behavior in VMX Non-Root Operation"; "Interruptibility State"
    """
    c.nmi_unblocked = ZERO
    if c.vmx_mode != MODE.NONROOT:
        c.interruptibility &= ~BLOCKING.NMI
    elif c.pin & PIN.VIRTUAL_NMIS:
        c.nmi_unblocked, c.virtual_nmi_blocking = c.virtual_nmi_blocking, ZERO
    elif not c.pin & PIN.NMI and c.interruptibility & BLOCKING.NMI:
        c.interruptibility &= ~BLOCKING.NMI
        c.nmi_unblocked = ONE


@kernel
def iret_done(c):
    """Account for the end of IRET."""
    c.nmi_unblocked = ZERO


# ---- registers that are partly the host's -----------------------------------------------------------------
@kernel
def cr0_seen(c):
    """Return CR0 as MOV from CR and SMSW read it: shadow where the mask is 1."""
    value = env_of(c.env)[0].cr[0]
    if c.vmx_mode != MODE.NONROOT:
        return value
    v = fields(c)
    return v[FIELD.CR0_READ_SHADOW] & v[FIELD.CR0_MASK] | value & ~v[FIELD.CR0_MASK]


@kernel
def cr4_seen(c):
    """Return CR4 as MOV from CR reads it: shadow where the mask is 1."""
    value = env_of(c.env)[0].cr[4]
    if c.vmx_mode != MODE.NONROOT:
        return value
    v = fields(c)
    return v[FIELD.CR4_READ_SHADOW] & v[FIELD.CR4_MASK] | value & ~v[FIELD.CR4_MASK]


@kernel
def cr0_to_write(c, value):
    """Return what MOV to CR0 or LMSW of `value`, which did not exit, writes: bits of the host keep their value."""
    if c.vmx_mode != MODE.NONROOT:
        return value
    mask = fields(c)[FIELD.CR0_MASK]
    return value & ~mask | env_of(c.env)[0].cr[0] & mask


@kernel
def cr4_to_write(c, value):
    """Return what MOV to CR4 of `value`, which did not exit, writes: bits of the host keep their value."""
    if c.vmx_mode != MODE.NONROOT:
        return value
    mask = fields(c)[FIELD.CR4_MASK]
    return value & ~mask | env_of(c.env)[0].cr[4] & mask


@kernel
def clts_changes(c):
    """Return whether CLTS, which did not exit, clears CR0.TS: it does not when TS is the host's."""
    return c.vmx_mode != MODE.NONROOT or fields(c)[FIELD.CR0_MASK] & CR0.TS == ZERO


@kernel
def tpr_shadow(c):
    """Return whether MOV to and from CR8 reach the virtual-APIC page instead of the local APIC."""
    return c.vmx_mode == MODE.NONROOT and c.proc & PROC.TPR_SHADOW != ZERO


@kernel
def cr8_read(c):
    """Return CR8 from the virtual-APIC page (when `tpr_shadow`)."""
    page = fields(c)[FIELD.VIRTUAL_APIC_ADDRESS] & PAGE
    return memory.load(memory.machine_of(c), page + TPR_OFFSET, ONE) >> FOUR


@kernel
def cr8_write(c, value):
    """Write CR8 to the virtual-APIC page (when `tpr_shadow`); TPR virtualization follows at the next boundary.

    Source: SDM 3C, "Virtualizing CR8-Based TPR Accesses", "TPR Virtualization"
    """
    v = fields(c)
    page = v[FIELD.VIRTUAL_APIC_ADDRESS] & PAGE
    memory.store(memory.machine_of(c), page + TPR_OFFSET, FOUR, (value & LOW_4) << FOUR)
    c.tpr_below = ONE if value & LOW_4 < v[FIELD.TPR_THRESHOLD] & LOW_4 else ZERO


# ---- instruction boundaries -------------------------------------------------------------------------------
@kernel
def after_instruction(c):
    """Account for a completed instruction: with the monitor trap flag an exit is due at this boundary."""
    if c.proc & PROC.MTF:
        c.mtf_pending = ONE


@kernel
def next_boundary_deadline(c):
    """Return the cycle at which the VMX-preemption timer expires, ALL_ONES when it does not run."""
    return c.preemption_deadline if c.preemption_active else ALL_ONES


@kernel
def window_awaited(c):
    """Return what an interrupt- or NMI-window exit waits for: 0 nothing, 1 RFLAGS.IF, 2 the end of an interrupt shadow."""
    if c.proc & PROC.NMI_WINDOW and c.interruptibility & BLOCKING.MOV_SS and not c.virtual_nmi_blocking:
        return TWO
    if not c.proc & PROC.INTERRUPT_WINDOW:
        return ZERO
    if not env_of(c.env)[0].eflags & RFLAGS.IF:
        return ONE
    return TWO if c.interruptibility & SHADOW else ZERO


@kernel
def boundary(c):
    """Return the basic reason of the exit that is due between two instructions, or NONE (all ones).

    The qualification is in `c.fault_qualification`, interruption information is written, and the event is consumed.
    NONE is also returned when something that does not exit comes first: a debug exception or NMI to deliver.
    An injected event has been delivered before.
    Source: SDM 3C, "Other Causes of VM Exits"; SDM 3A, "Prioritization of Concurrent Events"
    """
    c.fault_qualification = c.fault_length = ZERO
    if c.activity == ACTIVITY.WAIT_SIPI:
        return start_up(c)
    c.sipi_pending = ZERO
    if c.tpr_below and c.activity != ACTIVITY.SHUTDOWN:
        return REASON.TPR_THRESHOLD
    if c.init_pending:
        c.init_pending = ZERO
        return REASON.INIT
    if c.mtf_pending and c.activity != ACTIVITY.SHUTDOWN:
        return REASON.MTF
    if c.pending_debug and not c.interruptibility & BLOCKING.MOV_SS and c.activity != ACTIVITY.SHUTDOWN:
        return NONE
    if c.preemption_active and c.cycles >= c.preemption_deadline:
        return REASON.PREEMPTION_TIMER
    return interrupts(c)


@kernel
def start_up(c):
    """Return the exit due in the wait-for-SIPI state; every other event is blocked there."""
    if not c.sipi_pending:
        return NONE
    c.sipi_pending, c.fault_qualification = ZERO, c.sipi_vector & LOW_8
    return REASON.SIPI


@kernel
def interrupts(c):
    """Return the exit due for windows, NMIs and external interrupts."""
    v = fields(c)
    after_mov_ss = c.interruptibility & BLOCKING.MOV_SS != ZERO
    if c.proc & PROC.NMI_WINDOW and not c.virtual_nmi_blocking and not after_mov_ss:
        return REASON.NMI_WINDOW
    if c.nmi_pending and not c.interruptibility & BLOCKING.NMI and not after_mov_ss:
        if not c.pin & PIN.NMI:
            return NONE
        c.nmi_pending = ZERO
        v[FIELD.EXIT_INTERRUPTION_INFO] = INTR.VALID | EVENT.NMI << EIGHT | VECTOR.NMI
        return REASON.EXCEPTION
    if c.activity == ACTIVITY.SHUTDOWN or c.interruptibility & SHADOW:
        return NONE
    if c.proc & PROC.INTERRUPT_WINDOW and env_of(c.env)[0].eflags & RFLAGS.IF:
        return REASON.INTERRUPT_WINDOW
    if c.pin & PIN.EXTERNAL_INTERRUPT:
        vector = apic.pending(c)
        if vector != APIC_PENDING.NONE:
            return external(c, v, vector)
    return NONE


@kernel
def external(c, v, vector):
    """Return the exit for an external interrupt; it is acknowledged when the exit controls say so."""
    v[FIELD.EXIT_INTERRUPTION_INFO] = ZERO
    if c.exit_controls & EXITC.ACK_INTERRUPT:
        v[FIELD.EXIT_INTERRUPTION_INFO] = INTR.VALID | apic.acknowledge(c, vector)
    return REASON.EXTERNAL_INTERRUPT
