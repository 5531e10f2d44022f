"""`monitor` commands: what gdb itself cannot show of the machine.

    monitor help
"""
import inspect
from collections.abc import Callable

import capstone

from emu.bits import ALL_ONES, name_of
from emu.debug.explain import explain, lookup
from emu.debug.history import snapshot_file, why
from emu.debug.history.snapshot import take
from emu.debug.views import irq, translation
from emu.debug.views import vmcs as vmcs_of
from emu.errors import DebugError, HvlabError
from emu.spec.insn import LONGEST_INSTRUCTION
from emu.spec.outcome import MODE
from emu.spec.trace import WORLDS
from emu.spec.vmx import REASON

DISASSEMBLED = 1000                                        # instructions that are disassembled at once
MODES = {16: capstone.CS_MODE_16, 32: capstone.CS_MODE_32, 64: capstone.CS_MODE_64}


def _lines(cells):
    widths = [max(len(str(row[n])) for row in cells) for n in range(len(cells[0]) - 1)] if cells else []
    return ["  ".join([f"{cell!s:<{width}}" for cell, width in zip(row, widths, strict=False)] + [str(row[-1])]).rstrip() for row in cells]


def _bound(function, usage, *arguments):
    """Raise DebugError with the usage when a function does not take these arguments."""
    try:
        inspect.signature(function).bind(*arguments)
    except TypeError as error:
        raise DebugError(usage) from error


