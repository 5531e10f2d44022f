"""Build a machine, with a progress bar while kernels compile."""

import re

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from emu.cli.console import stderr
from emu.errors import ConfigError

OPTIONS = dict(memory_bytes="--memory", processors="--smp", physical_bits="--physical-bits", on_reset="--on-reset")      # of Config
FIELD = re.compile(rf"\b({'|'.join(OPTIONS)})\b")


class Compiling:
    """Show what is being compiled, from the first kernel that is not cached."""

    def __init__(self):
        self.bar = self.task = None

    def __call__(self, done, total, unit):
        if self.bar is None:
            self.bar = Progress(
                TextColumn("compiling kernels, once", markup=False),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.description}", markup=False),
                TimeElapsedColumn(),
                console=stderr(),
                transient=True,
                disable=not stderr().is_terminal,          # in a file a bar is an empty line
            )
            self.task = self.bar.add_task("", total=total)
            self.bar.start()
        self.bar.update(self.task, completed=done, description=unit)

    def close(self):
        """Take the bar away."""
        if self.bar is not None:
            self.bar.stop()


def machine(memory_bytes, processors=1, **more):
    """Return a Machine; more: what else its Config holds.  Raises ConfigError for values that it refuses."""
    from emu.machine import Config, Machine

    try:
        config = Config(memory_bytes=memory_bytes, processors=processors, **more)
    except ConfigError as error:
        raise ConfigError(FIELD.sub(lambda found: OPTIONS[found[0]], str(error))) from None
    return _made(lambda progress: Machine(config, progress=progress))


def of_snapshot(path):
    """Return a Machine that goes on from the snapshot in a file; raises SnapshotError when it cannot."""
    from emu.debug.history import snapshot_file

    snapshot = snapshot_file.load(path)
    return _made(lambda progress: snapshot_file.machine_of(snapshot, progress))


def _made(make):
    compiling = Compiling()
    try:
        return make(compiling)
    finally:
        compiling.close()
