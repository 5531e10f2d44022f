"""What a run tells when it is over: a table for people, a JSON object for programs, an exit code for shells."""

import sys

import msgspec
from rich.table import Table

from emu.bits import text_of
from emu.cli.group import BUDGET, ENTRY, FAILED, INTERNAL, OK, SHUTDOWN
from emu.spec.outcome import STOP

CODES = {
    "NONE": OK,
    "POWER_OFF": OK,
    "RESET": OK,
    "BREAK": OK,
    "TRIPLE_FAULT": SHUTDOWN,
    "VMX_ABORT": SHUTDOWN,
    "BUDGET": BUDGET,
    "IDLE": BUDGET,
    "ENTRY_FAILED": ENTRY,
    "UNMODELLED": INTERNAL,
    "INTERNAL": INTERNAL,
}


def exit_code(result):
    """Return the exit code of the command for a Result."""
    if result.reason == "EXIT_CODE":
        return OK if result.exit_code == 0 else FAILED
    return CODES.get(result.reason, INTERNAL)


def ending(result):
    """Return a sentence on how the run ended."""
    if result.reason == "EXIT_CODE":
        verdict = "passed" if result.exit_code == 0 else f"failed with exit code {result.exit_code}"
        return f"the guest ended the run: {verdict}"
    if result.reason == "BUDGET":
        return f"the cycle budget is used up after {result.cycles:,} cycles"
    return text_of(STOP, result.reason)


def _mips(result):
    return result.instructions / result.wall_seconds / 1e6 if result.wall_seconds else 0.0


def table(result):
    """Return the rich tables of a Result: VM exits by reason, and totals."""
    exits = Table(title="VM exits", title_justify="left")
    for name, justify in (("reason", "left"), ("count", "right"), ("cycles", "right"), ("share of cycles", "right")):
        exits.add_column(name, justify=justify)
    for reason, count, cycles in result.exits:
        share = cycles / result.cycles if result.cycles else 0
        exits.add_row(reason, f"{count:,}", f"{cycles:,}", f"{share:.1%}")
    totals = Table(title="totals", title_justify="left", show_header=False)
    totals.add_column()
    totals.add_column(justify="right")
    rows = [
        ("cycles", f"{result.cycles:,}"),
        ("instructions", f"{result.instructions:,}"),
        ("wall time", f"{result.wall_seconds:.3f} s"),
        ("speed", f"{_mips(result):,.0f} MIPS"),
    ]
    if result.exits:
        rows += [
            ("hypercalls", f"{result.hypercalls:,}"),
            ("injected vectors", f"{result.injected:,}"),
            ("EPT violations", f"{result.ept_violations:,}"),
        ]
    for row in rows:
        totals.add_row(*row)
    return [exits, totals] if result.exits else [totals]


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
    )
    body |= {name: value for name, value in more.items() if value is not None}
    return msgspec.json.format(msgspec.json.encode(body), indent=2)


def write_json(text):
    """Write JSON text to standard output."""
    sys.stdout.buffer.write(text + b"\n")
    sys.stdout.buffer.flush()
