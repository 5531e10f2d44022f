"""`hvlab gdb`: a remote stub that the real gdb connects to."""
import sys
from pathlib import Path

import click

from emu.cli import target as targets
from emu.errors import Unmodelled

HELP = """Run IMAGE under gdb: wait on a port of 127.0.0.1 for a debugger, stopped before the first instruction.

\b
In one terminal, and in another:
  hvlab gdb kernel.elf --listen 1234
  gdb -ex 'target extended-remote :1234' -x "$(hvlab gdb --init)"

gdb's `stepi` over VMLAUNCH lands on the guest's first instruction, over an instruction that exits on the hypervisor's entry
point. Breakpoints and watchpoints are in the model, not in memory: any number, invisible to the guest, exact to the byte.
Processor threads are process 1; each partition is a process of its own after `partitions` (or `add-inferior`, `attach 2`).
The commands vmcs, exits, xlate, why-irq, state ask the machine, as does `monitor help`. The run stays the same: what
`hvlab run --hash` prints does not change by a debugger.

--init writes the name of a file of gdb settings and commands.
"""


def _settings(context, parameter, wanted):
    """Write the name of the settings file and end."""
    if wanted:
        click.echo(Path(__file__).resolve().parents[2] / "debug" / "gdb" / "init.gdb")
        context.exit()


def serve(make, address, log):
    """Serve gdb on (host, port) until it is done; returns the exit code of the run, or 0 when gdb killed it."""
    from emu.cli import report
    from emu.debug.gdb.server import Server
    from emu.debug.gdb.stub import Stub

    server = Server(address, lambda poll, tell: Stub(make, poll, tell), log)
    log(f"listening on {server.address[0]}:{server.address[1]}")
    try:
        stub = server.serve()
    finally:
        server.close()
    if isinstance(stub.error, Unmodelled):
        raise stub.error
    return report.exit_code(stub.result) if stub.result and not stub.killed else 0


def machines(make):
    """Return a function that makes a machine by `make`, its console written to standard output."""
    def write(_source, data):
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    def made():
        machine = make()
        machine.on_console(write)
        return machine
    return made


@click.command("gdb", help=HELP, short_help="Debug an image with gdb.")
@click.option("--listen", default="1234", show_default=True, metavar="[127.0.0.1:]PORT", help="Where to wait for gdb; 0: any free port.")
@click.option("--init", is_flag=True, is_eager=True, expose_value=False, callback=_settings, help="Write the name of gdb's settings file.")
@targets.options
def command(target, listen):
    """Serve an image to gdb."""
    from emu.debug.gdb.server import address_of

    address = address_of(listen)
    target.check()
    return serve(machines(target.make), address, lambda text: click.echo(f"hvlab: {text}", err=True))
