"""What is known, as lines of text: facts, decoded values and lists, aligned; colour only on a terminal."""
from rich.text import Text

from emu.cli.console import made


def out():
    """Return the rich console for data: standard output, no line folded."""
    return made(soft_wrap=True)


def columns(rows, indent=2, styles=()):
    """Return lines of Text: columns as wide as their longest cell, two blanks apart; styles: one a column."""
    rows = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))] if rows else []
    lines = []
    for row in rows:
        line = Text(" " * indent)
        for at, cell in enumerate(row):
            last = at == len(row) - 1
            line.append(cell if last else f"{cell:<{widths[at] + 2}}", styles[at] if at < len(styles) else "")
        line.rstrip()
        lines.append(line)
    return lines


def part(decoded, indent=2):
    """Return the lines of a decoded value (`emu.debug.explain.decode.Part`)."""
    title = decoded.title if decoded.value is None else f"{decoded.title} = {decoded.value:#x}"
    head = Text(" " * indent).append(title, "bold")
    if decoded.note:
        head.append(f": {decoded.note}")
    lines = [head]
    if decoded.rows:
        cells = [(row.bits, row.name, "" if decoded.value is None else f"{row.value:#x}", row.text) for row in decoded.rows]
        lines += columns(cells, indent + 2, ("", "cyan"))
    if decoded.clear:
        lines.append(Text(" " * (indent + 2) + f"clear: {', '.join(decoded.clear)}", "dim"))
    if decoded.source:
        lines.append(Text(" " * (indent + 2) + f"source: {decoded.source}", "dim"))
    return lines


def explanation(found):
    """Return the lines of an Explanation (`emu.debug.explain.explain`)."""
    number = "" if found.number is None or found.kind == "check" else f" {found.number:#x}" + (f" ({found.number})" * (found.number > 9))
    head = Text().append(f"{found.kind}{number} ").append(found.name, "bold")
    if found.text:
        head.append(f": {found.text}")
    lines = [head, *columns(found.facts, 2, ("",))]
    for each in found.parts:
        lines += part(each)
    if found.source not in [each.source for each in found.parts]:
        lines.append(Text(f"  source: {found.source}", "dim"))
    return lines


def write(lines):
    """Write lines to standard output."""
    console = out()
    for line in lines:
        console.print(line)
