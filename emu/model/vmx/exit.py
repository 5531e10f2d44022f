"""VM exits: exit information, guest-state save, host-state load, the MSR lists, VMX aborts.

The page of the current VMCS is not marked in the ledger by each exit: whoever asks the ledger what changed
counts the page at `c.vmcs_pointer` as changed.
Not modelled: SMM-transfer exits, debug-store and trace MSRs, and the instruction length of exits for which the
manual leaves it undefined (it is then 0 or the length of the instruction that faulted).
"""
from emu.bits import LOW_32, U64, get, one_of, put, value_of
from emu.jit import kernel
from emu.model.cpu import cpl, rflags, set_rflags, set_segment
from emu.model.memory import memory, tlb
from emu.model.observe import breakpoint, watch
from emu.model.processor.segment import FLAT_LIMIT
from emu.model.vmx import world
from emu.model.vmx.vmcs import fields
from emu.spec.cost import COST
from emu.spec.cpu import CR0, CR4, DESCRIPTOR, DR7_RESET, EFER, EVENT, INTR, POWER_UP, RFLAGS, SEG, SEGTYPE, SYSTYPE, VECTOR
from emu.spec.exits import EXITS
from emu.spec.outcome import MODE, RESULT, STOP
from emu.spec.paging import CR3_PDPT, PDPTE_PAE, PDPTE_PAE_RESERVED
from emu.spec.profile import DEBUGCTL
from emu.spec.vmcs import FIELD
from emu.spec.vmx import ACTIVITY, BLOCKING, BLOCKING_SHADOW, ENTRYC, EXIT, EXITC, MWAIT, PENDING, PIN, PROC2, QUAL_DB, REASON, VMABORT
from emu.state import env_of

TICK = U64(5)                                      # IA32_VMX_MISC[4:0]: the timer counts when this TSC bit changes

# SDM 3C, "Loading Host Control Registers, Debug Registers, MSRs": CR0 bits that no transition changes.
CR0_KEPT_BY_EXIT = U64(0xFFFF_FFFF_7FFA_FFD0)   # 63:32, CD, NW, 28:19, 17, 15:6, ET
CR0_FIXED = CR0.PE | CR0.NE | CR0.PG
LONG_MODE = EFER.LMA | EFER.LME

# Host segments (SDM 3C, "Loading Host Segment and Descriptor-Table Registers") as second descriptor words.
HOST_CODE_64 = value_of(DESCRIPTOR, G=1, L=1, P=1, S=1, TYPE=SEGTYPE.CODE)
HOST_CODE_32 = value_of(DESCRIPTOR, G=1, DB=1, P=1, S=1, TYPE=SEGTYPE.CODE)
HOST_DATA = value_of(DESCRIPTOR, G=1, DB=1, P=1, S=1, TYPE=SEGTYPE.DATA)
HOST_TSS = value_of(DESCRIPTOR, P=1, TYPE=SYSTYPE.BUSY_TSS)
TSS_LIMIT, HOST_TABLE_LIMIT = U64(0x67), U64(0xFFFF)


@kernel
def is_hard(info, vector):
    """Return whether event `info` (INTR layout) is hardware exception `vector`."""
    return info & (INTR.TYPE | INTR.VECTOR) == put(vector, INTR.TYPE, EVENT.HARD)


@kernel
def saved_flags(c, v, reason, flags):
    """Return the RFLAGS that an exit saves: for an event, the image that its delivery would push.

    A fault pushes RF = 1; #DB only for general detect.  An event in delivery has set RF already
    (`emu.model.delivery.interrupt.prepare`).
    Source: SDM 3C, "Saving RIP, RSP, RFLAGS, and SSP"; SDM 3B, "Instruction-Breakpoint Exception Condition"
    """
    if reason == REASON.EXCEPTION:
        info = v[FIELD.EXIT_INTERRUPTION_INFO]
        if get(info, INTR.TYPE) != EVENT.HARD or is_hard(info, VECTOR.DF) or is_hard(info, VECTOR.MC):
            return flags
        if is_hard(info, VECTOR.DB) and not v[FIELD.EXIT_QUALIFICATION] & QUAL_DB.BD:
            return flags
        return flags | RFLAGS.RF
    if one_of(reason, EXITS.TRAP_LIKE) or (reason == REASON.TASK_SWITCH and c.vectoring & INTR.VALID):
        return flags
    if one_of(reason, EXITS.ACCESS):
        return flags if c.vectoring & INTR.VALID else flags | RFLAGS.RF
    return flags & ~RFLAGS.RF


