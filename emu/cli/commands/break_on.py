"""`hvlab break`: run until a condition on trace events holds, and print what happened."""

from dataclasses import asdict

import click
import msgspec
from rich.text import Text

from emu import files
from emu.cli import printing, report
from emu.cli import target as targets
from emu.cli.console import echo
from emu.cli.values import Count

HELP = """Run IMAGE until CONDITION holds, and print the hit and where every processor is.

A condition begins with a trace event or with an instruction: rip==ADDRESS, or rip in (ADDRESS, ADDRESS), stops before the
instruction at that linear address when the rest of the condition (on fields that all trace events have) holds as well.

\b
Trace event                     and its fields (all: cycle, cpu, world, partition, rip, vmcs, registers)
  exit=REASON                   qualification gpa gla msr value port leaf hypercall vector error length failed
  entry, injection=VECTOR       spent (cycles since the exit) guest_rip vector error launch
  failure[=ERROR]               a VMX instruction or VM entry that fails: qualification
  exception=VECTOR, interrupt   error address exits (1: intercepted)
  msr=NAME, port=NUMBER         write value size exits
  hypercall=CODE, cpuid=LEAF    input fast reps
  mode=MODE                     old: real protected paging_32 pae level_4 level_5

In a comparison, names of the manual's tables may be used, and abbreviated. There are and, or, not, in, == != < <= > >=,
& | ^ + - << >>. The machine evaluates the condition by itself: a million ignored hits cost little.

\b
Examples:
  hvlab break 'exit=ept_violation and gpa==0xfee00300 and partition==2' kernel.elf
  hvlab break 'msr in (efer, tsc_deadline) and write' kernel.elf --ignore 3
  hvlab break 'entry and spent>20000' kernel.elf --all
  hvlab break 'rip==loop+5 and rcx<3 and world==guest' kernel.elf
"""


def _text(session, event):
    from emu.machine.failure import place

    guest = int(event.world == "guest" and bool(session.machine.partitions))
    return event.text(lambda rip: place(session.machine, rip, guest))


def _lines(session, stop, hits):
    cells = []
    for n, c in enumerate(session.machine.cpu):
        thread = session.thread(n)
        cells.append((f"cpu{n}", thread.name, f"cycle {c.cycles:,}", thread.place()))
    said = _text(session, stop.detail["event"])
    return [Text(f"hit {hits:,}: {said}", "bold"), Text("and the processors are at"), *printing.columns(cells)]


def _all(session, target, as_json):
    """Print every hit; returns how many there were."""
    count = 0
    while "event" in (stop := session.run(max_cycles=target.max_cycles)).detail:
        for each in stop.all:
            count += 1
            event = each.detail["event"]
            if as_json:
                click.echo(msgspec.json.encode(asdict(event)).decode())
            else:
                echo(_text(session, event))
    return count


@click.command("break", help=HELP)
@click.argument("condition")
@click.option("--ignore", type=Count(), metavar="N",
              help="Ignore so many hits first; each kind joined by or, and each address of a list, counts by itself.")
@click.option("--all", "everything", is_flag=True, help="Print every hit, a line each, and run on.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON: one object, or one a line with --all.")
@targets.looked_at
def command(target, condition, ignore, everything, as_json):
    """Run until a condition holds."""
    from emu.debug.session.conditions import compiled
    from emu.debug.session.session import Session
    from emu.errors import GUEST_FAILED, OK

    compiled(condition, lambda name: 0)                    # what is wrong with it besides symbols, before a machine is made
    with Session(target.make()) as session:
        number = session.break_on(condition, ignore=ignore or 0)
        if everything:
            return OK if _all(session, target, as_json) else GUEST_FAILED
        stop = session.run(max_cycles=target.max_cycles)
        hits = session.points.get(number).hits - len(stop.others)                # the first of those that came together is reported
        if "event" not in stop.detail:
            how = stop.result.reason.lower().replace("_", " ") if stop.result else stop.error
            more = f" more than {hits:,} times" if hits else ""
            echo(f"hvlab: it did not happen{more}: the run ended at cycle {session.machine.clock:,} ({how})", err=True)
            return GUEST_FAILED
        if as_json:
            body = dict(schema="hvlab.break.1", image=files.shown(target.image), condition=condition, hits=hits,
                        **asdict(stop.detail["event"]))
            return report.write_json(msgspec.json.format(msgspec.json.encode(body), indent=2))
        return printing.write(_lines(session, stop, hits))
