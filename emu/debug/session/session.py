"""A debugger's hold on a machine: run, step, breakpoints and watchpoints, threads.

    session = Session(machine)
    session.break_at(machine.symbols.address("vm_exit"))
    stop = session.run()
    print(stop.reason, stop.thread.register("rip"))

Nothing here changes the run: `machine.digest()` at its end is the same with and without.  Not here: the protocols of
debuggers, and time travel.
"""
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from emu.bits import PAGE_BYTES, name_of
from emu.debug.explain.explain import vmcs_field
from emu.debug.session.conditions import compiled
from emu.debug.session.met import Stop
from emu.debug.session.points import ACCESSES, SPACE_NAMES, Breakpoint, EventPoint, Points
from emu.debug.session.thread import GUEST_WORLD, ROOT_WORLD, Thread, has_guest
from emu.debug.session.where import Where
from emu.debug.views.translation import check_range
from emu.debug.views.vmcs import Vmcs, processor_of
from emu.errors import DebugError, Unmodelled
from emu.jit import words
from emu.machine import endings
from emu.machine.failure import finder
from emu.machine.host import host
from emu.machine.machine import FOREVER, NO_STOP, PAUSE_CYCLES
from emu.model.observe import breakpoint, watch
from emu.spec.debug import UNTIL
from emu.spec.outcome import MODE, STOP
from emu.spec.vmcs import VMCS

BREAK = int(STOP.BREAK)
THREADS = 256                                             # that are kept
STEPS_WITHOUT_END, STEP_CYCLES = 1 << 40, 200_000         # STEP_CYCLES: of a slice in which each boundary is checked
TRANSITIONS = {"entry": int(UNTIL.ENTRY), "exit": int(UNTIL.EXIT)}


