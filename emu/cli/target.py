"""An image that a command looks into: the options of `hvlab run`, and where its run is stopped."""

from dataclasses import dataclass
from functools import cached_property, wraps
from pathlib import Path
from typing import Any

import click

from emu.cli import inputs
from emu.cli.commands import run
from emu.cli.values import Count, Input, Memory
from emu.errors import ConfigError

MAX_CYCLES = "20G"


@dataclass(frozen=True)
class Target:
    """An image and the machine that it runs on; `make` returns that machine, loaded, new each time."""

    image: Path
    place: str
    smp: int
    memory: int
    append: str
    modules: tuple
    max_cycles: int
    hv: Path | None = None
    copies: int = 1
    map_file: Path | None = None
    on_reset: str = "fail"
    initrd: Path | None = None
    physical_bits: int = 39

    @cached_property
    def loaded(self):
        """Return the Image, read or assembled once."""
        return run.load(self.image, self.memory, self.append, self.modules, self.map_file, self.initrd)

    @cached_property
    def recording(self):
        """Return the Recording, read once."""
        from emu.debug.history import record

        return record.load(self.image)

    @property
    def frozen(self):
        """Return whether the image is a snapshot: without a place to run to it is looked at as it is."""
        return self.image.suffix == inputs.SNAPSHOT

    def check(self):
        """Raise what is wrong with the image, before a machine is made."""
        if self.image.suffix == inputs.RECORDING:
            _ = self.recording
        elif self.image.suffix != inputs.SNAPSHOT:
            _ = self.loaded

    def make(self):
        """Return a new machine with the image in its memory, one that goes on from a snapshot, or one that repeats a recording."""
        if self.image.suffix == inputs.SNAPSHOT:
            return inputs.of_snapshot(self.image, click.get_current_context())
        if self.image.suffix == inputs.RECORDING:
            from emu.cli.commands import replay

            inputs.refuse_options(self.image, "recording", click.get_current_context())
            return replay.prepared(self.recording, None, self.image)
        return run.machine_with(self.loaded, self.place, self.smp, self.hv, self.copies, on_reset=self.on_reset,
                                physical_bits=self.physical_bits)


def options(function):
    """Add IMAGE and the options of `hvlab run` that say how it runs; the command gets a Target as `target`."""

    @wraps(function)
    def command(image, place, smp, memory, append, modules, max_cycles, hv, copies, symbols, on_reset, initrd, physical_bits, **others):
        return function(target=Target(image, place, smp, memory, append, modules, max_cycles, hv, copies, symbols, on_reset, initrd,
                                      physical_bits), **others)

    for each in (
        click.option("--max-cycles", type=Count(), default=MAX_CYCLES, show_default=True, help="Look no further than this cycle."),
        click.option("--symbols", type=run.IN, help=run.SYMBOLS_HELP),
        click.option("--copies", type=click.IntRange(1, 16), default=1, help=run.COPIES_HELP),
        click.option("--hv", type=Input(file_okay=False), help=run.HV_HELP),
        click.option("--on-reset", type=run.RESETS, default="fail", show_default=True, help="What a reset by the guest is."),
        click.option("--physical-bits", type=run.BITS, default=39, show_default=True, help=run.BITS_HELP),
        click.option("--initrd", type=run.IN, help="The initial RAM disk of a Linux image."),
        click.option("--module", "modules", multiple=True, metavar="FILE[,ARGS]", help="A multiboot module, or the initial RAM disk."),
        click.option("--append", metavar="STRING", help="Command line of a multiboot or Linux image."),
        click.option("--memory", type=Memory(), default="256M", show_default=True, help="Memory that the image finds."),
        click.option("--smp", type=click.IntRange(1, 8), default=1, show_default=True, help="Logical processors."),
        click.option("--as", "place", type=click.Choice(["bare", "partition"]), default="bare", show_default=True,
                     help="On the bare machine, or as the guest of a child partition."),
        click.argument("image", type=Input(), metavar="IMAGE|FILE.hvz|FILE.hvr"),
    ):
        command = each(command)
    return command


@dataclass(frozen=True)
class Stopped:
    """A machine stopped somewhere: the processor that it is about, and the place in words."""

    machine: Any
    processor: int
    where: str

    @property
    def cycle(self):
        """Return the clock of that processor."""
        return int(self.machine.cpu[self.processor].cycles)

    def close(self):
        """Let the machine's engines go; it cannot run any more."""
        for processor in self.machine.processors:
            for unit in processor.engines:
                unit.close()


def _one_of(**wanted):
    given = [(name, value) for name, value in wanted.items() if value]
    if len(given) > 1:
        raise ConfigError(f"give one place to stop at, not {' and '.join(f'--{name}' for name, _ in given)}".replace("_", "-"))
    return given[0] if given else (None, None)


def _ended(machine):
    """Return where a run is over, and how it ended, in words."""
    from emu.bits import name_of
    from emu.spec.outcome import STOP

    return f"at the end of the run ({name_of(STOP, machine.record[0].stop).lower().replace('_', ' ')})"


def stopped(target, processor=None, **at):
    """Return the Stopped run of a target.

    processor: which processor is meant, None for that of the event; at: at_exit, at_launch, at_cycle (numbers) or
    at_entry_failure (True); with none of them the run goes on to its end or to its budget.
    """
    from emu.debug.history import run_to

    name, value = _one_of(**at)
    if name == "at_exit":
        machine, found = run_to.run_to_exit(target.make, value, target.max_cycles)
        where = f"right after VM exit {value:,}"
    elif name == "at_launch":
        machine, found = run_to.run_to_launch(target.make, value, target.max_cycles)
        where = f"before VM entry {value:,}"
    elif name == "at_entry_failure":
        machine, found = run_to.run_to_entry_failure(target.make, 1, target.max_cycles)
        where = "before the first VM entry that fails"
    elif name == "at_cycle":
        machine, found = target.make(), 0
        if machine.clock > value:
            raise ConfigError(f"{target.image} is at cycle {machine.clock:,} already: it cannot be stopped at {value:,}")
        machine = run_to.run_to_cycle(lambda: machine, value)
        reached = max(int(c.cycles) for c in machine.cpu) >= value
        where = "stopped" if reached else f"{_ended(machine)}, which comes before cycle {value:,}"
    elif target.frozen:
        machine, found, where = target.make(), 0, "as the snapshot has it"
    else:
        machine, found = run_to.run_to_cycle(target.make, target.max_cycles), 0
        where = _ended(machine)
    chosen = found if processor is None else processor
    if chosen >= len(machine.cpu):
        raise ConfigError(f"the machine has processors 0 to {len(machine.cpu) - 1}, not {chosen}")
    return Stopped(machine, chosen, f"{where}, at cycle {int(machine.cpu[chosen].cycles):,}")


def at(*names):
    """Return a decorator that adds the options that say where to stop, of `exit`, `launch`, `cycle` and `entry-failure`."""
    known = {
        "exit": click.option("--at-exit", type=Count(), metavar="N", help="Stop right after VM exit N, counted from 1."),
        "launch": click.option("--at-launch", type=Count(), metavar="N", help="Stop before VM entry N: VMLAUNCH or VMRESUME."),
        "cycle": click.option("--at-cycle", type=Count(), metavar="N", help="Stop at the first instruction boundary from cycle N on."),
        "entry-failure": click.option("--at-entry-failure", is_flag=True, help="Stop before the first VM entry that fails."),
    }

    def add(function):
        for name in reversed(names):
            function = known[name](function)
        return function

    return add


PROCESSOR = click.option("--processor", type=click.IntRange(0, 7), help="Which processor; default: that of the event, else 0.")
