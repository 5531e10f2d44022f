"""Which instructions exit from VMX non-root operation, before they execute, and what the exit reports.

`emu.model.vmx.intercept` offers `check`.  REP INS and OUTS with a count of 0 do not exit.
"""
from emu.bits import LOW_8, LOW_16, LOW_32, U64, get, put, value_of
from emu.jit import kernel
from emu.model.cpu import attributes, base, code_64, cpl, limit, long_mode
from emu.model.fault import raise_exit, ud
from emu.model.memory import linear, memory
from emu.model.processor import operand
from emu.model.processor.decode import NO_REGISTER, RIP_BASE
from emu.model.processor.segment import MAP_BASE
from emu.model.vmx.vmcs import fields
from emu.spec.cpu import CR0, CR4, DESCRIPTOR, GPR, RFLAGS, SEG, SYSTYPE
from emu.spec.insn import INSN
from emu.spec.intercept import CASE, CONTROLS, ENABLE, FORMAT, FORMATS, GUARD, GUARDS, IDENTITY, REASONS, WORD, WORDS
from emu.spec.outcome import ACCESS, FAULT, MODE
from emu.spec.vmcs import FIELD
from emu.spec.vmx import CRACCESS, INFO, MSRBITMAP, PROC, QUAL_CR, QUAL_DR, QUAL_IO, REASON
from emu.state import env_of

TABLE_32 = U64(1 << 11)                                   # of INFO.OPERAND_SIZE: of descriptor-table instructions
LMSW_EITHER_WAY = CR0.MP | CR0.EM | CR0.TS
TSS_TYPE = value_of(DESCRIPTOR, TYPE=SYSTYPE.TSS)
TSS_TYPES = DESCRIPTOR.TYPE & ~value_of(DESCRIPTOR, TYPE=SYSTYPE.BUSY_TSS - SYSTYPE.TSS)        # all of it but the busy bit
BITMAP_HALF, BYTE_SHIFT = U64(0x8000), U64(3)
MSR_HIGH, MSR_WINDOW = U64(0xC000_0000), U64(0x1FFF)      # the first MSR of the high bitmaps; of how many each holds a bit


# ---- what an instruction's exit reports -------------------------------------------------------------------
@kernel
def memory_info(insn):
    """Return the memory-operand part of VM-exit instruction information."""
    info = put(put(insn.scale, INFO.ADDRESS_SIZE, insn.address_size >> 2), INFO.SEGMENT, insn.segment)
    info = info | INFO.INDEX_INVALID if insn.index_reg >= NO_REGISTER else put(info, INFO.INDEX, insn.index_reg)
    return info | INFO.BASE_INVALID if insn.base_reg >= NO_REGISTER else put(info, INFO.BASE, insn.base_reg)


@kernel
def operand_info(insn):
    """Return the part of VM-exit instruction information that describes an r/m operand."""
    return memory_info(insn) if insn.memory else put(INFO.REGISTER, INFO.REG1, insn.rm)


@kernel
def information(insn, how):
    """Return VM-exit instruction information in FORMAT `how`.

    Source: SDM 3C, "Information for VM Exits Due to Instruction Execution"
    """
    if how == FORMAT.MEMORY:
        return memory_info(insn)
    if how == FORMAT.REG2:
        return put(memory_info(insn), INFO.REG2, insn.reg)
    if how == FORMAT.FIELD:
        return put(operand_info(insn), INFO.REG2, insn.reg)
    if how == FORMAT.TABLE:
        return put(memory_info(insn) | (0 if insn.operand_size == 2 else TABLE_32), INFO.REG2, IDENTITY[insn.kind])
    if how == FORMAT.SELECTOR:
        return put(operand_info(insn), INFO.REG2, IDENTITY[insn.kind])
    if how == FORMAT.RANDOM:
        return put(put(0, INFO.REG1, insn.rm), INFO.OPERAND_SIZE, insn.operand_size >> 2)
    return 0


@kernel
def displacement(e, insn):
    """Return the displacement of a memory operand as an exit qualification: RIP-relative ones with RIP added."""
    if not insn.memory:
        return 0
    value = insn.displacement
    if insn.base_reg == RIP_BASE:
        value += e.rip + insn.length
    if insn.address_size < 8:
        value &= (1 << insn.address_size * 8) - 1
    return value