class Monitor:
    """Commands on a Session; `thread` is the one that gdb has chosen."""

    def __init__(self, session, refused=lambda: ""):
        """refused(): why the last packet was refused, "" for none was."""
        self.session, self.refused = session, refused
        self.until = None                                  # (transition, VMCS or None) that ends the next `continue`
        self.withdrawn: dict = {}                          # (Breakpoint, hits) of those that gdb took out since the last `continue`
        self.carried: dict = {}                            # hits that a point of gdb's, by number, had when it was set before
        self.commands: dict[str, tuple[Callable, str, str]] = {
            "help": (self._help, "", "this list"),
            "state": (self._state, "", "processors: mode, clock, place"),
            "vmcs": (self._vmcs, "[control|exit|guest|host] | check", "fields of the current VMCS; whether VM entry would accept it"),
            "exits": (self._exits, "", "VM exits by reason"),
            "xlate": (self._xlate, "ADDRESS [write|fetch|user]", "how a linear address is translated"),
            "why-irq": (self._irq, "VECTOR", "why an interrupt is not delivered"),
            "why": (self._why, "memory ADDRESS [SIZE] | register NAME | vmcs FIELD", "who wrote it last; nothing moves"),
            "seek": (self._seek, "CYCLE", "go to a cycle of this processor, backward or forward; then: maintenance flush register-cache"),
            "type": (self._type, "TEXT", "bytes for the serial port; \\r, \\n, \\t, \\xNN as in C; a line ends with \\r"),
            "save": (self._save, "FILE.hvz", "a snapshot of the machine, as `hvlab run --save` writes it"),
            "explain": (self._explain, "exit|field|msr|... NUMBER [VALUE]", "what a number means, as `hvlab explain`"),
            "points": (self._points, "", "breakpoints, watchpoints and conditions with their hits"),
            "break": (self._break, "CONDITION [ignore N]", "stop after what happens: exit=ept_violation and gpa==0xfee00300"),
            "delete": (self._delete, "NUMBER", "forget a condition of `monitor break`"),
            "until": (self._until, "exit | entry | return", "let the next `continue` run to a VM exit, a VM entry, the entry of this VMCS"),
            "disassemble": (self._disassemble, "ADDRESS [COUNT]", "in the width of the code that runs"),
            "error": (self._error, "", "why the last packet of gdb's was refused, in words"),
        }

    def run(self, thread, line):
        """Return the text that a command answers; the text of a DebugError says what is wrong with it."""
        words = line.split() or ["help"]
        found = [name for name in self.commands if name.startswith(words[0])]
        if words[0] not in self.commands and len(found) != 1:
            raise DebugError(f"monitor {words[0]}: must be one of {', '.join(self.commands)}")
        name = words[0] if words[0] in self.commands else found[0]
        command, usage, _ = self.commands[name]
        _bound(command, f"usage: monitor {name} {usage}", thread, *words[1:])
        try:
            return "\n".join(command(thread, *words[1:])) + "\n"
        except HvlabError as error:
            raise DebugError(f"monitor {name}: {error}") from error

    def _error(self, _thread):
        return [self.refused() or "no packet was refused"]

    def _help(self, _thread):
        return _lines([(f"{name} {usage}".strip(), text) for name, (_, usage, text) in self.commands.items()])

    def _state(self, _thread):
        machine, cells = self.session.machine, []
        for n, clock in enumerate(machine.clocks):
            thread = self.session.thread(n)
            mode = name_of(MODE, thread.c.vmx_mode).lower()
            cells.append((f"cpu{n}", mode, thread.name, f"cycle {clock:,}", thread.place()))
        return _lines(cells)

    def _vmcs(self, thread, *groups):
        machine, number = self.session.machine, thread.processor
        if groups == ("check",):
            return vmcs_of.check(machine, number).lines()
        for group in groups:
            if group not in vmcs_of.GROUPS:
                raise DebugError(f"{group!r} must be one of {', '.join(vmcs_of.GROUPS)}, check")
        found = []
        for group, rows in vmcs_of.Vmcs(machine, number).rows(*groups):
            cells = [(f"  {code:#x}", name, f"{value:#x}", text) for name, code, value, text in rows]
            found += [f"{group}:", *_lines(cells)]
        return found

    def _exits(self, _thread):
        counts = {}
        for c in self.session.machine.cpu:
            for number, count in enumerate(c.exits):
                counts[number] = counts.get(number, 0) + int(count)
        cells = [(name_of(REASON, n), f"{count:,}") for n, count in sorted(counts.items(), key=lambda row: -row[1]) if count]
        return _lines(cells) or ["no VM exit so far"]

    def _address(self, text):
        return lookup.address(text, self.session.machine.symbols)

    def _xlate(self, thread, address, *how):
        kinds = [word for word in how if word in translation.KINDS]
        if set(how) - set(kinds) - {"user"}:
            raise DebugError(f"{' '.join(how)!r} must be one or more of {', '.join(translation.KINDS)}, user")
        world = None if thread.running else WORLDS[thread.world]
        kind = kinds[0] if kinds else "read"
        found = translation.translate(self.session.machine, self._address(address), thread.processor, kind, "user" in how, world)
        lines = [f"linear {found.linear:#x}, {found.access}, {found.world}; {found.mode}, CR3 {found.cr3:#x}"]
        rows = []
        for group in found.groups:
            rows += [(f"  {each.name}", f"level {each.level}", f"{each.host:#x}", f"{each.value:#x}", each.decoded) for each in group.ept]
            if group.entry:
                each = group.entry
                rows.append((each.name, f"level {each.level}", f"{each.host:#x}", f"{each.value:#x}", each.decoded))
        end = f"host-physical {found.host:#x}: {found.kind}" if found.reaches else f"stopped: {found.stop}; {found.outcome}"
        return [*lines, *_lines(rows), end]

    def _irq(self, thread, vector):
        return [str(reason.text) for reason in irq.why(self.session.machine, thread.processor, self._address(vector))]

    def _why(self, thread, kind, what, size="8"):
        """The machine is brought back to where it was: gdb does not expect a `monitor` command to move it."""
        history, here = self.session.history, take(self.session.machine)
        makers = {"memory": lambda: why.memory(history, self._address(what), lookup.value(size, "SIZE"), thread=thread),
                  "register": lambda: why.register(history, what.lower().removeprefix("$"), thread.processor),
                  "vmcs": lambda: why.field(history, what, thread.processor)}
        if kind not in makers:
            raise DebugError(f"{kind!r} must be one of {', '.join(makers)}")
        at = self.session.current().processor
        try:
            return [str(makers[kind]())]
        finally:
            history.restore(here)
            self.session.stop_of("step", at)

    def _type(self, _thread, *words):
        try:
            data = " ".join(words).encode("latin-1", "backslashreplace").decode("unicode_escape").encode("latin-1")
        except (UnicodeDecodeError, UnicodeEncodeError) as error:
            raise DebugError(f"{' '.join(words)!r} has an invalid escape: {error}") from error
        self.session.machine.console_input(data)
        return [f"{len(data)} bytes reach the serial port from now on, one per character time"]

    def _save(self, _thread, path):
        if not path.endswith(".hvz"):
            raise DebugError(f"a snapshot's name ends in .hvz, not {path!r}")
        snapshot_file.save(take(self.session.machine), path)
        return [f"{path}: hvlab run, gdb, vmcs, xlate, why go on from it"]

    def _seek(self, thread, cycle):
        stop = self.session.history.seek(lookup.value(cycle, "CYCLE"), thread.processor)
        return [f"cpu{stop.processor} at cycle {thread.host.cycles:,}, {stop.thread.place()}"]

    def _explain(self, _thread, kind, *words):
        makers = {"exit": explain.exit, "field": explain.vmcs_field, "msr": explain.msr, "error": explain.error, "check": explain.check,
                  "hypercall": explain.hypercall, "status": explain.status, "vector": explain.vector}
        if kind not in makers:
            raise DebugError(f"{kind!r} must be one of {', '.join(makers)}")
        values = [lookup.value(word, "VALUE") for word in words[1:]]
        _bound(makers[kind], f"{kind} takes a number or a name, and perhaps values: as `hvlab explain {kind}`", *words[:1], *values)
        found = makers[kind](*words[:1], *values)
        lines = [f"{found.kind} {found.name}: {found.text}", *_lines([("  " + str(row[0]), *row[1:]) for row in found.facts])]
        for part in found.parts:
            lines.append(f"  {part.title}" + ("" if part.value is None else f" = {part.value:#x}"))
            lines += _lines([(f"    {row.bits}", row.name, "" if part.value is None else f"{row.value:#x}", row.text) for row in part.rows])
        return lines

    def _until(self, thread, transition):
        if transition not in ("exit", "entry", "return"):
            raise DebugError(f"{transition!r} must be exit, entry or return")
        vmcs = thread.host.vmcs_pointer
        if transition == "return" and vmcs == ALL_ONES:
            raise DebugError(f"processor {thread.processor} has no current VMCS to return to")
        self.until = ("entry", vmcs) if transition == "return" else (transition, None)
        return ["continue runs to the next VM " + {"return": f"entry of VMCS {vmcs:#x}"}.get(transition, transition)]

    def _points(self, _thread):
        """gdb takes its own out whenever the machine stops: those that it set last are in `withdrawn`."""
        cells = [self._point(p.number, p, f"{p.hits + self.carried.get(p.number, 0)} hits") for p in self.session.breakpoints()]
        cells += [self._point("gdb's", p, f"{hits} hits") for p, hits in self.withdrawn.values()]
        return _lines(cells) or ["no breakpoint"]

    def _point(self, number, p, hits):
        what = (p.compiled.text, "", "") if p.compiled else (p.space, f"{p.address:#x}", f"{p.size} bytes")
        return number, p.access, *what, hits

    def _break(self, _thread, *words):
        """The last two words may be `ignore N`."""
        ignore = lookup.value(words[-1], "ignore") if words[-2:-1] == ("ignore",) else 0
        text = " ".join(words[:-2] if ignore or words[-2:-1] == ("ignore",) else words)
        number = self.session.break_on(text, ignore=ignore)
        return [f"condition {number}: {text}" + (f", ignored {ignore:,} times" if ignore else "")]

    def _delete(self, _thread, number):
        found = lookup.value(number, "NUMBER")
        if not self.session.points.get(found).compiled:
            raise DebugError(f"{found} is gdb's own breakpoint: use gdb's command delete")
        self.session.remove(found)
        return [f"{found} is gone"]

    def _disassemble(self, thread, address=None, count="8"):
        at, wanted = thread.pc if address is None else self._address(address), lookup.value(count, "COUNT")
        if not 1 <= wanted <= DISASSEMBLED:
            raise DebugError(f"COUNT must be 1 to {DISASSEMBLED:,}, not {wanted:,}")
        machine = capstone.Cs(capstone.CS_ARCH_X86, MODES[thread.bits])
        data = thread.read(at, min(int(LONGEST_INSTRUCTION) * wanted, (1 << 64) - at))
        cells = [(f"{each.address:#x}", each.bytes.hex(" "), f"{each.mnemonic} {each.op_str}") for each in machine.disasm(data, at, wanted)]
        return _lines(cells) or [f"{at:#x}  {data[:int(LONGEST_INSTRUCTION)].hex(' ')}  (bad)"]
