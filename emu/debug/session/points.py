"""Breakpoints and watchpoints of a debugger: their numbers, scopes and counts, in the record that the kernels read.

Setting one changes nothing in guest memory; the engines are made to examine blocks and pages again.
"""
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from emu.bits import ONES_64, PAGE_MASK
from emu.debug.session.conditions import Compiled
from emu.debug.session.met import Hit
from emu.errors import DebugError
from emu.jit import words
from emu.machine.host import cells, host
from emu.machine.trace_ring import Watch
from emu.spec.debug import ARMED, POINT
from emu.spec.trace import ACTION, NO_LIST, TRACE_WORDS
from emu.state import DEBUG, POINTS

ACCESSES = {"write": int(POINT.WRITE), "read": int(POINT.READ), "access": int(POINT.READ | POINT.WRITE)}
KINDS = {"execute": int(POINT.EXECUTE), "change": int(POINT.CHANGE), **ACCESSES}
SPACE_NAMES = ("linear", "guest", "host")


@dataclass
class Breakpoint:
    """A breakpoint (access "execute") or watchpoint; world, eptp and cr3 are its scope, None: any.

    condition: called with the Thread that met it, false lets the machine go on; ignore: how many times it is let pass.
    places: where it stands in the record, one place for each host-physical piece.
    """

    number: int
    access: str
    space: str
    address: int
    size: int
    world: int | None
    eptp: int | None
    cr3: int | None
    condition: Callable | None = None
    temporary: bool = False
    places: list = field(default_factory=list)
    passed: int = 0                                        # hits that the condition let go on
    compiled: Compiled | None = None                       # what the machine itself asks before it counts a hit
    asks: tuple | None = None                              # the same as a program alone, of whose row nothing is reported
    program: int | None = None                             # where that stands in emu.machine.trace_ring.Watch
    table: "Points | None" = field(default=None, repr=False)

    @property
    def hits(self):
        """Return how many times it was met with its condition true, ignored times included."""
        hits = host(self.table.record).hits
        return sum(hits[place] for place in self.places) - self.passed

    @property
    def ignore(self):
        """Return how many more times it will be let pass."""
        ignore = host(self.table.record).ignore
        return max(ignore[place] for place in self.places)


@dataclass
class EventPoint:
    """A point on what happens: a condition of `conditions`; the fields that it has in common with a Breakpoint mean the same."""

    number: int
    compiled: Compiled
    condition: Callable | None = None
    temporary: bool = False
    places: list = field(default_factory=list)             # of emu.machine.trace_ring.Watch
    passed: int = 0
    watch: "Watch | None" = field(default=None, repr=False)
    access, space, address, size, world, eptp, cr3 = "event", "event", 0, 0, None, None, None

    @property
    def hits(self):
        """Return how many times it was met with its condition true, ignored times included."""
        hits = host(self.watch.record).hits
        return sum(hits[place] for place in self.places) - self.passed

    @property
    def ignore(self):
        """Return how many more times it will be let pass."""
        ignore = host(self.watch.record).ignore
        return max(ignore[place] for place in self.places)


