"""An image that a command looks into: the options of `hvlab run`, and where its run is stopped."""

from dataclasses import dataclass
from functools import cached_property, wraps
from pathlib import Path
from typing import Any

import click

from emu.cli import loading, options, power
from emu.cli.values import Count, Input
from emu.errors import ConfigError

MAX_CYCLES = "20G"
SNAPSHOT, RECORDING = ".hvz", ".hvr"


@dataclass(frozen=True, kw_only=True)
class Target:
    """An image and the machine that it runs on; `make` returns that machine, loaded, new each time."""

    image: Path
    place: str
    smp: int
    memory: int
    append: str
    modules: tuple
    initrd: Path | None
    on_reset: str
    physical_bits: int
    map_file: Path | None
    copies: int
    hv: Path | None
    max_cycles: int | None

    @cached_property
    def loaded(self):
        """Return the Image, read or assembled once."""
        return loading.load(self.image, self.memory, self.append, self.modules, self.map_file, self.initrd)

    @cached_property
    def recording(self):
        """Return the Recording, read once."""
        from emu.debug.history import record

        return record.load(self.image)

    @property
    def frozen(self):
        """Return whether the image is a snapshot: without a place to run to it is examined as it is."""
        return self.image.suffix == SNAPSHOT

    def check(self):
        """Raise what is wrong with the image, before a machine is made."""
        if self.image.suffix == RECORDING:
            _ = self.recording
        elif self.image.suffix != SNAPSHOT:
            _ = self.loaded

    def make(self):
        """Return a new machine with the image in its memory, one that goes on from a snapshot, or one that repeats a recording."""
        if self.frozen:
            options.refuse_loading(self.image, "snapshot", click.get_current_context())
            return power.of_snapshot(self.image)
        if self.image.suffix == RECORDING:
            options.refuse_loading(self.image, "recording", click.get_current_context())
            return loading.prepared(self.recording, None, self.image)
        return loading.machine_with(self.loaded, self.place, self.smp, self.hv, self.copies, on_reset=self.on_reset,
                                    physical_bits=self.physical_bits)


def _taking(metavar, cycles):
    """Return a decorator that adds IMAGE and the options that say how it runs; the command gets a Target as `target`."""
    def add(function):
        @wraps(function)
        def command(image, max_cycles, **others):
            said = {name: others.pop(name) for name in options.NAMES}
            return function(target=Target(image=image, max_cycles=max_cycles, **said), **others)

        return options.added(command, click.argument("image", type=Input(), metavar=metavar), *options.IMAGE, cycles)
    return add


to_run = _taking("IMAGE", click.option(
    "--max-cycles", type=Count(), help="Stop with exit code 5 after this many cycles; K, M and G are powers of 1000."))
looked_at = _taking("IMAGE|FILE.hvz|FILE.hvr", click.option(
    "--max-cycles", type=Count(), default=MAX_CYCLES, show_default=True, help="Stop the run at this cycle at the latest."))


@dataclass(frozen=True)
class Stopped:
    """A machine stopped somewhere: the processor that it is about, and the place in words."""

    machine: Any
    processor: int
    where: str

    @property
    def cycle(self):
        """Return the clock of that processor."""
        return self.machine.clocks[self.processor]

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
        reached = machine.clock >= value
        where = "stopped" if reached else f"{_ended(machine)}, which comes before cycle {value:,}"
    elif target.frozen:
        machine, found, where = target.make(), 0, "as the snapshot has it"
    else:
        machine, found = run_to.run_to_cycle(target.make, target.max_cycles), 0
        where = _ended(machine)
    chosen = found if processor is None else processor
    if chosen >= len(machine.cpu):
        raise ConfigError(f"the machine has processors 0 to {len(machine.cpu) - 1}, not {chosen}")
    return Stopped(machine, chosen, f"{where}, at cycle {machine.clocks[chosen]:,}")
