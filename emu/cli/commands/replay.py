"""`hvlab replay`: a recorded run again, to the bit."""

import click

from emu.cli import debugger, inputs, loading, running
from emu.cli.options import OUT
from emu.cli.values import Input
from emu.errors import ConfigError

HELP = """Repeat a recorded run, to the bit, and stop where it ended.

FILE is a recording (.hvr) that `hvlab run IMAGE --record FILE` wrote. The image is loaded with the recorded options; what came
into the machine from outside comes again, each piece at its cycle. Console, result and exit code are those of the recorded
run. When the image has changed, or the run differs from the recorded one, a message reports it and the exit code is 1.

\b
Examples:
  hvlab run kernel.elf --input - --record run.hvr
  hvlab replay run.hvr
  hvlab replay run.hvr --image build/kernel.elf --json
  hvlab replay run.hvr --gdb 1234
"""


@click.command("replay", help=HELP)
@click.argument("file", type=Input())
@click.option("--image", type=Input(), help="The image, when it is not where it was.")
@click.option("--gdb", "listen", metavar="[127.0.0.1:]PORT", help="Wait for gdb before the first instruction; it meets the recorded end.")
@click.option("--json", "as_json", is_flag=True, help="Write the result as one JSON object to standard output.")
@click.option("--trace-exits", type=OUT, help="Write every VM exit to this file, one JSON object a line.")
@click.option("--hash", "with_hash", is_flag=True, help="Write a digest of the final state and cycle count.")
@click.option("--screen", "with_screen", is_flag=True, help="Write the VGA text screen when the run is over.")
@click.option("--save", "save_to", type=OUT, help="Write a snapshot of the machine as it is at the end.")
def command(file, image, listen, as_json, trace_exits, with_hash, with_screen, save_to):
    """Replay a recording."""
    from emu.debug.history import record

    recording = record.load(file)
    if listen is not None:
        if as_json or trace_exits or with_hash or with_screen or save_to:
            raise ConfigError("--gdb goes with none of --json, --trace-exits, --hash, --screen, --save: the debugger leads the run")
        return debugger.served(lambda: loading.prepared(recording, image, file), listen)
    machine = loading.machine_of(recording, image, str(file))
    console = running.writer(as_json, recording.source.place, with_hash or with_screen)
    result = running.watched(machine, console, trace_exits, lambda: record.replay(machine, recording),
                             lambda: inputs.finish(machine, None, None, save_to))
    return running.reported(machine, result, as_json, with_hash, with_screen, image=recording.source.image.path, kind="recording",
                            place=recording.source.place)
