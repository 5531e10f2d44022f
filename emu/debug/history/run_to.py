"""Stop a run where something happens, by running it again: a run is the same each time, wherever it is cut.

A first machine runs until the event and reports in which turn of which processor it comes; a second one plays the turns
before it whole and cuts that turn at the cycle.  `make()` must return a new machine, loaded alike, each time.
"""
from dataclasses import dataclass

from emu.bits import name_of
from emu.errors import ConfigError
from emu.machine.host import host
from emu.machine.machine import FOREVER
from emu.machine.trace_ring import ALWAYS, key
from emu.spec.outcome import STOP
from emu.spec.trace import ACTION, COMMON, EVENT_KIND, read

CUTS = 2000                                                # cuts of a turn that one more run makes


@dataclass(frozen=True)
class Place:
    """A point of a run: whole turns played before it, the cycle at which the next turn is cut, the processor of that turn."""

    turn: int
    cycle: int
    processor: int


class Playback:
    """A machine led through its run, one turn of a processor at a time."""

    def __init__(self, make, max_cycles=None):
        self.machine, self.turns, self.ended = make(), 0, False
        self.limit = FOREVER if max_cycles is None else int(max_cycles)

    def play(self, until=FOREVER):
        """Play the next turn, or the rest of one that was cut, up to cycle `until`; returns False when the run is over."""
        machine, m, end = self.machine, self.machine.record[0], min(until, self.limit)
        while True:
            stop = machine.advance(end)
            if stop or not m.turn:
                break
        if not m.turn:
            self.turns += 1
        self.ended = stop != STOP.NONE and not (stop == STOP.BUDGET and end < self.limit)
        return not self.ended

    def to(self, place):
        """Play on to a later Place."""
        while self.turns < place.turn and self.play():
            pass
        if not self.ended:
            self.play(place.cycle)

    def close(self):
        """Let the engines of the machine go; it cannot run any more."""
        for processor in self.machine.processors:
            for unit in processor.engines:
                unit.close()

    def why(self):
        """Return how the run ended, as a STOP name in lower case; raises Unmodelled when it met what is not modelled."""
        from emu.machine.result import raise_unmodelled
        stop = self.machine.host.stop
        if stop == STOP.UNMODELLED:
            raise_unmodelled(self.machine)
        return name_of(STOP, stop).lower().replace("_", " ")


class Missing(ConfigError):
    """A run has no such event; entries: how many VM entries succeeded in it, ending: how it ended."""

    def __init__(self, text, entries, ending):
        self.entries, self.ending = entries, ending
        super().__init__(text)


def _missing(what, number, count, run):
    ending, entries = run.why(), sum(host(c).entries for c in run.machine.cpu)
    return Missing(f"there is no {what} {number}: the run makes {count} in all and ends by {ending} "
                   f"at cycle {run.machine.clock:,}", entries, ending)


# ---- exits ----------------------------------------------------------------------------------------------------------
def exits(make, numbers, max_cycles=None):
    """Return {n: Place right after VM exit n} of a run, for each n (from 1, over all processors in the order of their turns).

    Raises ConfigError when the run has fewer exits.
    """
    for n in numbers:
        if n < 1:
            raise ConfigError(f"VM exits are counted from 1, there is no exit {n}")
    run, found, done, wanted = Playback(make, max_cycles), {}, 0, set(numbers)
    watch, rows = run.machine.watching, []
    watch.add(ALWAYS, key(EVENT_KIND.EXIT), ACTION.KEEP)
    watch.listen(lambda fresh: rows.extend(fresh.tolist()))
    try:
        while wanted - found.keys():
            turn = run.turns
            going, count = run.play(), done + len(rows)
            for n in sorted(wanted):
                if done < n <= count:
                    row = rows[n - 1 - done]
                    found[n] = Place(turn, read(row, COMMON["cycle"]) + 1, read(row, COMMON["cpu"]))
            done = count
            rows.clear()
            if not going and wanted - found.keys():
                raise _missing("VM exit", min(wanted - found.keys()), count, run)
    finally:
        run.close()
    return found


def run_to_exits(make, numbers, max_cycles=None):
    """Yield (n, machine, processor) for each VM exit of `numbers` in turn, the machine stopped before the first instruction after it."""
    places, run = exits(make, numbers, max_cycles), Playback(make, max_cycles)
    for n in sorted(set(numbers)):
        run.to(places[n])
        yield n, run.machine, places[n].processor


def run_to_exit(make, number, max_cycles=None):
    """Return (machine, processor) stopped right after VM exit `number` of its run, before the hypervisor's first instruction.

    make: a function without arguments that returns a new machine, loaded; number: counted from 1 over all processors.
    Raises ConfigError when the run has fewer exits.
    """
    return next((machine, processor) for _, machine, processor in run_to_exits(make, [number], max_cycles))


# ---- events that are only counted -----------------------------------------------------------------------------------
def before(make, count, number, what, max_cycles=None):
    """Return (machine, processor) stopped at the last instruction before `count` reaches `number`.

    count: a function of a CPU record, a number that never falls; their sum over all processors is meant.
    Raises ConfigError when the sum never gets there; what: the name of the event in that message.
    """
    if number < 1:
        raise ConfigError(f"{what} events are counted from 1, there is no {what} {number}")
    run = Playback(make, max_cycles)
    total, each = 0, [0] * len(run.machine.cpu)
    while total < number:
        turn, clocks, old = run.turns, run.machine.clocks, each
        going = run.play()
        each = [count(c) for c in run.machine.cpu]
        total = sum(each)
        if not going and total < number:
            raise _missing(what, number, total, run)
    processor = next(n for n, now in enumerate(each) if now > old[n])
    low, high = clocks[processor], run.machine.clocks[processor] + 1
    run.close()
    while high - low > 1:
        low, high = _closer(Playback(make, max_cycles), turn, processor, lambda m: sum(count(c) for c in m.cpu) >= number, low, high)
    run = Playback(make, max_cycles)
    run.to(Place(turn, low, processor))
    return run.machine, processor


def _closer(run, turn, processor, reached, low, high):
    """Return closer bounds of the cut of a turn from which on `reached(machine)` holds."""
    step = max(1, (high - low) // CUTS)
    cycle = low + step
    run.to(Place(turn, cycle, processor))
    while cycle < high and not reached(run.machine):
        low, cycle = cycle, cycle + step
        run.to(Place(turn, cycle, processor))
    run.close()
    return low, min(cycle, high)


def run_to_launch(make, number, max_cycles=None):
    """Return (machine, processor) stopped before VM entry `number`: VMLAUNCH or VMRESUME is the next instruction.

    number: counted from 1 over all processors, those that the checks of their VMCS refuse included.
    """
    return before(make, lambda c: host(c).entries + host(c).failures, number, "VM entry", max_cycles)


def run_to_entry_failure(make, number=1, max_cycles=None):
    """Return (machine, processor) stopped before the VM entry that is the number-th to fail."""
    return before(make, lambda c: host(c).failures, number, "failed VM entry", max_cycles)


def run_to_cycle(make, cycle):
    """Return a machine stopped at the first instruction boundaries from a cycle on, or where its run ends before, however it ends."""
    run = Playback(make, cycle)
    while run.play():
        pass
    return run.machine


def exits_of(machine):
    """Return how many VM exits a machine has made."""
    return sum(sum(host(c).exits) for c in machine.cpu)
