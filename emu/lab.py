"""The laboratory from Python: a machine with its debugger, history, processors, partitions, and trace events.

    from emu.lab import Lab

    lab = Lab.open("kernel.elf", place="partition")
    lab.on_exit("wrmsr", lambda each: print(each), when="msr==efer")
    stop = lab.run_until("exit=ept_violation and gpa==0xfee00300")
    print(lab.cpu[0].vmcs.check(), lab.vp[0].rip, lab.partition(1).read(0x1000, 16))
    lab.back()                                             # before the instruction that exited

Everything shows itself as a table in a notebook (`_repr_html_`).  Addresses and sizes are bytes, times are cycles.
"""
import weakref
from dataclasses import replace
from html import escape
from pathlib import Path

from emu import image as images
from emu.asm import assemble
from emu.debug.history import why
from emu.debug.history.history import History
from emu.debug.history.snapshot import restore, take
from emu.debug.session.session import Session
from emu.debug.views import translation
from emu.debug.views import vmcs as vmcs_of
from emu.debug.views.drawing import svg
from emu.debug.views.registers import NAMES
from emu.errors import DebugError
from emu.machine import Config, Machine
from emu.machine.partition import HYPERVISOR_BYTES
from emu.spec.trace import WORLDS

SHOWN = ("rip", "rflags", "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
         "cr0", "cr2", "cr3", "cr4", "efer")


def _table(caption, heads, rows):
    """Return an HTML table of cells that are text."""
    head = "".join(f"<th>{escape(each)}</th>" for each in heads)
    cells = [[f'<td style="text-align:left"><code>{escape(str(cell))}</code></td>' for cell in row] for row in rows]
    body = "".join(f"<tr>{''.join(row)}</tr>" for row in cells)
    return f"<table><caption>{escape(caption)}</caption><tr>{head}</tr>{body}</table>"


class VmcsView:
    """The VMCS of a processor: fields by name (`vmcs.guest_rip`), and `check()`: whether VM entry would accept it."""

    def __init__(self, machine, processor):
        object.__setattr__(self, "_machine", machine)
        object.__setattr__(self, "_processor", processor)

    def _fields(self):
        return vmcs_of.Vmcs(self._machine, self._processor)

    def __getattr__(self, name):
        return getattr(self._fields(), name)

    def __setattr__(self, name, value):
        setattr(self._fields(), name, value)
        self._machine.edits += 1

    def __dir__(self):
        return [*dir(type(self)), *dir(self._fields())]

    def check(self):
        """Return the Verdict of VM entry on the VMCS as it is now: every failing check with values, rule, section, repair."""
        return vmcs_of.check(self._machine, self._processor)

    def _repr_html_(self):
        return "".join(_table(group, ("field", "value", "decoded"), [(name, f"{value:#x}", text) for name, _, value, text in rows])
                       for group, rows in self._fields().rows())


class View:
    """What one thread of execution sees: registers as attributes, memory by linear address, translations."""

    def __init__(self, lab, thread):
        object.__setattr__(self, "_lab", lab)
        object.__setattr__(self, "_thread", thread)

    @property
    def thread(self):
        """Return the Thread of `emu.debug.session.thread`."""
        return self._thread() if callable(self._thread) else self._thread

    def __getattr__(self, name):
        if name.startswith("_") or name not in NAMES:
            raise AttributeError(f"there is no register {name!r}: {', '.join(NAMES)}")
        return self.thread.register(name)

    def __setattr__(self, name, value):
        self.thread.set_register(name, value)

    def __dir__(self):
        return [*dir(type(self)), *NAMES]

    def read(self, address, size):
        """Return bytes at a linear address."""
        return self.thread.read(address, size)

    def write(self, address, data):
        """Write bytes at a linear address."""
        self.thread.write(address, data)

    def xlate(self, address, access="read", user=False):
        """Return the Walk of a linear address; access: "read", "write" or "fetch"."""
        thread = self.thread
        world = None if thread.running else WORLDS[thread.world]
        return Walk(translation.translate(self._lab.machine, address, thread.processor, access, user, world))

    def _repr_html_(self):
        found = self.thread.registers()
        rows = [(name, f"{found[name]:#x}") for name in SHOWN if found.get(name) is not None]
        return _table(self.thread.name, ("register", "value"), rows)


class Cpu(View):
    """A processor, in the world that it is in now; `vmcs` is its current VMCS, `number` its number."""

    def __init__(self, lab, number):
        super().__init__(lab, lambda: lab.session.thread(number))
        object.__setattr__(self, "number", number)

    @property
    def vmcs(self):
        """Return the VmcsView of the current VMCS."""
        return VmcsView(self._lab.machine, self.number)

    @property
    def record(self):
        """Return the CPU record of `emu.state`: clocks, counts, modes."""
        return self._lab.machine.cpu[self.number]

    def step(self, count=1):
        """Step over `count` boundaries; returns the Stop."""
        return self._lab.session.step(self.number, count)


class Walk:
    """A translation: `found` is the Translation of `emu.debug.views.translation`; a notebook draws it."""

    def __init__(self, found):
        self.found = found

    def __str__(self):
        return f"host-physical {self.found.host:#x}" if self.found.reaches else f"stopped: {self.found.stop}; {self.found.outcome}"

    __repr__ = __str__

    def _repr_html_(self):
        return svg(self.found)


