"""Where the runs of two builds of an image diverge: by what they do, since their code and data lie at different addresses.

Compared are the trace events of each processor in their order, without addresses and times: VM exits by reason and what they ask
for, failures of VMX instructions, exceptions, MSR and port accesses, changes of the paging mode.  Equal ones in a row count once:
how often a loop polls depends on time.  What comes at a time and not at an instruction is left out: interrupts, and VM entries.

A run that its budget cut does not show what would have come next, and where it is cut the two builds are not at the same place: a
trace event that only the other one has does not count as a difference then.  Runs whose trace events are the same may still end
differently: halted, and by a triple fault.
"""
from dataclasses import dataclass, field

from emu.debug.session.trace_events import TraceEvent, trace_event
from emu.machine import result
from emu.machine.machine import PAUSE_CYCLES
from emu.spec.outcome import STOP

KINDS = ("EXIT", "FAILURE", "DELIVERY", "MSR", "PORT", "MODE")
TIMED = ("EXTERNAL_INTERRUPT", "PREEMPTION_TIMER", "INTERRUPT_WINDOW", "NMI_WINDOW", "INIT", "SIPI")
COMPARED = ("leaf", "subleaf", "hypercall", "msr", "port", "size", "write", "event", "error", "failed", "reason", "old", "new", "field")


def identity(each):
    """Return what of a trace event does not depend on where code lies and when it runs, None for one that is left out."""
    if each.kind not in KINDS or each.name in TIMED or each.name.startswith(("interrupt", "NMI")):
        return None
    if each.args.get("event", "").startswith(("interrupt", "NMI")):
        return None
    asked = tuple((name, each.args[name]) for name in COMPARED if name in each.args)
    out = (("value", each.args["value"]),) if each.kind == "PORT" and each.name == "OUT" else ()
    return each.kind, each.name, each.world, each.partition, asked + out


@dataclass(frozen=True)
class Parting:
    """Where two builds diverge: how many events of a processor are equal, then the first of A and of B (None: its run has ended)."""

    processor: int
    same: int
    a: TraceEvent | None
    b: TraceEvent | None
    before: TraceEvent | None = field(default=None)         # the last that both have, as it was in A


@dataclass(frozen=True)
class Undecided:
    """There is no difference up to a cycle, at which the budget cut the run of A, of B or of both (`cut`)."""

    cycle: int
    cut: tuple


@dataclass(frozen=True)
class Ends:
    """The trace events of two builds are the same, but not how the runs end: `ends`, of A and of B, in words."""

    ends: tuple


class _Stream:
    """The trace events of a machine, by processor: [(identity, TraceEvent)] that are not compared yet.

    over: its run has ended; cut: it is at the cycle `limit`, at which its budget cuts it.
    """

    def __init__(self, machine, limit):
        self.machine, self.limit, self.over, self.cut, self.last = machine, limit, False, False, {}
        self.events = [[] for _ in machine.cpu]
        machine.watching.listen(self._take, everything=True)

    def _take(self, rows):
        for row in rows.tolist():
            each = trace_event(row, bool(self.machine.partitions))
            what = identity(each)
            if what is not None and self.last.get(each.processor) != what:
                self.last[each.processor] = what
                self.events[each.processor].append((what, each))

    def run(self, until):
        """Run to a cycle, to the limit, or to the end."""
        while not (self.over or self.cut) and self.machine.clock < until:
            stop = self.machine.advance(self.limit, self.machine.host.now + PAUSE_CYCLES)
            self.over, self.cut = bool(stop) and stop != STOP.BUDGET, stop == STOP.BUDGET
        self.machine.watching.drain()

    def close(self):
        self.machine.watching.leave(self._take, everything=True)


def parting(a, b, limits, progress=lambda cycle, of: None):
    """Return the Parting of the runs of two machines, Ends when only their ends differ, None when they do the same.

    Undecided when one is cut before it can be seen.

    limits: the cycles at which the budgets cut them; a run that ends by itself does so before.
    """
    x, y, at = _Stream(a, limits[0]), _Stream(b, limits[1]), 0
    same, before = [0] * len(a.cpu), [None] * len(a.cpu)
    try:
        while not all(each.over or each.cut for each in (x, y)):
            at += PAUSE_CYCLES
            x.run(at)
            y.run(at)
            progress(min(at, max(limits)), max(limits))
            if found := _first(x, y, same, before):
                return found
        return _undecided(x, y) or _ends(x, y)
    finally:
        x.close()
        y.close()


def _first(x, y, same, before):
    """Return the Parting among the events that came, and forget those that are the same."""
    for n, (one, other) in enumerate(zip(x.events, y.events, strict=True)):
        common = min(len(one), len(other))
        for i in range(common):
            if one[i][0] != other[i][0]:
                return Parting(n, same[n] + i, one[i][1], other[i][1], one[i - 1][1] if i else before[n])
        if common:
            same[n], before[n] = same[n] + common, one[common - 1][1]
        del one[:common], other[:common]
        if x.over and other:
            return Parting(n, same[n], None, other[0][1], before[n])
        if y.over and one:
            return Parting(n, same[n], one[0][1], None, before[n])
    return None


def _undecided(x, y):
    """Return Undecided when a run was cut before events that the other one has, or while the other one ended; else None."""
    lacking = [(name, each.limit) for name, each, other in (("A", x, y), ("B", y, x))
               if each.cut and (other.over or any(other.events))]
    return Undecided(min(limit for _, limit in lacking), tuple(name for name, _ in lacking)) if lacking else None


def _ends(x, y):
    """Return the Ends of two runs that are over, None when they end alike, or one is cut."""
    ends = tuple(result.how(each.machine) for each in (x, y))
    return Ends(ends) if x.over and y.over and ends[0] != ends[1] else None
