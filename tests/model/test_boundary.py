"""What is due at an instruction boundary in non-root operation: events in their order, blocking, NMIs and IRET, the TPR threshold."""

import numpy as np
import pytest

from emu.bits import U64
from emu.model.vmx import intercept
from emu.spec.apic import SVR
from emu.spec.cpu import RFLAGS
from emu.spec.vmx import ACTIVITY, BLOCKING, EXITC, PIN, PROC, REASON
from emu.state import ALL_ONES
from tests.model.vmx.vmx_world import VIRTUAL_APIC, guest


@pytest.fixture
def w():
    return guest()


# ---- NMI blocking and the TPR shadow
@pytest.mark.parametrize(
    "pin, nmi, virtual, after, unblocked",
    [
        (0, 1, 0, (0, 0), 1),
        (0, 0, 0, (0, 0), 0),
        (PIN.NMI, 1, 0, (8, 0), 0),
        (PIN.NMI | PIN.VIRTUAL_NMIS, 0, 1, (0, 0), 1),
        (PIN.NMI | PIN.VIRTUAL_NMIS, 0, 0, (0, 0), 0),
    ],
)
def test_iret_unblocks_nmis(w, pin, nmi, virtual, after, unblocked):
    w.c.pin, w.c.interruptibility, w.c.virtual_nmi_blocking = pin, BLOCKING.NMI if nmi else 0, virtual
    intercept.iret(w.c)
    assert (w.c.interruptibility, w.c.virtual_nmi_blocking) == after and w.c.nmi_unblocked == unblocked


@pytest.mark.parametrize(
    "pin, nmi, virtual, mode, unblocks",
    [
        (0, 1, 0, 2, True),
        (PIN.NMI, 1, 0, 2, False),
        (PIN.NMI | PIN.VIRTUAL_NMIS, 0, 1, 2, True),
        (PIN.NMI | PIN.VIRTUAL_NMIS, 0, 0, 2, False),
        (PIN.NMI | PIN.VIRTUAL_NMIS, 1, 0, 1, True),
        (0, 0, 1, 1, False),
    ],
)
def test_iret_is_looked_at_while_it_would_unblock_nmis(w, pin, nmi, virtual, mode, unblocks):
    w.c.pin, w.c.interruptibility, w.c.virtual_nmi_blocking, w.c.vmx_mode = pin, BLOCKING.NMI if nmi else 0, virtual, mode
    assert intercept.iret_unblocks(w.c) == unblocks


@pytest.mark.parametrize("value, threshold, below", [(3, 4, 1), (4, 4, 0), (15, 15, 0), (0, 1, 1), (0x13, 4, 1)])
def test_cr8_write_reaches_the_virtual_apic_page(w, value, threshold, below):
    w.vmcs.virtual_apic_address, w.vmcs.tpr_threshold = VIRTUAL_APIC, threshold
    w.c.proc |= PROC.TPR_SHADOW
    assert intercept.tpr_shadow(w.c)
    intercept.cr8_write(w.c, U64(value))
    assert w.word(VIRTUAL_APIC + 0x80) == (value & 15) << 4 and w.both(intercept.cr8_read) == value & 15
    assert w.both(intercept.boundary) == (43 if below else int(ALL_ONES))


