"""`hvlab run`: an image on the bare machine, or as the guest of a child partition."""

import click

from emu import files
from emu.cli import debugger, inputs, options, running
from emu.cli import target as targets
from emu.cli.options import OUT
from emu.cli.values import Count
from emu.errors import ConfigError

# Options that make no sense when a debugger leads the run.
NOT_WITH_GDB = ("as_json", "trace_exits", "with_hash", "with_screen", "max_cycles", "record_to", "save_to", "source")

HELP = """Run an image until it ends the run, stops the machine, or has used up its cycles.

IMAGE is a static ELF32 or ELF64 executable, a multiboot-1 image, a Linux bzImage, a raw 16-bit program (.bin),
which is loaded at 0x7C00 and entered there in real mode, or an assembler source file (.s), which is assembled and entered at
its `start` in 64-bit mode.

On the bare machine the guest's serial port is standard output. As the guest of a child partition the hypervisor is
between the two, and the partition's serial port is standard output.

\b
Examples:
  hvlab run kernel.elf --smp 4 --memory 512M
  hvlab run kernel.elf --append "quiet" --module drivers.img --module config,verbose
  hvlab run bzImage --append "console=ttyS0" --initrd initrd.img
  hvlab run memtest.bin --as partition --max-cycles 200G --screen
  hvlab run kernel.elf --hash --json
  hvlab run kernel.elf --input commands.txt --input-at 300M --record run.hvr     then: hvlab replay run.hvr
  hvlab run kernel.elf --max-cycles 300M --save booted.hvz                       then: hvlab run booted.hvz

IMAGE may also be a snapshot (.hvz) that --save wrote: the run goes on from it. A recording (.hvr) holds what came into the
machine from outside, each piece with its cycle, and the digest of the end; hvlab replay repeats it to the bit.
"""


@click.command("run", help=HELP)
@targets.to_run
@click.option("--json", "as_json", is_flag=True, help="Write the result as one JSON object to standard output.")
@click.option("--trace-exits", type=OUT, help="Write every VM exit to this file, one JSON object a line.")
@click.option("--hash", "with_hash", is_flag=True, help="Write a digest of the final state and cycle count: the same in every run.")
@click.option("--screen", "with_screen", is_flag=True, help="Write the VGA text screen when the run is over.")
@click.option("--input", "source", metavar="FILE",
              help="Bytes for the guest's serial port; - is standard input, read while the guest runs when it is a terminal.")
@click.option("--input-at", type=Count(), help="The cycle from which these bytes arrive, one per character time; default: at once.")
@click.option("--record", "record_to", type=OUT, help="Write a recording of the run for hvlab replay, however it ends.")
@click.option("--gdb", "listen", metavar="[127.0.0.1:]PORT", help="Wait for gdb before the first instruction, as `hvlab gdb` does.")
@click.option("--save", "save_to", type=OUT, help="Write a snapshot of the machine as it is at the end; hvlab run goes on from it.")
@click.pass_context
def command(context, target, as_json, trace_exits, with_hash, with_screen, source, input_at, record_to, listen, save_to):
    """Run an image."""
    if listen is not None:
        for option in options.given(context, *NOT_WITH_GDB):
            raise ConfigError(f"--gdb does not go with {option}: the debugger leads the run and ends it")
    kind = "snapshot" if target.frozen else target.loaded.kind
    if listen is not None:
        return debugger.served(target.make, listen)
    machine, place = target.make(), target.place
    if target.frozen:
        place = "partition" if machine.partitions else "bare"
    if record_to and (target.hv or target.copies > 1):
        raise ConfigError("--record goes neither with --hv nor --copies: a recording holds the image, of one partition")
    recorder = inputs.recorder(machine, target) if record_to else None
    typed = inputs.feed(machine, source, input_at) if source else None
    console = running.writer(as_json, place, with_hash or with_screen)
    result = running.watched(machine, console, trace_exits, lambda: inputs.run(machine, target.max_cycles, typed),
                             lambda: inputs.finish(machine, recorder, record_to, save_to))
    return running.reported(machine, result, as_json, with_hash, with_screen, image=files.shown(target.image), kind=kind, place=place)
