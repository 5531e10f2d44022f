"""VMX non-root operation: which instructions, exceptions and events exit, and what the VMCS changes about the rest.

`check` decides before an instruction executes; `exception` and `software_exception` before an event is delivered;
`boundary` between instructions.  For instructions that do not exit, `emu.model.instructions.system` asks `cr0_seen`,
`cr0_to_write`, `cr4_seen`, `cr4_to_write`, `clts_changes`, `tpr_shadow`, `cr8_read` and `cr8_write`; whoever runs
IRET calls `iret`.  All of these answer for root and bare operation too.

Choices the manual leaves to the processor: STI blocking does not block NMI-window exits; external interrupts that
exit are blocked by STI and MOV SS, NMIs that exit by MOV SS.
Not modelled: what the processor's profile does not allow (see `emu.spec.profile`).
"""
from emu.bits import ALL_ONES, LOW_4, LOW_8, PAGE_MASK, U64, one_of, put
from emu.jit import kernel
from emu.model.fault import raise_exit
from emu.model.interrupts import apic
from emu.model.memory import memory
from emu.model.vmx.intercept_instructions import check, cr_read_exits
from emu.model.vmx.vmcs import fields
from emu.spec.apic import PENDING
from emu.spec.cpu import CR0, EVENT, INTR, RFLAGS, VECTOR, VECTORS
from emu.spec.outcome import MODE
from emu.spec.vmcs import FIELD
from emu.spec.vmx import ACTIVITY, BLOCKING, BLOCKING_SHADOW, EXITC, PIN, PROC, PROC2, QUAL_DB, REASON
from emu.state import env_of

__all__ = ["after_instruction", "boundary", "check", "clts_changes", "cr0_seen", "cr0_to_write", "cr4_seen",
           "cr4_to_write", "cr8_read", "cr8_write", "cr_read_exits", "exception", "iret", "iret_done", "iret_unblocks",
           "next_boundary_deadline", "software_exception", "time_exits", "tpr_shadow", "window_awaited"]

NO_EXIT = ALL_ONES                                 # boundary: no exit is due
DEBUG_BITS = QUAL_DB.B0 | QUAL_DB.B1 | QUAL_DB.B2 | QUAL_DB.B3 | QUAL_DB.BLD | QUAL_DB.BD | QUAL_DB.BS | QUAL_DB.RTM
TPR_OFFSET = U64(0x80)


# ---- exceptions -------------------------------------------------------------------------------------------
@kernel
def exception(c, vector, error):
    """Return whether hardware exception `vector` exits; `c.fault` is then EXIT and all information is written.

    error: its error code.  A page fault's address is in `c.fault_address`, the causes of a debug exception (DR6
    positions) in `c.pending_debug`; CR2 and DR6 stay as they are.
    Source: SDM 3C, "Exception Bitmap", "Exit Qualification for Debug Exceptions"
    """
    v = fields(c)
    wanted = c.exception_bitmap >> vector & 1
    if vector == VECTOR.PF and error & v[FIELD.PFEC_MASK] != v[FIELD.PFEC_MATCH]:
        wanted ^= 1
    if not wanted:
        return False
    info = put(INTR.VALID | vector, INTR.TYPE, EVENT.HARD)
    if one_of(vector, VECTORS.ERROR) and env_of(c.env)[0].cr[0] & CR0.PE:
        info |= INTR.ERROR
        v[FIELD.EXIT_INTERRUPTION_ERROR_CODE] = error
    v[FIELD.EXIT_INTERRUPTION_INFO] = info
    qualification = 0
    if vector == VECTOR.PF:
        qualification = c.fault_address
    elif vector == VECTOR.DB:
        qualification = c.pending_debug & DEBUG_BITS
    raise_exit(c, REASON.EXCEPTION, qualification)
    return True


@kernel
def software_exception(c, kind, vector):
    """Return whether INT1, INT3 or INTO (kind: EVENT.PRIV or SOFT_EXC) exits; its length is in `c.fault_length`."""
    if not c.exception_bitmap >> vector & 1:
        return False
    fields(c)[FIELD.EXIT_INTERRUPTION_INFO] = put(INTR.VALID | vector, INTR.TYPE, kind)
    raise_exit(c, REASON.EXCEPTION, 0)
    return True


