"""Checks on the guest-state area except segments: a bitmap of the rows of GUEST that fail.

`emu.spec.checks.MISSING` lists what is not checked.
"""
from emu.bits import ALL_ONES, PAGE_OFFSET, U64, every, get
from emu.jit import kernel
from emu.model.cpu import LINEAR_BITS, ONES_CPU, cpu_canonical
from emu.model.memory.memory import load, machine_of
from emu.model.vmx.checks_controls import secondary
from emu.model.vmx.checks_host import pat_valid
from emu.spec.checks import GUEST
from emu.spec.cpu import CR0, CR4, EFER, EVENT, INTR, RFLAGS, VECTOR
from emu.spec.paging import CR3_PDPT, PDPTE_PAE, PDPTE_PAE_RESERVED
from emu.spec.profile import CR0_RULE, CR4_RULE, DEBUGCTL, DEBUGCTL_MAY, EFER_NOT, REVISION
from emu.spec.vmcs import FIELD
from emu.spec.vmx import ACTIVITY, AR, BLOCKING, BLOCKING_SHADOW, ENTRYC, PENDING, PIN, PROC2

DEBUGCTL_NOT = ~U64(DEBUGCTL_MAY)
LIMIT_NOT = U64(0xFFFF_0000)
RFLAGS_NOT, PENDING_NOT = ~U64(every(RFLAGS)), ~U64(every(PENDING))
BLOCKING_NOT = U64(0xFFFF_FFFF ^ every(BLOCKING))
REVISION = U64(REVISION)


@kernel
def guest_area(c, v):
    """Return the failing rows of GUEST for VMCS words `v` of a CPU record.

    Source: SDM 3C, "Checks on the Guest State Area"
    """
    beyond = ~machine_of(c).address_mask
    return registers(v, beyond) | modes(v) | flow(v) | activity(v) | blocking(v) | pending(v) | link(c, v) | pdptes(c, v)


@kernel
def registers(v, beyond):
    """Check control registers, SYSENTER MSRs and descriptor-table registers; beyond: physical-address bits that do not exist."""
    bad = 0
    cr0, cr4, must = v[FIELD.GUEST_CR0], v[FIELD.GUEST_CR4], CR0_RULE.must
    if secondary(v) & PROC2.UNRESTRICTED:
        must &= ~(CR0.PE | CR0.PG)
    if cr0 & ~CR0_RULE.may | ~cr0 & must:
        bad |= GUEST.CR0
    if cr0 & (CR0.PG | CR0.PE) == CR0.PG:
        bad |= GUEST.CR0_PAGING
    if cr4 & ~CR4_RULE.may | ~cr4 & CR4_RULE.must:
        bad |= GUEST.CR4
    if v[FIELD.GUEST_CR3] & beyond:
        bad |= GUEST.CR3
    if not cpu_canonical(v[FIELD.GUEST_SYSENTER_ESP]):
        bad |= GUEST.SYSENTER_ESP
    if not cpu_canonical(v[FIELD.GUEST_SYSENTER_EIP]):
        bad |= GUEST.SYSENTER_EIP
    if not cpu_canonical(v[FIELD.GUEST_GDTR_BASE]):
        bad |= GUEST.GDTR_BASE
    if not cpu_canonical(v[FIELD.GUEST_IDTR_BASE]):
        bad |= GUEST.IDTR_BASE
    if v[FIELD.GUEST_GDTR_LIMIT] & LIMIT_NOT:
        bad |= GUEST.GDTR_LIMIT
    if v[FIELD.GUEST_IDTR_LIMIT] & LIMIT_NOT:
        bad |= GUEST.IDTR_LIMIT
    return bad


