"""The report of a run that is over: a table for people, a JSON object for programs, an exit code for shells."""

import sys
from dataclasses import asdict

import msgspec
from rich.box import SIMPLE_HEAD
from rich.table import Table

from emu.cli.console import echo
from emu.machine.result import ending, exit_code

TEXT = ("reason", "name", "end")                          # columns of words; all others are numbers


def explain(result):
    """Write to standard error how the run ended, and why."""
    for line in getattr(result, "explanation", ()):
        echo(f"hvlab: {line}", err=True)
    echo(f"hvlab: {ending(result)}", err=True)


def _mips(result):
    return result.instructions / result.wall_seconds / 1e6 if result.wall_seconds else 0.0


def _columns(title, *columns):
    made = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in columns:
        made.add_column(name, justify="left" if name in TEXT else "right", no_wrap=True)
    return made


def _exits(result):
    made = _columns("VM exits", "reason", "count", "cycles", "share of cycles")
    for reason, count, cycles in result.exits:
        share = cycles / result.cycles if result.cycles else 0
        made.add_row(reason, f"{count:,}", f"{cycles:,}", f"{share:.2%}")
    return made


def _partitions(result):
    made = _columns("partitions", "name", "end", "exits", "hypercalls", "injected", "EPT violations", "cycles")
    for each in result.partitions:
        counts = each.exits, each.hypercalls, each.injected, each.ept_violations, each.cycles
        made.add_row(each.name, each.ending, *(f"{count:,}" for count in counts))
    return made


def _totals(result):
    made = Table(title="totals", title_justify="left", show_header=False, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    made.add_column()
    made.add_column(justify="right")
    rows = [
        ("cycles", f"{result.cycles:,}"),
        ("instructions", f"{result.instructions:,}"),
        ("wall time", f"{result.wall_seconds:.3f} s"),
        ("speed", f"{_mips(result):,.0f} MIPS"),
    ]
    if result.exits:
        rows += [
            ("VM exits", f"{sum(count for _, count, _ in result.exits):,}"),
            ("hypercalls", f"{result.hypercalls:,}"),
            ("injected vectors", f"{result.injected:,}"),
            ("EPT violations", f"{result.ept_violations:,}"),
        ]
    if result.resets:
        rows.append(("resets", f"{result.resets:,}"))
    for row in rows:
        made.add_row(*row)
    return made


def table(result):
    """Return the rich tables of a Result: VM exits by reason, partitions as the hypervisor counts them, totals."""
    tables = [_exits(result)] if result.exits else []
    if result.partitions:
        tables.append(_partitions(result))
    return [*tables, _totals(result)]


def as_json(schema, result, **more):
    """Return a Result as JSON text (bytes) with a schema name, `more` added where it is not None."""
    body = dict(
        schema=schema,
        reason=result.reason,
        ending=ending(result),
        exit_code=result.exit_code,
        command_exit_code=exit_code(result),
        cycles=result.cycles,
        instructions=result.instructions,
        wall_seconds=round(result.wall_seconds, 6),
        mips=round(_mips(result), 3),
        exits=[dict(reason=reason, count=count, cycles=cycles) for reason, count, cycles in result.exits],
        hypercalls=result.hypercalls,
        injected=result.injected,
        ept_violations=result.ept_violations,
        entry_failed=getattr(result, "entry_failed", False),
        explanation=list(getattr(result, "explanation", ())),
        resets=result.resets,
        partitions=[asdict(each) for each in result.partitions],
    )
    body |= {name: value for name, value in more.items() if value is not None}
    return msgspec.json.format(msgspec.json.encode(body), indent=2)


def write_json(text):
    """Write JSON text to standard output."""
    sys.stdout.buffer.write(text + b"\n")
    sys.stdout.buffer.flush()
