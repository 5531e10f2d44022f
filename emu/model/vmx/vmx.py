"""VMX instructions in bare and root operation, with every #UD, #GP, VMfail and their order.

`execute` dispatches on the decoded instruction.  Instructions in non-root operation exit before they come here
(`emu.model.vmx.intercept`); what arrives from there in spite of that is #UD.
The page of a VMCS is marked in the ledger when it becomes current or clear and when VMCLEAR, VMPTRLD or VMXOFF
let go of it; while it is current, whoever asks the ledger counts it as changed.
Not modelled: dual-monitor treatment of SMIs and SMM (VMCALL in root fails with error 1), a VMCS in ROM.
"""
from emu.bits import ALL_ONES, LOW_32, PAGE_OFFSET, U64
from emu.jit import kernel, words
from emu.model import ram
from emu.model.cpu import code_64, cpl, cpu_canonical, long_mode
from emu.model.fault import gp0, ud, unmodelled
from emu.model.memory import memory, tlb
from emu.model.observe import watch
from emu.model.processor import operand
from emu.model.vmx import entry, vmcs
from emu.spec.cost import COST
from emu.spec.cpu import CR0, CR4, RFLAGS
from emu.spec.insn import INSN
from emu.spec.outcome import FAULT, MODE, RESULT, UNMODELLED
from emu.spec.paging import MEMTYPE
from emu.spec.profile import CR0_RULE, CR4_RULE, REVISION
from emu.spec.vmcs import FIELD, REGION_WORDS
from emu.spec.vmx import BLOCKING, EPTP, EPTP_WALK_4, EXIT, FEATURE_CONTROL, INVEPT_TYPE, INVVPID_TYPE, REASON, VMERROR
from emu.state import env_of

REVISION = U64(REVISION)                         # with bit 31, the shadow-VMCS indicator, clear
REGION_BYTES, LAUNCH_OFFSET = U64(4096), U64(8)
CLEAR, LAUNCHED = U64(0), U64(1)
VMX_ENABLED = FEATURE_CONTROL.LOCK | FEATURE_CONTROL.VMX
CHECKED = entry.CHECKED
LOADING_FAILED = EXIT.ENTRY_FAILURE | REASON.ENTRY_MSR_LOAD

EPTP_FLAGS = EPTP.MEMORY_TYPE | EPTP.WALK | EPTP.AD
VPID_MASK = U64(0xFFFF)


# ---- outcomes: SDM 3C, "Conventions" ----------------------------------------------------------------------
@kernel
def flags(e, value):
    """Set the arithmetic flags to exactly `value`."""
    e.cc_op, e.cc_src, e.cc_dst = 1, value, 0


@kernel
def succeed(c):
    """VMsucceed; returns RESULT.NEXT."""
    flags(env_of(c.env)[0], 0)
    return RESULT.NEXT


@kernel
def fail_invalid(c):
    """VMfailInvalid; returns RESULT.NEXT."""
    watch.failure(c, 0, 0)
    flags(env_of(c.env)[0], RFLAGS.CF)
    return RESULT.NEXT


@kernel
def fail(c, number):
    """VMfail: VMfailValid with a VMERROR number when there is a current VMCS, else VMfailInvalid."""
    if c.vmcs_pointer == ALL_ONES:
        return fail_invalid(c)
    watch.failure(c, number, 0)
    vmcs.fields(c)[FIELD.VM_INSTRUCTION_ERROR] = number
    flags(env_of(c.env)[0], RFLAGS.ZF)
    return RESULT.NEXT


# ---- VMREAD and VMWRITE -----------------------------------------------------------------------------------
@kernel
def read_field(c, encoding):
    """Return (word index, value) of a field of the current VMCS; the index is 0 when there is none."""
    at = vmcs.index_of(encoding)
    c.field_asked = encoding
    return at, vmcs.read(vmcs.fields(c), at, encoding)


@kernel
def write_field(c, encoding, value):
    """Write a field of the current VMCS; returns 0, or the VMERROR number of what is wrong."""
    at = vmcs.index_of(encoding)
    c.field_asked = encoding
    if at == 0:
        return VMERROR.UNSUPPORTED_COMPONENT
    if vmcs.read_only(at):
        return VMERROR.READ_ONLY_COMPONENT
    vmcs.write(vmcs.fields(c), at, encoding, value)
    if CHECKED[at]:
        entry.forget_verdict(c)
    return 0


