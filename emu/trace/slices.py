"""Rows as slices of time: when a virtual processor ran, and what the hypervisor did from an exit to the next entry."""
from dataclasses import dataclass, field

from emu.debug.session.trace_events import TraceEvent, trace_event


@dataclass(frozen=True)
class Slice:
    """A piece of a processor's time, in cycles; kind "guest" (entry to exit) or "exit" (exit to entry, in root operation).

    name: the reason of the exit that ends or begins it; vmcs, partition: whose; rip, args: of that exit.
    """

    kind: str
    name: str
    processor: int
    partition: int
    vmcs: int
    rip: int
    start: int
    end: int
    args: dict = field(default_factory=dict)

    @property
    def length(self):
        """Return its length in cycles."""
        return self.end - self.start


class Slicer:
    """Makes Slices of trace events, one after another; what is neither exit nor entry is an instant."""

    def __init__(self):
        self._entered: dict[int, int] = {}                 # by processor: cycle of the entry
        self._left: dict[int, TraceEvent] = {}                 # by VMCS: TraceEvent of the last exit
        self.last = 0

    def of(self, each):
        """Return the Slices that end with a trace event."""
        self.last, found = max(self.last, each.cycle), []
        if each.kind == "EXIT":
            began = self._entered.pop(each.processor, None)
            if began is not None:
                found.append(Slice("guest", each.name, each.processor, each.partition, each.vmcs, each.rip, began, each.cycle, each.args))
            found += self._without_entry(each.vmcs)
            self._left[each.vmcs] = each
        elif each.kind == "ENTRY":
            left = self._left.pop(each.vmcs, None)
            if left is not None:
                found.append(Slice("exit", left.name, left.processor, left.partition, each.vmcs, left.rip, left.cycle, each.cycle,
                                   left.args))
            self._entered[each.processor] = each.cycle
        return found

    def _without_entry(self, *pointers):
        """Return Slices without length of exits whose entry is not in the trace: a filter left it out, or there was none."""
        found = [self._left.pop(vmcs) for vmcs in pointers if vmcs in self._left]
        return [Slice("exit", left.name, left.processor, left.partition, left.vmcs, left.rip, left.cycle, left.cycle, left.args)
                for left in found]

    def rest(self):
        """Return the Slices of exits that no entry followed."""
        return self._without_entry(*list(self._left))


def slices(reader):
    """Yield (TraceEvent, [Slice, ...]) of each row of a trace, and (None, [...]) of what is open at its end."""
    slicer = Slicer()
    for rows in reader.chunks():
        for row in rows.tolist():
            each = trace_event(row, reader.tlfs)
            yield each, slicer.of(each)
    yield None, slicer.rest()