@kernel
def software(info):
    """Return whether event `info` came from INT n, INT1, INT3 or INTO."""
    kind = get(info, INTR.TYPE)
    return EVENT.SOFT <= kind <= EVENT.SOFT_EXC


@kernel
def write_information(c, v, reason, qualification):
    """Write the VM-exit information fields.  Interruption information and error code of reasons 0 and 1, and the
    instruction information, are already there: whoever raised the exit wrote them.

    Source: SDM 3C, "Recording VM-Exit Information and Updating VM-Entry Control Fields"
    """
    v[FIELD.EXIT_REASON] = reason
    v[FIELD.EXIT_QUALIFICATION] = qualification
    if reason > 1:
        v[FIELD.EXIT_INTERRUPTION_INFO] = 0
    if one_of(reason, EXITS.ADDRESSED):
        v[FIELD.GUEST_PHYSICAL_ADDRESS] = c.fault_gpa
        v[FIELD.GUEST_LINEAR_ADDRESS] = c.fault_address
    length = c.fault_length
    vectoring = 0
    if c.vectoring & INTR.VALID and not superseded(v, reason):
        vectoring = c.vectoring & ~INTR.NMI_UNBLOCK
        v[FIELD.IDT_VECTORING_ERROR_CODE] = c.vectoring_error
        if software(vectoring):
            length = c.vectoring_length
    v[FIELD.IDT_VECTORING_INFO] = vectoring
    v[FIELD.EXIT_INSTRUCTION_LENGTH] = length
    if c.nmi_unblocked and not vectoring:
        _note_unblocking(v, reason)
    v[FIELD.ENTRY_INTERRUPTION_INFO] &= ~INTR.VALID


@kernel
def superseded(v, reason):
    """Return whether the event in delivery is not reported: it ended in a double or triple fault."""
    if reason == REASON.TRIPLE_FAULT:
        return True
    return reason == REASON.EXCEPTION and is_hard(v[FIELD.EXIT_INTERRUPTION_INFO], VECTOR.DF)


@kernel
def _note_unblocking(v, reason):
    """Report that the IRET that caused this exit had removed NMI blocking."""
    if reason == REASON.EXCEPTION:
        if not is_hard(v[FIELD.EXIT_INTERRUPTION_INFO], VECTOR.DF):
            v[FIELD.EXIT_INTERRUPTION_INFO] |= INTR.NMI_UNBLOCK
    elif one_of(reason, EXITS.UNBLOCK):
        v[FIELD.EXIT_QUALIFICATION] |= INTR.NMI_UNBLOCK


@kernel
def timer_left(c):
    """Return the VMX-preemption timer's value now: ticks until its deadline, 0 when past.

    The timer counts down each time bit TICK of the TSC changes, wherever in that period it was loaded.
    Source: SDM 3C, "VMX-Preemption Timer"
    """
    end, now = c.preemption_deadline + c.tsc_offset >> TICK, c.cycles + c.tsc_offset >> TICK
    return end - now if c.preemption_deadline > c.cycles else 0