@kernel
def vmread(c, e, insn):
    """VMREAD r/m, reg.  Source: SDM 3C, "VMREAD" """
    c.cycles += COST.VMREAD
    if c.vmcs_pointer == ALL_ONES:
        return fail_invalid(c)
    size = 8 if code_64(e) else 4
    at, value = read_field(c, e.regs[insn.reg] if size == 8 else e.regs[insn.reg] & LOW_32)
    if at == 0:
        return fail(c, VMERROR.UNSUPPORTED_COMPONENT)
    if insn.memory:
        if not operand.store(c, insn, size, value):
            return RESULT.FAULT
    else:
        e.regs[insn.rm] = value if size == 8 else value & LOW_32
    return succeed(c)


@kernel
def vmwrite(c, e, insn):
    """VMWRITE reg, r/m.  Source: SDM 3C, "VMWRITE" """
    c.cycles += COST.VMREAD
    if c.vmcs_pointer == ALL_ONES:
        return fail_invalid(c)
    size = 8 if code_64(e) else 4
    if insn.memory:
        value = operand.load(c, insn, size)
        if c.fault != FAULT.NONE:
            return RESULT.FAULT
    else:
        value = e.regs[insn.rm] if size == 8 else e.regs[insn.rm] & LOW_32
    wrong = write_field(c, e.regs[insn.reg] if size == 8 else e.regs[insn.reg] & LOW_32, value)
    return fail(c, wrong) if wrong else succeed(c)


# ---- entering and leaving VMX operation -------------------------------------------------------------------
@kernel
def unusable(c, pointer):
    """Return whether `pointer` is not 4-KByte aligned or has address bits that do not exist."""
    return pointer & (PAGE_OFFSET | ~memory.machine_of(c).address_mask) != 0


@kernel
def identifier(c, pointer):
    """Return the first doubleword of the region at `pointer`."""
    return memory.load(memory.machine_of(c), pointer, 4)


@kernel
def vmxon(c, e, insn):
    """VMXON m64.  Source: SDM 3C, "VMXON" """
    if not e.cr[4] & CR4.VMXE:
        return ud(c)
    if c.vmx_mode != MODE.BARE:
        return gp0(c) if cpl(e) else fail(c, VMERROR.VMXON_IN_ROOT)
    if cpl(e) or e.cr[0] & CR0_RULE.must != CR0_RULE.must or e.cr[0] & ~CR0_RULE.may or \
            e.cr[4] & CR4_RULE.must != CR4_RULE.must or e.cr[4] & ~CR4_RULE.may or \
            memory.machine_of(c).gated or c.feature_control & VMX_ENABLED != VMX_ENABLED:
        return gp0(c)
    pointer = operand.load(c, insn, 8)
    if c.fault != FAULT.NONE:
        return RESULT.FAULT
    if unusable(c, pointer) or identifier(c, pointer) != REVISION:
        return fail_invalid(c)
    c.vmxon_pointer, c.vmcs_pointer, c.vmcs, c.vmx_mode = pointer, ALL_ONES, c.spare_vmcs, MODE.ROOT
    entry.forget_verdict(c)
    tlb.select(c)
    return succeed(c)


@kernel
def vmxoff(c):
    """VMXOFF: leave VMX operation.  Source: SDM 3C, "VMXOFF" """
    release(c)
    c.vmx_mode, c.vmxon_pointer = MODE.BARE, ALL_ONES
    tlb.select(c)
    return succeed(c)


@kernel
def release(c):
    """Let there be no current VMCS."""
    if c.vmcs_pointer != ALL_ONES:
        memory.touch(memory.machine_of(c), c.vmcs_pointer)
    c.vmcs_pointer, c.vmcs = ALL_ONES, c.spare_vmcs
    entry.forget_verdict(c)


# ---- VMCS pointers ----------------------------------------------------------------------------------------
@kernel
def _wrong(c, pointer, address, vmxon):
    """Return the VMERROR of a VMCS pointer: `address` when no VMCS can lie there, `vmxon` for the VMXON region; else 0."""
    if unusable(c, pointer):
        return address
    return vmxon if pointer == c.vmxon_pointer else 0


@kernel
def vmclear(c, insn):
    """VMCLEAR m64.  Source: SDM 3C, "VMCLEAR" """
    pointer = operand.load(c, insn, 8)
    if c.fault != FAULT.NONE:
        return RESULT.FAULT
    wrong = _wrong(c, pointer, VMERROR.VMCLEAR_ADDRESS, VMERROR.VMCLEAR_VMXON)
    if wrong:
        return fail(c, wrong)
    memory.store(memory.machine_of(c), pointer + LAUNCH_OFFSET, 8, CLEAR)
    if pointer == c.vmcs_pointer:
        release(c)
    return succeed(c)