class Partition:
    """A partition by its number: its virtual processors, and its memory by guest-physical address."""

    def __init__(self, lab, number):
        self._lab, self.number = lab, number

    @property
    def vps(self):
        """Return a View of each virtual processor."""
        return [View(self._lab, each) for each in self._lab.session.guests() if each.partition == self.number]

    def _any(self):
        found = self.vps
        if not found:
            known = sorted({each.partition for each in self._lab.session.guests()})
            raise DebugError(f"there is no partition {self.number}; there are {', '.join(map(str, known)) or 'none yet'}")
        return found[0].thread

    def read(self, address, size):
        """Return bytes at a guest-physical address."""
        return self._any().read_physical(address, size)

    def write(self, address, data):
        """Write bytes at a guest-physical address."""
        self._any().write_physical(address, data)


class Lab:
    """A machine under a debugger that keeps its history; close it, or use it in a `with`."""

    def __init__(self, machine):
        self.machine, self.session, self._callbacks = machine, Session(machine), {}
        self._edits: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()            # edits when each snapshot was taken
        self.history = History(self.session)
        self.cpu = [Cpu(self, n) for n in range(len(machine.cpu))]

    @classmethod
    def open(cls, path, place="bare", smp=1, memory=256 << 20, append=None, modules=(), **more):
        """Return a Lab with an image loaded, as `hvlab run` does.

        memory: bytes; more: what else emu.machine.Config holds.  Raises ConfigError for a wrong image.
        """
        path = Path(path)
        loaded = images.of_assembly(assemble(path), memory, path=path) if path.suffix == ".s" else \
            images.load(path, memory, append, tuple(modules))
        extra = HYPERVISOR_BYTES if place == "partition" else 0
        machine = Machine(Config(memory_bytes=loaded.memory_bytes + extra, processors=smp, **more))
        if place == "partition":
            machine.load_partition(loaded, processors=smp)
        else:
            machine.load(loaded)
        return cls(machine)

    def close(self):
        """Let the machine go, as if there had been no debugger."""
        self.session.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # ---- what is there ----------------------------------------------------------------------------------------------------
    @property
    def vp(self):
        """Return a View of each virtual processor that the hypervisor has chosen, in that order."""
        return [View(self, each) for each in self.session.guests()]

    def partition(self, number):
        """Return a Partition; numbers begin with 1."""
        return Partition(self, number)

    def symbol(self, name):
        """Return the address of a symbol of the image; DebugError when it has none of that name."""
        found = self.machine.symbols.address(name) if self.machine.symbols else None
        if found is None:
            raise DebugError(f"the image has no symbol {name!r}")
        return found

    # ---- running ----------------------------------------------------------------------------------------------------------
    def on(self, condition, callback, ignore=0):
        """Call callback(trace event) at each trace event that a condition accepts; true from it stops the run.  Returns the number."""
        number = self.session.break_on(condition, ignore=ignore)
        self._callbacks[number] = callback
        return number

    def on_exit(self, reason, callback, when="", ignore=0):
        """Call callback(trace event) at VM exits of a reason, by name; when: a condition on their fields."""
        return self.on(f"exit=={reason}" + (f" and ({when})" if when else ""), callback, ignore)

    def remove(self, number):
        """Forget a breakpoint, watchpoint or condition."""
        self._callbacks.pop(number, None)
        self.session.remove(number)

    def run(self, max_cycles=None):
        """Run until something stops the machine that no callback lets pass; returns the Stop."""
        while True:
            left = [each for each in self.session.run(max_cycles=max_cycles).all if self._stays(each)]
            if left:
                return replace(left[0], others=tuple(left[1:]))

    def _stays(self, stop):
        """Return whether a Stop is to stop the machine; it is not when a callback lets it pass."""
        callback = self._callbacks.get(stop.number) if "event" in stop.detail else None
        return callback is None or bool(callback(stop.detail["event"]))

    def run_until(self, condition, max_cycles=None):
        """Run until a condition on trace events holds once; returns the Stop (its reason is "event" when it did, or "breakpoint")."""
        number = self.session.break_on(condition, temporary=True)
        stop = self.run(max_cycles)
        if number in self.session.points.numbers:
            self.session.remove(number)
        return stop

    def step(self, count=1, cpu=None):
        """Step a processor (None: the one that stopped last) over `count` boundaries; returns the Stop."""
        return self.session.step(cpu, count)

    def back(self, cpu=None):
        """Go back by one boundary; returns the Stop."""
        return self.history.reverse_step(cpu)

    def seek(self, cycle, cpu=0):
        """Go to a cycle of a processor, backward or forward; returns the Stop."""
        return self.history.seek(cycle, cpu)

    # ---- time -------------------------------------------------------------------------------------------------------------
    def snapshot(self):
        """Return a Snapshot of the machine; pages are shared with other snapshots."""
        snapshot = take(self.machine)
        self._edits[snapshot] = self.machine.edits
        return snapshot

    def restore(self, snapshot):
        """Bring the machine back to a Snapshot; when something was changed since, or it is of another Lab, its history starts again."""
        restore(self.machine, snapshot)
        self.session.settle()
        if self._edits.get(snapshot) != self.machine.edits:
            self.session.history = None
            self.history = History(self.session)

    def who_wrote(self, what, size=8, space="linear"):
        """Return the Write that changed memory (an address), a general register or a VMCS field (a name) last; goes back to it."""
        if isinstance(what, int):
            return why.memory(self.history, what, size, space)
        if what.lower() in self.cpu[0].thread.registers():
            return why.register(self.history, what.lower())
        return why.field(self.history, what, self.session.current().processor)

    def _repr_html_(self):
        rows = [(each.thread.name, f"{each.record.cycles:,}", f"{each.rip:#x}") for each in self.cpu]
        return _table("processors", ("", "cycle", "RIP"), rows)
