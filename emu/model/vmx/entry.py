"""VM entries: the checks' verdict, guest-state load, the MSR-load list, what happens right after.

The verdict of `emu.model.vmx.checks` is remembered: `c.entry_valid_key` is set after a full check passed and cleared
(`forget_verdict`) by VMWRITE to a field that is not in HOT, VMPTRLD, VMCLEAR and VMXON.  State that
a VM exit can change without VMWRITE (segments, CR0, CR4, EFER, IA-32e mode, the root world's own mode) is hashed into a key,
and only keys that passed are remembered; RIP, RFLAGS, interruptibility, activity, pending debug exceptions and event
injection are checked each time, and any but the plainest values lead to a full check, as do PAE paging, a VMCS
link pointer and virtual-8086 mode, whose checks read memory or many fields.
Not modelled: entry to SMM, trace and performance MSRs.
"""
import numpy as np

from emu.bits import ALL_ONES, LOW_4, PAGE_OFFSET, U64, get
from emu.jit import kernel
from emu.model.cpu import LINEAR_BITS, ONES_CPU, set_rflags
from emu.model.memory import memory, tlb
from emu.model.observe import breakpoint, watch
from emu.model.vmx import checks, exit, world
from emu.model.vmx.vmcs import fields
from emu.spec.cost import COST
from emu.spec.cpu import CR0, CR4, DR7, DR7_ENABLES, EFER, EVENT, INTR, RFLAGS, RFLAGS_KNOWN
from emu.spec.outcome import INJECTED, MODE
from emu.spec.vmcs import FIELD
from emu.spec.vmx import ACTIVITY, AR, BLOCKING, BLOCKING_SHADOW, ENTRYC, EXIT, PENDING, PIN, PROC, PROC2, REASON
from emu.state import env_of

PLACE_SHIFT = U64(61)                              # top bits of a key choose its place among eight
SEED = U64(0x243F_6A88_85A3_08D3)
DR7_ZERO = U64(1 << 12 | 3 << 14)
PLAIN_FLAGS = U64(RFLAGS_KNOWN) & ~RFLAGS.VM
EXTERNAL_ONLY = INTR.VALID | INTR.VECTOR           # an injected external interrupt has no other bit
TPR, CLASS_SHIFT = U64(0x80), U64(4)
VALID_DEBUG = PENDING.ENABLED | PENDING.BS
ENTERED, ABORTED = U64(0), ALL_ONES

# Fields whose change by VMWRITE leaves a remembered verdict standing: each entry checks them, or no check reads them.
HOT = ("GUEST_RIP", "GUEST_RSP", "GUEST_RFLAGS", "GUEST_INTERRUPTIBILITY", "GUEST_ACTIVITY", "GUEST_PENDING_DEBUG",
       "ENTRY_INTERRUPTION_INFO", "ENTRY_EXCEPTION_ERROR_CODE",
       "ENTRY_INSTRUCTION_LENGTH", "TPR_THRESHOLD", "EXCEPTION_BITMAP",
       "PFEC_MASK", "PFEC_MATCH", "CR0_MASK", "CR4_MASK", "CR0_READ_SHADOW",
       "CR4_READ_SHADOW", "CR3_TARGET_0", "CR3_TARGET_1", "CR3_TARGET_2", "CR3_TARGET_3", "TSC_OFFSET", "PLE_GAP",
       "PLE_WINDOW", "PREEMPTION_TIMER", "GUEST_CR0", "GUEST_CR4", "GUEST_EFER", "HOST_RSP",
       "GUEST_SYSENTER_CS", "HOST_SYSENTER_CS",
       *(f"GUEST_{name}_{part}" for name in ("ES", "CS", "SS", "DS", "FS", "GS", "LDTR", "TR")
         for part in ("SELECTOR", "LIMIT", "ACCESS_RIGHTS")))
CHECKED = np.ones(512, np.bool_)                     # word index -> a VMWRITE makes the next entry check everything
CHECKED[[int(getattr(FIELD, name)) for name in HOT]] = False


@kernel
def forget_verdict(c):
    """Make the next VM entry check everything."""
    c.entry_valid_key = 0
    c.entry_keys[:] = 0


