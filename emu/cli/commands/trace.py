"""`hvlab trace`: the trace events of a run, recorded row by row, and in the forms that people read."""

import sys
from pathlib import Path

import click
from rich.text import Text

from emu.cli import interrupt, printing, running
from emu.cli import target as targets
from emu.cli.options import OUT
from emu.cli.values import Output
from emu.errors import ConfigError

TRACE = ".hvt"

HELP = """Run IMAGE and record its trace events: VM exits and entries, events delivered and injected, MSR and port accesses,
failures of VMX instructions, changes of the paging mode.

The rows are written by the machine itself into FILE.hvt, about 20 bytes a row; the run stays the same, to the cycle. IMAGE may be
such a file: then nothing runs and it is only turned into other forms. --filter takes a condition as `hvlab break` does; one that
names no trace event (rip==loop+5, cpu==1) applies to rows of every kind.

\b
Examples:
  hvlab trace kernel.elf -o run.hvt
  hvlab trace kernel.elf --report run.html --filter 'exit or entry'
  hvlab trace run.hvt --perfetto run.json        then open it in ui.perfetto.dev, or chrome://tracing
  hvlab trace kernel.elf --filter 'exit=ept_violation and partition==2' --jsonl -
"""


def _write(path, pieces):
    """Write a file under a temporary name, then give it its own; "-" is standard output."""
    from emu import files

    if str(path) == "-":
        for piece in pieces:
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
    else:
        files.write(path, pieces)


def _record(target, path, text, quiet):
    """Run a target and write its trace, of the rows that a condition (text) accepts; returns the exit code, 0 or that of a signal."""
    from emu.cli import report as report_of
    from emu.debug.session.conditions import compiled
    from emu.machine.failure import finder
    from emu.trace.log import Writer

    machine, result = target.make(), None
    condition = compiled(text, finder(machine), any_kind=True) if text else None
    console = running.writer(quiet, "partition" if machine.partitions else "bare", False)
    machine.on_console(console)
    writer = Writer(machine, path, target.image, target.place, condition)
    try:
        with interrupt.heeded(machine):
            result = machine.run(max_cycles=target.max_cycles)
    finally:
        console.close()
        writer.close(result)
    if result.reason == "INTERRUPTED":
        report_of.explain(result)
    return interrupt.exit_code(machine, result, 0)


def _print(reader, made):
    said = reader.summary
    lines = [Text(f"{said.rows:,} rows, {said.cycles:,} cycles, ended by {said.reason.lower().replace('_', ' ')}")]
    return printing.write(lines + [Text(f"  {path}") for path in made if str(path) != "-"])


def _forms(reader, jsonl, perfetto, report):
    """Write the forms that were asked for."""
    from emu.trace import perfetto as perfetto_of
    from emu.trace import report as report_of
    from emu.trace import text

    if jsonl:
        _write(jsonl, text.jsonl(reader))
    if perfetto:
        _write(perfetto, perfetto_of.perfetto(reader))
    if report:
        _write(report, [report_of.report(reader)])


@click.command("trace", help=HELP)
@click.option("-o", "--output", type=OUT, help="The file of rows, FILE.hvt.")
@click.option("--filter", "text", metavar="CONDITION", help="Only rows for which this holds.")
@click.option("--jsonl", type=Output(dash=True), help="One JSON object a row; - is standard output.")
@click.option("--perfetto", type=OUT, help="JSON for ui.perfetto.dev: a track per processor and VP, flows from exit to entry.")
@click.option("--report", type=OUT, help="One HTML file: exits by reason, timeline, longest exits, search.")
@targets.looked_at
def command(target, output, text, jsonl, perfetto, report):
    """Trace a run."""
    import tempfile

    from emu.debug.session.conditions import compiled
    from emu.trace.log import Reader

    if target.image.suffix == TRACE:
        if output or text:
            raise ConfigError(f"{target.image} is a trace already: -o and --filter go with an image; give --jsonl, --perfetto or --report")
        reader = Reader(target.image)
        _forms(reader, jsonl, perfetto, report)
        return _print(reader, [path for path in (jsonl, perfetto, report) if path]) if str(jsonl) != "-" else 0
    if not (output or jsonl or perfetto or report):
        raise ConfigError("give an output: -o FILE.hvt, --jsonl FILE, --perfetto FILE or --report FILE.html")
    if text:
        compiled(text, lambda name: 0, any_kind=True)      # what is wrong with it besides symbols, before a machine is made
    with tempfile.TemporaryDirectory() as folder:
        path = output or Path(folder) / "trace.hvt"
        code = _record(target, path, text, str(jsonl) == "-")
        reader = Reader(path)
        _forms(reader, jsonl, perfetto, report)
    if str(jsonl) != "-":
        _print(reader, [path for path in (output, jsonl, perfetto, report) if path])
    return code
