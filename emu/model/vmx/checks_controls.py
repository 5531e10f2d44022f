"""Checks on VM-execution, VM-exit and VM-entry control fields: a bitmap of the rows of CONTROL that fail.

`emu.spec.checks.MISSING` lists what is not checked.
"""
from emu.bits import PAGE_OFFSET, U64, get, one_of
from emu.jit import kernel
from emu.model.memory.memory import load, machine_of
from emu.spec.checks import CONTROL
from emu.spec.cpu import CR0, EVENT, INTR, VECTORS
from emu.spec.insn import LONGEST_INSTRUCTION
from emu.spec.paging import MEMTYPE
from emu.spec.profile import CR3_TARGETS, ENTRY_RULE, EXIT_RULE, PIN_RULE, PROC2_RULE, PROC_RULE
from emu.spec.vmcs import FIELD
from emu.spec.vmx import EPTP, EPTP_WALK_4, EXITC, MSR_ENTRY_BYTES, PIN, PROC, PROC2

IN_SIXTEEN = U64(15)
PIN_MUST, PIN_NOT, PROC_MUST, PROC_NOT = PIN_RULE.must, ~PIN_RULE.may, PROC_RULE.must, ~PROC_RULE.may
PROC2_MUST, PROC2_NOT, EXIT_MUST, EXIT_NOT = PROC2_RULE.must, ~PROC2_RULE.may, EXIT_RULE.must, ~EXIT_RULE.may
ENTRY_MUST, ENTRY_NOT = ENTRY_RULE.must, ~ENTRY_RULE.may
CR3_TARGETS = U64(CR3_TARGETS)
THRESHOLD, VTPR = U64(15), U64(0x80)
EPTP_RESERVED = U64(0xF80)
NMI_VECTOR, LAST_EXCEPTION = U64(2), U64(31)
RESERVED_TYPE = U64(1)
INFO_RESERVED, ERROR_RESERVED = U64(0x7FFF_F000), U64(0xFFFF_0000)


@kernel
def secondary(v):
    """Return the secondary controls in force: 0 unless they are activated."""
    return v[FIELD.SECONDARY_CONTROLS] if v[FIELD.PRIMARY_CONTROLS] & PROC.SECONDARY else 0


@kernel
def controls(c, v):
    """Return the failing rows of CONTROL for VMCS words `v` of a CPU record.

    Source: SDM 3C, "Checks on VMX Controls"
    """
    beyond = ~machine_of(c).address_mask
    return words(v) | primary(c, v, beyond) | extended(v, beyond) | lists(v, beyond) | injection(v)


@kernel
def words(v):
    """Check the reserved bits of the five control words, and what one word demands of another."""
    bad = 0
    pin, proc = v[FIELD.PIN_BASED_CONTROLS], v[FIELD.PRIMARY_CONTROLS]
    exits, entry = v[FIELD.EXIT_CONTROLS], v[FIELD.ENTRY_CONTROLS]
    if pin & PIN_NOT | ~pin & PIN_MUST:
        bad |= CONTROL.PIN
    if proc & PROC_NOT | ~proc & PROC_MUST:
        bad |= CONTROL.PRIMARY
    if exits & EXIT_NOT | ~exits & EXIT_MUST:
        bad |= CONTROL.EXIT
    if entry & ENTRY_NOT | ~entry & ENTRY_MUST:
        bad |= CONTROL.ENTRY
    if not pin & PIN.VIRTUAL_NMIS:
        if proc & PROC.NMI_WINDOW:
            bad |= CONTROL.NMI_WINDOW
    elif not pin & PIN.NMI:
        bad |= CONTROL.VIRTUAL_NMIS
    if exits & EXITC.SAVE_TIMER and not pin & PIN.PREEMPTION_TIMER:
        bad |= CONTROL.SAVE_TIMER
    if v[FIELD.CR3_TARGET_COUNT] > CR3_TARGETS:
        bad |= CONTROL.CR3_TARGET_COUNT
    return bad


@kernel
def primary(c, v, beyond):
    """Check what the primary processor-based controls activate: bitmaps, the TPR shadow."""
    bad, proc = 0, v[FIELD.PRIMARY_CONTROLS]
    if proc & PROC.IO_BITMAPS:
        if v[FIELD.IO_BITMAP_A] & (beyond | PAGE_OFFSET):
            bad |= CONTROL.IO_BITMAP_A
        if v[FIELD.IO_BITMAP_B] & (beyond | PAGE_OFFSET):
            bad |= CONTROL.IO_BITMAP_B
    if proc & PROC.MSR_BITMAPS and v[FIELD.MSR_BITMAPS] & (beyond | PAGE_OFFSET):
        bad |= CONTROL.MSR_BITMAPS
    if proc & PROC.TPR_SHADOW:
        apic, threshold = v[FIELD.VIRTUAL_APIC_ADDRESS], v[FIELD.TPR_THRESHOLD]
        if threshold & ~THRESHOLD:
            bad |= CONTROL.TPR_THRESHOLD_RESERVED
        if apic & (beyond | PAGE_OFFSET):
            bad |= CONTROL.VIRTUAL_APIC_ADDRESS
        elif threshold & THRESHOLD > load(machine_of(c), apic + VTPR, 1) >> 4:
            bad |= CONTROL.TPR_THRESHOLD_VTPR
    return bad