class Points:
    """The points of a machine: places of its DEBUG record by number."""

    def __init__(self, machine):
        self.machine, self._array = machine, np.zeros(1, DEBUG)
        self.record, self.cells, self.numbers, self._next = self._array[0], cells(self._array), {}, 1
        machine.record[0].debug = self._array.ctypes.data

    def close(self):
        """Take all points out of the machine."""
        for number in list(self.numbers):
            self.remove(number)
        self.machine.record[0].debug = 0

    def add(self, point, pieces):
        """Enter a Breakpoint with its [(address, size), ...] as the machine compares them; returns its number.

        One with several pieces counts each by itself when it is to be ignored some times.
        """
        free = [place for place, kind in enumerate(self.cells.kind) if not kind]
        if len(free) < len(pieces):
            raise DebugError(f"{len(pieces)} places are needed for this point, {len(free)} of {POINTS} are free: remove others")
        d, kind, program = self.record, KINDS[point.access], 0
        if point.compiled or point.asks:
            ((each, words_of),) = point.compiled.programs if point.compiled else ((NO_LIST, point.asks),)
            point.program = self.machine.watching.add(words_of, each, ACTION.STOP)
            program = point.program + 1
        if point.access in ACCESSES and point.space != "linear":
            kind |= int(POINT.PHYSICAL)
        for place, (address, size) in zip(free, pieces, strict=False):
            d.kind[place], d.address[place], d.length[place] = kind, address, size
            d.world[place] = ONES_64 if point.world is None else point.world
            d.eptp[place] = ONES_64 if point.eptp is None else point.eptp & int(PAGE_MASK)
            d.space[place] = ONES_64 if point.cr3 is None else point.cr3 & int(PAGE_MASK)
            d.ignore[place], d.hits[place], d.program[place], d.point[place] = 0, 0, program, self._next
            d.value[place] = words(address, 1)[0] if point.access == "change" else 0
            point.places.append(place)
        d.count = max(int(d.count), *(place + 1 for place in point.places))
        point.table = self
        return self._number(point)

    def add_event(self, point, ignore):
        """Enter an EventPoint; returns its number.

        One with several programs counts each of its kinds of rows by itself when it is to be ignored some times.
        """
        point.watch = self.machine.watching
        for key, program in point.compiled.programs:
            point.places.append(point.watch.add(program, key, ACTION.STOP, ignore))
        return self._number(point)

    def _number(self, point):
        point.number, self._next = self._next, self._next + 1
        self.numbers[point.number] = point
        self._apply(point)
        return point.number

    def get(self, number):
        """Return the Breakpoint of a number; DebugError when there is none."""
        if number not in self.numbers:
            known = ", ".join(map(str, self.numbers)) or "none"
            raise DebugError(f"there is no breakpoint {number} (there are: {known})")
        return self.numbers[number]

    def remove(self, number):
        """Remove a point; DebugError when there is none of that number."""
        point = self.get(number)
        for place in point.places:
            if point.access == "event":
                point.watch.remove(place)
            else:
                self.record.kind[place] = 0
                self._forget_met(place)
        if point.access != "event" and point.program is not None:
            self.machine.watching.remove(point.program)
        del self.numbers[number]
        self.record.count = max((place + 1 for other in self._breakpoints() for place in other.places), default=0)
        self._apply(point)

    def _breakpoints(self):
        return [point for point in self.numbers.values() if point.access != "event"]

    def ignore(self, number, times):
        """Let a point pass so many times from now on."""
        point = self.get(number)
        for place in point.places:
            (point.watch if point.access == "event" else self).record.ignore[place] = times

    # ---- what was met ---------------------------------------------------------------------------------------------------
    def met(self):
        """Return the Hits of all points that were met and are not to be ignored: of trace events first, then by number."""
        if not self.cells.hit and not self.machine.watching.cells.hit:
            return []
        d, found = host(self.record), {}
        places, rows = self.machine.watching.met()
        for place, row in zip(places.tolist(), rows.tolist(), strict=True):
            found.setdefault(self._event_at(place).number, []).append((tuple(row), place))
        return [self._event_hit(self.numbers[number], found[number]) for number in sorted(found)] + \
               [self._hit(place) for place in sorted(d.met[:d.hit], key=lambda place: d.point[place])]

    def _event_hit(self, point, rows):
        """Return the Hit of an EventPoint, rows: [(row, place)]; two of its programs that accept a row are met by it once."""
        first = dict(reversed(rows))
        kept = [row for row, place in rows if first[row] == place]
        point.passed += len(rows) - len(kept)
        return Hit(point, int(point.watch.record.times[point.places].sum()) - len(rows) + len(kept), kept)

    def _event_at(self, place):
        """Return the EventPoint that stands in a place of the watchers."""
        return next(point for point in self.numbers.values() if point.access == "event" and place in point.places)

    def _hit(self, place):
        """Return the Hit of a place of the record."""
        d = host(self.record)
        point = self.numbers[d.point[place]]
        rows = [self.machine.watching.record.asked.reshape(-1, TRACE_WORDS)[place].tolist()] if point.compiled else []
        return Hit(point, 1, rows, d.met_address[place], d.met_size[place], bool(d.met_write[place]))

    def clear(self):
        """Forget what was met, and what was waited for and has come."""
        self.cells.hit = self.cells.ended = 0
        self.machine.watching.clear()

    def _forget_met(self, place):
        """Forget that the point in a place was met."""
        d = self.record
        kept = [each for each in d.met[:d.hit].tolist() if each != place]
        d.hit, d.met[:len(kept)] = len(kept), kept

    def apply(self):
        """Have the engines check all blocks and pages again, and words be compared with what they are now."""
        for point in self.numbers.values():
            for place in point.places if point.access == "change" else ():
                self.record.value[place] = words(int(self.record.address[place]), 1)[0]
        self.machine.record[0].marks_changed = 1
        self._arm_pages()

    def _apply(self, point):
        """Have the engines check blocks or pages again, whichever the point is about."""
        self.record.near = any(other.access == "change" for other in self.numbers.values())
        if point.access == "execute":
            self.machine.record[0].marks_changed = 1
        elif point.access != "event":
            self._arm_pages()

    def _arm_pages(self):
        armed = 0
        for other in self.numbers.values():
            if other.access in ACCESSES:
                armed |= int(ARMED.LINEAR if other.space == "linear" else ARMED.PHYSICAL)
        for c, unit in zip(self.machine.cpu, self.machine.processors, strict=True):
            c.armed = int(c.armed) & int(ARMED.REGISTERS) | armed
            for tlb in unit.tlbs:
                tlb[0].engine_flush += 1
