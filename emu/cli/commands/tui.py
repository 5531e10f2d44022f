"""`hvlab tui`: a full-screen debugger."""

import sys

import click

from emu.cli import target as targets
from emu.errors import ConfigError

HELP = """Debug IMAGE full screen: code with its source, registers, VMCS, exits, page walk, console, timeline.

\b
Keys, as in gdb's TUI:
  s step    n over a call or an exit    c continue    x next exit    e next entry    f finish the exit
  S C       the same backward           b breakpoint  g go to        p processor     space interrupts
  :         a command: b main, w 0x7000 4, on exit=cpuid, seek 2000000, why vmcs guest_rip, vmcs check ...
  ? help    q quit

\b
Examples:
  hvlab tui kernel.elf
  hvlab tui booted.hvz

It needs the extra `tui`: pip install 'hvlab[tui]'. It leaves the run as it is: `hvlab run --hash` prints the same digest with and without.
"""


@click.command("tui", help=HELP)
@targets.looked_at
def command(target):
    """Show the debugger."""
    try:
        from emu.tui.app import Debugger
    except ModuleNotFoundError as error:
        raise ConfigError(f"hvlab tui needs {error.name}: pip install 'hvlab[tui]'") from error
    if not sys.stdout.isatty():
        raise ConfigError("hvlab tui needs a terminal: standard output is not one; hvlab gdb and hvlab break work without")
    target.check()
    app = Debugger(target.make())
    app.run()
    return app.return_code or 0
