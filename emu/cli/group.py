"""The command group: what `hvlab` alone says, and how every command ends."""

import errno
import os
import sys
import traceback
from importlib import import_module

import click

from emu.cli.console import echo
from emu.cli.streams import OUTPUT
from emu.errors import INTERNAL, INTERRUPTED, OK, USAGE, HvlabError
from emu.files import kept_apart, printable, shown

# Name: (file in commands/, what the help says of it)
COMMANDS = {
    "run":     ("run",      "Run an image on the machine."),
    "asm":     ("asm",      "Assemble a program and show it."),
    "demo":    ("demo",     "Boot the hypervisor with two partitions."),
    "bench":   ("bench",    "Measure speed, with baselines in the same run."),
    "explain": ("explain",  "Explain exits, VMCS fields, MSRs, hypercalls, checks."),
    "vmcs":    ("vmcs",     "Show, compare and check the VMCS of a run."),
    "xlate":   ("xlate",    "Show how a linear address is translated, entry by entry."),
    "why":     ("why",      "Find who wrote memory, a register or a VMCS field last."),
    "why-irq": ("why_irq",  "Explain why an interrupt is not delivered."),
    "gdb":     ("gdb",      "Debug an image with gdb."),
    "vm":      ("vm",       "Virtual machines under the root partition."),
    "tui":     ("tui",      "Debug an image full screen."),
    "break":   ("break_on", "Run until something happens: an exit, an MSR, a fault ..."),
    "trace":   ("trace",    "Record the trace events of a run: exits, entries, injections ..."),
    "replay":  ("replay",   "Repeat a recorded run."),
    "bisect":  ("bisect",   "Find where two recorded runs diverge."),
}

OUTPUT_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)       # of a full disk, or one that goes

NO_ARGUMENTS = getattr(click.exceptions, "NoArgsIsHelpError", ())     # click before 8.2 shows the help itself

HELP = """A hypervisor laboratory in software: an x86-64 computer with VMX, on which hypervisors run.

The computer is deterministic and counts cycles: the same image and options give the same output, the same cycle count
and the same digest in every run, on every host.

\b
Start here:
  hvlab demo                                 the hypervisor with two partitions, end to end
  hvlab run kernel.elf                       an image on the bare machine
  hvlab run kernel.elf --as partition        the same image as the guest of a child partition
  hvlab run bzImage --append "console=ttyS0" --module initrd.img
  hvlab asm program.s --list                 addresses, bytes and source of a program
  hvlab explain exit 48 0x182                a number of the manuals in words
  hvlab vmcs check kernel.elf                why a VM entry fails
  hvlab break 'exit=ept_violation' kernel.elf          the first trace event that a condition accepts
  hvlab why vmcs guest_rip kernel.elf --at-exit 9      who wrote it last
  hvlab trace kernel.elf --report run.html             what happened, as one page
  hvlab gdb kernel.elf                       the same under gdb; hvlab tui: full screen

\b
What is written where:
  The guest's console goes to standard output, everything else to standard error.
  With --json standard output is one JSON object, and the console goes to standard error.

\b
Exit codes:
  0  the guest ended the run and passed, or powered off
  1  the guest or a test failed
  2  a wrong option, or an image that cannot be loaded
  3  a VM entry failed, none succeeded after it, and the run came to no good end
  4  triple fault or shutdown
  5  the cycle budget is used up, or every processor is halted with nothing to wake it
  6  something is not modelled, or an error of hvlab itself
  7  the guest reset the machine (run --on-reset decides)
  130  interrupted by Ctrl-C; 143: by SIGTERM

A guest ends the run by a 32-bit write to port 0xF4: 0 passes, anything else fails.
"""


class Group(click.Group):
    """Commands by name, each imported when it is used."""

    def list_commands(self, context):
        return list(COMMANDS)

    def get_command(self, context, name):
        if name not in COMMANDS:
            return None
        file, about = COMMANDS[name]
        command = import_module(f"emu.cli.commands.{file}").command
        command.short_help = about
        return command

    def format_commands(self, context, formatter):
        """List the commands; none is imported for it."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_, about) in COMMANDS.items()])


@click.command(cls=Group, help=HELP, context_settings=dict(help_option_names=["-h", "--help"], max_content_width=120))
@click.version_option(package_name="hvlab", message="hvlab %(version)s")
def hvlab():
    """Hold the commands."""


def _say(text):
    echo(f"hvlab: {text}", err=True)


def _internal():
    echo(traceback.format_exc().rstrip(), err=True)
    _say("an error of hvlab itself: please report what is above, with the command line")
    return INTERNAL


def _not_written(error):
    """Report what cannot be written; if it is standard output, make sure that nothing tries again at the end."""
    if error.errno not in OUTPUT_ERRORS:
        return _internal()
    if error.filename == OUTPUT:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    what = shown(error.filename) if isinstance(error.filename, str | bytes) else "a file"
    _say(f"{what}: cannot be written ({error.strerror})")
    return USAGE


def start(arguments=None):
    """Run a command line (default: the process's own) and exit with the code of the help text."""
    try:
        with kept_apart():
            code = hvlab.main(arguments, prog_name="hvlab", standalone_mode=False)
        code = code if isinstance(code, int) else OK
        sys.stdout.flush()
    except NO_ARGUMENTS as error:
        click.echo(error.ctx.get_help())
        code = OK
    except click.ClickException as error:
        vars(error)["message"] = printable(error.message)
        error.show()
        code = error.exit_code
    except (KeyboardInterrupt, click.Abort):
        _say("interrupted")
        code = INTERRUPTED
    except HvlabError as error:
        _say(str(error))
        code = error.exit_code
    except OSError as error:
        code = _not_written(error)
    except Exception:
        code = _internal()
    sys.exit(code)
