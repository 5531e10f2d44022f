"""`hvlab replay`: a recorded run again, to the bit."""

from pathlib import Path

import click

from emu.cli import inputs
from emu.cli.commands import run
from emu.cli.values import Input
from emu.errors import ConfigError, ReplayError

HELP = """Repeat a recorded run, to the bit, and stop where it ended.

FILE is a recording (.hvr) that `hvlab run IMAGE --record FILE` wrote. The image is loaded with the recorded options; what came
into the machine from outside comes again, each piece at its cycle. Console, result and exit code are those of the recorded
run. When the image has changed, or the run is another one, that is said and the exit code is 1.

\b
Examples:
  hvlab run kernel.elf --input - --record run.hvr
  hvlab replay run.hvr
  hvlab replay run.hvr --image build/kernel.elf --json
  hvlab replay run.hvr --gdb 1234
"""


def machine_of(recording, image=None, name="the recording"):
    """Return a Machine loaded as a Recording says; image: the image in another place.

    Raises ReplayError when a file has changed.
    """
    from emu.debug.history import record

    source = recording.source
    if source is None:
        raise ReplayError(f"{name} was made from Python and does not say how the machine was loaded: emu.debug.history.record replays it")
    record.check_files(source, image)
    loaded = run.load(Path(image or source.image.path), source.memory, source.append, tuple(source.modules))
    return run.machine_with(loaded, source.place, source.smp, **run.more_of(recording.config))


def prepared(recording, image, file):
    """Return a machine that gets the inputs of a Recording, and goes no further than its end."""
    from emu.debug.history import record

    machine = machine_of(recording, image, str(file))
    record.prepare(machine, recording)
    machine.limit = record.last_cycle(recording)
    return machine


@click.command("replay", help=HELP, short_help="Repeat a recorded run.")
@click.argument("file", type=Input())
@click.option("--image", type=Input(), help="The image, when it is not where it was.")
@click.option("--gdb", "listen", metavar="[127.0.0.1:]PORT", help="Wait for gdb before the first instruction; it meets the recorded end.")
@click.option("--json", "as_json", is_flag=True, help="Write the result as one JSON object to standard output.")
@click.option("--trace-exits", type=run.OUT, help="Write every VM exit to this file, one JSON object a line.")
@click.option("--hash", "with_hash", is_flag=True, help="Write a digest of the final state and cycle count.")
@click.option("--screen", "with_screen", is_flag=True, help="Write the VGA text screen when the run is over.")
@click.option("--save", "save_to", type=run.OUT, help="Write a snapshot of the machine as it is at the end.")
def command(file, image, listen, as_json, trace_exits, with_hash, with_screen, save_to):
    """Replay a recording."""
    from emu.debug.history import record

    recording = record.load(file)
    if listen is not None:
        if as_json or trace_exits or with_hash or with_screen or save_to:
            raise ConfigError("--gdb goes with none of --json, --trace-exits, --hash, --screen, --save: the debugger leads the run")
        return run.debugged(lambda: prepared(recording, image, file), listen)
    machine = machine_of(recording, image, str(file))
    place = recording.source.place
    console = run.writer(as_json, place, with_hash or with_screen)
    result = run.watched(machine, console, trace_exits, lambda: record.replay(machine, recording),
                         lambda: inputs.finish(machine, None, None, save_to))
    return run.told(machine, result, as_json, with_hash, with_screen, image=recording.source.image.path, kind="recording", place=place)
