"""Task switches by far JMP, CALL and IRET: their checks in the manual's order, the VM exit, and the stop outside a guest."""
import pytest

from emu.model.vmx import task
from emu.spec.insn import INSN
from emu.spec.outcome import FAULT, UNMODELLED
from emu.spec.vmx import REASON
from emu.state import U64
from tests.model.system_world import GDT, TSS, World, descriptor_of

NEW, GATE, LDT_BIT = 0x48, 0x50, 4
PRESENT, AVAILABLE_16, AVAILABLE_32 = 0x80, 1, 9


def world(cpl=0, access=PRESENT | AVAILABLE_32, limit=0x67, gate=PRESENT | 5, gate_to=NEW, nonroot=True):
    """Return a World with a TSS descriptor at NEW and a task gate at GATE, in non-root operation, with a fault of long ago."""
    w = World("protected", cpl)
    w.put(GDT + NEW, descriptor_of(0xA000, limit, access, 0))
    w.put(GDT + GATE, gate_to << 16 | gate << 40)
    if nonroot:
        w.nonroot()
    w.c.fault, w.c.fault_vector = FAULT.EXCEPTION, 13
    return w


def transfer(w, selector, kind="JMP_FAR"):
    """Return whether a far transfer to `selector` is a task switch, and its outcome."""
    insn = w.insns[0]
    for field in insn.dtype.names:
        insn[field] = 0
    insn.kind, insn.displacement, insn.operand_size = getattr(INSN, kind), selector, 4
    switched = bool(task.transfer(w.c, insn))
    return switched, outcome(w) if switched else None


def outcome(w):
    if w.c.fault == FAULT.EXIT:
        assert w.c.fault_vector == REASON.TASK_SWITCH
        return "exit", int(w.c.fault_qualification)
    return w.fault()[1:]


@pytest.mark.parametrize("kind,source", [("CALL_FAR", 0), ("JMP_FAR", 2)])
@pytest.mark.parametrize("selector", [NEW, GATE])
def test_transfer_to_a_tss_or_a_task_gate_exits(selector, kind, source):
    assert transfer(world(), selector, kind) == (True, ("exit", NEW | source << 30))


@pytest.mark.parametrize("given,selector,expected", [
    (dict(limit=0x66), NEW, (10, NEW)), (dict(limit=0x66), GATE, (10, NEW)),
    (dict(access=PRESENT | AVAILABLE_16, limit=0x2A), NEW, (10, NEW)),
    (dict(access=PRESENT | AVAILABLE_16, limit=0x2B), NEW, ("exit", NEW | 2 << 30)),
    (dict(access=AVAILABLE_32), NEW, (11, NEW)), (dict(access=AVAILABLE_32), GATE, (11, NEW)),
    (dict(access=AVAILABLE_32, limit=0), NEW, (11, NEW)),
    (dict(gate=5), GATE, (11, GATE)), (dict(gate=5, gate_to=0), GATE, (11, GATE)),
    (dict(gate_to=NEW | LDT_BIT), GATE, (13, NEW | LDT_BIT)), (dict(gate_to=0x200), GATE, (13, 0x200)),
    (dict(access=PRESENT | AVAILABLE_32 | 2), GATE, (13, NEW)), (dict(gate_to=8), GATE, (13, 8)),
    (dict(), NEW | 3, (13, NEW)), (dict(), GATE | 3, (13, GATE)),
    (dict(cpl=3), NEW, (13, NEW)), (dict(cpl=3, gate=0xE5), GATE | 3, ("exit", NEW | 2 << 30)),
    (dict(cpl=3, access=0xE9), NEW | 3, ("exit", NEW | 3 | 2 << 30))])
def test_checks_of_a_task_switch(given, selector, expected):
    """A gate's privilege counts, not that of its TSS; a busy TSS is refused; limits are 67H and 2BH."""
    assert transfer(world(**given), selector) == (True, expected)


@pytest.mark.parametrize("selector,access", [(8, 0x89), (0, 0x89), (3, 0x89), (0x200, 0x89), (NEW, 0x8B), (NEW, 0x82), (NEW, 0x8C)])
def test_transfer_that_is_no_task_switch(selector, access):
    assert transfer(world(access=access), selector) == (False, None)


@pytest.mark.parametrize("mode", ["real", "long"])
def test_no_task_switch_in_real_and_long_mode(mode):
    w = World(mode)
    w.put(GDT + NEW, descriptor_of(0xA000, 0x67, 0x89, 0))
    assert transfer(w, NEW) == (False, None)
    w.e.eflags = int(w.e.eflags) | 1 << 14
    assert not task.iret(w.c, w.e)


@pytest.mark.parametrize("access,link,expected", [
    (0x8B, NEW, ("exit", NEW | 1 << 30)), (0x83, NEW, ("exit", NEW | 1 << 30)), (0x89, NEW, (10, NEW)), (0x0B, NEW, (11, NEW)),
    (0x8B, NEW | LDT_BIT, (10, NEW | LDT_BIT)), (0x8B, 0x200, (10, 0x200))])
def test_iret_with_nt_goes_back_along_the_link(access, link, expected):
    """The TSS to go back to is busy; what is wrong with it is #TS."""
    w = world(access=access)
    w.put(TSS, link, 2)
    assert not task.iret(w.c, w.e)
    w.e.eflags = int(w.e.eflags) | 1 << 14
    assert task.iret(w.c, w.e)
    assert outcome(w) == expected


@pytest.mark.parametrize("kind", ["CALL_FAR", "JMP_FAR"])
def test_task_switch_outside_a_guest_stops_by_name(kind):
    w = world(nonroot=False)
    assert transfer(w, NEW, kind) == (True, (int(FAULT.STOP),))
    assert (w.c.stop_a, w.c.stop_b) == (UNMODELLED.TASK_SWITCH, U64(NEW))