@kernel
def extended(v, beyond):
    """Check the secondary processor-based controls and what they activate: EPT, VPID, TSC scaling."""
    bad, proc2 = 0, secondary(v)
    if proc2 & PROC2_NOT | ~proc2 & PROC2_MUST:
        bad |= CONTROL.SECONDARY
    if proc2 & PROC2.EPT:
        eptp = v[FIELD.EPT_POINTER]
        if eptp & EPTP.MEMORY_TYPE != MEMTYPE.WB and eptp & EPTP.MEMORY_TYPE != MEMTYPE.UC:
            bad |= CONTROL.EPTP_MEMORY_TYPE
        if eptp & EPTP.WALK != EPTP_WALK_4:
            bad |= CONTROL.EPTP_WALK_LENGTH
        if eptp & (beyond | EPTP_RESERVED):
            bad |= CONTROL.EPTP_RESERVED
    elif proc2 & PROC2.UNRESTRICTED:
        bad |= CONTROL.UNRESTRICTED_EPT
    if proc2 & PROC2.VPID and v[FIELD.VPID] == 0:
        bad |= CONTROL.VPID
    if proc2 & PROC2.TSC_SCALING and v[FIELD.TSC_MULTIPLIER] == 0:
        bad |= CONTROL.TSC_MULTIPLIER
    return bad


@kernel
def area(address, count, beyond, start, end):
    """Check one MSR list: return the rows of `start` and `end` (CONTROL bits) that fail; beyond: address bits that do not exist."""
    bad = 0
    if address & (beyond | IN_SIXTEEN):
        bad |= start
    if (address + count * MSR_ENTRY_BYTES - 1) & beyond:
        bad |= end
    return bad


@kernel
def lists(v, beyond):
    """Check the three MSR lists; an empty one has no rule."""
    bad = 0
    if v[FIELD.EXIT_MSR_STORE_COUNT]:
        bad |= area(v[FIELD.EXIT_MSR_STORE_ADDRESS], v[FIELD.EXIT_MSR_STORE_COUNT], beyond,
                    CONTROL.EXIT_STORE_ADDRESS, CONTROL.EXIT_STORE_END)
    if v[FIELD.EXIT_MSR_LOAD_COUNT]:
        bad |= area(v[FIELD.EXIT_MSR_LOAD_ADDRESS], v[FIELD.EXIT_MSR_LOAD_COUNT], beyond,
                    CONTROL.EXIT_LOAD_ADDRESS, CONTROL.EXIT_LOAD_END)
    if v[FIELD.ENTRY_MSR_LOAD_COUNT]:
        bad |= area(v[FIELD.ENTRY_MSR_LOAD_ADDRESS], v[FIELD.ENTRY_MSR_LOAD_COUNT], beyond,
                    CONTROL.ENTRY_LOAD_ADDRESS, CONTROL.ENTRY_LOAD_END)
    return bad


@kernel
def injection(v):
    """Check the VM-entry interruption-information field and its companions, if it is valid."""
    info = v[FIELD.ENTRY_INTERRUPTION_INFO]
    if not info & INTR.VALID:
        return 0
    bad, kind, vector = 0, get(info, INTR.TYPE), info & INTR.VECTOR
    if kind == RESERVED_TYPE:
        bad |= CONTROL.INJECT_TYPE
    if ((kind == EVENT.NMI and vector != NMI_VECTOR) or (kind == EVENT.HARD and vector > LAST_EXCEPTION) or
            (kind == EVENT.OTHER and vector != 0)):
        bad |= CONTROL.INJECT_VECTOR
    protected = not secondary(v) & PROC2.UNRESTRICTED or v[FIELD.GUEST_CR0] & CR0.PE != 0
    wants = kind == EVENT.HARD and one_of(vector, VECTORS.INJECTED_ERROR) and protected
    if (info & INTR.ERROR != 0) != wants:
        bad |= CONTROL.INJECT_ERROR
    if info & INFO_RESERVED:
        bad |= CONTROL.INJECT_RESERVED
    if info & INTR.ERROR and v[FIELD.ENTRY_EXCEPTION_ERROR_CODE] & ERROR_RESERVED:
        bad |= CONTROL.INJECT_ERROR_CODE
    software = kind == EVENT.SOFT or kind == EVENT.PRIV or kind == EVENT.SOFT_EXC
    if software and v[FIELD.ENTRY_INSTRUCTION_LENGTH] > LONGEST_INSTRUCTION:
        bad |= CONTROL.INJECT_LENGTH
    return bad