@kernel
def iret(c):
    """Account for an IRET that completes or faults: blocking by NMI is removed, also when it faults.

    Call `iret_done` when what follows has been routed: an exit before that reports that blocking was removed.
    Source: SDM 3C, "Changes to Instruction Behavior in VMX Non-Root Operation"; "Interruptibility State"
    """
    c.nmi_unblocked = 0
    if c.vmx_mode != MODE.NONROOT:
        c.interruptibility &= ~BLOCKING.NMI
    elif c.pin & PIN.VIRTUAL_NMIS:
        c.nmi_unblocked, c.virtual_nmi_blocking = c.virtual_nmi_blocking, 0
    elif not c.pin & PIN.NMI and c.interruptibility & BLOCKING.NMI:
        c.interruptibility &= ~BLOCKING.NMI
        c.nmi_unblocked = 1


@kernel
def iret_done(c):
    """Account for the end of IRET."""
    c.nmi_unblocked = 0


@kernel
def iret_unblocks(c):
    """Return whether an IRET would remove blocking by NMI, of real or virtual NMIs."""
    if c.vmx_mode == MODE.NONROOT:
        if c.pin & PIN.VIRTUAL_NMIS:
            return c.virtual_nmi_blocking != 0
        if c.pin & PIN.NMI:
            return False
    return c.interruptibility & BLOCKING.NMI != 0


# ---- registers that are partly the host's -----------------------------------------------------------------
@kernel
def _seen(c, value, shadow, mask):
    """Return a control register that holds `value` as the guest reads it: the field `shadow` where the field `mask` is 1."""
    if c.vmx_mode != MODE.NONROOT:
        return value
    v = fields(c)
    return v[shadow] & v[mask] | value & ~v[mask]


@kernel
def _to_write(c, value, old, mask):
    """Return what a guest's write of `value` leaves in a control register that holds `old`: bits of the field `mask` stay."""
    if c.vmx_mode != MODE.NONROOT:
        return value
    host = fields(c)[mask]
    return value & ~host | old & host


@kernel
def cr0_seen(c):
    """Return CR0 as MOV from CR and SMSW read it: shadow where the mask is 1."""
    return _seen(c, env_of(c.env)[0].cr[0], FIELD.CR0_READ_SHADOW, FIELD.CR0_MASK)


@kernel
def cr4_seen(c):
    """Return CR4 as MOV from CR reads it: shadow where the mask is 1."""
    return _seen(c, env_of(c.env)[0].cr[4], FIELD.CR4_READ_SHADOW, FIELD.CR4_MASK)


@kernel
def cr0_to_write(c, value):
    """Return what MOV to CR0 or LMSW of `value`, which did not exit, writes: bits of the host keep their value."""
    return _to_write(c, value, env_of(c.env)[0].cr[0], FIELD.CR0_MASK)


@kernel
def cr4_to_write(c, value):
    """Return what MOV to CR4 of `value`, which did not exit, writes: bits of the host keep their value."""
    return _to_write(c, value, env_of(c.env)[0].cr[4], FIELD.CR4_MASK)


@kernel
def clts_changes(c):
    """Return whether CLTS, which did not exit, clears CR0.TS: it does not when TS is the host's."""
    return c.vmx_mode != MODE.NONROOT or fields(c)[FIELD.CR0_MASK] & CR0.TS == 0


@kernel
def tpr_shadow(c):
    """Return whether MOV to and from CR8 reach the virtual-APIC page instead of the local APIC."""
    return c.vmx_mode == MODE.NONROOT and c.proc & PROC.TPR_SHADOW != 0


@kernel
def cr8_read(c):
    """Return CR8 from the virtual-APIC page (when `tpr_shadow`)."""
    page = fields(c)[FIELD.VIRTUAL_APIC_ADDRESS] & PAGE_MASK
    return memory.load(memory.machine_of(c), page + TPR_OFFSET, 1) >> 4


@kernel
def cr8_write(c, value):
    """Write CR8 to the virtual-APIC page (when `tpr_shadow`); TPR virtualization follows at the next boundary.

    Source: SDM 3C, "Virtualizing CR8-Based TPR Accesses", "TPR Virtualization"
    """
    v = fields(c)
    page = v[FIELD.VIRTUAL_APIC_ADDRESS] & PAGE_MASK
    memory.store(memory.machine_of(c), page + TPR_OFFSET, 4, (value & LOW_4) << 4)
    c.tpr_below = 1 if value & LOW_4 < v[FIELD.TPR_THRESHOLD] & LOW_4 else 0


# ---- instruction boundaries -------------------------------------------------------------------------------
@kernel
def after_instruction(c):
    """Account for a completed instruction: with the monitor trap flag an exit is due at this boundary."""
    if c.proc & PROC.MTF:
        c.mtf_pending = 1