@kernel
def save_guest(c, v, e, reason):
    """Save guest state from ENV `e` to the VMCS.

    Source: SDM 3C, "Saving Guest State"
    """
    controls = c.exit_controls
    v[FIELD.GUEST_CR0], v[FIELD.GUEST_CR3], v[FIELD.GUEST_CR4] = e.cr[0], e.cr[3], e.cr[4]
    if controls & EXITC.SAVE_DEBUG:
        v[FIELD.GUEST_DR7] = e.dr[7]
        v[FIELD.GUEST_DEBUGCTL] = c.debugctl
    v[FIELD.GUEST_SYSENTER_CS], v[FIELD.GUEST_SYSENTER_ESP] = U64(e.sysenter_cs), e.sysenter_esp
    v[FIELD.GUEST_SYSENTER_EIP] = e.sysenter_eip
    if controls & EXITC.SAVE_PAT:
        v[FIELD.GUEST_PAT] = e.pat
    if controls & EXITC.SAVE_EFER:
        v[FIELD.GUEST_EFER] = e.efer
    world.save_segments(e, v, cpl(e))
    v[FIELD.GUEST_RIP], v[FIELD.GUEST_RSP] = e.rip, e.regs[4]
    v[FIELD.GUEST_RFLAGS] = saved_flags(c, v, reason, rflags(e))
    lma = ENTRYC.GUEST_64 if e.efer & EFER.LMA else 0
    v[FIELD.ENTRY_CONTROLS] = v[FIELD.ENTRY_CONTROLS] & ~ENTRYC.GUEST_64 | lma
    if c.preemption_active and controls & EXITC.SAVE_TIMER:
        v[FIELD.PREEMPTION_TIMER] = timer_left(c)
    if c.proc2 & PROC2.EPT and e.cr[4] & CR4.PAE and e.cr[0] & CR0.PG and not lma:
        v[FIELD.GUEST_PDPTE0], v[FIELD.GUEST_PDPTE1] = c.pdpte[0], c.pdpte[1]
        v[FIELD.GUEST_PDPTE2], v[FIELD.GUEST_PDPTE3] = c.pdpte[2], c.pdpte[3]
    save_activity(c, v, reason)


@kernel
def save_activity(c, v, reason):
    """Save activity, interruptibility and pending debug exceptions.

    Source: SDM 3C, "Saving Non-Register State"
    """
    v[FIELD.GUEST_ACTIVITY] = ACTIVITY.ACTIVE if c.activity == MWAIT else c.activity
    blocking = c.interruptibility & ~BLOCKING.SMI
    if c.pin & PIN.VIRTUAL_NMIS:
        blocking &= ~BLOCKING.NMI
        if c.virtual_nmi_blocking:
            blocking |= BLOCKING.NMI
    v[FIELD.GUEST_INTERRUPTIBILITY] = blocking
    v[FIELD.GUEST_PENDING_DEBUG] = saved_pending(c, v, reason)


@kernel
def saved_pending(c, v, reason):
    """Return the pending debug exceptions that an exit saves.

    After MOV SS those of the instruction are held back, its single step among them: RFLAGS.TF was 1 when it ran, as MOV SS does
    not change it.  VM entry demands that bit (guest.pending_bs).  An exit for a debug exception, INT1 among them, saves none.
    Source: SDM 3C, "Saving Non-Register State"
    """
    debug = reason == REASON.EXCEPTION and v[FIELD.EXIT_INTERRUPTION_INFO] & INTR.VECTOR == VECTOR.DB
    if c.interruptibility & BLOCKING.MOV_SS and not debug:
        stepped = v[FIELD.GUEST_RFLAGS] & RFLAGS.TF and not c.debugctl & DEBUGCTL.BTF
        return c.pending_debug | (PENDING.BS if stepped else 0)
    return c.pending_debug if one_of(reason, EXITS.KEEPS_PENDING) else 0