@kernel
def _note_chosen(m, pointer):
    """Keep the address of a VMCS for debuggers, who list virtual processors by it."""
    for i in range(m.vmcs_count):
        if m.vmcs_seen[U64(i)] == pointer:
            return
    if m.vmcs_count < U64(len(m.vmcs_seen)):
        m.vmcs_seen[m.vmcs_count] = pointer
        m.vmcs_count += 1


@kernel
def vmptrld(c, insn):
    """VMPTRLD m64.  Source: SDM 3C, "VMPTRLD" """
    pointer = operand.load(c, insn, 8)
    if c.fault != FAULT.NONE:
        return RESULT.FAULT
    wrong = _wrong(c, pointer, VMERROR.VMPTRLD_ADDRESS, VMERROR.VMPTRLD_VMXON)
    if wrong:
        return fail(c, wrong)
    if identifier(c, pointer) != REVISION:
        return fail(c, VMERROR.VMPTRLD_REVISION)
    m = memory.machine_of(c)
    if not ram.holds(m, pointer, REGION_BYTES):
        return unmodelled(c, UNMODELLED.MEMORY, pointer, REGION_BYTES)
    if pointer != c.vmcs_pointer:
        release(c)
        memory.touch(m, pointer)
        c.vmcs_pointer, c.vmcs = pointer, m.ram + pointer
        _note_chosen(m, pointer)
    return succeed(c)


@kernel
def vmptrst(c, insn):
    """VMPTRST m64.  Source: SDM 3C, "VMPTRST" """
    return succeed(c) if operand.store(c, insn, 8, c.vmcs_pointer) else RESULT.FAULT


# ---- VM entry ---------------------------------------------------------------------------------------------
@kernel
def note_failure(c, found, rip, cycle):
    """Keep what explains a VM entry that failed: the copy of its VMCS, for software may change it before anyone asks."""
    if found == LOADING_FAILED or found == entry.ABORTED:
        c.failed_count = 0
    c.failures += 1
    c.failure, c.failure_rip, c.failure_cycle = found, rip, cycle
    c.failure_pointer, c.failure_open = c.vmcs_pointer, 1
    if c.failure_vmcs:
        copy, v = words(c.failure_vmcs, REGION_WORDS), vmcs.fields(c)
        for i in range(REGION_WORDS):
            copy[U64(i)] = v[U64(i)]


@kernel
def launch(c, first):
    """VMLAUNCH (first = 1) or VMRESUME (0); returns ENTER, EXIT when entry failed late, or NEXT after VMfail.

    Source: SDM 3C, "VMLAUNCH/VMRESUME"; SDM 3C, "Basic VM-Entry Checks"
    """
    if c.vmcs_pointer == ALL_ONES:
        return fail_invalid(c)
    if c.interruptibility & BLOCKING.MOV_SS:
        return fail(c, VMERROR.MOV_SS)
    if first and vmcs.fields(c)[1] != CLEAR:
        return fail(c, VMERROR.VMLAUNCH_NOT_CLEAR)
    if not first and vmcs.fields(c)[1] != LAUNCHED:
        return fail(c, VMERROR.VMRESUME_NOT_LAUNCHED)
    rip, cycle = env_of(c.env)[0].rip, c.cycles
    found = entry.enter(c, first)
    if found == entry.ENTERED:
        c.failure_open = 0
        return RESULT.ENTER
    note_failure(c, found, rip, cycle)
    if found == entry.ABORTED:
        return RESULT.STOP
    if found & EXIT.ENTRY_FAILURE:
        watch.failure(c, found, c.fault_qualification)
    return RESULT.EXIT if found & EXIT.ENTRY_FAILURE else fail(c, found)


# ---- INVEPT and INVVPID -----------------------------------------------------------------------------------
@kernel
def type_operand(e, insn):
    """Return the register operand that holds the type of an invalidation."""
    return e.regs[insn.reg] if code_64(e) else e.regs[insn.reg] & LOW_32