@kernel
def next_boundary_deadline(c):
    """Return the cycle at which the VMX-preemption timer expires, ALL_ONES when it does not run."""
    return c.preemption_deadline if c.preemption_active else ALL_ONES


@kernel
def window_awaited(c):
    """Return what a window exit waits for: 0 nothing, 1 RFLAGS.IF, 2 the end of an interrupt shadow."""
    if c.proc & PROC.NMI_WINDOW and c.interruptibility & BLOCKING.MOV_SS and not c.virtual_nmi_blocking:
        return 2
    if not c.proc & PROC.INTERRUPT_WINDOW:
        return 0
    if not env_of(c.env)[0].eflags & RFLAGS.IF:
        return 1
    return 2 if c.interruptibility & BLOCKING_SHADOW else 0


@kernel
def boundary(c):
    """Return the basic reason of the exit that is due between two instructions, or NO_EXIT (all ones).

    The qualification is in `c.fault_qualification`, interruption information is written, and the event is consumed.
    NO_EXIT is also returned when something that does not exit comes first: a debug exception or NMI to deliver.
    An injected event has been delivered before.
    Source: SDM 3C, "Other Causes of VM Exits"; SDM 3A, "Prioritization of Concurrent Events"
    """
    c.fault_qualification = c.fault_length = 0
    if c.activity == ACTIVITY.WAIT_SIPI:
        return start_up(c)
    c.sipi_pending = 0
    if c.tpr_below and c.activity != ACTIVITY.SHUTDOWN:
        return REASON.TPR_THRESHOLD
    if c.init_pending:
        c.init_pending = 0
        return REASON.INIT
    if c.mtf_pending and c.activity != ACTIVITY.SHUTDOWN:
        return REASON.MTF
    if c.pending_debug and not c.interruptibility & BLOCKING.MOV_SS and c.activity != ACTIVITY.SHUTDOWN:
        return NO_EXIT
    if c.preemption_active and c.cycles >= c.preemption_deadline:
        return REASON.PREEMPTION_TIMER
    return interrupts(c)


@kernel
def start_up(c):
    """Return the exit due in the wait-for-SIPI state; every other event is blocked there."""
    if not c.sipi_pending:
        return NO_EXIT
    c.sipi_pending, c.fault_qualification = 0, c.sipi_vector & LOW_8
    return REASON.SIPI


@kernel
def interrupts(c):
    """Return the exit due for windows, NMIs and external interrupts."""
    v = fields(c)
    after_mov_ss = c.interruptibility & BLOCKING.MOV_SS != 0
    if c.proc & PROC.NMI_WINDOW and not c.virtual_nmi_blocking and not after_mov_ss:
        return REASON.NMI_WINDOW
    if c.nmi_pending and not c.interruptibility & BLOCKING.NMI and not after_mov_ss:
        if not c.pin & PIN.NMI:
            return NO_EXIT
        c.nmi_pending = 0
        v[FIELD.EXIT_INTERRUPTION_INFO] = put(INTR.VALID | VECTOR.NMI, INTR.TYPE, EVENT.NMI)
        return REASON.EXCEPTION
    if c.activity == ACTIVITY.SHUTDOWN or c.interruptibility & BLOCKING_SHADOW:
        return NO_EXIT
    if c.proc & PROC.INTERRUPT_WINDOW and env_of(c.env)[0].eflags & RFLAGS.IF:
        return REASON.INTERRUPT_WINDOW
    if c.pin & PIN.EXTERNAL_INTERRUPT:
        vector = apic.pending(c)
        if vector != PENDING.NONE:
            return external(c, v, vector)
    return NO_EXIT


@kernel
def external(c, v, vector):
    """Return the exit for an external interrupt; it is acknowledged when the exit controls say so."""
    v[FIELD.EXIT_INTERRUPTION_INFO] = 0
    if c.exit_controls & EXITC.ACK_INTERRUPT:
        v[FIELD.EXIT_INTERRUPTION_INFO] = INTR.VALID | apic.acknowledge(c, vector)
    return REASON.EXTERNAL_INTERRUPT


@kernel
def time_exits(c):
    """Return whether RDTSC, RDTSCP or PAUSE could exit now, or not exist.

    Source: SDM 3C, "Instructions That Cause VM Exits Conditionally"
    """
    if c.vmx_mode != MODE.NONROOT:
        return False
    return c.proc & (PROC.RDTSC | PROC.PAUSE) != 0 or c.proc2 & (PROC2.RDTSCP | PROC2.PAUSE_LOOP) != PROC2.RDTSCP
