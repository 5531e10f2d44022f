"""`hvlab why`: who wrote memory, a register or a VMCS field last."""

import time
from dataclasses import asdict

import click
import msgspec
from rich.text import Text

from emu import files
from emu.cli import options, printing, report
from emu.cli import target as targets
from emu.cli.console import echo
from emu.errors import DebugError
from emu.spec.trace import WORLDS

KINDS, REPORT_SECONDS = ("memory", "register", "vmcs"), 2.0  # REPORT_SECONDS: between lines on how far it is

HELP = """Find who changed something last before the point where the run of IMAGE is stopped.

\b
memory ADDRESS    the last change of these bytes: a number or a symbol, linear unless --space says otherwise
register NAME     the last change of a general register (rax to r15) of the world that runs
vmcs FIELD        the last change of a field of the current VMCS, by VMWRITE or by a VM exit; the name may be abbreviated

The answer has the old and new value, and the instruction: cycle, processor, address, symbol, source line. The run is made once
with snapshots, then searched backward.

\b
Examples:
  hvlab why vmcs guest_rip kernel.elf --at-entry-failure
  hvlab why memory 0x7000 kernel.elf --size 4 --at-exit 12
  hvlab why register rax kernel.elf --at-cycle 2M
"""


def history_at(target, stop):
    """Return (Session, History) of a new run of a target, where a Stopped says; the first machine is let go."""
    from emu.debug.history.history import COUNTED_CYCLES, History
    from emu.debug.session.session import Session

    cycle = stop.cycle
    stop.close()
    session = Session(target.make())
    history, session.heed = History(session), Progress(session.machine)
    if cycle > COUNTED_CYCLES:
        session.run(max_cycles=cycle - COUNTED_CYCLES, pause=session.heed)
    history.seek(cycle, stop.processor)
    return session, history


class Progress:
    """Reports on standard error, every few seconds, where a search of the past is; called between slices."""

    def __init__(self, machine, seconds=REPORT_SECONDS):
        self.machine, self.seconds, self.next = machine, seconds, time.monotonic() + seconds

    def __call__(self):
        now = time.monotonic()
        if now >= self.next:
            self.next = now + self.seconds
            echo(f"hvlab: at cycle {self.machine.clock:,}, searching", err=True)
        return False                                       # which lets the run go on


def _found(kind, what, history, thread, size, space):
    from emu.debug.explain import lookup
    from emu.debug.history import why
    from emu.machine.failure import symbols_of

    if kind == "vmcs":
        return why.field(history, what, thread.processor)
    if kind == "register":
        return why.register(history, what.lower(), thread.processor)
    address = lookup.address(what, symbols_of(history.machine, thread.world if space == "linear" else 0))
    return why.memory(history, address, size, space, thread)


@click.command("why", help=HELP)
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("what", metavar="ADDRESS|NAME|FIELD")
@click.option("--size", type=click.IntRange(1, 8), default=8, show_default=True, help="Bytes of memory.")
@click.option("--space", type=click.Choice(["linear", "guest", "host"]), default="linear", show_default=True,
              help="ADDRESS is linear, guest-physical or host-physical.")
@click.option("--world", type=click.Choice(WORLDS), help="Whose address it is; default: of the world that runs.")
@options.at("cycle", "exit", "launch", "entry-failure")
@options.PROCESSOR
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object to standard output.")
@targets.looked_at
def command(target, kind, what, size, space, world, at_cycle, at_exit, at_launch, at_entry_failure, processor, as_json):
    """Find who wrote it."""
    stop = targets.stopped(target, processor, at_cycle=at_cycle, at_exit=at_exit, at_launch=at_launch, at_entry_failure=at_entry_failure)
    session, history = history_at(target, stop)
    thread = session.thread(stop.processor, None if world is None else WORLDS.index(world))
    try:
        found = _found(kind, what, history, thread, size, space)
    except DebugError as error:
        if target.frozen:
            raise DebugError(f"{error}; a snapshot has no past of its own: ask with the image that it came from") from error
        raise
    if as_json:
        return report.write_json(msgspec.json.format(msgspec.json.encode(
            dict(schema="hvlab.why.1", image=files.shown(target.image), where=stop.where, **asdict(found))), indent=2))
    return printing.write([Text(f"{found.what}, {stop.where}"), *printing.columns([
        ("  value", f"{found.old:#x} -> {found.new:#x}"), ("  written by", found.place),
        ("  in", f"{found.thread}, processor {found.processor}"), ("  at cycle", f"{found.cycle:,}"),
        *([("  since", f"written {found.again:,} times with that value")] if found.again else [])])])
