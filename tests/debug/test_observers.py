"""Whoever looks on changes nothing: the same run, to the bit, with and without."""
import random

import pytest

from emu.debug.history.history import History
from emu.debug.history.snapshot import restore, take
from emu.debug.session.session import Session
from tests.core.disturbed import LIMIT, started
from tests.core.scrambled import CODE, DATA_AT, EVENTS, FRAMES, SUMS, Program
from tests.machines import close, program

QUICK, MANY = 20, 200


def left(unit):
    """Return everything about a run that must not vary."""
    return [(int(c.cycles), int(c.instructions), int(c.walks), int(c.walk_loads)) for c in unit.cpu], unit.digest()


def finish(session):
    """Run on until the guest ends the run, however often a point stops it."""
    while (stop := session.run(max_cycles=LIMIT)).reason not in ("ended", "budget"):
        pass
    assert (stop.reason, stop.result.exit_code) == ("ended", 0)


def watchpoints(session, dice, code):
    for _ in range(dice.randrange(1, 5)):
        at = dice.choice((DATA_AT + dice.randrange(0x3000), SUMS + dice.randrange(64), 0x300000 + dice.randrange(FRAMES * 4096)))
        session.watch(at, dice.randrange(1, 9), access=dice.choice(("read", "write", "access")), space=dice.choice(("linear", "host")))
    finish(session)


def breakpoints(session, dice, code):
    for _ in range(dice.randrange(1, 8)):
        session.break_at(dice.choice(code))
    finish(session)


def trace(session, dice, code):
    rows = []
    session.machine.watching.listen(rows.extend, everything=True)
    finish(session)
    assert rows


def conditions(session, dice, code):
    for text in dice.sample(("exception", "port", "interrupt=0x41", "exception=db and rip<0x100000", "mode"), 2):
        session.break_on(text, ignore=dice.choice((0, 3, 1 << 40)))
    finish(session)


def steps(session, dice, code):
    for _ in range(dice.randrange(1, 12)):
        until = int(session.machine.clock) + dice.randrange(1, 20_000)
        session.run(max_cycles=until)
        session.step(count=dice.randrange(1, 200))
    finish(session)


def changes(session, dice, code):
    """Words of the host that only translated code changes are compared at each step."""
    session.watch_word("r13", session.machine.processors[0].engines[0].env["regs"].ctypes.data + 8 * 13, ignore=dice.randrange(500))
    session.run(max_cycles=LIMIT)
    session.remove(1)
    finish(session)


def snapshots(session, dice, code):
    History(session, every_cycles=dice.randrange(1_000, 30_000))
    for _ in range(dice.randrange(2, 8)):
        session.run(max_cycles=int(session.machine.clock) + dice.randrange(1, 20_000))
        kept = take(session.machine)
        if dice.random() < 0.5:
            session.run(max_cycles=int(session.machine.clock) + dice.randrange(1, 10_000))
            restore(session.machine, kept)
            session.settle()
    finish(session)


def backward(session, dice, code):
    history = History(session, every_cycles=5_000)
    for _ in range(3):
        session.run(max_cycles=int(session.machine.clock) + dice.randrange(1, 20_000))
        for _ in range(dice.randrange(1, 4)):
            history.reverse_step()
    finish(session)


OBSERVERS = (watchpoints, breakpoints, trace, conditions, steps, changes, snapshots, backward)


def observed(loaded, observer, seed):
    """Run a program under an observer; returns what it left."""
    unit = started(loaded)
    try:
        code = [at for at, data, *_ in loaded.lines if data] if observer is breakpoints else ()
        with Session(unit) as session:
            observer(session, random.Random(seed), code)
        return left(unit)
    finally:
        close(unit)


def check(folder, seed, observers):
    dice = random.Random(seed)
    text = Program(seed, CODE[-5:] + EVENTS, operations=30, rounds=5).alone(dice.choice((0, 40, 300)))
    loaded = program(folder, text, "lib.s")
    unit = started(loaded)
    try:
        assert unit.run(max_cycles=LIMIT).exit_code == 0
        plain = left(unit)
    finally:
        close(unit)
    for observer in observers:
        assert observed(loaded, observer, seed) == plain, (seed, observer.__name__)


@pytest.mark.parametrize("seed", range(QUICK))
def test_observer_changes_nothing(seed, tmp_path):
    check(tmp_path, seed, [OBSERVERS[seed % len(OBSERVERS)]])


@pytest.mark.slow
def test_no_observer_changes_anything(tmp_path):
    for seed in range(QUICK, 2 * QUICK):
        check(tmp_path, seed, OBSERVERS)


@pytest.mark.campaign
@pytest.mark.parametrize("first", range(2 * QUICK, MANY + QUICK, 20))
def test_no_observer_changes_any_of_two_hundred(first, tmp_path):
    for seed in range(first, first + 20):
        check(tmp_path, seed, OBSERVERS)
