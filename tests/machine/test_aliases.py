"""Code runs as it was last written, whoever wrote it through whichever mapping.

The oracle is the same machine with each instruction looked up and translated from memory (`disturb`): what it caches cannot be stale.
"""
import numpy as np
import pytest

from emu.asm import assemble
from emu.debug.history.snapshot import restore, take
from emu.image import of_assembly
from emu.machine import Config, Machine
from tests.guests import guests
from tests.machine.conftest import MIB, close
from tests.machine.scrambled import CODE, Program

EACH, LIMIT, MEMORY = (1 << 64) - 1, 200_000_000, 16 * MIB
QUICK, LONG, MANY = 6, 24, 150


def program(folder, text, *libraries):
    """Return the Assembly of a program that stands on libraries of tests/guests."""
    path = folder / "program.s"
    path.write_text("".join(f'        .include "{guests.FOLDER / name}"\n' for name in libraries) + text)
    return assemble(path)


def started(loaded, processors=1, seed=0, **config):
    """Return a machine with the Assembly loaded, disturbed by the seed."""
    unit = Machine(Config(memory_bytes=MEMORY, processors=processors, **config))
    unit.load(of_assembly(loaded, MEMORY))
    unit.disturb(seed)
    return unit


def end(unit):
    """Run a machine to its end and close it; returns everything about the run that must not vary."""
    try:
        result = unit.run(max_cycles=LIMIT)
        return result.reason, result.exit_code, [(int(c.cycles), int(c.instructions), int(c.walks)) for c in unit.cpu], unit.digest()
    finally:
        close(unit)


def pieces(loaded, seed, processors=1, **config):
    """Run in pieces, go back to where a piece began, and on: what the ledger learnt meanwhile must not show."""
    unit, sizes = started(loaded, processors, **config), np.random.default_rng(seed)
    until = int(sizes.integers(20_000, 40_000))
    unit.run(max_cycles=until)
    before = take(unit)
    unit.run(max_cycles=until + int(sizes.integers(1, 30_000)))
    restore(unit, before)
    return end(unit)


def check(loaded, seed, processors=1, **config):
    plain = end(started(loaded, processors, **config))
    assert plain[:2] == ("EXIT_CODE", 0)
    assert end(started(loaded, processors, EACH, **config)) == plain, "translated from memory each time"
    assert end(started(loaded, processors, seed + 1, **config)) == plain, "engines that forget now and then"
    assert pieces(loaded, seed, processors, **config) == plain, "back to a snapshot and on"


def one(folder, seed):
    check(program(folder, Program(seed, CODE).alone(), "lib.s"), seed)


def two(folder, seed):
    text = Program(seed, (*CODE, "shared"), operations=30, rounds=6).pair()
    check(program(folder, text, "lib.s", "smplib.s"), seed, processors=2, quantum_cycles=(50, 300, 2_000)[seed % 3])


def guest(folder, seed):
    check(program(folder, Program(seed, (*CODE, *["guest"] * 6), operations=30, rounds=6).nested(), "lib.s", "vmxlib.s"), seed)


@pytest.mark.parametrize("seed", range(QUICK))
@pytest.mark.parametrize("kind", [one, two, guest], ids=lambda kind: kind.__name__)
def test_aliases_of_code(kind, seed, tmp_path):
    kind(tmp_path, seed)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [one, two, guest], ids=lambda kind: kind.__name__)
def test_aliases_of_code_many(kind, tmp_path):
    for seed in range(QUICK, LONG):
        kind(tmp_path, seed)


@pytest.mark.campaign
@pytest.mark.parametrize("kind", [one, two, guest], ids=lambda kind: kind.__name__)
def test_aliases_of_code_in_all(kind, tmp_path):
    for seed in range(LONG, MANY):
        kind(tmp_path, seed)
