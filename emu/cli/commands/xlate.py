"""`hvlab xlate`: how a linear address is translated, entry by entry, as text and as a drawing."""

from dataclasses import asdict

import click
import msgspec
from rich.text import Text

from emu import files
from emu.cli import options, printing, report
from emu.cli import target as targets
from emu.cli.values import Output
from emu.errors import ConfigError

HELP = """Show how a linear address is translated: each entry read, and what stops the access.

ADDRESS is a number or a symbol of the image. The run of IMAGE is stopped where you say, without changing it. In a guest with
EPT the address goes from guest-virtual to guest-physical to host-physical; each entry of the guest's tables comes
after the EPT entries that lead to it.

\b
Examples:
  hvlab xlate 0x105000 kernel.elf --at-exit 2 --world guest
  hvlab xlate 0x7fff0000 kernel.elf --at-cycle 2M --write --user
  hvlab xlate 0x105000 kernel.elf --at-exit 2 --world guest --svg walk.svg
"""


def _row(name, row):
    return name, f"level {row.level}", f"{row.host:#x}", f"{row.value:#x}", row.decoded, "stops here" if row.stops else ""


def _lines(found, stop):
    """Return a Translation as lines of Text."""
    eptp = f", EPTP {found.eptp:#x}" if found.eptp is not None else ""
    lines = [Text(f"linear {found.linear:#x}, {found.access}, {found.world} of processor {stop.processor}, {stop.where}"),
             Text(f"{found.mode}, CR3 {found.cr3:#x}{eptp}")]
    cells = []
    for group in found.groups:
        if group.ept:
            what = "the access" if group.entry is None else group.entry.name
            cells.append((f"EPT for {what} at {group.address:#x}", "", "", "", "", ""))
            cells += [_row(f"  {row.name}", row) for row in group.ept]
        if group.entry:
            cells.append(_row(group.entry.name, group.entry))
    for line, cell in zip(printing.columns(cells, 2, ("cyan",)), cells, strict=True):
        if cell[-1]:
            line.stylize("bold red")
        lines.append(line)
    if found.reaches:
        guest = f"guest-physical {found.guest:#x}, " if found.guest is not None else ""
        page = f", {found.page} page" if found.page else ""
        lines.append(Text(f"reaches {guest}host-physical {found.host:#x}: {found.kind}{page}", "bold green"))
    else:
        lines += [Text(f"stops at {found.stop}" if found.groups else found.stop, "bold red"), Text(f"then {found.outcome}", "red")]
    return lines


def _guest(stop, partition, vp):
    """Return (processor, "guest", VMCS of a guest that waits or None) of a virtual processor; ConfigError when there is none."""
    from emu.debug.session.session import Session

    with Session(stop.machine) as session:
        guests = session.guests()
    found = [each for each in guests if each.partition == partition]
    if not found:
        known = ", ".join(str(number) for number in sorted({each.partition for each in guests})) or "none"
        raise ConfigError(f"there is no partition {partition} here; there are: {known}")
    if (vp or 0) >= len(found):
        raise ConfigError(f"partition {partition} has virtual processors 0 to {len(found) - 1}, not {vp}")
    chosen = found[vp or 0]
    return chosen.processor, "guest", None if chosen.running else chosen.pointer


@click.command("xlate", help=HELP)
@click.argument("address")
@options.at("cycle", "exit", "launch")
@options.PROCESSOR
@click.option("--world", type=click.Choice(["root", "guest"]), help="Whose translation; default: of the world that runs.")
@click.option("--partition", type=click.IntRange(1), help="The guest of this partition, also when it waits.")
@click.option("--vp", type=click.IntRange(0), help="Which virtual processor of the partition; default: the first.")
@click.option("--write", is_flag=True, help="A write; default: a read.")
@click.option("--fetch", is_flag=True, help="An instruction fetch.")
@click.option("--user", is_flag=True, help="At privilege level 3.")
@click.option("--svg", "drawing", type=Output(), help="Draw the walk into this file.")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object to standard output.")
@targets.looked_at
def command(target, address, at_cycle, at_exit, at_launch, processor, world, partition, vp, write, fetch, user, drawing, as_json):
    """Show a translation."""
    from emu.debug.explain import lookup
    from emu.debug.views import translation
    from emu.machine.failure import symbols_of

    if vp is not None and partition is None or partition and world == "root":
        raise ConfigError("--vp goes with --partition, which is about a guest: not with --world root")
    if write and fetch:
        raise ConfigError("an access is a write or an instruction fetch: give --write or --fetch, not both")
    stop = targets.stopped(target, processor, at_cycle=at_cycle, at_exit=at_exit, at_launch=at_launch)
    processor, world, pointer = _guest(stop, partition, vp) if partition else (stop.processor, world, None)
    linear = lookup.address(address, symbols_of(stop.machine, world == "guest"))
    access = "write" if write else "fetch" if fetch else "read"
    found = translation.translate(stop.machine, linear, processor, access, user, world, pointer)
    if drawing:
        from emu.debug.views.drawing import svg

        files.write(drawing, [svg(found).encode()])
    if as_json:
        body = dict(schema="hvlab.xlate.1", image=files.shown(target.image), processor=stop.processor, cycle=stop.cycle,
                    reaches=found.reaches)
        report.write_json(msgspec.json.format(msgspec.json.encode(body | asdict(found)), indent=2))
    else:
        printing.write(_lines(found, stop))
