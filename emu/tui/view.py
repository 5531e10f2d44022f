"""What the panes show, as lines of rich Text, made from a Session; nothing here knows of a screen or changes the machine."""
from dataclasses import dataclass

import capstone
from rich.text import Text

from emu.bits import ALL_ONES, name_of
from emu.debug.views import translation
from emu.debug.views import vmcs as vmcs_of
from emu.errors import HvlabError
from emu.machine.failure import symbols_of
from emu.machine.result import ending
from emu.spec.insn import LONGEST_INSTRUCTION
from emu.spec.outcome import MODE
from emu.spec.trace import WORLDS
from emu.spec.vmx import REASON

MODES = {16: capstone.CS_MODE_16, 32: capstone.CS_MODE_32, 64: capstone.CS_MODE_64}
BEHIND = 40                                                # bytes that are tried before RIP
REGISTERS = ("rip", "rflags", "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
             "cr0", "cr2", "cr3", "cr4", "efer")
BAR = 60


@dataclass(frozen=True)
class Line:
    """A line of the code pane: address, bytes, text; the source line where it is known."""

    address: int
    data: bytes
    text: str
    source: str


def _decoded(thread, address, size, count):
    """Return [(address, bytes, text)] of up to `count` instructions in `size` bytes at a linear address."""
    data = b""
    while size and not data:
        try:
            data = thread.read(address, size)
        except HvlabError:
            size //= 2                                     # the page after it is not mapped
    decoder = capstone.Cs(capstone.CS_ARCH_X86, MODES[thread.bits])
    return [(each.address, bytes(each.bytes), f"{each.mnemonic} {each.op_str}".rstrip()) for each in decoder.disasm(data, address, count)]


def _before(thread, address, count, symbols):
    """Return the instructions before one: from the symbol before it, else from the furthest place from which decoding reaches it."""
    name = symbols.name(address).partition("+")[0] if symbols else ""
    label = symbols.address(name) if name else None
    first = max(address - BEHIND, 0)
    known = [label] if label is not None and first <= label < address else []
    for start in known + list(range(first, address)):
        found = _decoded(thread, start, address - start, BEHIND)
        if found and found[-1][0] + len(found[-1][1]) == address:
            return found[-count:] if count else []
    return []


def code(session, thread, at=None, before=6, after=24):
    """Return the Lines around an address (None: where the thread is)."""
    at = thread.pc if at is None else at
    symbols, lines = symbols_of(session.machine, thread.world), []
    for address, data, text in _before(thread, at, before, symbols) + _decoded(thread, at, int(LONGEST_INSTRUCTION) * after, after):
        where = symbols.where(address) if symbols else None
        lines.append(Line(address, data, text, f"{where[0].rsplit('/', 1)[-1]}:{where[1]}  {where[2].strip()}" if where else ""))
    return lines


def code_text(session, thread, lines, cursor=None):
    """Return the code pane: the next instruction marked, breakpoints as dots, labels on lines of their own."""
    points = {point.address for point in session.breakpoints() if point.access == "execute"}
    symbols, out, here = symbols_of(session.machine, thread.world), [], thread.pc
    for line in lines:
        name = symbols.name(line.address) if symbols else ""
        if name and "+" not in name and not name.startswith("0x"):
            out.append(Text(f"  {name}:", "bold cyan"))
        style = "reverse" if line.address == here else "on grey23" if line.address == cursor else ""
        text = Text().append("● " if line.address in points else "  ", "red")
        text.append(f"{'▶' if line.address == here else ' '} {line.address:#012x}  {line.text:<40}", style)
        text.append(f"  {line.source}", "dim")
        out.append(text)
    whole = Text("\n", no_wrap=True, overflow="ellipsis").join(out)
    return whole if out else Text(f"  {here:#x}: no code can be read there", "red")


