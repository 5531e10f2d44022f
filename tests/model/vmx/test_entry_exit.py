"""VM entries and VM exits: what is loaded, saved, carried over and left alone; timer, lists, failures, aborts."""

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from emu.bits import U64
from emu.model.cpu import rflags
from emu.model.vmx import exit
from emu.spec.cost import COST
from emu.spec.cpu import EFER, SEG
from emu.spec.outcome import MODE, RESULT
from emu.spec.profile import TIMER_RATE
from emu.spec.vmx import ACTIVITY, BLOCKING, ENTRYC, EXITC, PIN, PROC
from tests.model.vmx.vmx_world import FLAT_RIGHTS, GUEST_FIELDS, VIRTUAL_APIC, World, enter, leave, segment_of
from tests.reference import vmx as reference

FEW = settings(max_examples=40, deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate])
WORD, HALF = st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1)
CANONICAL = st.one_of(st.integers(0, 2**47 - 1), st.integers(2**64 - 2**47, 2**64 - 1))
PAT, KERNEL_GS_BASE, FS_BASE = 0x277, 0xC000_0102, 0xC000_0100


@pytest.fixture
def w():
    return World()


# ---- round trip and what is carried
@FEW
@given(
    CANONICAL,
    WORD,
    st.integers(0, 0x3F_FFFF),
    CANONICAL,
    CANONICAL,
    CANONICAL,
    HALF,
    st.integers(0, 3),
    st.sampled_from([0, 8]),
    st.lists(st.integers(0, 0x1FFF), min_size=6, max_size=6),
)
def test_entry_then_exit_leaves_the_guest_state_as_it_was(rip, rsp, flags, fs, gs, esp, cs, dpl, blocking, selectors):
    w = World()
    v = w.vmcs
    v.guest_rip, v.guest_rsp, v.guest_rflags = rip, rsp, flags & 0x1F_5FD5 & ~(1 << 17 | 1 << 16) | 2
    v.guest_fs_base, v.guest_gs_base, v.guest_tr_base = fs, gs, fs
    v.guest_sysenter_esp, v.guest_sysenter_eip, v.guest_sysenter_cs = esp, gs, cs
    v.guest_idtr_base, v.guest_interruptibility = esp, blocking
    for name, selector in zip(("ES", "CS", "SS", "DS", "FS", "GS"), selectors, strict=True):
        v[f"GUEST_{name}_SELECTOR"] = selector << 3 | dpl
        v[f"GUEST_{name}_ACCESS_RIGHTS"] = FLAT_RIGHTS[name] | dpl << 5
    before = {name: v[name] for name in GUEST_FIELDS}
    assert enter(w) == 0
    assert leave(w) == RESULT.EXIT
    assert {name: v[name] for name in GUEST_FIELDS} == before


def test_what_the_processor_has_once_is_carried_both_ways(w):
    e, g = w.root, w.guest
    for n in range(16):
        e.regs[n] = n + 100
    e.cr[2], e.star, e.kernel_gs_base, e.tsc_aux, e.xcr0, e.pkru, e.dr[3] = 7, 8, 9, 10, 11, 12, 13
    assert enter(w) == 0
    assert [int(x) for x in g.regs] == [100, 101, 102, 103, 0x6800, *range(105, 116)]
    assert (g.cr[2], g.star, g.kernel_gs_base, g.tsc_aux, g.xcr0, g.pkru, g.dr[3]) == (7, 8, 9, 10, 11, 12, 13)
    g.regs[15], g.cr[2], g.lstar, g.dr[0] = 1, 2, 3, 4
    leave(w)
    assert (e.regs[15], e.cr[2], e.lstar, e.dr[0], e.regs[4]) == (1, 2, 3, 4, 0x5800)


@FEW
@given(WORD, WORD)
def test_cr0_keeps_the_bits_that_transitions_do_not_change(field, before):
    assert int(field) & ~int(exit.CR0_KEPT_BY_EXIT) | before & int(exit.CR0_KEPT_BY_EXIT) == reference.entry_cr0(field, before)


@FEW
@given(HALF)
@example(0xD3BA)
def test_access_rights_and_descriptor_words_convert(rights):
    from emu.model.vmx import world

    attr = int(world.attributes_of(U64(rights)))
    assert attr == reference.rights_to_descriptor(rights)
    assert int(world.rights_of(U64(attr))) == reference.descriptor_to_rights(attr)