class Session:
    """A debugger at a machine; one at a time.  `close` leaves the machine as if there had been none."""

    def __init__(self, machine):
        if machine.record[0].debug:
            raise DebugError("a debugger holds this machine already")
        self.machine, self.points, self._at = machine, Points(machine), 0
        self.where, self._threads = Where(machine), {}
        self.arrived = False                               # where a step led it: points before the instruction there do not stop it
        self.history, self._replays = None, False          # history: emu.debug.history.history.History
        self.heed = None                                   # called between slices while the past is gone through; it may raise

    def close(self):
        """Let the machine go."""
        self._resume(None)
        self.points.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # ---- threads ------------------------------------------------------------------------------------------------------
    def partition_of(self, eptp):
        """Return the number of an EPT hierarchy: 1, 2, ... in the order that their first VMCSs were chosen."""
        return int(watch.number_of(self.machine.record[0], np.uint64(eptp)))

    def thread(self, processor, world=None):
        """Return the Thread of a processor's world: 0 root, 1 guest, None the one that it is in now."""
        processor_of(self.machine, processor)
        return self._running(processor) if world is None else self._thread(processor, world)

    def _thread(self, processor, world):
        c = self.machine.cpu[processor]
        if world == ROOT_WORLD:
            return Thread(self.machine, processor, ROOT_WORLD, f"cpu{processor}" + (" root" if c.vmx_mode != MODE.BARE else ""))
        if not has_guest(c):
            where = "outside VMX operation" if c.vmx_mode == MODE.BARE else "without a current VMCS"
            raise DebugError(f"processor {processor} has no guest: it is {where}")
        return self._guest(processor, host(c).vmcs_pointer)

    def _guest(self, processor, pointer):
        thread = Thread(self.machine, processor, GUEST_WORLD, "", pointer=pointer)
        thread.partition = self.partition_of(thread.eptp or pointer)
        thread.name = f"partition {thread.partition} / VMCS {pointer:#x}"
        return thread

    def guests(self):
        """Return a Thread for each VMCS that the hypervisor has chosen: those that run or wait, by physical address."""
        current = {host(c).vmcs_pointer: n for n, c in enumerate(self.machine.cpu) if has_guest(c)}
        return [self._guest(current.get(pointer, 0), pointer) for pointer in endings.pointers(self.machine)]

    def guest_of(self, pointer):
        """Return the Thread of the guest whose VMCS is at physical address `pointer`."""
        for guest in self.guests():
            if guest.pointer == pointer:
                return guest
        raise DebugError(f"no VMCS at {pointer:#x} was ever chosen by VMPTRLD")

    def threads(self):
        """Return a Thread for each processor's root or bare world, then one for each guest."""
        return [self.thread(n, ROOT_WORLD) for n in range(len(self.machine.cpu))] + self.guests()

    def current(self):
        """Return the Thread that ran when the machine stopped last."""
        return self._running(self._at)

    def _running(self, number):
        """Return `thread(number)`, the one of before while that would be the same."""
        if self.where.world(number) == GUEST_WORLD:
            key = number, GUEST_WORLD, self.machine.cells.vmcs_count, *self.where.guest(number)
        else:
            c = self.where.cpu[number]
            key = number, ROOT_WORLD, c.vmx_mode, c.vmcs_pointer
        found = self._threads.get(key)
        if found is None:
            if len(self._threads) > THREADS:
                self._threads.clear()
            found = self._threads[key] = self._thread(number, key[1])
        return found

    # ---- breakpoints and watchpoints -------------------------------------------------------------------------------------
    def break_at(self, address, *, world=None, eptp=None, cr3=None, condition=None, program=None, ignore=0, temporary=False):
        """Stop before the instruction at linear `address`; returns the number.

        world: 0 root or bare, 1 guest; eptp: of one partition; cr3: of one address space; None: any.
        condition(thread): whether to stop; program: words of emu.spec.trace.OP that the machine asks itself, a million times a
        second; ignore: let it pass so many times first; temporary: remove it when it stops.
        """
        self._check(address, 1, world)
        point = Breakpoint(0, "execute", "linear", address, 1, world, eptp, cr3, condition, temporary, asks=program)
        return self._enter(point, [(address, 1)], ignore)

    def watch(self, address, size, *, access="write", space="linear", world=None, eptp=None, cr3=None, condition=None, ignore=0,
              temporary=False, thread=None):
        """Stop after an instruction that reads or writes some of `size` bytes at `address`; returns the number.

        access: "write", "read" or "access" (both); space: "linear"; "guest" (guest-physical, through the EPT of `thread`, as
        it maps them now); "host" (physical).  Page walks and event delivery count as accesses for "host" and "guest".
        """
        if access not in ACCESSES or space not in SPACE_NAMES:
            raise DebugError(f"a watchpoint's access is one of {', '.join(ACCESSES)}, its space one of {', '.join(SPACE_NAMES)}, "
                             f"not {access!r} and {space!r}")
        self._check(address, size, world)
        pieces = [(address, size)] if space != "guest" else self._host_pieces(address, size, thread or self.current())
        point = Breakpoint(0, access, space, address, size, world, eptp, cr3, condition, temporary)
        return self._enter(point, pieces, ignore)

    def watch_word(self, what, address, *, condition=None, ignore=0, temporary=False):
        """Stop after the instruction, VM entry or VM exit that changes the 64-bit word at a host address; returns the number.

        what: its name, for people.  A word that only translated code changes (a register) is compared at each step.
        """
        point = Breakpoint(0, "change", what, address, 8, None, None, None, condition, temporary)
        return self._enter(point, [(address, 8)], ignore)

    def watch_field(self, name, processor=0, **options):
        """Stop after what changes a field of the current VMCS (VMWRITE, a VM exit); returns the number.  The name may be cut short."""
        vmcs = Vmcs(self.machine, processor)
        field = name_of(VMCS, vmcs_field(name).number)
        return self.watch_word(f"{field} of VMCS {vmcs.pointer:#x}", vmcs.address(field), **options)

    def break_on(self, text, *, condition=None, ignore=0, temporary=False):
        """Stop after what a condition on trace events says (`session.conditions`), or before an instruction; returns the number.

        It is evaluated by the machine itself, also when it is ignored a million times.  condition: as of `break_at`.
        """
        if ignore < 0:
            raise DebugError(f"ignore is a number of hits from 0 on, not {ignore}")
        found = compiled(text, finder(self.machine))
        if not found.addresses:
            return self.points.add_event(EventPoint(0, found, condition, temporary), ignore)
        point = Breakpoint(0, "execute", "linear", found.addresses[0], 1, None, None, None, condition, temporary, compiled=found)
        return self._enter(point, [(address, 1) for address in found.addresses], ignore)

    def _check(self, address, size, world):
        check_range(address, size)
        if world not in (None, ROOT_WORLD, GUEST_WORLD):
            raise DebugError(f"a world is 0 (root or bare), 1 (guest) or None (any), not {world!r}")

    def _host_pieces(self, address, size, thread):
        found, at = [], address
        while at < address + size:
            here = min(address + size - at, PAGE_BYTES - at % PAGE_BYTES)
            host = thread.translate_guest(at)
            if host is None:
                raise DebugError(f"guest-physical address {at:#x} of {thread.name} is not mapped by its EPT")
            if found and sum(found[-1]) == host:
                found[-1] = found[-1][0], found[-1][1] + here
            else:
                found.append((host, here))
            at += here
        return found

    def _enter(self, point, pieces, ignore):
        if ignore < 0:
            raise DebugError(f"ignore is a number of hits from 0 on, not {ignore}")
        number = self.points.add(point, pieces)
        self.points.ignore(number, ignore)
        return number

    def remove(self, number):
        """Remove a breakpoint or watchpoint; DebugError when there is none of that number."""
        self.points.remove(number)

    def breakpoints(self):
        """Return the Breakpoints, in the order of their numbers."""
        return [self.points.numbers[number] for number in sorted(self.points.numbers)]

    # ---- running ------------------------------------------------------------------------------------------------------
    def run(self, *, max_cycles=None, pause=None):
        """Run until something stops the machine; returns a Stop.

        pause: called between slices of a few milliseconds, true: stop there ("interrupted").
        """
        return self._go(None, 0, FOREVER if max_cycles is None else int(max_cycles), pause)

    def step(self, processor=None, count=1, *, max_cycles=None, pause=None):
        """Let a processor (None: the one that stopped last) come `count` boundaries further; returns a Stop.

        A boundary follows an instruction, a delivered event, a VM exit, a VM entry: VMLAUNCH ends on the guest's first
        instruction, an instruction that exits on HOST_RIP.  Other processors run as the schedule says.  A breakpoint before the
        instruction where the processor stands does not stop it.
        """
        if count < 1:
            raise DebugError(f"steps are counted from 1, not {count}")
        number = self._at if processor is None else processor
        processor_of(self.machine, number)
        self._begin_steps(number, count)
        return self._go(number, count, FOREVER if max_cycles is None else int(max_cycles), pause)

    def _begin_steps(self, number, count):
        c = self.where.cpu[number]
        c.steps, c.step_at, c.step_rip, c.step_world = count, c.instructions, self.where.pc(number), self.where.world(number)

    def run_until(self, transition, *, vmcs=None, max_cycles=None, pause=None):
        """Run until the next VM "entry" or VM "exit" of any processor; returns a Stop of that reason, or of what came before.

        vmcs: physical address, only entries to or exits from the guest of this VMCS count.  After an exit, "entry" with its
        VMCS passes over the handler: it stops on the guest's next instruction.
        """
        if transition not in TRANSITIONS:
            raise DebugError(f"a transition is one of {', '.join(TRANSITIONS)}, not {transition!r}")
        d = self.points.record
        for c in self.machine.cpu:
            c.step_world = GUEST_WORLD if c.vmx_mode == MODE.NONROOT else ROOT_WORLD
        d.until, d.until_vmcs = TRANSITIONS[transition], vmcs or 0
        try:
            return self._go(None, 0, FOREVER if max_cycles is None else int(max_cycles), pause)
        finally:
            d.until = UNTIL.NEVER

    def _resume(self, processor):
        """Clear what stopped the machine, and steps unless `processor` is to make some.

        Points before the instruction where a step ended, or where one begins, do not stop the machine there.
        """
        if self.machine.cells.stop == BREAK and (self.arrived or processor == self._at):
            c = self.where.cpu[self._at]
            c.passed, c.passed_at = self.where.pc(self._at), c.instructions + 1
        if processor is None:
            for c in self.where.cpu:
                c.steps = 0
        self._let_go()

    def _let_go(self):
        """Clear what stopped the machine, and that alone."""
        m = self.machine.cells
        for c in self.where.cpu:
            if c.stop == BREAK:
                c.stop = NO_STOP
        if m.stop == BREAK:
            m.stop = NO_STOP
        self.points.clear()

    def _go(self, processor, steps, until, pause):
        self._resume(processor)
        if self.history and not self._replays:
            self.history.begin()
        awaited, stop = steps or self.points.cells.until, None
        while stop is None:
            stop = self._slice_of(until, awaited)
            if stop is None and self._replays:
                self._heed()
            elif stop is None and self.history:
                self.history.note()
            if stop is None and pause and pause():
                stop = self._stop("interrupted")
        for c in self.where.cpu:
            c.steps = 0
        return stop

    def _slice_of(self, until, awaited):
        """Run on for some milliseconds; returns the Stop when the machine is not to go on.

        awaited: a step or a change of worlds is.  It may come with the very boundary at which no point holds: the rest of that
        boundary is done before anything else.
        """
        machine, m = self.machine, self.machine.cells
        stop, cut = self._slice(until), machine.cut
        while stop == BREAK:
            self._at = m.stop_cpu
            found = self._stopped()
            if found is not None:
                return found
            self._let_go()
            stop = machine.advance(1) if awaited else NO_STOP
            if stop == STOP.BUDGET:
                stop = m.stop = NO_STOP
        machine.cut = cut
        return self._met_at_the_end() or self._ended(stop) if stop else None

    # ---- what a history needs ---------------------------------------------------------------------------------------------
    def stop_of(self, reason, processor):
        """Return a Stop of a reason at a processor, where it is."""
        self._at, self.arrived = processor, True
        return self._stop(reason)

    told = stop_of                                         # its former name

    def settle(self):
        """Take the machine as a restored snapshot left it: nothing is under way, the points are as they are now."""
        for c in self.machine.cpu:
            c.steps = c.goal = 0
        self.points.clear()
        self.points.apply()

    @contextmanager
    def silent(self):
        """Let no point be met meanwhile, and no history be noted."""
        d, watch, before = self.points.record, self.machine.watching, (self._replays, self.machine.watching.muted)
        count, d.count, self._replays = host(d).count, 0, True
        watch.record.off, watch.muted = 1, True
        try:
            yield
        finally:
            d.count, (self._replays, watch.muted), watch.record.off = count, before, 0
            self.points.apply()                            # code was translated without their marks

    def replay(self, pause):
        """Run on as `run` does, with points that are ignored met too and temporary ones kept; nothing is counted."""
        watch, before = self.machine.watching, (self._replays, self.machine.watching.muted)
        kept = [(record, record.ignore.copy(), record.hits.copy()) for record in (self.points.record, watch.record)]
        passed = [(point, point.passed) for point in self.points.numbers.values()]
        for record, *_ in kept:
            record.ignore[:] = 0
        self._replays = watch.muted = True
        try:
            return self._go(None, 0, FOREVER, pause)
        finally:
            for record, ignored, hits in kept:
                record.ignore[:], record.hits[:] = ignored, hits
            for point, times in passed:
                point.passed = times
            self._replays, watch.muted = before

    def replay_to(self, cycle):
        """Run until a processor whose turn it is reaches `cycle`."""
        self._resume(None)
        while self._slice(cycle) == STOP.NONE:
            self._heed()

    def _slice(self, until):
        """Advance the machine by some milliseconds, up to a cycle; returns the STOP code."""
        return self.machine.advance(until, self.machine.cells.now + PAUSE_CYCLES)

    def _heed(self):
        if self.heed:
            self.heed()

    def steps_to(self, processor, cycle):
        """Step a processor until its clock reaches `cycle`; returns how many boundaries that took."""
        self.machine.cpu[processor].goal = cycle
        try:
            return STEPS_WITHOUT_END - self.replay_steps(processor, STEPS_WITHOUT_END)
        finally:
            self.machine.cpu[processor].goal = 0

    def last_change(self, processor, cycle, address):
        """Step a processor to a cycle; returns after how many steps the word at a host address changed last, 0 when it did not."""
        d = self.points.record
        d.followed, d.followed_value, d.changes = address, words(address, 1)[0], 0
        try:
            self.steps_to(processor, cycle)
        finally:
            d.followed = 0
        return STEPS_WITHOUT_END - host(d).changed_left if d.changes else 0

    def replay_steps(self, processor, count):
        """Step a processor by `count` boundaries, or to its goal; returns how many were left."""
        c = self.where.cpu[processor]
        self._resume(processor)
        self._begin_steps(processor, count)
        stop, cut, until = STOP.NONE, self.machine.cut, self.machine.clock
        while stop == STOP.NONE:                           # cut by the clock: a turn may be long, and each of its boundaries is checked
            until = max(until, self.machine.clock) + STEP_CYCLES     # the clock stands still while every processor sleeps
            stop = self.machine.advance(until)
            if stop == STOP.BUDGET and until < self.machine.limit:
                stop = STOP.NONE
            if stop == STOP.NONE:
                self._heed()
        self.machine.cut = cut
        left, c.steps = c.steps, 0
        if stop == BREAK:
            self._at = self.machine.cells.stop_cpu
        return left

    def _stop(self, reason, number=0, address=None, **more):
        thread = self.current()
        return Stop(reason, self._at, thread.world, number, self.where.pc(self._at) if address is None else address, thread, **more)

    def _stopped(self):
        """Return the Stop of points that hold, else of the step or change of worlds that came; None: the machine goes on."""
        d, met = self.points.cells, self._holding()
        self.arrived = not met and bool(d.ended)
        if self.arrived:
            return self._stop(next((name for name, code in TRANSITIONS.items() if code == d.until), "step"))
        return met

    def _holding(self):
        """Return the Stop of the points that were met and whose conditions hold, None without one; each is asked, and once."""
        numbers, found = self.points.numbers, []
        for hit in self.points.met():                      # a condition may remove points, too
            if numbers.get(hit.point.number) is hit.point and hit.holds(self.current()):
                found.append(hit)
        stops = [self._stop(reason, hit.point.number, address, detail=detail)
                 for hit in found for reason, address, detail in hit.reports(bool(self.machine.partitions))]
        for hit in found:
            if hit.point.temporary and not self._replays and hit.point.number in numbers:
                self.remove(hit.point.number)
        return replace(stops[0], others=tuple(stops[1:])) if stops else None

    def _met_at_the_end(self):
        """Return the Stop of points that were met by what ended the machine, None without one; the end is reported next."""
        m = self.machine.record[0]
        if m.stop == STOP.BUDGET or not breakpoint.settle(self.machine.cpu[m.stop_cpu]):
            return None
        self._at, self.arrived = self.machine.host.stop_cpu, False
        stop = self._holding()
        self.points.clear()
        return stop

    def _ended(self, stop):
        if stop != STOP.BUDGET and stop != STOP.IDLE:
            self._at = self.machine.host.stop_cpu
        try:
            return self._stop("budget" if stop == STOP.BUDGET else "ended", result=self.machine.result(stop))
        except Unmodelled as error:
            return self._stop("ended", error=error)

    def state(self):
        """Return in a word how the machine is: "ready", or the STOP name that ended it."""
        return name_of(STOP, self.machine.host.stop).lower().replace("_", " ") if self.machine.record[0].stop else "ready"