# ---- instruction boundaries
def hardware_interrupt(w, vector):
    """Make an interrupt pending in the local APIC."""
    a = w.apic[0]
    w.c.apic_base, a.svr = 0xFEE0_0900, SVR.ENABLE | 0xFF
    a.irr[vector // 64] |= U64(1 << vector % 64)


EVENTS = [  # highest priority first: what makes it due, its reason
    (lambda w: setattr(w.c, "tpr_below", 1), 43),
    (lambda w: setattr(w.c, "init_pending", 1), 3),
    (lambda w: setattr(w.c, "mtf_pending", 1), 37),
    (lambda w: (setattr(w.c, "preemption_active", 1), setattr(w.c, "preemption_deadline", 1)), 52),
    (lambda w: setattr(w.c, "proc", w.c.proc | PROC.NMI_WINDOW), 8),
    (lambda w: (setattr(w.c, "nmi_pending", 1), setattr(w.c, "pin", w.c.pin | PIN.NMI)), 0),
    (lambda w: (setattr(w.c, "proc", w.c.proc | PROC.INTERRUPT_WINDOW), setattr(w.guest, "eflags", U64(0x202))), 7),
    (lambda w: (setattr(w.c, "pin", w.c.pin | PIN.EXTERNAL_INTERRUPT), hardware_interrupt(w, 0x51)), 1),
]
NOTHING = int(ALL_ONES)


@pytest.mark.parametrize("first", range(len(EVENTS)))
def test_boundary_events_come_in_the_manuals_order(w, first):
    for make, _ in EVENTS[first:]:
        make(w)
    assert w.both(intercept.boundary) == EVENTS[first][1]


def test_nothing_is_due_at_a_quiet_boundary(w):
    assert w.both(intercept.boundary) == NOTHING


@pytest.mark.parametrize(
    "state, due",
    [(ACTIVITY.HLT, {43, 3, 37, 52, 8, 0, 7, 1}), (ACTIVITY.SHUTDOWN, {3, 52, 8, 0}), (ACTIVITY.WAIT_SIPI, set())],
)
def test_activity_state_blocks_events(state, due):
    for make, reason in EVENTS:
        w = guest(activity=state)
        make(w)
        assert w.both(intercept.boundary) == (reason if reason in due else NOTHING)


def test_sipi_exits_only_from_wait_for_sipi(w):
    w.c.sipi_pending, w.c.sipi_vector = 1, 0x9A
    assert w.both(intercept.boundary) == NOTHING and w.c.sipi_pending == 0
    w.c.activity, w.c.sipi_pending = ACTIVITY.WAIT_SIPI, 1
    assert w.both(intercept.boundary) == 4 and w.c.fault_qualification == 0x9A and w.c.sipi_pending == 0


@pytest.mark.parametrize("blocking, due", [(BLOCKING.STI, {8, 0}), (BLOCKING.MOV_SS, set()), (BLOCKING.NMI, {8, 7, 1})])
def test_blocking_holds_events_back(blocking, due):
    for make, reason in EVENTS[4:]:
        w = guest(interruptibility=blocking)
        make(w)
        assert w.both(intercept.boundary) == (reason if reason in due else NOTHING)


def test_virtual_nmi_blocking_closes_the_nmi_window_but_not_nmi_exits(w):
    w.c.virtual_nmi_blocking = 1
    EVENTS[4][0](w)
    assert w.both(intercept.boundary) == NOTHING
    EVENTS[5][0](w)
    assert w.both(intercept.boundary) == 0 and w.vmcs.exit_interruption_info == 0x8000_0202 and w.c.nmi_pending == 0


@pytest.mark.parametrize("what", ["debug", "nmi"])
def test_event_that_is_delivered_comes_before_lower_exits(w, what):
    EVENTS[6][0](w)
    setattr(w.c, "pending_debug" if what == "debug" else "nmi_pending", 1 << 14 if what == "debug" else 1)
    assert w.both(intercept.boundary) == NOTHING


@pytest.mark.parametrize("acknowledge", [False, True])
def test_external_interrupt_is_acknowledged_when_the_exit_controls_say_so(w, acknowledge):
    EVENTS[7][0](w)
    w.c.exit_controls = EXITC.ACK_INTERRUPT if acknowledge else 0
    assert w.both(intercept.boundary) == 1
    assert w.vmcs.exit_interruption_info == (0x8000_0051 if acknowledge else 0)
    assert np.any(w.apic[0].isr) == acknowledge


def test_window_that_is_awaited(w):
    assert intercept.window_awaited(w.c) == 0
    w.c.proc |= PROC.INTERRUPT_WINDOW
    assert intercept.window_awaited(w.c) == 1
    w.guest.eflags |= RFLAGS.IF
    assert intercept.window_awaited(w.c) == 0
    w.c.interruptibility = BLOCKING.STI
    assert intercept.window_awaited(w.c) == 2


def test_deadline_is_the_preemption_timers(w):
    assert intercept.next_boundary_deadline(w.c) == ALL_ONES
    w.c.preemption_active, w.c.preemption_deadline = 1, 77
    assert intercept.next_boundary_deadline(w.c) == 77


def test_monitor_trap_flag_makes_an_exit_due_after_each_instruction(w):
    intercept.after_instruction(w.c)
    assert w.c.mtf_pending == 0
    w.c.proc |= PROC.MTF
    intercept.after_instruction(w.c)
    assert w.both(intercept.boundary) == REASON.MTF
