"""Going back in a run: snapshots taken while it runs, and running again from the one before.

    history = History(machine, every_cycles=1_000_000, memory_bound=256 << 20)
    history.run()
    history.seek(1_234_567)                                # the first instruction boundaries from that cycle on
    history.back()                                         # one boundary earlier

A place in a run is a cycle: the state in which `machine.run(max_cycles=cycle)` ends.  Each snapshot lies before or at the
place of its largest clock, so that running on from it reaches every later place exactly.
"""
from contextlib import contextmanager

import numpy as np

from emu.debug.snapshot import restore, take
from emu.debug.thread import GUEST, ROOT, Thread
from emu.errors import HistoryError
from emu.machine import FOREVER
from emu.spec.outcome import MODE, STOP
from emu.spec.vmx import ACTIVITY
from emu.state import ALL_ONES, DEBUG, debug_at

EVERY, BOUND = 20_000_000, 512 << 20


@contextmanager
def unseen(machine):
    """Run a machine again without anyone noticing: no log of VM exits, no debugger's stops."""
    m, trace = machine.record[0], machine._trace
    ring, debug = int(m.exit_ring), debug_at(m.debug)[0] if m.debug else None
    points = int(debug.count) if debug is not None else 0
    machine._trace, m.exit_ring = None, 0
    if debug is not None:
        debug.count = debug.hit = 0
    try:
        yield
    finally:
        machine._trace, m.exit_ring = trace, ring
        if debug is not None:
            debug.count, m.marks_changed = points, 1
            for unit in machine.processors:                # pages with watched bytes are asked for at each access again
                unit.core[0].flush_seen[:] = ALL_ONES


def _seen_to(machine):
    """Return a cycle whose place in the run is not behind the state of a machine."""
    if machine.record[0].stop == STOP.BUDGET:
        return machine.cut
    return min((int(c.cycles) for c in machine.cpu if c.activity == ACTIVITY.ACTIVE), default=machine.clock)


