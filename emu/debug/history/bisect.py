"""Where two recorded runs diverge: the first cycle at which their machines differ, and in what.

Both runs are repeated side by side and compared at checkpoints; between the last equal and the first different one the
cycle is halved.  A difference that came and went between two checkpoints is not seen.  Nothing is compared past the cycle at
which the budget cut one of the runs.
"""
from dataclasses import dataclass, field

from emu.debug.history import builds, compare, record
from emu.debug.history.snapshot import restore, take
from emu.errors import ReplayError
from emu.machine.host import host
from emu.machine.machine import FOREVER
from emu.spec.engine import HFLAGS

CHECKPOINTS, SYMBOL_REACH = 64, 1 << 16                   # SYMBOL_REACH: bytes after a symbol that still go by its name


@dataclass(frozen=True)
class Place:
    """Where a processor is: its clock, linear RIP, and the symbol there or ""."""

    processor: int
    cycle: int
    rip: int
    name: str


@dataclass(frozen=True)
class Divergence:
    """Where two runs diverge.

    last_equal: the last cycle at which they are the same, None: they differ from the start; cycle: the first at which they
    differ; places: of the processors of A and of B there; differences: emu.debug.history.compare; inputs: sentences on inputs up to
    there that only one of them gets.
    """

    last_equal: int | None
    cycle: int
    places: tuple
    differences: list = field(default_factory=list)
    inputs: list = field(default_factory=list)


def _to(machine, cycle):
    while not machine.advance(cycle, FOREVER):
        pass


def _places(machine):
    """Return the Place of each processor of a machine."""
    found = []
    for n, c in enumerate(machine.cpu):
        env = host(machine.env(n))
        rip = env.rip + (0 if env.hflags & int(HFLAGS.CS64) else env.seg[4])
        found.append(Place(n, host(c).cycles, rip, machine.symbols.name(rip) if machine.symbols and _near(machine.symbols, rip) else ""))
    return found


def _near(symbols, rip):
    start = symbols.address(symbols.name(rip).partition("+")[0])
    return start is not None and rip - start < SYMBOL_REACH


def _inputs(a, b, cycle):
    """Return what of the inputs of two machines up to a cycle is not the same."""
    x, y = ([each for each in machine.inputs.log if each.cycle <= cycle] for machine in (a, b))
    said = [f"only A gets {each.data!r} ({each.kind}) at cycle {each.cycle:,}" for each in x if each not in y]
    return said + [f"only B gets {each.data!r} ({each.kind}) at cycle {each.cycle:,}" for each in y if each not in x]


def _only_memory(a, b):
    """Return whether two machines differ in memory only: in the image that is loaded."""
    return all(each.where == "memory" for each in compare.differences(a, b))


def _divergence(a, b, last_equal, cycle):
    return Divergence(last_equal, cycle, (_places(a), _places(b)), compare.differences(a, b), _inputs(a, b, cycle))


def bisect(a, recording_a, b, recording_b, progress=lambda cycle, of: None):
    """Return the Divergence of two recorded runs, of two builds the Parting or Ends (builds); None when they are the same to their ends.

    When the budget cut one and there is no difference up to there: Undecided.

    a, b: machines that were loaded as the Recordings say.  progress: called with (cycles done, cycles in all).
    Raises ReplayError when the machines are made differently, or do not start as recorded.
    """
    for name, value in vars(a.config).items():
        if value != getattr(b.config, name):
            raise ReplayError(f"the runs cannot be compared: {name} is {value} in A and {getattr(b.config, name)} in B")
    record.prepare(a, recording_a)
    record.prepare(b, recording_b)
    if recording_a.start != recording_b.start and not _only_memory(a, b):
        return _divergence(a, b, None, 0)
    limits = [record.last_cycle(recording) for recording in (recording_a, recording_b)]
    if recording_a.start != recording_b.start:
        return builds.parting(a, b, limits, progress)
    cut = {name: recording.end.budget for name, recording in (("A", recording_a), ("B", recording_b)) if recording.end.budget is not None}
    limit = min([max(limits), *cut.values()])
    step = limit // CHECKPOINTS + 1
    low, kept = 0, (take(a), take(b))
    for high in (*range(step, limit, step), limit):
        progress(low, limit)
        _to(a, high)
        _to(b, high)
        if not compare.same(a, b):
            return _halve(a, b, kept, low, high)
        low, kept = high, (take(a), take(b))
    return None if max(limits) <= limit else builds.Undecided(limit, tuple(name for name, budget in cut.items() if budget == limit))


def _halve(a, b, kept, low, high):
    """Return the Divergence between cycle `low`, where the Snapshots `kept` were taken, and `high`."""
    while high - low > 1:
        middle = (low + high) // 2
        for machine, snapshot in zip((a, b), kept, strict=True):
            restore(machine, snapshot)
            _to(machine, middle)
        if compare.same(a, b):
            low, kept = middle, (take(a), take(b))
        else:
            high = middle
    for machine, snapshot in zip((a, b), kept, strict=True):
        restore(machine, snapshot)
        _to(machine, high)
    return _divergence(a, b, low, high)