@FEW
@given(st.lists(st.integers(0, 0x1FFF), min_size=7, max_size=7), CANONICAL, CANONICAL, CANONICAL)
def test_exit_loads_host_segments_as_the_manual_says(selectors, fs, gs, tr):
    w = World()
    w.enter_guest()
    names = ("ES", "CS", "SS", "DS", "FS", "GS", "TR")
    for name, selector in zip(names, selectors, strict=True):
        w.vmcs[f"HOST_{name}_SELECTOR"] = selector << 3
    w.vmcs.host_fs_base, w.vmcs.host_gs_base, w.vmcs.host_tr_base = fs, gs, tr
    leave(w)
    bases = {"FS": fs, "GS": gs, "TR": tr}
    for name, selector in zip((*names, "LDTR"), (*selectors, 0), strict=True):
        found = segment_of(w.root, int(getattr(SEG, name)))
        assert found == reference.host_segment(name, selector << 3, bases.get(name, 0), True)


def test_exit_loads_the_host(w):
    w.enter_guest()
    w.guest.dr[7], w.c.debugctl, w.c.monitor_armed, w.c.interruptibility = 0x401, 2, 1, BLOCKING.MOV_SS
    leave(w)
    e = w.root
    assert (e.rip, e.regs[4], rflags(e), e.dr[7], w.c.debugctl) == (0x5000, 0x5800, 2, 0x400, 0)
    assert (w.c.monitor_armed, w.c.interruptibility, w.c.activity, w.c.vmx_mode) == (0, 0, 0, MODE.ROOT)
    assert (w.c.env, w.c.tlb) == (w.c.root_env, w.c.root_tlb) and int(e.hflags) & 3 == 0


def test_efer_follows_the_controls_when_it_is_not_loaded(w):
    w.vmcs.entry_controls &= ~int(ENTRYC.LOAD_EFER)
    w.vmcs.exit_controls &= ~int(EXITC.LOAD_EFER)
    w.root.efer = EFER.LMA | EFER.LME | EFER.SCE
    assert enter(w) == 0
    assert w.guest.efer == EFER.LMA | EFER.LME | EFER.SCE
    w.guest.efer = EFER.SCE | EFER.NXE
    leave(w)
    assert w.root.efer == EFER.LMA | EFER.LME | EFER.SCE | EFER.NXE
    assert not w.vmcs.entry_controls & int(ENTRYC.GUEST_64)


def test_privilege_after_entry_is_ss_dpl(w):
    for name in ("CS", "SS", "DS", "ES", "FS", "GS"):
        w.vmcs[f"GUEST_{name}_ACCESS_RIGHTS"] |= 0x60
        w.vmcs[f"GUEST_{name}_SELECTOR"] |= 3
    assert enter(w) == 0
    assert int(w.guest.hflags) & 3 == 3


def test_interrupt_shadow_is_shown_to_the_engine(w):
    w.vmcs.guest_interruptibility, w.vmcs.guest_rflags = int(BLOCKING.STI), 0x202
    assert enter(w) == 0
    assert w.c.interruptibility == BLOCKING.STI and int(w.guest.hflags) & 8


# ---- exit information
def test_exit_information_of_an_instruction(w):
    w.enter_guest()
    w.c.fault_length, w.guest.eflags = 3, w.guest.eflags | U64(1 << 16)
    w.vmcs.entry_interruption_info = 0x8000_0051
    leave(w, 10, 5)
    v = w.vmcs
    assert (v.exit_reason, v.exit_qualification, v.exit_instruction_length, v.exit_interruption_info) == (10, 5, 3, 0)
    assert v.idt_vectoring_info == 0 and v.entry_interruption_info == 0x51 and v.guest_rflags == 2


@pytest.mark.parametrize(
    "reason, info, qualification, before, after",
    [
        (0, 0x8000_0B0E, 0, 0, 1),
        (0, 0x8000_0301, 0x4000, 0, 0),
        (0, 0x8000_0301, 0x2000, 0, 1),
        (0, 0x8000_0B08, 0, 0, 0),
        (0, 0x8000_0603, 0, 0, 0),
        (0, 0x8000_0202, 0, 1, 1),
        (1, 0, 0, 1, 1),
        (2, 0, 0, 1, 1),
        (7, 0, 0, 1, 1),
        (52, 0, 0, 1, 1),
        (37, 0, 0, 1, 1),
        (12, 0, 0, 1, 0),
        (48, 0, 0, 0, 1),
        (49, 0, 0, 0, 1),
    ],
)
def test_resume_flag_saved(w, reason, info, qualification, before, after):
    w.enter_guest()
    w.guest.eflags |= U64(before << 16)
    w.vmcs.exit_interruption_info = info
    leave(w, reason, qualification)
    assert w.vmcs.guest_rflags >> 16 & 1 == after


