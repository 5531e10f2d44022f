"""What stops a machine under a debugger: the points that were met at a boundary, and what is reported of them."""
from dataclasses import dataclass, field
from typing import Any

from emu.debug.session.thread import Thread
from emu.debug.session.trace_events import trace_event
from emu.errors import Unmodelled


class Detail(dict):
    """The detail of a Stop that a trace event led to; "happening", the former name of the key "event", still works."""

    def __contains__(self, name):
        return super().__contains__("event" if name == "happening" else name)

    def __missing__(self, name):
        if name != "happening":
            raise KeyError(name)
        return self["event"]


@dataclass
class Stop:
    """Why a machine stopped, and where.

    reason: breakpoint, watchpoint, event, step, entry, exit, interrupted, budget, ended or history; number: of the breakpoint or
    watchpoint, 0: none; address: first byte of the access that a watchpoint met (linear, or host-physical for the other spaces), else
    the linear RIP; detail: {"access": "read" | "write", "size": bytes} of a watchpoint, {"event": TraceEvent} of a point of
    `break_on`; result: the machine's Result when it ended; error: Unmodelled when that ended it.
    others: a Stop for each further point that was met at once, those of `break_on` before others, then in order of their numbers;
    and for each further trace event that a point of `break_on` was met by.
    """

    reason: str
    processor: int
    world: int
    number: int
    address: int
    thread: Thread
    detail: dict = field(default_factory=dict)
    result: object = None
    error: Unmodelled | None = None
    others: tuple = ()

    @property
    def all(self):
        """Return it and `others`, in order."""
        return self, *self.others

    def __str__(self):
        what = " and ".join(dict.fromkeys(f"{each.reason} {each.number}" if each.number else each.reason for each in self.all))
        return f"{what} at {self.address:#x}, {self.thread.name}"


@dataclass(frozen=True)
class Hit:
    """That a point was met: how often its count says so, the access, the rows (some are missing where there were thousands)."""

    point: Any                                             # a Breakpoint or EventPoint of emu.debug.session.points
    times: int
    rows: list
    address: int = 0
    size: int = 0
    write: bool = False

    def holds(self, thread):
        """Return whether the point's condition holds for the Thread that met it; if not, it was not met."""
        if not self.point.condition or self.point.condition(thread):
            return True
        self.point.passed += self.times
        return False

    def reports(self, tlfs):
        """Return [(reason, address or None for the RIP, detail)] of its Stops; tlfs: as for `trace_event`."""
        details = [Detail(event=trace_event(row, tlfs)) for row in self.rows]
        if self.point.access == "event":
            return [("event", None, detail) for detail in details]
        if self.point.access == "execute":
            return [("breakpoint", None, details[0] if details else {})]
        return [("watchpoint", self.address, {"access": "write" if self.write else "read", "size": self.size})]