@kernel
def plain(c, v):
    """Return whether the fields that are checked each time have values that surely pass their checks."""
    flags, controls = v[FIELD.GUEST_RFLAGS], v[FIELD.ENTRY_CONTROLS]
    if flags & ~PLAIN_FLAGS or not flags & RFLAGS.ONE:
        return False
    rip = v[FIELD.GUEST_RIP]
    if controls & ENTRYC.GUEST_64 and v[FIELD.GUEST_CS_ACCESS_RIGHTS] & AR.L:
        if rip >> LINEAR_BITS != 0 and rip >> LINEAR_BITS != ONES_CPU:
            return False
    elif rip >> 32:
        return False
    elif not controls & ENTRYC.GUEST_64 and v[FIELD.GUEST_CR4] & CR4.PAE and v[FIELD.GUEST_CR0] & CR0.PG:
        return False
    if v[FIELD.GUEST_ACTIVITY] | v[FIELD.GUEST_INTERRUPTIBILITY] | v[FIELD.GUEST_PENDING_DEBUG]:
        return False
    if v[FIELD.VMCS_LINK_POINTER] != ALL_ONES:
        return False
    info = v[FIELD.ENTRY_INTERRUPTION_INFO]
    if info & INTR.VALID and (info & ~EXTERNAL_ONLY or not flags & RFLAGS.IF):
        return False
    if v[FIELD.PRIMARY_CONTROLS] & PROC.TPR_SHADOW:
        return v[FIELD.TPR_THRESHOLD] <= LOW_4 and below_threshold(c, v) == 0
    return True


@kernel
def verdict(c, v, key):
    """Return 0 when entry may go on, or what `checks.entry` found; `key` is the shape of the guest state.

    Source: SDM 3C, "Checks on VMX Controls and Host-State Area", "Checking and Loading Guest State"
    """
    place = key >> PLACE_SHIFT
    if c.entry_valid_key and c.entry_keys[place] == key and plain(c, v):
        return 0
    found = checks.entry(c)
    if found == 0:
        c.entry_valid_key = 1
        c.entry_keys[place] = key
    return found


@kernel
def load_registers(c, v, g, r):
    """Load guest registers into the non-root ENV `g`; return the key of what VM exits may change.

    Nothing that the root world `r` holds is touched.
    Source: SDM 3C, "Loading Guest Control Registers, Debug Registers, and MSRs"
    """
    world.carry(r, g)
    controls = v[FIELD.ENTRY_CONTROLS]
    cr0, cr4 = v[FIELD.GUEST_CR0], v[FIELD.GUEST_CR4]
    key = world.mix(SEED ^ c.vmcs_pointer, controls | (r.efer & EFER.LMA) << 32)
    key = world.mix(world.mix(world.mix(key, cr0), cr4), v[FIELD.GUEST_EFER])
    g.cr[0] = cr0 & ~exit.CR0_KEPT_BY_EXIT | r.cr[0] & exit.CR0_KEPT_BY_EXIT
    g.cr[3], g.cr[4] = v[FIELD.GUEST_CR3], cr4
    if controls & ENTRYC.LOAD_DEBUG:
        g.dr[7] = v[FIELD.GUEST_DR7] & ~DR7_ZERO | DR7.ONE
    g.sysenter_cs = v[FIELD.GUEST_SYSENTER_CS]
    g.sysenter_esp, g.sysenter_eip = v[FIELD.GUEST_SYSENTER_ESP], v[FIELD.GUEST_SYSENTER_EIP]
    if controls & ENTRYC.LOAD_PAT:
        g.pat = v[FIELD.GUEST_PAT]
    if controls & ENTRYC.LOAD_EFER:
        g.efer = v[FIELD.GUEST_EFER]
    else:
        g.efer = guest_efer(r.efer, cr0, controls)
    g.rip, g.regs[4] = v[FIELD.GUEST_RIP], v[FIELD.GUEST_RSP]
    set_rflags(g, v[FIELD.GUEST_RFLAGS])
    return world.load_segments(g, v, key)


@kernel
def guest_efer(efer, cr0, controls):
    """Return EFER after an entry that does not load it: LMA, and with paging LME, follow IA-32e mode guest."""
    long = controls & ENTRYC.GUEST_64
    efer = efer | EFER.LMA if long else efer & ~EFER.LMA
    if cr0 & CR0.PG:
        efer = efer | EFER.LME if long else efer & ~EFER.LME
    return efer