@kernel
def depart(c, e, insn, reason):
    """Raise the exit of an instruction whose row has everything; returns True."""
    how = FORMATS[insn.kind]
    qualification = 0
    if how == FORMAT.ADDRESS:
        qualification = operand.address(c, insn)
    elif how == FORMAT.MONITOR:
        qualification = 1 if c.monitor_armed else 0
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
    return e.cr[0] & CR0.PE != 0 and e.eflags & RFLAGS.VM == 0


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
        return e.cr[4] & CR4.SMXE == 0
    if guard == GUARD.OSXSAVE and not e.cr[4] & CR4.OSXSAVE:
        return True
    if cpl(e) == 0:
        return False
    if guard == GUARD.UMIP or guard == GUARD.UMIP_PROTECTED:
        return e.cr[4] & CR4.UMIP != 0
    if guard == GUARD.TSD:
        return e.cr[4] & CR4.TSD != 0
    if guard == GUARD.PCE:
        return e.cr[4] & CR4.PCE == 0 and e.cr[0] & CR0.PE != 0
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
    raise_exit(c, REASON.CR_ACCESS, put(put(number, QUAL_CR.ACCESS, access), QUAL_CR.REGISTER, insn.rm))
    return True


@kernel
def to_cr(c, e, insn):
    """Decide whether MOV to CR exits."""
    v, number = fields(c), insn.reg
    value = e.regs[insn.rm] if code_64(e) else e.regs[insn.rm] & LOW_32
    if number == 0:
        exits = (value ^ v[FIELD.CR0_READ_SHADOW]) & v[FIELD.CR0_MASK] != 0
    elif number == 4:
        exits = (value ^ v[FIELD.CR4_READ_SHADOW]) & v[FIELD.CR4_MASK] != 0
    elif number == 3:
        exits = c.proc & PROC.CR3_LOAD != 0 and not cr3_target(v, value)
    else:
        exits = number == 8 and c.proc & PROC.CR8_LOAD != 0
    return exits and cr_exit(c, insn, number, CRACCESS.TO)


@kernel
def cr3_target(v, value):
    """Return whether `value` is one of the CR3-target values in use."""
    for n in range(v[FIELD.CR3_TARGET_COUNT]):
        if v[FIELD.CR3_TARGET_0 + U64(n)] == value:
            return True
    return False


@kernel
def cr_read_exits(c, number):
    """Return whether MOV from CR `number` exits."""
    if c.vmx_mode != MODE.NONROOT:
        return False
    return number == 3 and c.proc & PROC.CR3_STORE != 0 or number == 8 and c.proc & PROC.CR8_STORE != 0


@kernel
def from_cr(c, insn):
    """Decide whether MOV from CR exits."""
    return cr_read_exits(c, insn.reg) and cr_exit(c, insn, insn.reg, CRACCESS.FROM)


@kernel
def clts(c):
    """Decide whether CLTS exits: CR0.TS is the host's and its shadow is 1."""
    v = fields(c)
    if not v[FIELD.CR0_MASK] & v[FIELD.CR0_READ_SHADOW] & CR0.TS:
        return False
    raise_exit(c, REASON.CR_ACCESS, put(0, QUAL_CR.ACCESS, CRACCESS.CLTS))
    return True


@kernel
def lmsw(c, e, insn):
    """Decide whether LMSW exits; a fault of its operand comes first and is left to the instruction."""
    v = fields(c)
    if insn.memory:
        source = operand.load(c, insn, 2)
        if c.fault != FAULT.NONE:
            return False
    else:
        source = e.regs[insn.rm] & LOW_16
    mask, shadow = v[FIELD.CR0_MASK], v[FIELD.CR0_READ_SHADOW]
    if not ((source ^ shadow) & mask & LMSW_EITHER_WAY or source & ~shadow & mask & CR0.PE):
        return False
    qualification = put(put(0, QUAL_CR.ACCESS, CRACCESS.LMSW), QUAL_CR.LMSW_DATA, source)
    if insn.memory:
        qualification |= QUAL_CR.LMSW_MEMORY
        v[FIELD.GUEST_LINEAR_ADDRESS] = operand.address(c, insn)
    raise_exit(c, REASON.CR_ACCESS, qualification)
    return True