@kernel
def eptp_valid(c, eptp):
    """Return whether an EPTP passes the checks of VM entry.  Source: SDM 3C, "VM-Execution Control Fields" (checks)"""
    if eptp & ~(EPTP_FLAGS | EPTP.ROOT & memory.machine_of(c).address_mask) or eptp & EPTP.WALK != EPTP_WALK_4:
        return False
    kind = eptp & EPTP.MEMORY_TYPE
    return kind == MEMTYPE.WB or kind == MEMTYPE.UC


@kernel
def invept(c, e, insn):
    """INVEPT reg, m128; the upper half of the descriptor is reserved and not checked.  Source: SDM 3C, "INVEPT" """
    kind = type_operand(e, insn)
    if not operand.check_whole(c, insn, 16, False):
        return RESULT.FAULT
    eptp = operand.load_part(c, insn, 0, 8)
    if c.fault == FAULT.NONE:
        operand.load_part(c, insn, 8, 8)
    if c.fault != FAULT.NONE:
        return RESULT.FAULT
    if kind != INVEPT_TYPE.SINGLE and kind != INVEPT_TYPE.ALL:
        return fail(c, VMERROR.INVALIDATE_OPERAND)
    if kind == INVEPT_TYPE.SINGLE and not eptp_valid(c, eptp):
        return fail(c, VMERROR.INVALIDATE_OPERAND)
    tlb.invept(c, kind, eptp)
    return succeed(c)


@kernel
def invvpid(c, e, insn):
    """INVVPID reg, m128.  Source: SDM 3C, "INVVPID" """
    kind = type_operand(e, insn)
    if not operand.check_whole(c, insn, 16, False):
        return RESULT.FAULT
    vpid = operand.load_part(c, insn, 0, 8)
    address = 0
    if c.fault == FAULT.NONE:
        address = operand.load_part(c, insn, 8, 8)
    if c.fault != FAULT.NONE:
        return RESULT.FAULT
    if kind > INVVPID_TYPE.SINGLE_GLOBALS or vpid > VPID_MASK or (vpid == 0 and kind != INVVPID_TYPE.ALL):
        return fail(c, VMERROR.INVALIDATE_OPERAND)
    if kind == INVVPID_TYPE.ADDRESS and not cpu_canonical(address):
        return fail(c, VMERROR.INVALIDATE_OPERAND)
    tlb.invvpid(c, kind, vpid, address)
    return succeed(c)


# ---- dispatch ---------------------------------------------------------------------------------------------
@kernel
def undefined(c, e):
    """Return whether a VMX instruction other than VMXON is #UD here: outside VMX root, or in a mode without it."""
    if c.vmx_mode != MODE.ROOT or not e.cr[0] & CR0.PE or e.eflags & RFLAGS.VM:
        return True
    return long_mode(e) and not code_64(e)


@kernel
def execute(c, insn):
    """Execute a VMX instruction in bare or root operation; returns RESULT.

    ENTER: non-root operation runs next.  EXIT: VM entry failed late, the processor is at HOST_RIP.
    """
    e, kind = env_of(c.env)[0], insn.kind
    if kind == INSN.VMXON:
        if not e.cr[0] & CR0.PE or e.eflags & RFLAGS.VM or (long_mode(e) and not code_64(e)):
            return ud(c)
        c.cycles += COST.VMX_INSTRUCTION
        return vmxon(c, e, insn)
    if kind == INSN.VMFUNC or undefined(c, e):
        return ud(c)
    if cpl(e):
        return gp0(c)
    if kind == INSN.VMREAD:
        return vmread(c, e, insn)
    if kind == INSN.VMWRITE:
        return vmwrite(c, e, insn)
    c.cycles += COST.VMX_INSTRUCTION
    if kind == INSN.VMRESUME:
        return launch(c, 0)
    if kind == INSN.VMLAUNCH:
        return launch(c, 1)
    return rare(c, e, insn, kind)


@kernel
def rare(c, e, insn, kind):
    """Execute one of the VMX instructions that are not on the path of every exit."""
    if kind == INSN.VMPTRLD:
        return vmptrld(c, insn)
    if kind == INSN.VMCLEAR:
        return vmclear(c, insn)
    if kind == INSN.VMPTRST:
        return vmptrst(c, insn)
    if kind == INSN.INVEPT:
        return invept(c, e, insn)
    if kind == INSN.INVVPID:
        return invvpid(c, e, insn)
    if kind == INSN.VMXOFF:
        return vmxoff(c)
    if kind == INSN.VMCALL:
        return fail(c, VMERROR.VMCALL_IN_ROOT)
    return ud(c)
