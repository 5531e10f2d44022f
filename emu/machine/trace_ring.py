"""The watchers of trace events: the record and the ring that `emu.model.observe.watch` fills, and the file of VM exits.

    watch = Watch(machine.record[0])
    place = watch.add(ALWAYS, key(EVENT_KIND.EXIT), ACTION.STOP)    # or a program of emu.debug.session.conditions
    watch.listen(rows)                                     # rows(uint64[n, 8]) is called with what came, in order
"""
import json

import numpy as np

from emu.bits import name_of
from emu.errors import DebugError
from emu.files import Part
from emu.machine.host import cells, host
from emu.spec.trace import ACTION, ANY_REASON, COMMON, EVENT_KIND, OP, TRACE_WORDS, read, values
from emu.spec.vmx import REASON
from emu.state import PROGRAM_WORDS, RING_ROWS, WATCH, WATCHES

ALWAYS = (int(OP.CONST), 1, int(OP.END))                  # the program that accepts every row


def key(kind, reason=ANY_REASON):
    """Return the number of the list of points for an EVENT_KIND, of one exit reason or of any."""
    return int(kind) << 7 | reason


class Watch:
    """The watchers of one machine; `machine` is its MACHINE record, which knows of them only while there are some."""

    def __init__(self, machine):
        self.machine, self.array = machine, np.zeros(1, WATCH)
        self.record, self.cells = self.array[0], cells(self.array)
        self.rows = np.zeros((RING_ROWS, TRACE_WORDS), np.uint64)
        self.record.ring = self.rows.ctypes.data
        self.muted, self._listeners = False, []
        self._keys: dict[int, int] = {}                    # key of each place in use
        self._last: dict[int, int] = {}                    # last place of the list of each key

    def _attach(self):
        wanted = bool(self._keys or self._listeners or self.record.everything)
        self.machine.watch = self.array.ctypes.data if wanted else 0

    # ---- points -----------------------------------------------------------------------------------------------------
    def add(self, program, key, action, ignore=0):
        """Have a program (words of OP) asked at the trace events of a `key`; returns its place.

        Raises DebugError when there is no room, or the program is too long.
        """
        if len(program) > PROGRAM_WORDS:
            raise DebugError(f"the condition takes {len(program)} words, a condition has at most {PROGRAM_WORDS}: make it shorter")
        w, free = self.record, next((n for n in range(WATCHES) if n not in self._keys), None)
        if free is None:
            raise DebugError(f"there are {WATCHES} conditions already: remove some")
        w.program[free * PROGRAM_WORDS:free * PROGRAM_WORDS + len(program)] = program
        w.action[free], w.ignore[free], w.hits[free] = action, ignore, 0
        self._append(free, key)
        self._attach()
        return free

    def remove(self, place):
        """Forget the point of a place."""
        w, keys = self.record, {each: key for each, key in self._keys.items() if each != place}
        w.action[place] = w.times[place] = 0
        self._forget_others(self.met()[0] != place)
        w.first[:] = w.next[:] = 0
        self._keys, self._last = {}, {}
        for each, key in keys.items():
            self._append(each, key)
        self._attach()

    def _append(self, place, key):
        """Put a place at the end of the list of a key."""
        w = self.record
        if key in self._last:
            w.next[self._last[key]] = place + 1
        else:
            w.first[key] = place + 1
        w.next[place] = 0
        self._keys[place], self._last[key] = key, place

    # ---- what stops the machine -------------------------------------------------------------------------------------
    def met(self):
        """Return (places uint64[n], rows uint64[n, 8]) of the rows that stop the machine, in their order."""
        count = host(self.record).hit
        return self.record.met[:count], self.record.row.reshape(-1, TRACE_WORDS)[:count]

    def clear(self):
        """Forget what stops the machine."""
        if self.cells.hit:
            self.cells.hit = 0
            self.record.times[:] = 0

    def _forget_others(self, kept):
        """Forget of what stops the machine all but the rows that are kept: bool[n]."""
        (places, rows), count = self.met(), int(np.count_nonzero(kept))
        places[:count], rows[:count] = places[kept], rows[kept]
        self.record.hit = count

    # ---- rows -------------------------------------------------------------------------------------------------------
    def listen(self, listener, everything=False):
        """Call listener(rows) with the rows that are kept; everything: keep all, whatever the points say."""
        self._listeners.append(listener)
        if everything:
            self.record.everything += 1
        self._attach()

    def leave(self, listener, everything=False):
        """Undo `listen`."""
        self.drain()
        self._listeners.remove(listener)
        if everything:
            self.record.everything -= 1
        self._attach()

    def drain(self):
        """Hand the rows that came since the last call to the listeners."""
        w = self.record
        count, done = self.cells.count, self.cells.drained
        if count == done:
            return
        at = np.arange(done, count) % RING_ROWS
        w.drained = count
        if not self.muted:
            rows = self.rows[at]
            for listener in self._listeners:
                listener(rows)


# ---- the file of VM exits -------------------------------------------------------------------------------------------
class ExitFile:
    """A file of VM exits, one JSON object a line, in the making: it lies beside `path` until `close` gives it its name."""

    def __init__(self, watch, path):
        """watch: Watch of the machine; raises ConfigError when the file cannot be written."""
        self.watch, self.part, self.done = watch, Part(path), 0
        self.place = watch.add(ALWAYS, key(EVENT_KIND.EXIT), ACTION.KEEP)
        watch.listen(self._take)

    def _take(self, rows):
        exits = [row for row in rows.tolist() if read(row, COMMON["kind"]) == EVENT_KIND.EXIT]
        self.part.write("".join(line(row) + "\n" for row in exits).encode("ascii"))
        self.done += len(exits)

    def close(self):
        """Write the rest, and give the file its name; returns how many exits it holds."""
        self.watch.leave(self._take)
        self.watch.remove(self.place)
        self.part.finish()
        return self.done


def line(row):
    """Return one exit (the words of its row) as JSON text."""
    has = {**{name: read(row, place) for name, place in COMMON.items()}, **values(row, "EXIT")}
    body = dict(cycle=has["cycle"], cpu=has["cpu"], reason=name_of(REASON, has["exit"]), number=has["exit"],
                qualification=has["qualification"], rip=has["rip"], length=has["length"])
    if has["failed"]:
        body["entry_failure"] = True
    if has.get("valid"):
        body["interruption"] = has["info"]
    if "gpa" in has:
        body["guest_physical"] = has["gpa"]
    return json.dumps(body, separators=(",", ":"))