@kernel
def debug_register(c, insn):
    """Decide whether MOV DR exits; it does so before any check of CPL, CR4.DE and DR7.GD."""
    if not c.proc & PROC.MOV_DR or insn.reg >= 8:
        return False
    direction = QUAL_DR.FROM if insn.kind == INSN.MOV_FROM_DR else 0
    raise_exit(c, REASON.MOV_DR, put(insn.reg | direction, QUAL_DR.REGISTER, insn.rm))
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
    offset = linear.read(c, start + MAP_BASE, 2, ACCESS.READ | ACCESS.IMPLICIT)
    if c.fault != FAULT.NONE:
        return True
    offset += port >> BYTE_SHIFT
    if offset + 1 > last:
        return True
    bits = linear.read(c, start + offset, 2, ACCESS.READ | ACCESS.IMPLICIT)
    if c.fault != FAULT.NONE:
        return True
    return bits >> (port & 7) & ((1 << size) - 1) != 0


@kernel
def io_wanted(c, port, size):
    """Return whether the controls make an access to these ports exit.

    Source: SDM 3C, "I/O-Bitmap Addresses"
    """
    if not c.proc & PROC.IO_BITMAPS:
        return c.proc & PROC.IO != 0
    if port + size > LOW_16 + 1:
        return True
    v, m = fields(c), memory.machine_of(c)
    for n in range(size):
        at = port + U64(n)
        page = v[FIELD.IO_BITMAP_B] if at >= BITMAP_HALF else v[FIELD.IO_BITMAP_A]
        at &= BITMAP_HALF - 1
        if memory.load(m, page + (at >> BYTE_SHIFT), 1) >> (at & 7) & 1:
            return True
    return False


@kernel
def io(c, e, insn):
    """Decide whether IN, OUT, INS or OUTS exits."""
    kind, size = insn.kind, insn.operand_size
    immediate = kind == INSN.IN_IMM or kind == INSN.OUT_IMM
    string = kind == INSN.INS or kind == INSN.OUTS
    port = insn.immediate & LOW_8 if immediate else e.regs[GPR.RDX] & LOW_16
    if string and insn.rep and operand.get_reg(e, insn, GPR.RCX, insn.address_size) == 0:
        return False
    if not io_wanted(c, port, size) or io_denied(c, e, port, size):
        return False
    qualification = put(size - 1, QUAL_IO.PORT, port)
    if kind == INSN.IN_IMM or kind == INSN.IN_DX or kind == INSN.INS:
        qualification |= QUAL_IO.IN
    if immediate:
        qualification |= QUAL_IO.IMMEDIATE
    if string:
        qualification |= QUAL_IO.STRING | (QUAL_IO.REP if insn.rep else 0)
        string_information(c, e, insn)
    raise_exit(c, REASON.IO, qualification)
    return True


@kernel
def string_information(c, e, insn):
    """Write instruction information and guest-linear address of INS or OUTS."""
    v = fields(c)
    segment, index = (SEG.ES, GPR.RDI) if insn.kind == INSN.INS else (insn.segment, GPR.RSI)
    info = put(0, INFO.ADDRESS_SIZE, insn.address_size >> 2)
    if insn.kind == INSN.OUTS:
        info = put(info, INFO.SEGMENT, segment)
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
    where = MSRBITMAP.WRITE_LOW * write
    if index >= MSR_HIGH:
        where += MSRBITMAP.READ_HIGH
        index -= MSR_HIGH
    if index > MSR_WINDOW:
        return True
    address = fields(c)[FIELD.MSR_BITMAPS] + where + (index >> BYTE_SHIFT)
    return memory.load(memory.machine_of(c), address, 1) >> (index & 7) & 1 != 0


@kernel
def msr(c, e, insn):
    """Decide whether RDMSR or WRMSR exits."""
    write = 1 if insn.kind == INSN.WRMSR else 0
    if not msr_wanted(c, e.regs[GPR.RCX] & LOW_32, write):
        return False
    raise_exit(c, REASON.WRMSR if write else REASON.RDMSR, 0)
    return True