@kernel
def latch(c, v):
    """Keep the controls that non-root operation runs under."""
    c.pin, c.proc = v[FIELD.PIN_BASED_CONTROLS], v[FIELD.PRIMARY_CONTROLS]
    c.proc2 = v[FIELD.SECONDARY_CONTROLS] if c.proc & PROC.SECONDARY else 0
    c.exit_controls, c.entry_controls = v[FIELD.EXIT_CONTROLS], v[FIELD.ENTRY_CONTROLS]
    c.exception_bitmap = v[FIELD.EXCEPTION_BITMAP]
    c.eptp = v[FIELD.EPT_POINTER] if c.proc2 & PROC2.EPT else 0
    c.vpid = v[FIELD.VPID] if c.proc2 & PROC2.VPID else 0
    c.tsc_guest_offset = v[FIELD.TSC_OFFSET] if c.proc & PROC.TSC_OFFSETTING else 0


@kernel
def load_pdptes(c, v, g):
    """Load the PDPTE registers of a guest with PAE paging; the checks have passed them.

    Source: SDM 3C, "Loading Page-Directory-Pointer-Table Entries"
    """
    if g.efer & EFER.LMA or not g.cr[4] & CR4.PAE or not g.cr[0] & CR0.PG:
        return
    if c.proc2 & PROC2.EPT:
        c.pdpte[0], c.pdpte[1] = v[FIELD.GUEST_PDPTE0], v[FIELD.GUEST_PDPTE1]
        c.pdpte[2], c.pdpte[3] = v[FIELD.GUEST_PDPTE2], v[FIELD.GUEST_PDPTE3]
    else:
        exit.load_pdptes(c, g.cr[3])


@kernel
def load_state(c, v, g):
    """Load non-register guest state: activity, blocking, pending debug exceptions.

    Source: SDM 3C, "Loading Non-Register State", "Special Features of VM Entry"
    """
    blocking = v[FIELD.GUEST_INTERRUPTIBILITY]
    c.activity, c.monitor_armed = v[FIELD.GUEST_ACTIVITY], 0
    c.pending_debug = v[FIELD.GUEST_PENDING_DEBUG]
    if not c.pending_debug & VALID_DEBUG or c.activity > ACTIVITY.HLT:
        c.pending_debug = 0
    c.virtual_nmi_blocking = 0
    if c.pin & PIN.VIRTUAL_NMIS:
        c.virtual_nmi_blocking = 1 if blocking & BLOCKING.NMI else 0
        blocking &= ~BLOCKING.NMI
    c.interruptibility = blocking
    if c.entry_controls & ENTRYC.LOAD_DEBUG:
        c.debugctl = v[FIELD.GUEST_DEBUGCTL]
    c.mtf_pending = c.nmi_unblocked = c.tpr_below = 0
    if c.proc & PROC.TPR_SHADOW and c.proc2 & PROC2.APIC_ACCESSES and \
            not c.proc2 & PROC2.VIRTUAL_INTERRUPTS:
        c.tpr_below = below_threshold(c, v)


@kernel
def below_threshold(c, v):
    """Return 1 when the priority class in the virtual-APIC page is below the TPR threshold, else 0."""
    page = v[FIELD.VIRTUAL_APIC_ADDRESS] & ~PAGE_OFFSET
    shadow = memory.load(memory.machine_of(c), page + TPR, 1)
    return 1 if shadow >> CLASS_SHIFT < v[FIELD.TPR_THRESHOLD] & LOW_4 else 0


@kernel
def start_timer(c, v):
    """Start the VMX-preemption timer: its deadline is the cycle at which it counts to 0.

    Source: SDM 3C, "VMX-Preemption Timer"
    """
    c.preemption_active = 1 if c.pin & PIN.PREEMPTION_TIMER else 0
    ticks = v[FIELD.PREEMPTION_TIMER]
    tsc = c.cycles + c.tsc_offset
    c.preemption_deadline = c.cycles + (((tsc >> exit.TICK) + ticks << exit.TICK) - tsc if ticks else 0)