def vectoring(w, info, reason, exit_info=0):
    w.enter_guest()
    w.c.vectoring, w.c.vectoring_error, w.c.vectoring_length, w.c.fault_length = info, 0x18, 2, 7
    w.vmcs.exit_interruption_info = exit_info
    leave(w, reason)
    return w.vmcs.idt_vectoring_info, w.vmcs.exit_instruction_length


def test_event_in_delivery_is_reported(w):
    assert vectoring(w, 0x8000_0B0D, 48) == (0x8000_0B0D, 7) and w.vmcs.idt_vectoring_error_code == 0x18
    assert w.vmcs.guest_rflags >> 16 & 1 == 0 and w.c.vectoring == 0


def test_software_event_in_delivery_reports_its_length(w):
    assert vectoring(w, 0x8000_0480, 48) == (0x8000_0480, 2)


@pytest.mark.parametrize("reason, exit_info", [(2, 0), (0, 0x8000_0B08)])
def test_event_that_ended_in_a_double_or_triple_fault_is_not_reported(w, reason, exit_info):
    assert vectoring(w, 0x8000_0B0D, reason, exit_info)[0] == 0


def test_ept_violation_reports_its_addresses(w):
    w.enter_guest()
    w.c.fault_gpa, w.c.fault_address = 0x7_1234, 0xFFFF_8000_0000_1234
    leave(w, 48, 0x181)
    v = w.vmcs
    assert (v.guest_physical_address, v.guest_linear_address, v.exit_qualification) == (
        0x7_1234,
        0xFFFF_8000_0000_1234,
        0x181,
    )


@pytest.mark.parametrize(
    "reason, info, where", [(48, 0, "q"), (0, 0x8000_0B0E, "i"), (0, 0x8000_0B08, ""), (12, 0, "")]
)
def test_nmi_unblocking_by_iret_is_reported(w, reason, info, where):
    w.enter_guest()
    w.c.nmi_unblocked, w.vmcs.exit_interruption_info = 1, info
    leave(w, reason)
    assert (w.vmcs.exit_qualification >> 12 & 1, w.vmcs.exit_interruption_info >> 12 & 1) == (
        where == "q",
        where == "i",
    )
    assert w.c.nmi_unblocked == 0


def test_nmi_exit_blocks_nmis_and_others_do_not(w):
    w.vmcs.pin_based_controls |= int(PIN.NMI)
    w.enter_guest()
    leave(w, 1)
    assert w.c.interruptibility == 0
    w.enter_guest()
    w.vmcs.exit_interruption_info = 0x8000_0202
    leave(w, 0)
    assert w.c.interruptibility == BLOCKING.NMI


@pytest.mark.parametrize(
    "reason, blocking, saved", [(12, 0, 0), (12, 2, 0x4000), (37, 0, 0x4000), (3, 0, 0x4000), (43, 0, 0x4000)]
)
def test_pending_debug_exceptions_are_saved_by_some_exits(w, reason, blocking, saved):
    w.enter_guest()
    w.c.pending_debug, w.c.interruptibility = 0x4000, blocking
    leave(w, reason)
    assert w.vmcs.guest_pending_debug == saved and w.c.pending_debug == 0


def test_activity_state_is_saved_and_becomes_active(w):
    w.enter_guest()
    w.c.activity = ACTIVITY.HLT
    leave(w, 1)
    assert w.vmcs.guest_activity == 1 and w.c.activity == 0


def test_exits_and_cycles_are_counted(w):
    assert enter(w) == 0
    w.c.cycles = began = 5000
    leave(w, 10)
    assert w.c.exits[10] == 1 and w.c.cycles == began + int(COST.VM_EXIT)
    w.c.cycles += 100
    assert enter(w) == 0
    assert w.c.exit_cycles[10] == int(COST.VM_EXIT) + 100 + int(COST.VM_ENTRY) and w.c.entries == 2