class History:
    """A ring of snapshots of a machine's run.  `first`: the earliest cycle that can be gone back to."""

    def __init__(self, machine, every_cycles=EVERY, memory_bound=BOUND):
        """every_cycles: distance of snapshots while it runs forward; memory_bound: bytes that they may take in all."""
        if every_cycles < 1:
            raise HistoryError(f"every_cycles must be at least 1, not {every_cycles}")
        self.machine, self.every, self.bound = machine, int(every_cycles), int(memory_bound)
        self._ring = [take(machine)]
        self._begin = self._ring[0].now
        self.last = _seen_to(machine)                      # the furthest cycle that was reached
        machine.heard = machine.board.sent()               # console output up to here is not shown again

    # ---- what there is ------------------------------------------------------------------------------------------------
    @property
    def first(self):
        """Return the earliest cycle that can be gone back to."""
        return self._ring[0].now

    @property
    def is_cut(self):
        """Return whether the beginning of the run was dropped to keep to the memory bound."""
        return self.first > self._begin

    @property
    def memory(self):
        """Return how many bytes the snapshots take."""
        return self._ring[0].store.used * 4096 + sum(each.table.nbytes for each in self._ring)

    def __len__(self):
        return len(self._ring)

    # ---- forward ------------------------------------------------------------------------------------------------------
    def note(self):
        """Take a snapshot when one is due; returns False, so that it can be the `pause` of `machine.run`."""
        self.last = max(self.last, _seen_to(self.machine))
        if self.machine.clock >= self._ring[-1].now + self.every:
            self._add()
        return False

    def _add(self):
        self._ring.append(take(self.machine))
        self._ring.sort(key=lambda each: each.now)
        while self.memory > self.bound and len(self._ring) > 1:
            self._thin()

    def _thin(self):
        """Drop the snapshot that is missed least: whose gap would be smallest beside its age; the oldest when none is left between."""
        ring, now = self._ring, self._ring[-1].now
        if len(ring) == 2:
            del ring[0]
            return
        costs = [(ring[n + 1].now - ring[n - 1].now) / (now - ring[n].now + 1) for n in range(1, len(ring) - 1)]
        del ring[1 + costs.index(min(costs))]

    def run(self, max_cycles=None, pause=None):
        """Run as `machine.run` does, taking snapshots; returns the Result."""
        machine, until = self.machine, FOREVER if max_cycles is None else int(max_cycles)
        here, step = machine.clock, self.every
        while True:
            before = machine.clock
            here = min(until, max(here, before) + step)
            stop = machine.advance(here, here)
            step = self.every if machine.clock > before else 2 * step      # while it sleeps, no clock moves
            self.note()
            if stop == STOP.BUDGET and here < until:
                stop = machine.record[0].stop = STOP.NONE
            if stop or pause and pause():
                return machine.result(stop)

    # ---- back ---------------------------------------------------------------------------------------------------------
    def seek(self, cycle):
        """Bring the machine to a cycle: the state in which `run(max_cycles=cycle)` ends, or the end of the run before it.

        Raises HistoryError when history does not reach so far back.
        """
        if cycle < self.first:
            cut = f": {self.bound >> 20} MiB hold no more" if self.is_cut else ""
            raise HistoryError(f"history begins at cycle {self.first:,}, cycle {cycle:,} is before it{cut}")
        before = [each for each in self._ring if each.now <= cycle]
        with unseen(self.machine):
            restore(self.machine, before[-1])
            while not self.machine.advance(min(cycle, self.last), FOREVER):
                pass
        if cycle > self.last:
            self.run(cycle)
        return self.machine

    def forget_future(self):
        """Drop what lies behind the present: the machine was changed, and goes on otherwise."""
        clock = self.machine.clock
        self._ring = [each for each in self._ring if each.now <= clock]
        self.last = _seen_to(self.machine)
        self.machine.inputs.forget_future()
        self.machine.heard = self.machine.board.sent()

    def latest(self, holds, low, high):
        """Bring the machine to the last cycle of [low, high] at which `holds(machine)`; returns that cycle.

        holds: true at `low`, and false from some cycle on.  Halving costs one run over the distance in all.
        """
        self.seek(low)
        kept, machine = take(self.machine), self.machine
        while high > low:
            middle = (low + high + 1) // 2
            with unseen(machine):
                while not machine.advance(middle, FOREVER):
                    pass
            if holds(machine):
                low, kept = middle, take(machine)
            else:
                high = middle - 1
                restore(machine, kept)
        return low

    def back(self, processor=0):
        """Bring the machine to the boundary before the one at which a processor is; returns its clock there.

        A boundary follows an instruction, a delivered event, a VM exit, a VM entry of that processor, as in `Session.step`.
        Raises HistoryError when that is before the first snapshot.
        """
        c, until = self.machine.cpu[processor], self.machine.clock
        clock, kept = int(c.cycles), self._well_before(processor)
        low, high = 0, 1                                   # a processor that was woken may have come far since

        def goes(count):
            """Go `count` boundaries on from `kept`; return whether that is still before the one to go back from."""
            restore(self.machine, kept)
            return not count or _walk(self.machine, processor, count, until) and c.cycles < clock

        while goes(high):
            low, high = high, 2 * high
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if goes(middle) else (low, middle)
        goes(low)
        return int(c.cycles)

    def _well_before(self, processor):
        """Return a Snapshot of a place two instructions of a processor ago, or one if history begins there.

        A place in between may lie within an instruction that waits for a page walk.
        """
        c = self.machine.cpu[processor]
        clock, instructions, until = int(c.cycles), int(c.instructions), self.machine.clock
        for limit in (instructions - 1, instructions):
            before = [cycle for each in self._ring if each.about.instructions[processor] < limit and
                      (cycle := each.about.cycles[processor]) >= self.first]
            if before:
                self.latest(lambda machine, limit=limit: c.instructions < limit, max(before), until)
                return take(self.machine)
        raise HistoryError(f"history begins at cycle {self.first:,}: there is no boundary of processor {processor} before {clock:,}")


def _walk(machine, processor, count, until):
    """Let a processor come `count` boundaries further, within `until`; returns whether it did."""
    m, c, own = machine.record[0], machine.cpu[processor], np.zeros(1, DEBUG)
    world = GUEST if c.vmx_mode == MODE.NONROOT else ROOT
    with unseen(machine):
        debug, m.debug = int(m.debug), m.debug or own.ctypes.data
        c.steps, c.step_at, c.step_rip, c.step_world = count, c.instructions, Thread(machine, processor, world, "").pc, world
        while not (stop := machine.advance(until, FOREVER)):
            pass
        c.steps, m.debug = 0, debug
    if stop == STOP.BREAK:
        m.stop = machine.cpu[int(m.stop_cpu)].stop = STOP.NONE
    return stop == STOP.BREAK
