"""Pending debug exceptions and RFLAGS.RF that VM exits save; RF of events inside repeated string instructions."""
import pytest

from emu.bits import U64
from emu.model import boundary
from emu.model.observe import breakpoint
from emu.model.vmx import exit
from emu.spec.cpu import RFLAGS
from emu.spec.vmx import ACTIVITY, BLOCKING, PENDING
from tests.model.vmx.vmx_world import World

STI, MOV_SS = int(BLOCKING.STI), int(BLOCKING.MOV_SS)
BS, B1, ENABLED, TF = int(PENDING.BS), int(PENDING.B1), int(PENDING.ENABLED), int(RFLAGS.TF)
NMI, DB, INT1, GP = 0x8000_0202, 0x8000_0301, 0x8000_0501, 0x8000_0B0D


def saved(reason, blocking=MOV_SS, tf=True, pending=0, info=0, debugctl=0, activity=ACTIVITY.ACTIVE):
    """Return the pending debug exceptions that an exit saves; interruption information counts for reason 0."""
    w = World()
    w.enter_guest()
    w.c.interruptibility, w.c.pending_debug, w.c.debugctl, w.c.activity = blocking, pending, debugctl, activity
    w.guest.eflags = int(w.guest.eflags) | (TF if tf else 0)
    w.vmcs.exit_interruption_info = info
    w.both(exit.leave, U64(reason), U64(0))
    assert w.vmcs.guest_interruptibility == blocking
    return w.vmcs.guest_pending_debug


@pytest.mark.parametrize("reason, info", [(0, GP), (1, 0), (2, 0), (3, 0), (7, 0), (8, 0), (10, 0), (12, 0), (18, 0), (30, 0), (37, 0),
                                          (43, 0), (48, 0), (49, 0), (52, 0)])
def test_every_exit_after_mov_ss_with_tf_saves_the_step(reason, info):
    assert saved(reason, info=info) == BS
    assert saved(reason, info=info, pending=B1 | ENABLED) == BS | B1 | ENABLED
    assert saved(reason, info=info, tf=False) == 0
    assert saved(reason, info=info, debugctl=2) == 0, "BTF: a step is a taken branch"


@pytest.mark.parametrize("info", [DB, INT1])
def test_an_exit_for_a_debug_exception_saves_none(info):
    assert saved(0, info=info, pending=B1 | ENABLED) == 0


@pytest.mark.parametrize("reason, kept", [(3, True), (37, True), (43, True), (10, False), (48, False), (52, False)])
def test_without_mov_ss_only_exits_that_come_first_keep_what_is_pending(reason, kept):
    assert saved(reason, 0, pending=BS) == (BS if kept else 0)
    assert saved(reason, STI, pending=BS) == (BS if kept else 0)
    assert saved(reason, 0, pending=BS, activity=ACTIVITY.HLT) == (BS if kept else 0)


def between(w, at):
    """Let the processor be between two iterations of a repeated string instruction at `at`."""
    w.c.instructions = 77
    w.c.repeated, w.c.repeated_at = at, 77


def test_an_event_inside_a_repeated_instruction_pushes_rf():
    w = World()
    between(w, 0x4000)
    boundary.interrupted(w.c, w.root)
    assert int(w.root.eflags) & int(RFLAGS.RF)


def test_an_event_after_another_instruction_does_not():
    w = World()
    between(w, 0x4000)
    w.c.instructions = 78
    boundary.interrupted(w.c, w.root)
    assert not int(w.root.eflags) & int(RFLAGS.RF)


def test_a_breakpoint_is_met_before_the_first_iteration_only():
    w = World()
    e = w.root
    e.dr[0], e.dr[7] = 0x4000, 0x401
    assert breakpoint.code(w.c, e, U64(0x4000)) == 1
    between(w, 0x4000)
    assert breakpoint.code(w.c, e, U64(0x4000)) == 0
    w.c.instructions = 78
    assert breakpoint.code(w.c, e, U64(0x4000)) == 1