@kernel
def modes(v):
    """Check what the VM-entry controls demand: IA-32e mode, debug controls, PAT, EFER."""
    bad, entry = 0, v[FIELD.ENTRY_CONTROLS]
    cr0, cr4 = v[FIELD.GUEST_CR0], v[FIELD.GUEST_CR4]
    if entry & ENTRYC.GUEST_64:
        if not cr0 & CR0.PG:
            bad |= GUEST.IA32E_PG
        if not cr4 & CR4.PAE:
            bad |= GUEST.IA32E_PAE
    elif cr4 & CR4.PCIDE:
        bad |= GUEST.PCIDE
    if entry & ENTRYC.LOAD_DEBUG:
        if v[FIELD.GUEST_DEBUGCTL] & DEBUGCTL_NOT:
            bad |= GUEST.DEBUGCTL
        if v[FIELD.GUEST_DR7] >> 32:
            bad |= GUEST.DR7
    if entry & ENTRYC.LOAD_PAT and not pat_valid(v[FIELD.GUEST_PAT]):
        bad |= GUEST.PAT
    if entry & ENTRYC.LOAD_EFER:
        efer = v[FIELD.GUEST_EFER]
        if efer & EFER_NOT:
            bad |= GUEST.EFER_RESERVED
        if (efer & EFER.LMA != 0) != (entry & ENTRYC.GUEST_64 != 0):
            bad |= GUEST.EFER_LMA
        if cr0 & CR0.PG and (efer & EFER.LMA != 0) != (efer & EFER.LME != 0):
            bad |= GUEST.EFER_LME
    return bad


@kernel
def injected(v):
    """Return valid bit, type and vector of the event that VM entry injects, 0 when none."""
    info = v[FIELD.ENTRY_INTERRUPTION_INFO]
    return info & (INTR.VALID | INTR.TYPE | INTR.VECTOR) if info & INTR.VALID else 0


@kernel
def injects(event, kind):
    """Return whether `event` (of `injected`) has this EVENT type."""
    return event != 0 and get(event, INTR.TYPE) == kind


@kernel
def flow(v):
    """Check RIP and RFLAGS."""
    bad, entry = 0, v[FIELD.ENTRY_CONTROLS]
    rip, flags = v[FIELD.GUEST_RIP], v[FIELD.GUEST_RFLAGS]
    if entry & ENTRYC.GUEST_64 and v[FIELD.GUEST_CS_ACCESS_RIGHTS] & AR.L:
        if rip >> LINEAR_BITS != 0 and rip >> LINEAR_BITS != ONES_CPU:
            bad |= GUEST.RIP
    elif rip >> 32:
        bad |= GUEST.RIP_HIGH
    if flags & RFLAGS_NOT or not flags & RFLAGS.ONE:
        bad |= GUEST.RFLAGS
    if flags & RFLAGS.VM and (entry & ENTRYC.GUEST_64 or not v[FIELD.GUEST_CR0] & CR0.PE):
        bad |= GUEST.RFLAGS_VM
    if not flags & RFLAGS.IF and injects(injected(v), EVENT.EXTERNAL):
        bad |= GUEST.RFLAGS_IF
    return bad


@kernel
def passes(state, event):
    """Return whether an activity state lets the injected event pass."""
    kind, vector = get(event, INTR.TYPE), event & INTR.VECTOR
    if state == ACTIVITY.WAIT_SIPI:
        return False
    if kind == EVENT.NMI or (kind == EVENT.HARD and vector == VECTOR.MC):
        return True
    if state == ACTIVITY.SHUTDOWN:
        return False
    return (kind == EVENT.EXTERNAL or (kind == EVENT.HARD and vector == VECTOR.DB) or
            (kind == EVENT.OTHER and vector == 0))


@kernel
def activity(v):
    """Check the activity state, which has no rule while it is active."""
    state = v[FIELD.GUEST_ACTIVITY]
    if state == ACTIVITY.ACTIVE:
        return 0
    bad, event = 0, injected(v)
    if v[FIELD.GUEST_INTERRUPTIBILITY] & BLOCKING_SHADOW:
        bad |= GUEST.ACTIVITY_BLOCKING
    if state > ACTIVITY.WAIT_SIPI:
        return bad | GUEST.ACTIVITY
    if state == ACTIVITY.HLT and v[FIELD.GUEST_SS_ACCESS_RIGHTS] & AR.DPL:
        bad |= GUEST.ACTIVITY_HLT_DPL
    if event and not passes(state, event):
        bad |= GUEST.ACTIVITY_EVENT
    return bad