@kernel
def load_host_segments(v, r, long):
    """Load segment and table registers of the root ENV; a null selector makes a data segment unusable.

    Source: SDM 3C, "Loading Host Segment and Descriptor-Table Registers"
    """
    set_segment(r, SEG.CS, v[FIELD.HOST_CS_SELECTOR], 0, FLAT_LIMIT, HOST_CODE_64 if long else HOST_CODE_32)
    host_data(r, SEG.SS, v[FIELD.HOST_SS_SELECTOR], 0)
    host_data(r, SEG.DS, v[FIELD.HOST_DS_SELECTOR], 0)
    host_data(r, SEG.ES, v[FIELD.HOST_ES_SELECTOR], 0)
    host_data(r, SEG.FS, v[FIELD.HOST_FS_SELECTOR], v[FIELD.HOST_FS_BASE])
    host_data(r, SEG.GS, v[FIELD.HOST_GS_SELECTOR], v[FIELD.HOST_GS_BASE])
    set_segment(r, SEG.TR, v[FIELD.HOST_TR_SELECTOR], v[FIELD.HOST_TR_BASE], TSS_LIMIT, HOST_TSS)
    set_segment(r, SEG.LDTR, 0, 0, 0, 0)
    set_segment(r, SEG.GDTR, 0, v[FIELD.HOST_GDTR_BASE], HOST_TABLE_LIMIT, 0)
    set_segment(r, SEG.IDTR, 0, v[FIELD.HOST_IDTR_BASE], HOST_TABLE_LIMIT, 0)


@kernel
def host_data(r, s, select, base):
    """Load one host data segment."""
    r.seg[s * 3] = select
    r.seg[s * 3 + 1] = base
    r.seg[s * 3 + 2] = FLAT_LIMIT | HOST_DATA << 32 if select else FLAT_LIMIT


@kernel
def load_host(c, v, r):
    """Load host state into the root ENV, which holds what the processor had; False after a VMX abort.

    Source: SDM 3C, "Loading Host State"
    """
    controls = v[FIELD.EXIT_CONTROLS]
    long = controls & EXITC.HOST_64
    was_long = r.efer & EFER.LMA
    r.cr[0] = v[FIELD.HOST_CR0] & ~CR0_KEPT_BY_EXIT | r.cr[0] & CR0_KEPT_BY_EXIT | CR0_FIXED
    r.cr[3] = v[FIELD.HOST_CR3]
    r.cr[4] = v[FIELD.HOST_CR4] | CR4.VMXE | CR4.PAE if long else v[FIELD.HOST_CR4] & ~CR4.PCIDE | CR4.VMXE
    r.dr[7], c.debugctl = DR7_RESET, 0
    r.sysenter_cs = v[FIELD.HOST_SYSENTER_CS]
    r.sysenter_esp, r.sysenter_eip = v[FIELD.HOST_SYSENTER_ESP], v[FIELD.HOST_SYSENTER_EIP]
    if controls & EXITC.LOAD_PAT:
        r.pat = v[FIELD.HOST_PAT]
    if controls & EXITC.LOAD_EFER:
        r.efer = v[FIELD.HOST_EFER]
    else:
        r.efer = r.efer & ~LONG_MODE | (LONG_MODE if long else 0)
    load_host_segments(v, r, long)
    r.rip, r.regs[4] = v[FIELD.HOST_RIP], v[FIELD.HOST_RSP]
    set_rflags(r, POWER_UP.RFLAGS)
    c.interruptibility &= ~BLOCKING_SHADOW
    c.activity, c.pending_debug, c.monitor_armed = ACTIVITY.ACTIVE, 0, 0
    world.settle(c, r, 0)
    if not long:
        if was_long:
            return abort(c, v, VMABORT.HOST_SIZE)
        if r.cr[4] & CR4.PAE and not load_pdptes(c, r.cr[3]):
            return abort(c, v, VMABORT.HOST_PDPTE)
    return True


@kernel
def load_pdptes(c, cr3):
    """Load the PDPTE registers from physical memory at `cr3`; False when a present one has reserved bits."""
    m = memory.machine_of(c)
    reserved = ~m.address_mask | PDPTE_PAE_RESERVED
    for n in range(4):
        entry = memory.load(m, (cr3 & CR3_PDPT) + n * 8, 8)
        if entry & PDPTE_PAE.P and entry & reserved:
            return False
        c.pdpte[n] = entry
    return True


@kernel
def abort(c, v, code):
    """Stop with a VMX abort, its indicator in the VMCS region; returns False.

    Source: SDM 3C, "VMX Aborts"
    """
    v[0] = v[0] & LOW_32 | code << 32
    c.stop, c.stop_a = STOP.VMX_ABORT, code
    c.activity = ACTIVITY.SHUTDOWN
    return False


