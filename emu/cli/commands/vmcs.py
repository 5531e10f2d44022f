"""`hvlab vmcs`: the VMCS of a run by field names, what changed between two exits, and whether VM entry would accept it."""

import click
import msgspec
from rich.text import Text

from emu import files
from emu.cli import options, printing, report
from emu.cli import target as targets
from emu.errors import ENTRY_FAILED, OK

GROUPS = ("control", "exit", "guest", "host")
HELP = """Show the VMCS of a run by field names with decoded flags, or check it.

The run is stopped where you say, without changing it; without a place it is the VMCS that is current at the end.
`hvlab vmcs check` lists every check that VM entry would fail, with the rule, its section of the manual, and a repair;
it ends with exit code 3 when VM entry would fail.

\b
Examples:
  hvlab vmcs kernel.elf --at-exit 2                    right after the second VM exit
  hvlab vmcs kernel.elf --at-exit 2 --group guest
  hvlab vmcs kernel.elf --diff 1 2                     what changed from exit 1 to exit 2
  hvlab vmcs check kernel.elf                          at the first VM entry that fails
  hvlab vmcs check kernel.elf --at-launch 1            before the first VMLAUNCH
"""


class Default(click.Group):
    """A group whose first word may be left out: it is then `show`."""

    def resolve_command(self, context, args):
        if args[0] not in self.commands:
            args.insert(0, "show")
        return super().resolve_command(context, args)


@click.group("vmcs", cls=Default, help=HELP, no_args_is_help=True,
             context_settings=dict(ignore_unknown_options=True), subcommand_metavar="[check] IMAGE [OPTIONS]")
def command():
    """Hold `show` and `check`."""


JSON = click.option("--json", "as_json", is_flag=True, help="Write one JSON object to standard output.")


def _write(schema, **body):
    report.write_json(msgspec.json.format(msgspec.json.encode(dict(schema=schema, **body)), indent=2))


def _fields(rows):
    return [dict(name=name, encoding=encoding, value=value, text=text) for name, encoding, value, text in rows]


@command.command("show", short_help="Show the VMCS of a run; the word may be left out.")
@options.at("exit", "launch", "entry-failure")
@options.PROCESSOR
@click.option("--diff", nargs=2, type=click.IntRange(1), metavar="I J", help="Show the fields that changed from exit I to exit J.")
@click.option("--group", "groups", type=click.Choice(GROUPS), multiple=True, help="Only this group of fields. May be repeated.")
@JSON
@targets.looked_at
def show(target, at_exit, at_launch, at_entry_failure, processor, diff, groups, as_json):
    """Show the VMCS that is current where the run of IMAGE is stopped.

    \b
    Examples:
      hvlab vmcs show kernel.elf --at-exit 2 --group guest
      hvlab vmcs kernel.elf --diff 1 2
    """
    from emu.debug.views.vmcs import Vmcs

    if diff:
        return _diff(target, diff, groups, as_json)
    stop = targets.stopped(target, processor, at_exit=at_exit, at_launch=at_launch, at_entry_failure=at_entry_failure)
    vmcs = Vmcs(stop.machine, stop.processor)
    found = vmcs.rows(*(groups or GROUPS))
    if as_json:
        body = dict(processor=stop.processor, cycle=stop.cycle, where=stop.where, pointer=vmcs.pointer, launched=vmcs.launched)
        return _write("hvlab.vmcs.1", image=files.shown(target.image), **body, groups={group: _fields(rows) for group, rows in found})
    state = "launched" if vmcs.launched else "clear"
    lines = [Text(f"VMCS {vmcs.pointer:#x} of processor {stop.processor}, launch state {state}, {stop.where}")]
    for group, rows in found:
        lines += [Text(group, "bold"), *printing.columns([(f"{e:04x}", n, f"{v:#x}", t) for n, e, v, t in rows], 2, ("", "cyan"))]
    return printing.write(lines)