@kernel
def inject(c, v):
    """Leave the event to inject in `c.vectoring*`, marked INJECTED in `c.vectoring_source`.

    The event unit delivers it before anything else happens in the guest.
    Source: SDM 3C, "Event Injection", "Pending Debug Exceptions" (after VM entry)
    """
    info = v[FIELD.ENTRY_INTERRUPTION_INFO]
    c.vectoring = c.vectoring_source = c.vectoring_error = c.vectoring_length = 0
    if not info & INTR.VALID:
        return
    kind = get(info, INTR.TYPE)
    if kind == EVENT.OTHER:
        c.mtf_pending = 1
        return
    c.vectoring, c.vectoring_source = info, INJECTED
    if info & INTR.ERROR:
        c.vectoring_error = v[FIELD.ENTRY_EXCEPTION_ERROR_CODE]
    soft = kind == EVENT.SOFT or kind == EVENT.SOFT_EXC
    if exit.software(info):
        c.vectoring_length = v[FIELD.ENTRY_INSTRUCTION_LENGTH]
    if not (soft and c.interruptibility & BLOCKING.MOV_SS):
        c.pending_debug = 0
    if kind == EVENT.NMI:
        if c.pin & PIN.VIRTUAL_NMIS:
            c.virtual_nmi_blocking = 1
        else:
            c.interruptibility |= BLOCKING.NMI
    c.interruptibility &= ~BLOCKING_SHADOW
    c.activity = ACTIVITY.ACTIVE
    c.mtf_pending = 1 if c.proc & PROC.MTF else 0


@kernel
def enter(c, launch):
    """Enter the guest of the current VMCS; the caller has checked pointer, launch state and MOV-SS blocking.

    launch: 1 for VMLAUNCH, which marks the VMCS as launched
    Returns ENTERED (0): non-root operation runs next; a VMERROR number: VMfail, nothing changed; the exit
    reason with bit 31: entry failed and host state is loaded; ABORTED (all ones): a VMX abort.
    Source: SDM 3C, "VM Entries"
    """
    v, r, g = fields(c), env_of(c.root_env)[0], env_of(c.guest_env)[0]
    key = load_registers(c, v, g, r)
    found = verdict(c, v, key)
    if found:
        return failed(c, found & ~EXIT.ENTRY_FAILURE, c.fault_qualification) if found & EXIT.ENTRY_FAILURE else found
    spent = charge(c)
    latch(c, v)
    blocking = c.interruptibility & BLOCKING.NMI
    load_state(c, v, g)
    load_pdptes(c, v, g)
    c.env, c.tlb = c.guest_env, c.guest_tlb
    level = get(v[FIELD.GUEST_SS_ACCESS_RIGHTS], AR.DPL)
    if v[FIELD.ENTRY_MSR_LOAD_COUNT]:
        world.settle(c, g, level)
        entry = world.load_list(c, v[FIELD.ENTRY_MSR_LOAD_ADDRESS], v[FIELD.ENTRY_MSR_LOAD_COUNT])
        if entry:
            c.interruptibility = blocking
            return failed(c, REASON.ENTRY_MSR_LOAD, entry)
    c.vmx_mode = MODE.NONROOT
    inject(c, v)
    watch.vm_entry(c, v, r.rip, launch, spent)
    start_timer(c, v)
    world.settle(c, g, level)
    tlb.vm_transition(c)
    tlb.select(c)
    if c.armed or g.dr[7] & DR7_ENABLES:
        breakpoint.arm(c, g)
    if launch:
        v[1] = 1
    return ENTERED


@kernel
def failed(c, reason, qualification):
    """End an entry that failed late; returns what `enter` returns."""
    exit.entry_failure(c, reason, qualification)
    return ABORTED if c.stop else reason | EXIT.ENTRY_FAILURE


@kernel
def charge(c):
    """Count an entry and charge it; charge what passed since the last exit to its reason.  Returns that, 0 without an exit."""
    c.cycles += COST.VM_ENTRY
    c.entries += 1
    if c.exit_began == 0:
        return 0
    spent = c.cycles - c.exit_began
    c.exit_cycles[c.exit_reason_now] += spent
    c.exit_began = 0
    return spent