@kernel
def forget_event(c):
    """Forget what belonged to the world or event that ends."""
    c.vectoring = c.vectoring_source = c.vectoring_length = c.vectoring_error = 0
    c.fault = c.fault_length = c.nmi_unblocked = c.mtf_pending = c.tpr_below = 0
    c.preemption_active = c.repeated_at = 0


@kernel
def to_root(c, v, r):
    """Load host state and the VM-exit MSR-load list; returns RESULT.EXIT, or RESULT.STOP after a VMX abort."""
    c.env, c.tlb, c.vmx_mode = c.root_env, c.root_tlb, MODE.ROOT
    if not load_host(c, v, r):
        return RESULT.STOP
    forget_event(c)
    if v[FIELD.EXIT_MSR_LOAD_COUNT]:
        if world.load_list(c, v[FIELD.EXIT_MSR_LOAD_ADDRESS], v[FIELD.EXIT_MSR_LOAD_COUNT]):
            abort(c, v, VMABORT.LOAD_MSR)
            return RESULT.STOP
        world.settle(c, r, 0)
    tlb.vm_transition(c)
    tlb.select(c)
    if c.armed:
        breakpoint.arm(c, r)
    return RESULT.EXIT


@kernel
def leave(c, reason, qualification):
    """Do a VM exit with this basic reason; returns RESULT.EXIT, or RESULT.STOP after a VMX abort.

    The instruction length is in `c.fault_length`, an event in delivery in `c.vectoring*`; a VM exit for an EPT
    violation or misconfiguration takes its addresses from `c.fault_gpa` and `c.fault_address`.
    RIP is saved as it is: at the instruction for fault-like exits, past it for trap-like ones.
    Source: SDM 3C, "VM Exits"
    """
    v, e, r = fields(c), env_of(c.guest_env)[0], env_of(c.root_env)[0]
    write_information(c, v, reason, qualification)
    save_guest(c, v, e, reason)
    count(c, reason)
    watch.vm_exit(c, v, reason)
    c.vmx_mode = MODE.ROOT
    if v[FIELD.EXIT_MSR_STORE_COUNT] and \
            not world.store_list(c, v[FIELD.EXIT_MSR_STORE_ADDRESS], v[FIELD.EXIT_MSR_STORE_COUNT]):
        abort(c, v, VMABORT.SAVE_MSR)
        return RESULT.STOP
    nmi = reason == REASON.EXCEPTION and get(v[FIELD.EXIT_INTERRUPTION_INFO], INTR.TYPE) == EVENT.NMI
    world.carry(e, r)
    r.cr[0] = e.cr[0]
    if nmi:
        c.interruptibility |= BLOCKING.NMI
    return to_root(c, v, r)


@kernel
def count(c, reason):
    """Count an exit and charge it; cycles until the next VM entry are charged to its reason."""
    c.exits[reason] += 1
    c.exit_began, c.exit_reason_now = c.cycles, reason
    c.cycles += COST.VM_EXIT


@kernel
def entry_failure(c, reason, qualification):
    """End a VM entry that failed after its control and host checks (reasons 33, 34, 41) with host state loaded.

    Call it with `c.env` naming the world whose registers the processor holds: root when guest state was not
    loaded, non-root when it was.  Guest-state area, event injection and launch state are left as they are.
    Source: SDM 3C, "VM-Entry Failures During or After Loading Guest State"
    """
    v, r = fields(c), env_of(c.root_env)[0]
    count(c, reason)
    v[FIELD.EXIT_REASON] = reason | EXIT.ENTRY_FAILURE
    v[FIELD.EXIT_QUALIFICATION] = qualification
    watch.vm_exit(c, v, reason)
    if c.env != c.root_env:
        e = env_of(c.guest_env)[0]
        world.carry(e, r)
        r.cr[0] = e.cr[0]
    return to_root(c, v, r)