def _diff(target, numbers, groups, as_json):
    """Write the fields that changed between two exits."""
    from emu.debug.history import run_to
    from emu.debug.views import vmcs
    from emu.spec.vmcs import group_of

    copies, cycles = {}, {}
    for number, machine, processor in run_to.run_to_exits(target.make, numbers, target.max_cycles):
        copies[number] = vmcs.Vmcs(machine, processor).copy()
        cycles[number] = machine.clocks[processor]
    first, second = numbers
    wanted = [int(vmcs.GROUPS[group]) for group in groups or GROUPS]
    changes = [each for each in vmcs.difference(copies[first], copies[second]) if group_of(each.encoding) in wanted]
    if as_json:
        rows = [dict(name=c.name, encoding=c.encoding, before=c.before, after=c.after, text=c.text) for c in changes]
        return _write("hvlab.vmcs-diff.1", image=files.shown(target.image), exits=list(numbers), cycles=[cycles[n] for n in numbers],
                      changes=rows)
    cells = [(f"{c.encoding:04x}", c.name, f"{c.before:#x}", "->", f"{c.after:#x}", c.text) for c in changes]
    return printing.write([Text(f"from exit {first} (cycle {cycles[first]:,}) to exit {second} (cycle {cycles[second]:,}): "
                            f"{len(changes)} fields changed"), *printing.columns(cells, 2, ("", "cyan"))])


def _healthy(target, missing, as_json):
    """Write that no VM entry of a run failed, as a run without such an entry says (emu.debug.history.run_to.Missing)."""
    passed = f"all {missing.entries:,} VM entries of the run passed every check" if missing.entries else "the run makes no VM entry"
    where = f"{passed}; it ended by {missing.ending}"
    if as_json:
        return _write("hvlab.vmcs-check.1", image=str(target.image), processor=None, cycle=None, where=where, pointer=None, passes=True,
                      outcome=where, error=0, reason=0, failures=[], msr=None)
    return printing.write([Text(where)])


@command.command("check", short_help="List every VM-entry check that the VMCS fails.")
@options.at("launch", "exit", "entry-failure")
@options.PROCESSOR
@JSON
@targets.looked_at
def check(target, at_launch, at_exit, at_entry_failure, processor, as_json):
    """Report whether VM entry would accept the VMCS that is current where the run of IMAGE is stopped.

    Without a place the run is stopped before the first VM entry that fails; when none does, that is the answer. A snapshot is
    examined as it is.

    \b
    Examples:
      hvlab vmcs check kernel.elf
      hvlab vmcs check kernel.elf --at-launch 1
    """
    from emu.debug.history.run_to import Missing
    from emu.debug.views import vmcs

    found = not (at_entry_failure or at_launch or at_exit or target.frozen)  # where to stop is to be found: there may be nothing wrong
    failure = at_entry_failure or found
    try:
        stop = targets.stopped(target, processor, at_launch=at_launch, at_exit=at_exit, at_entry_failure=failure)
    except Missing as missing:
        if not found:
            raise
        _healthy(target, missing, as_json)
        return OK
    verdict = vmcs.check(stop.machine, stop.processor)
    if as_json:
        failures = [dict(id=f.id, kind=f.kind, fields=[dict(name=n, encoding=e, value=v) for n, e, v in f.fields], bits=f.bits, rule=f.rule,
                         section=f.section, repair=f.repair) for f in verdict.failures]
        _write("hvlab.vmcs-check.1", image=files.shown(target.image), processor=stop.processor, cycle=stop.cycle, where=stop.where,
               pointer=verdict.pointer, passes=verdict.passes, outcome=verdict.outcome, error=verdict.error, reason=verdict.reason,
               failures=failures, msr=verdict.msr)
    else:
        printing.write([Text(f"processor {stop.processor}, {stop.where}"), *(Text(line) for line in verdict.lines())])
    return OK if verdict.passes else ENTRY_FAILED
