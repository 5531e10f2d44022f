"""A program's run beside the same run with translations forgotten, in pieces, and from a snapshot on: all must be one run."""
import numpy as np

from emu.debug.history.snapshot import restore, take
from tests.machines import close, loaded

EACH, LIMIT = (1 << 64) - 1, 200_000_000


def started(assembly, processors=1, seed=0, **config):
    """Return a machine with the Assembly loaded, disturbed by the seed."""
    unit = loaded(assembly, processors=processors, **config)
    unit.disturb(seed)
    return unit


def end(unit):
    """Run a machine to its end and close it; returns everything about the run that must not vary."""
    try:
        result = unit.run(max_cycles=LIMIT)
        return result.reason, result.exit_code, [(int(c.cycles), int(c.instructions), int(c.walks)) for c in unit.cpu], unit.digest()
    finally:
        close(unit)


def pieces(assembly, seed, processors=1, **config):
    """Run in pieces, go back to where a piece began, and on: what the ledger learnt meanwhile must not show."""
    unit, sizes = started(assembly, processors, **config), np.random.default_rng(seed)
    until = int(sizes.integers(20_000, 40_000))
    unit.run(max_cycles=until)
    before = take(unit)
    unit.run(max_cycles=until + int(sizes.integers(1, 30_000)))
    restore(unit, before)
    return end(unit)


def check(assembly, seed, processors=1, **config):
    """Check that the program passes, and that all its runs are the same."""
    plain = end(started(assembly, processors, **config))
    assert plain[:2] == ("EXIT_CODE", 0)
    assert end(started(assembly, processors, EACH, **config)) == plain, "translated from memory each time"
    assert end(started(assembly, processors, seed + 1, **config)) == plain, "engines that forget now and then"
    assert pieces(assembly, seed, processors, **config) == plain, "back to a snapshot and on"
