"""Options that several commands have: those of an image, declared once, and where a run is stopped."""

import click
from click.core import ParameterSource

from emu.cli.values import Count, Input, Memory, Output
from emu.errors import ConfigError
from emu.spec.outcome import ON_RESET
from emu.spec.partition_table import PARTITIONS
from emu.spec.profile import LEAST_BITS, MOST_BITS, PHYSICAL_BITS, PROCESSORS

OUT = Output()
IN = Input(exists=True, dir_okay=False)
# What says how an image is loaded and what machine it finds, in the order of the help.
IMAGE = (
    click.option("--as", "place", type=click.Choice(["bare", "partition"]), default="bare", show_default=True,
                 help="On the bare machine, or as the guest of a child partition of the hypervisor."),
    click.option("--smp", type=click.IntRange(1, PROCESSORS), default=1, show_default=True,
                 help="Processors that the image finds. On the bare machine the firmware parks all but the first at mailboxes; those of a "
                      "partition wait for INIT and a start-up IPI, as CPUID and the ACPI tables report, and have no mailboxes."),
    click.option("--memory", type=Memory(), default="256M", show_default=True,
                 help="Memory that the image finds; a multiple of 4096 bytes. K, M and G are powers of 1024."),
    click.option("--append", metavar="STRING", help="Command line of a multiboot or Linux image."),
    click.option("--module", "modules", multiple=True, metavar="FILE[,ARGS]",
                 help="A multiboot module with its arguments, or the initial RAM disk of a Linux image. May be repeated."),
    click.option("--initrd", type=IN, help="The initial RAM disk of a Linux image; --module is the same for it."),
    click.option("--on-reset", type=click.Choice(ON_RESET), default=ON_RESET[0], show_default=True,
                 help="When the guest resets the machine: end with exit code 7, end with exit code 0, or start again from the boot ROM. "
                      "The report counts how often it started again."),
    click.option("--physical-bits", type=click.IntRange(LEAST_BITS, MOST_BITS), default=PHYSICAL_BITS, show_default=True,
                 help="Width of physical addresses (MAXPHYADDR)."),
    click.option("--symbols", "map_file", type=IN,
                 help="Names for addresses, as nm or System.map list them, besides those of the image."),
    click.option("--copies", type=click.IntRange(1, PARTITIONS), default=1, help="Partitions that run the image, each by itself."),
    click.option("--hv", type=Input(file_okay=False),
                 help="Another build of the hypervisor: a folder with the sources and a build.list, such as a changed copy of hv/."),
)


def added(function, *decorators):
    """Return a function with options added, in this order of the help."""
    for each in reversed(decorators):
        function = each(function)
    return function


NAMES = tuple(each.name for each in reversed(vars(added(lambda: None, *IMAGE))["__click_params__"]))
LOADING = (*NAMES, "record_to")                            # what a snapshot or recording has in it


def given(context, *names):
    """Yield the spelling of each of these parameters that stands on the command line, in the order of `names`."""
    for name in names:
        if context.get_parameter_source(name) == ParameterSource.COMMANDLINE:
            yield next(each.opts[0] for each in context.command.params if each.name == name)


def refuse_loading(path, kind, context):
    """Raise ConfigError for options that belong to an image."""
    for option in given(context, *LOADING):
        raise ConfigError(f"{path} is a {kind}, which has its machine in it: {option} goes with an image")


def at(*names):
    """Return a decorator that adds the options that say where to stop, of `exit`, `launch`, `cycle` and `entry-failure`."""
    known = {
        "exit": click.option("--at-exit", type=Count(), metavar="N", help="Stop right after VM exit N, counted from 1."),
        "launch": click.option("--at-launch", type=Count(), metavar="N", help="Stop before VM entry N: VMLAUNCH or VMRESUME."),
        "cycle": click.option("--at-cycle", type=Count(), metavar="N", help="Stop at the first instruction boundary from cycle N on."),
        "entry-failure": click.option("--at-entry-failure", is_flag=True, help="Stop before the first VM entry that fails."),
    }
    return lambda function: added(function, *(known[name] for name in names))


PROCESSOR = click.option("--processor", type=click.IntRange(0, PROCESSORS - 1), help="Which processor; default: that of the event, else 0.")
