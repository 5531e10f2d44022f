"""Where the runs of two builds of an image part: by what they do, for their code and data lie at other places.

Compared are the trace events of each processor in their order, without addresses and times: VM exits by reason and what they ask
for, failures of VMX instructions, exceptions, MSR and port accesses, changes of the paging mode.  The same one again and again
counts once: how often a loop polls depends on time.  Left out is what comes at a time and not at an instruction: interrupts, and
VM entries.
"""
from dataclasses import dataclass, field

from emu.debug.happenings import Happening, happening
from emu.machine import FOREVER, PAUSE_CYCLES

KINDS = ("EXIT", "FAILURE", "DELIVERY", "MSR", "PORT", "MODE")
TIMED = ("EXTERNAL_INTERRUPT", "PREEMPTION_TIMER", "INTERRUPT_WINDOW", "NMI_WINDOW", "INIT", "SIPI")
ASKED = ("leaf", "subleaf", "hypercall", "msr", "port", "size", "write", "event", "error", "failed", "reason", "old", "new", "field")


def identity(each):
    """Return what of a Happening does not depend on where code lies and when it runs, None for one that is left out."""
    if each.kind not in KINDS or each.name in TIMED or each.name.startswith(("interrupt", "NMI")):
        return None
    if each.args.get("event", "").startswith(("interrupt", "NMI")):
        return None
    asked = tuple((name, each.args[name]) for name in ASKED if name in each.args)
    out = (("value", each.args["value"]),) if each.kind == "PORT" and each.name == "OUT" else ()
    return each.kind, each.name, each.world, each.partition, asked + out


@dataclass(frozen=True)
class Parting:
    """Where two builds part: how many events of a processor are the same, then the first of A and of B (None: its run has ended)."""

    processor: int
    same: int
    a: Happening | None
    b: Happening | None
    before: Happening | None = field(default=None)         # the last that both have, as it was in A


class _Stream:
    """The events of a machine, by processor: [(identity, Happening)] that are not compared yet."""

    def __init__(self, machine):
        self.machine, self.over, self.last = machine, False, {}
        self.events = [[] for _ in machine.cpu]
        machine.watching.listen(self._take, everything=True)

    def _take(self, rows):
        for row in rows.tolist():
            each = happening(row, bool(self.machine.partitions))
            what = identity(each)
            if what is not None and self.last.get(each.processor) != what:
                self.last[each.processor] = what
                self.events[each.processor].append((what, each))

    def run(self, until):
        """Run to a cycle or to the end."""
        while not self.over and self.machine.clock < until:
            self.over = bool(self.machine.advance(FOREVER, int(self.machine.record[0].now) + PAUSE_CYCLES))
        self.machine.watching.drain()

    def close(self):
        self.machine.watching.leave(self._take, everything=True)


def parting(a, b, limit, progress=lambda cycle, of: None):
    """Return the Parting of the runs of two machines up to cycle `limit`, None when they do the same."""
    x, y, at = _Stream(a), _Stream(b), 0
    same, before = [0] * len(a.cpu), [None] * len(a.cpu)
    try:
        while True:
            at = min(at + PAUSE_CYCLES, limit)
            x.run(at)
            y.run(at)
            progress(at, limit)
            over = (x.over and y.over) or at >= limit
            found = _first(x, y, same, before, over)
            if found or over:
                return found
    finally:
        x.close()
        y.close()


def _first(x, y, same, before, over):
    """Return the Parting among the events that came, and forget those that are the same; over: no more will come."""
    for n, (one, other) in enumerate(zip(x.events, y.events, strict=True)):
        common = min(len(one), len(other))
        for i in range(common):
            if one[i][0] != other[i][0]:
                return Parting(n, same[n] + i, one[i][1], other[i][1], one[i - 1][1] if i else before[n])
        if common:
            same[n], before[n] = same[n] + common, one[common - 1][1]
        del one[:common], other[:common]
        if (x.over or over) and other and not one:
            return Parting(n, same[n], None, other[0][1], before[n])
        if (y.over or over) and one and not other:
            return Parting(n, same[n], one[0][1], None, before[n])
    return None
