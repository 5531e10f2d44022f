"""Translations that a debugger keeps are those of a fresh walk, whatever has changed since."""
import pytest

from emu.debug.views.translation import translate
from emu.errors import DebugError
from emu.machine.host import cells, host
from emu.model.memory import steps
from emu.spec.paging import PTE
from tests.programs import COUNT, ENTER


@pytest.fixture
def stopped(debug):
    session, at = debug(COUNT)
    session.break_at(at["test.loop"])
    session.run()
    return session, at["cell"]


def test_change_of_an_entry_is_seen(stopped):
    session, cell = stopped
    thread, machine = session.current(), session.machine
    machine.write(cell, b"here"), machine.write(cell ^ 0x200000, b"away")
    assert thread.read(cell, 4) == thread.read(cell, 4) == b"here"
    leaf = [group.entry for group in translate(machine, cell).groups if group.entry][-1]
    machine.write(leaf.host, (leaf.value ^ 0x200000).to_bytes(8, "little"))
    assert thread.read(cell, 4) == b"away"
    machine.write(leaf.host, (leaf.value & ~int(PTE.P)).to_bytes(8, "little"))
    with pytest.raises(DebugError, match="is not mapped"):
        thread.read(cell, 4)
    machine.write(leaf.host, leaf.value.to_bytes(8, "little"))
    thread.set_register("cr3", 0x700000)                   # no tables there
    with pytest.raises(DebugError, match="is not mapped"):
        thread.read(cell, 4)


def test_one_walk_serves_until_the_world_changes(debug, monkeypatch):
    session, at = debug(ENTER)
    walks = []
    monkeypatch.setattr(steps, "trace", lambda *a, original=steps.trace, **more: walks.append(a) or original(*a, **more))
    assert session.run_until("entry").reason == "entry"
    guest = session.current()
    assert guest.read(at["exits"], 2) == guest.read(at["exits"], 2) == bytes.fromhex("0fa2") and len(walks) == 1
    assert session.step().world == 1 and guest.read(at["exits"], 2) == bytes.fromhex("0fa2") and len(walks) == 1
    assert session.step().world == 0 and session.current() is not guest
    assert session.current().read(at["exits"], 2) == bytes.fromhex("0fa2") and len(walks) == 2
    assert guest.read(at["exits"], 2) == bytes.fromhex("0fa2") and len(walks) == 3      # it waits: looked up as its VMCS has it


def test_cells_are_the_fields_of_the_record(stopped):
    machine = stopped[0].machine
    for array in (machine.record, machine.processors[0].record, machine.processors[0].engines[0].env):
        view, known = cells(array), host(array[0])
        for name in array.dtype.names:
            if hasattr(view, name):
                found, wanted = getattr(view, name), getattr(known, name)
                assert (found.tolist() if isinstance(wanted, list) else found) == wanted
    view = cells(machine.processors[0].record)
    view.steps = 7
    assert machine.cpu[0].steps == 7 and {"steps", "exits", "cycles"} < set(dir(view))