@kernel
def blocking(v):
    """Check the interruptibility state, which has no rule while it is 0."""
    state = v[FIELD.GUEST_INTERRUPTIBILITY]
    if state == 0:
        return 0
    bad, event = 0, injected(v)
    if state & BLOCKING_NOT:
        bad |= GUEST.BLOCKING_RESERVED
    if state & BLOCKING_SHADOW == BLOCKING_SHADOW:
        bad |= GUEST.BLOCKING_BOTH
    if state & BLOCKING.STI and not v[FIELD.GUEST_RFLAGS] & RFLAGS.IF:
        bad |= GUEST.BLOCKING_STI_IF
    if state & BLOCKING_SHADOW and injects(event, EVENT.EXTERNAL):
        bad |= GUEST.BLOCKING_EXTERNAL
    if injects(event, EVENT.NMI):
        if state & BLOCKING.MOV_SS:
            bad |= GUEST.BLOCKING_NMI_MOV_SS
        if state & BLOCKING.STI:
            bad |= GUEST.BLOCKING_NMI_STI
        if state & BLOCKING.NMI and v[FIELD.PIN_BASED_CONTROLS] & PIN.VIRTUAL_NMIS:
            bad |= GUEST.BLOCKING_VIRTUAL_NMI
    if state & BLOCKING.SMI:
        bad |= GUEST.BLOCKING_SMI
    if state & BLOCKING.ENCLAVE:
        bad |= GUEST.BLOCKING_ENCLAVE
    return bad


@kernel
def pending(v):
    """Check the pending debug exceptions."""
    bad, state = 0, v[FIELD.GUEST_PENDING_DEBUG]
    if state & PENDING_NOT:
        bad |= GUEST.PENDING_RESERVED
    if state & PENDING.RTM:
        bad |= GUEST.PENDING_RTM
    if v[FIELD.GUEST_INTERRUPTIBILITY] & BLOCKING_SHADOW or v[FIELD.GUEST_ACTIVITY] == ACTIVITY.HLT:
        steps = v[FIELD.GUEST_RFLAGS] & RFLAGS.TF and not v[FIELD.GUEST_DEBUGCTL] & DEBUGCTL.BTF
        if (state & PENDING.BS != 0) != steps:
            bad |= GUEST.PENDING_BS
    return bad


@kernel
def link(c, v):
    """Check the VMCS link pointer; the revision identifier is read only where the address is possible."""
    pointer = v[FIELD.VMCS_LINK_POINTER]
    if pointer == ALL_ONES:
        return 0
    if pointer & (PAGE_OFFSET | ~machine_of(c).address_mask):
        return GUEST.LINK_ADDRESS
    bad = 0
    if load(machine_of(c), pointer, 4) != REVISION:
        bad |= GUEST.LINK_REVISION
    if pointer == c.vmcs_pointer:
        bad |= GUEST.LINK_CURRENT
    return bad


@kernel
def pdptes(c, v):
    """Check the page-directory-pointer-table entries of a guest with PAE paging.

    Source: SDM 3C, "Checks on Guest Page-Directory-Pointer-Table Entries"
    """
    if v[FIELD.ENTRY_CONTROLS] & ENTRYC.GUEST_64 or not (v[FIELD.GUEST_CR0] & CR0.PG and v[FIELD.GUEST_CR4] & CR4.PAE):
        return 0
    bad, n, table = 0, 0, v[FIELD.GUEST_CR3] & CR3_PDPT
    nested = secondary(v) & PROC2.EPT != 0
    while n < 4:
        entry = v[FIELD.GUEST_PDPTE0 + n] if nested else load(machine_of(c), table + n * 8, 8)
        if entry & PDPTE_PAE.P and entry & (PDPTE_PAE_RESERVED | ~machine_of(c).address_mask):
            bad |= GUEST.PDPTE0 << n
        n += 1
    return bad