def registers(thread, before=None):
    """Return (text of the registers, {name: value}); those that differ from `before` are marked."""
    values, out = thread.registers(), Text()
    for number, name in enumerate(REGISTERS):
        value = values.get(name)
        changed = before is not None and before.get(name) != value
        out.append(f"{name:<6} ", "dim")
        out.append(f"{value:#018x}" if value is not None else "kept by the hypervisor", "bold yellow" if changed else "")
        out.append("\n" if number % 2 else "  ")
    return out, values


def vmcs(session, processor):
    """Return the fields of the current VMCS by group, and whether VM entry would accept it."""
    try:
        found = vmcs_of.Vmcs(session.machine, processor)
    except HvlabError as error:
        return Text(str(error), "dim")
    out = Text(f"VMCS {found.pointer:#x}, {'launched' if found.launched else 'clear'}\n", "bold")
    for group, rows in found.rows("exit", "control", "guest", "host"):
        out.append(f"{group}\n", "bold cyan")
        for name, _, value, text in rows:
            out.append(f"  {name:<34} {value:#x}  ")
            out.append(f"{text}\n", "dim")
    return out


def exits(session):
    """Return VM exits by reason, most frequent first."""
    counts: dict[int, int] = {}
    for c in session.machine.cpu:
        for number, count in enumerate(c.exits):
            counts[number] = counts.get(number, 0) + int(count)
    rows = sorted(((count, name_of(REASON, number)) for number, count in counts.items() if count), reverse=True)
    return Text("\n".join(f"{count:>12,}  {name}" for count, name in rows) or "no VM exit so far")


def walk(session, thread, address):
    """Return how a linear address is translated, entry by entry."""
    world = None if thread.running else WORLDS[thread.world]
    try:
        found = translation.translate(session.machine, address, thread.processor, "read", False, world)
    except HvlabError as error:
        return Text(str(error), "dim")
    out = Text(f"linear {found.linear:#x}, {found.world}; {found.mode}, CR3 {found.cr3:#x}\n", "bold")
    for group in found.groups:
        for each in [*group.ept, *([group.entry] if group.entry else [])]:
            out.append(f"  {each.name:<10} level {each.level}  {each.host:#x}  {each.value:#018x}  ")
            out.append(f"{each.decoded}\n", "dim")
    out.append(f"host-physical {found.host:#x}: {found.kind}" if found.reaches else f"stopped: {found.stop}; {found.outcome}")
    return out


def timeline(session, furthest):
    """Return a bar from the first moment known to the furthest one seen, and the clocks of the processors."""
    history, machine = session.history, session.machine
    first, now = history.first, sum(machine.clocks)
    span = max(furthest - first, 1)
    marks = {min(BAR - 1, (each.position - first) * BAR // span) for each in history.kept}
    at = min(BAR - 1, max(0, (now - first) * BAR // span))
    out = Text()
    for n in range(BAR):
        out.append("█" if n == at else "┿" if n in marks else "─", "bold green" if n == at else "dim")
    clocks = ", ".join(f"cpu{n} {clock:,}" for n, clock in enumerate(machine.clocks))
    return out.append(f"  {clocks} cycles; {len(history.kept)} snapshots{', the past was cut' if history.cut else ''}")


def status(session, stop, thread):
    """Return a line: why the machine stopped, whose code it is, where."""
    mode = name_of(MODE, thread.host.vmx_mode).lower()
    pointer = thread.host.vmcs_pointer
    guest = f", VMCS {pointer:#x}" if pointer != ALL_ONES else ""
    why = "ready" if stop is None else stop.reason if stop.reason != "ended" else _end(stop)
    if stop is not None and "event" in stop.detail:
        why = str(stop.detail["event"])
    if stop is not None and stop.others:
        why += f" and {len(stop.others)} more"
    return Text(f" {why} │ {thread.name}, {mode}, {thread.bits}-bit{guest} │ {thread.place()} ")


def _end(stop):
    return str(stop.error) if stop.error else f"ended: {ending(stop.result)}"
