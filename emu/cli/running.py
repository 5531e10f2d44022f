"""A machine run as the options ask: its console, the file of its exits, and what is said when it is over."""

import sys

from emu.cli import interrupt, report
from emu.cli.console import Prefixed, Raw, Split, echo, stderr

PARTITION = "partition "


def writer(json, place, more):
    """Return the console callback: the guest to standard output, the rest, with its source, to standard error.

    more: whether lines follow the guest's on standard output.
    """
    if json:
        return Prefixed(stderr())
    guest = PARTITION if place == "partition" else "serial"
    return Split(Raw(end_line=more), Prefixed(stderr()), lambda source: source.startswith(guest))


def watched(machine, console, trace_exits, run, finish):
    """Run a machine with its console shown by a `writer`, and call `finish` however that ends; returns the Result."""
    machine.on_console(console)
    if trace_exits:
        machine.trace_exits(trace_exits)
    try:
        with interrupt.heeded(machine):
            return run()
    finally:
        console.close()
        if trace_exits:
            machine.close_trace()
        finish()


def _print(result, digest, screen):
    """Write what was asked for to standard output, and the summary to standard error."""
    if screen is not None:
        echo(screen)
    if digest is not None:
        echo(digest)
    console = stderr()
    for table in report.table(result):
        console.print(table)
    report.explain(result)


def reported(machine, result, as_json, with_hash, with_screen, **about):
    """Report a Result as the options ask; returns the exit code."""
    digest = f"sha256:{machine.digest()}" if with_hash else None
    screen = machine.screen() if with_screen else None
    if as_json:
        report.write_json(report.as_json("hvlab.run.1", result, **about, digest=digest, screen=screen))
        report.explain(result)
    else:
        sys.stdout.flush()
        _print(result, digest, screen)
    return interrupt.exit_code(machine, result, report.exit_code(result))
