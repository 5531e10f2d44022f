"""`hvlab gdb`: a remote stub that the real gdb connects to."""
from pathlib import Path

import click

from emu.cli import debugger
from emu.cli import target as targets
from emu.cli.console import echo

HELP = """Run IMAGE under gdb: wait on a port of 127.0.0.1 for a debugger, stopped before the first instruction.

\b
In one terminal, and in another:
  hvlab gdb kernel.elf --listen 1234
  gdb -ex 'target extended-remote :1234' -x "$(hvlab gdb --init)"

In gdb `stepi` over VMLAUNCH ends on the guest's first instruction, and over an instruction that exits it ends on the hypervisor's
entry point. Breakpoints and watchpoints are in the model, not in memory: any number, invisible to the guest, exact to the byte.
Processor threads are process 1; each partition is a process of its own after `partitions` (or `add-inferior`, `attach 2`).
The commands vmcs, exits, xlate, why-irq and state ask the machine; `monitor help` lists more. A debugger leaves the run as
it is: `hvlab run --hash` prints the same digest with and without.

--init writes the name of a file of gdb settings and commands.
"""


def _settings(context, parameter, wanted):
    """Write the name of the settings file and end."""
    if wanted:
        echo(Path(__file__).resolve().parents[2] / "debug" / "gdb" / "init.gdb")
        context.exit()


@click.command("gdb", help=HELP)
@click.option("--listen", default="1234", show_default=True, metavar="[127.0.0.1:]PORT", help="Where to wait for gdb; 0: any free port.")
@click.option("--init", is_flag=True, is_eager=True, expose_value=False, callback=_settings, help="Write the name of gdb's settings file.")
@targets.looked_at
def command(target, listen):
    """Serve an image to gdb."""
    return debugger.served(target.make, listen, target.check)
