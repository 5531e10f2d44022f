"""Snapshots: taking one changes nothing, and from a restored one the machine runs as it ran before."""
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.debug.session import Session
from emu.debug.snapshot import PAGE_BYTES, Keeper, Store, position
from emu.errors import DebugError
from emu.machine import Config, Machine
from tests.debug.conftest import close
from tests.machine import guests

ALL = [g for g in guests.guests() if g.stop == "EXIT_CODE" and not g.gap]


def made(guest):
    """Return a machine with a guest program in its memory."""
    machine, program = Machine(Config(memory_bytes=guest.memory << 20, processors=guest.processors)), guest.image()
    image = guests.place(machine, guest)
    assert image.base == program.base
    machine.ledger |= np.uint64(1 << 32)                   # placed behind the ledger's back
    return machine


@pytest.mark.parametrize("guest", ALL, ids=lambda g: g.name)
def test_a_restored_machine_runs_as_it_ran(guest):
    machine = made(guest)
    end = machine.run(max_cycles=guest.cycles).cycles
    expected = machine.digest()
    close(machine)
    machine, chance = made(guest), random.Random(guest.name)
    keeper, kept = Keeper(machine), []
    for share in (0.1, 0.5, 0.8, 0.95):
        machine.run(max_cycles=int(end * share))
        kept.append((keeper.take(), position(machine)))
    machine.run(max_cycles=guest.cycles)
    assert machine.digest() == expected, "taking a snapshot changed the run"
    for _ in range(6):
        snapshot, where = chance.choice(kept)
        keeper.restore(snapshot)
        assert position(machine) == where == snapshot.cycles
        if chance.random() < 0.3:
            machine.run(max_cycles=int(end * chance.random()))
            continue
        machine.run(max_cycles=guest.cycles)
        assert machine.digest() == expected
    close(machine)


def test_demo_goes_back_and_forth():
    machine = Machine(Config(memory_bytes=48 << 20, processors=2))
    machine.load_demo()
    keeper, digests = Keeper(machine), {}
    for cycle in range(20_000_000, 300_000_000, 40_000_000):
        machine.run(max_cycles=cycle)
        digests[cycle] = keeper.take(), machine.digest()
    for cycle in random.Random(3).sample(sorted(digests), len(digests)):
        snapshot, digest = digests[cycle]
        keeper.restore(snapshot)
        assert machine.digest() == digest
        following = cycle + 40_000_000
        if following in digests:
            machine.run(max_cycles=following)
            assert machine.digest() == digests[following][1]
    close(machine)


def test_memory_that_a_debugger_wrote_is_in_the_snapshot(guest):
    machine = guest("test: jmp test\n")[0]()
    keeper = Keeper(machine)
    before = keeper.take()
    machine.write(0x300000, b"written")
    after = keeper.take()
    keeper.restore(before)
    assert machine.read(0x300000, 7) == bytes(7)
    keeper.restore(after)
    assert machine.read(0x300000, 7) == b"written" and after.page(0x300)[:7] == b"written"


def test_a_debugger_stays_through_a_restore(guest):
    make, program = guest("test: inc qword ptr [rip + cell]\n jmp test\n .align 8\ncell: .quad 0\n")
    with Session(make()) as session:
        keeper = Keeper(session.machine)
        start = keeper.take()
        session.break_at(program.symbols["test"], ignore=4)
        assert session.run().reason == "breakpoint"
        keeper.restore(start)
        stop = session.run()
        assert stop.reason == "breakpoint" and stop.thread.read(program.symbols["cell"], 1) == b"\0"


def test_a_released_snapshot_leaves_the_machine_and_the_others_whole(guest):
    make, program = guest("test: mov edi, 0x300000\n.next: inc byte ptr [rdi]\n add edi, 4096\n jmp .next\n")
    machine = make()
    keeper, kept = Keeper(machine), []
    for turn in range(40):
        machine.run(max_cycles=int(machine.cpu[0].cycles) + 5000)
        snapshot, memory = keeper.take(), machine.ram.copy()
        if turn % 3 == 0:
            keeper.restore(snapshot)                       # it is the base now, and is released
            snapshot.release()
        else:
            kept.append((snapshot, memory))
    for snapshot, memory in kept[::-1] + kept:
        keeper.restore(snapshot)
        assert (machine.ram == memory).all()


def test_foreign_and_released_snapshots_are_refused(guest):
    make, _ = guest("test: jmp test\n")
    one, other = Keeper(make()), Keeper(make())
    snapshot = one.take()
    with pytest.raises(DebugError, match="of another machine"):
        other.restore(snapshot)
    snapshot.release()
    with pytest.raises(DebugError, match="was released"):
        one.restore(snapshot)


@settings(deadline=None, max_examples=60, derandomize=True)
@given(steps=st.lists(st.tuples(st.integers(0, 3), st.lists(st.integers(0, 63), max_size=5), st.booleans()), max_size=25))
def test_store_keeps_what_is_held_and_gives_the_rest_back(steps):
    store, index, held = Store(), np.zeros(64, np.int64), []
    content = np.zeros((64, PAGE_BYTES), np.uint8)
    for value, pages, drop in steps:
        pages = sorted(set(pages))
        content[pages] = value + 1
        index = index.copy()
        index[pages] = store.put(content[pages])
        store.hold(index)
        held.append((index, content[:, 0].copy()))
        if drop and len(held) > 1:
            store.drop(held.pop(0)[0])
        for kept, first in held:
            assert (store.data[kept][:, 0] == first).all()
    used = np.unique(np.concatenate([kept for kept, _ in held])) if held else np.zeros(0)
    assert store.bytes == PAGE_BYTES * len(used[used != 0])