# ---- injection and what is pending after entry
def test_injected_event_is_left_for_delivery(w):
    w.vmcs.entry_interruption_info, w.vmcs.entry_exception_error_code = 0x8000_0B0E, 6
    w.vmcs.guest_activity = 0
    assert enter(w) == 0
    assert (w.c.vectoring, w.c.vectoring_error, w.c.vectoring_source) == (0x8000_0B0E, 6, 1)


def test_injected_interrupt_wakes_a_halted_guest(w):
    w.vmcs.entry_interruption_info, w.vmcs.guest_rflags, w.vmcs.guest_activity = 0x8000_0051, 0x202, 1
    assert enter(w) == 0
    assert w.c.activity == ACTIVITY.ACTIVE and w.c.vectoring == 0x8000_0051


@pytest.mark.parametrize("virtual", [False, True])
def test_injected_nmi_blocks_nmis(w, virtual):
    w.vmcs.pin_based_controls |= int(PIN.NMI | PIN.VIRTUAL_NMIS) if virtual else 0
    w.vmcs.entry_interruption_info = 0x8000_0202
    assert enter(w) == 0
    assert (w.c.interruptibility, w.c.virtual_nmi_blocking) == ((0, 1) if virtual else (8, 0))
    leave(w)
    assert w.vmcs.guest_interruptibility == 8


def test_injected_monitor_trap_makes_an_exit_due(w):
    w.vmcs.entry_interruption_info = 0x8000_0700
    if enter(w) == 0:  # only where the processor offers the monitor trap flag
        assert w.c.mtf_pending == 1 and w.c.vectoring == 0


def test_injection_under_the_monitor_trap_flag_makes_an_exit_due(w):
    w.vmcs.primary_controls |= int(PROC.MTF)
    assert enter(w) == 0 and w.c.mtf_pending == 0
    leave(w)
    w.vmcs.entry_interruption_info = 0x8000_0306
    assert enter(w) == 0 and w.c.mtf_pending == 1


@pytest.mark.parametrize("info, kept", [(0, 0x4000), (0x8000_0306, 0), (0x8000_0480, 0)])
def test_pending_debug_exceptions_after_entry(w, info, kept):
    w.vmcs.guest_pending_debug, w.vmcs.entry_interruption_info, w.vmcs.entry_instruction_length = 0x4000, info, 2
    w.vmcs.guest_rflags = 0x102
    assert enter(w) == 0
    assert w.c.pending_debug == kept


@pytest.mark.parametrize("threshold, below", [(5, 1), (4, 0)])
def test_threshold_without_apic_virtualization_is_an_entry_check_only(w, threshold, below):
    w.vmcs.primary_controls |= int(PROC.TPR_SHADOW)
    w.vmcs.virtual_apic_address, w.vmcs.tpr_threshold = VIRTUAL_APIC, threshold
    w.put(VIRTUAL_APIC + 0x80, 0x40, 4)
    assert enter(w) == (7 if below else 0)
    assert w.c.tpr_below == 0


# ---- the preemption timer
@FEW
@given(
    st.integers(1, 2**40),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**40),
    st.one_of(st.integers(0, 2000), st.integers(0, 2**38)),
)
def test_preemption_timer_counts_as_the_manual_says(cycles, offset, ran, ticks):
    w = World()
    few = ticks if ticks < 50 else ticks % 2**32
    w.vmcs.pin_based_controls |= int(PIN.PREEMPTION_TIMER)
    w.vmcs.exit_controls |= int(EXITC.SAVE_TIMER)
    w.vmcs.preemption_timer, w.c.cycles, w.c.tsc_offset = few, cycles, offset
    assert enter(w) == 0
    start = int(w.c.cycles) + offset
    if few < 50:
        assert int(w.c.preemption_deadline) + offset == reference.timer_expires(start, few, TIMER_RATE)
    w.c.cycles += U64(ran)
    leave(w)
    assert w.vmcs.preemption_timer == reference.timer_left(start, few, start + ran, TIMER_RATE)
    assert w.c.preemption_active == 0


def test_preemption_timer_is_not_saved_without_the_control(w):
    w.vmcs.pin_based_controls |= int(PIN.PREEMPTION_TIMER)
    w.vmcs.preemption_timer = 1000
    assert enter(w) == 0
    w.c.cycles += U64(5000)
    leave(w)
    assert w.vmcs.preemption_timer == 1000
