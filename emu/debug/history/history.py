"""The past of a run: a ring of snapshots, and going backward by running again from one of them.

    history = History(session)             before or while the session runs
    session.run(); history.reverse_step()

A moment is named by the sum of all processors' clocks (`snapshot.position`), which grows with everything that happens.
A run goes the same way each time, so snapshots later than now stay good until a debugger changes something.
"""
from contextlib import contextmanager
from dataclasses import replace
from itertools import takewhile

from emu.bits import PAGE_BYTES
from emu.debug.history.snapshot import position, restore, take
from emu.debug.views.vmcs import processor_of
from emu.errors import DebugError
from emu.machine.host import host
from emu.spec.outcome import STOP

EVERY_CYCLES, MEMORY_BOUND = 40_000_000, 1 << 30
MET_BY = ("breakpoint", "watchpoint", "event")              # reasons of Stops that are a point's
ALL_HITS = 1 << 62                                         # hits: all
COUNTED_CYCLES = 60_000                                    # cycles before a moment from which on steps are counted; more than some turns


class History:
    """Snapshots of a session's machine, about `every_cycles` apart, thinned out to hold at most `memory_bound` bytes of pages."""

    def __init__(self, session, every_cycles=EVERY_CYCLES, memory_bound=MEMORY_BOUND):
        if session.history:
            raise DebugError("this session keeps a history already")
        self.session, self.machine, self.every, self.bound = session, session.machine, every_cycles, memory_bound
        self.kept, self.cut, self._edits = [take(session.machine)], False, session.machine.edits
        self._left = None                                  # where the way back to an access ended: see _return_to
        session.history = self

    @property
    def first(self):
        """Return the position that one can go back to; `cut` says whether earlier ones were given up for the memory bound."""
        return self.kept[0].position

    # ---- what the session reports -----------------------------------------------------------------------------------------
    def begin(self):
        """Note that the machine is about to go on: after a change by the debugger the run goes another way."""
        self._left = None
        if self.machine.edits == self._edits:
            return
        self._edits, now = self.machine.edits, position(self.machine)
        while self.kept and self.kept[-1].position > now:
            self.kept.pop()
        self.kept.append(take(self.machine))

    def note(self):
        """Take a snapshot when the last one is old enough."""
        if position(self.machine) - self.kept[-1].position < self.every * len(self.machine.cpu):
            return
        self.kept.append(take(self.machine))
        while self.machine.base.store.used * PAGE_BYTES > self.bound and len(self.kept) > 2:
            self._thin()

    def _thin(self):
        """Give up the snapshot that leaves the smallest gap, or the first when all gaps are wide."""
        gaps = [self.kept[n + 1].position - self.kept[n - 1].position for n in range(1, len(self.kept) - 1)]
        least = min(range(len(gaps)), key=gaps.__getitem__)
        self.cut = self.cut or len(self.kept) == 3
        self.kept.pop(0 if len(self.kept) == 3 else least + 1)

    # ---- back -----------------------------------------------------------------------------------------------------------
    def _before(self, now, processor=None, cycle=0):
        """Return the last snapshot before a position, and before a cycle of a processor; None when history does not reach there."""
        for snapshot in reversed(self.kept):
            clock = 0 if processor is None else snapshot.about.cycles[processor]
            if snapshot.position < now and (processor is None or clock < cycle):
                return snapshot
        return None

    def restore(self, snapshot):
        """Bring the machine back to a snapshot of this history, its breakpoints as they are now; output is not shown again."""
        restore(self.machine, snapshot, again=False)
        self.session.settle()

    def _approach(self, snapshot, processor, cycle, now):
        """Restore a snapshot and run to shortly before a cycle of a processor, and before position `now`."""
        self.restore(snapshot)
        c = host(self.machine.cpu[processor])
        if cycle - COUNTED_CYCLES > c.cycles:
            self.session.replay_to(cycle - COUNTED_CYCLES)
            if position(self.machine) >= now or c.cycles >= cycle:
                self.restore(snapshot)

    def _boundary(self, processor):
        """Return what distinguishes a boundary of a processor from others at the same cycle."""
        thread = self.session.thread(processor)
        return thread.host.instructions, thread.pc, thread.world

    def _step_before(self, processor, cycle, boundary, nearest):
        """Step a processor to the boundary before the one at `cycle` that `boundary` names; returns the Stop.

        nearest: 1, or 0 when the run has ended here: perhaps in the middle of an instruction, whose boundary never came.
        """
        here, count = take(self.machine), self.session.steps_to(processor, cycle)
        while self._boundary(processor) != boundary and self.machine.clocks[processor] == cycle:
            if self.session.replay_steps(processor, 1):    # the run ends here, and the boundary is one that a debugger has written
                break
            count += 1
        for back in range(nearest, 3):                     # 2: now is after the fetch of its instruction, which took time
            self.restore(here)
            if count > back:
                self.session.replay_steps(processor, count - back)
            if self._boundary(processor) != boundary:
                break
        return self.session.stop_of("step", processor)

    def reverse_step(self, processor=None):
        """Go back by one boundary of a processor (None: the one that stopped last); the opposite of `Session.step`.

        Returns a Stop; its reason is "history" at the first moment that is known.
        """
        processor = self.session.current().processor if processor is None else processor
        c, now = host(processor_of(self.machine, processor)), position(self.machine)
        self.begin()
        cycle, boundary, stop = c.cycles, self._boundary(processor), self.machine.host.stop
        snapshot = self._before(now, processor, cycle)
        if snapshot is None:
            self.restore(self.kept[0])
            return self.session.stop_of("history", processor)
        with self.session.silent():
            self._approach(snapshot, processor, cycle, now)
            return self._step_before(processor, cycle, boundary, 1 if stop in (STOP.NONE, STOP.BREAK) else 0)

    @contextmanager
    def or_back(self):
        """Bring the machine back to where it is now when what is done meanwhile raises: who heeds the search has had enough."""
        here, at = take(self.machine), self.session.current().processor
        try:
            yield
        except BaseException:
            self.restore(here)
            self.session.stop_of("step", at)
            raise

    def seek(self, cycle, processor=0):
        """Go to the first boundary of a processor from `cycle` on, either way; returns a Stop.  DebugError before the first moment."""
        with self.or_back():
            return self._seek(cycle, processor)

    def _seek(self, cycle, processor):
        c = host(processor_of(self.machine, processor))
        self.begin()
        snapshot = self._before(1 << 63, processor, cycle + 1)
        if snapshot is None:
            clock = self.kept[0].about.cycles[processor]
            raise DebugError(f"the history of processor {processor} begins at cycle {clock:,}"
                             f"{' (the memory bound was reached)' if self.cut else ''}, not before {cycle:,}")
        with self.session.silent():
            if snapshot.about.cycles[processor] > c.cycles or c.cycles > cycle:
                self._approach(snapshot, processor, cycle, 1 << 63)
            elif cycle - COUNTED_CYCLES > c.cycles:
                self.session.replay_to(cycle - COUNTED_CYCLES)
            if c.cycles < cycle:
                self.session.steps_to(processor, cycle)
            return self.session.stop_of("step", processor)

    def reverse_continue(self, only=None):
        """Go back to where a breakpoint or watchpoint was met last before now; returns a Stop, "history" where none was.

        A watchpoint leaves the machine before the instruction that accesses, a breakpoint before its instruction.
        only: the number of the one that is meant; all others are let pass.
        """
        with self.or_back():
            return self._last(only, None)[0]

    def last_hit(self, only, value):
        """Go back to the last hit of a point at which value() changed; returns (Stop, how many hits came after it)."""
        with self.or_back():
            return self._last(only, value)

    def _here(self):
        """Return what shows that the machine still is where the way back ended, and that the same points would be met again."""
        return position(self.machine), set(self.session.points.numbers)

    def _last(self, only, value):
        left, end, most, later = self._left, position(self.machine), ALL_HITS, 0
        if left and left[0] == self._here():               # the hits before the one that was found, in the same stretch
            _, snapshot, end, most = left
        else:
            snapshot = self._before(end)
        self.begin()
        while snapshot is not None:
            found, after = self._met(snapshot, end, most, only, value)
            later += after
            if found:
                return self._return_to(snapshot, end, found, only), later
            end, most = snapshot.position, ALL_HITS
            snapshot = self._before(end)
        self.restore(self.kept[0])
        return self.session.stop_of("history", self.session.current().processor), later

    def last_change(self, processor, cycle, window, address):
        """Go to before the step that changed the 64-bit word at a host address last, of those `window` cycles before `cycle`.

        Returns whether there was one; if not, the machine is anywhere.
        """
        start = max(cycle - window, 1)
        snapshot = self._before(1 << 63, processor, start) or self.kept[0]
        with self.session.silent():
            self.restore(snapshot)
            if start > self.machine.clocks[processor]:
                self.session.replay_to(start)
            here, count = take(self.machine), self.session.last_change(processor, cycle, address)
            self.restore(here)
            if count > 1:
                self.session.replay_steps(processor, count - 1)
            self.session.stop_of("step", processor)
            return count > 0

    def _hits(self, snapshot, end, only):
        """Yield (n, its Stop) of the n-th time (from 1) that points are met from a snapshot on before position `end`."""
        self.restore(snapshot)
        n = 0
        while True:
            n += 1
            stop = self.session.replay(lambda: position(self.machine) >= end)
            past = position(self.machine) - end            # an access at `end` was before it: its instruction was
            if stop.reason not in MET_BY or past >= any(each.reason != "breakpoint" for each in stop.all):
                return
            met = [each for each in stop.all if only in (None, each.number) and (past < 0 or each.reason != "breakpoint")]
            if met:
                yield n, replace(met[0], others=tuple(met[1:]))

    def _met(self, snapshot, end, most, only, value):
        """Return (n of the last hit that counts, of those before the `most`-th, 0: none does; how many hits come after it)."""
        self.restore(snapshot)
        found = after = 0
        before = value() if value else None
        for n, _ in takewhile(lambda each: each[0] < most, self._hits(snapshot, end, only)):
            now = value() if value else n
            found, after = (n, 0) if now != before else (found, after + 1)
            before = now
        return found, after

    def _return_to(self, snapshot, end, found, only):
        stop = next(stop for n, stop in self._hits(snapshot, end, only) if n == found)
        if stop.reason != "breakpoint":
            before = self.reverse_step(stop.processor)
            self._left = self._here(), snapshot, end, found
            self.session.arrived = False                   # a breakpoint before that instruction is met when the run goes on
            for each in stop.all:
                each.thread, each.world = before.thread, before.world
        return stop
