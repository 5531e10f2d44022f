"""Who changed it last: the instruction that gave memory, a register or a VMCS field the value it has now.

Each is watched from snapshots on, the latest first, up to now; the last change is the answer.  The machine is then before that
instruction.  A write that leaves the value as it was is not a change; such writes to memory are counted.
"""
from dataclasses import dataclass

from emu.debug.history.snapshot import take
from emu.debug.views import registers
from emu.debug.views.translation import check_range
from emu.debug.views.vmcs import Vmcs
from emu.errors import DebugError

FIRST_WINDOW, LAST_WINDOW = 50_000, 20_000_000             # cycles back that a register is looked for, step by step


@dataclass(frozen=True)
class Write:
    """A write: what, old and new value, and by whom; cycle and RIP are those of the instruction, before it runs.

    again: how many times the same value was written since, to memory.
    """

    what: str
    old: int
    new: int
    processor: int
    thread: str
    cycle: int
    rip: int
    place: str
    again: int = 0

    def __str__(self):
        since = f"; written {self.again:,} time{'s' * (self.again > 1)} since with that value" if self.again else ""
        return f"{self.what}: {self.old:#x} -> {self.new:#x} by the instruction at {self.place}, {self.thread}, cycle {self.cycle:,}{since}"


def _write(session, what, old, new, processor, again=0):
    thread = session.thread(processor)
    return Write(what, old, new, processor, thread.name, thread.host.cycles, thread.pc, thread.place(), again)


def _found(history, number, what, value=None):
    """Go back to the last hit of a point at which value() changed (None: to the last hit), and remove the point.

    Returns (Stop, number of hits after it); DebugError when there is none.
    """
    began = history.kept[0].about.cycles[0]
    try:
        stop, later = history.last_hit(number, value)
    finally:
        history.session.remove(number)
    if stop.reason != "watchpoint":
        same = f"; it was written {later:,} time{'s' * (later > 1)} with the value that it had" if later else ""
        raise DebugError(f"nothing has changed {what} since the history began, at cycle {began:,} of processor 0{same}")
    return stop, later


def memory(history, address, size=8, space="linear", thread=None):
    """Return the Write that changed `size` bytes (1 to 8) at `address` last; space as in `Session.watch`.  DebugError: none is known."""
    session, what = history.session, f"{size} bytes at {address:#x}"
    thread = thread or session.current()
    if not 1 <= size <= 8:
        raise DebugError(f"a value has 1 to 8 bytes, not {size}")
    check_range(address, size)
    hosts = {"linear": thread.translate, "guest": thread.translate_guest, "host": int}[space]
    first, last = hosts(address), hosts(address + size - 1)
    if first is None or last != first + size - 1:
        raise DebugError(f"{what} do not lie in one piece of memory")
    if last >= session.machine.ram.nbytes:
        raise DebugError(f"{what} are not RAM: nothing is written there")

    def value():
        return int.from_bytes(session.machine.read(first, size), "little")

    new = value()
    stop, again = _found(history, session.watch(first, size, space="host"), what, value)
    return _write(session, what, value(), new, stop.processor, again)


def field(history, name, processor=0):
    """Return the last Write that changed a field of the current VMCS, by VMWRITE or VM exit; the name may be cut short."""
    session, vmcs = history.session, Vmcs(history.session.machine, processor)
    number = session.watch_field(name, processor)
    what = session.points.get(number).space
    short = what.split()[0]
    new, pointer = vmcs[short], vmcs.pointer
    stop, _ = _found(history, number, what)
    old = session.guest_of(pointer).vmcs()[short]
    return _write(session, what, old, new, stop.processor)


def register(history, name, processor=None):
    """Return the last Write that changed a general register of the world that a processor is in; DebugError when none is near."""
    session = history.session
    thread = session.current() if processor is None else session.thread(processor)
    name = registers.checked(name)
    if name not in registers.GENERAL:
        raise DebugError(f"{name} cannot be followed, only {', '.join(registers.GENERAL)}")
    c, new, window = thread.c, thread.register(name), FIRST_WINDOW
    here, end = take(session.machine), int(c.cycles)
    with history.or_back():
        while window <= LAST_WINDOW:
            if history.last_change(thread.processor, end, window, registers.address(c, name)):
                return _write(session, name, session.thread(thread.processor).register(name), new, thread.processor)
            history.restore(here)
            window *= 8
    raise DebugError(f"{name} did not change in the last {LAST_WINDOW:,} cycles of processor {thread.processor}")
