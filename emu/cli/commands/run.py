"""`hvlab run`: an image on the bare machine, or as the guest of a child partition."""

import sys
from dataclasses import replace

import click
from click.core import ParameterSource

from emu import files
from emu.cli import inputs, interrupt, report
from emu.cli.console import Prefixed, Raw, Split, talk
from emu.cli.values import Count, Input, Memory, Output
from emu.errors import ConfigError

PARTITION = "partition "
OUT = Output()
IN = Input(exists=True, dir_okay=False)
SMP_HELP = ("Processors that the image finds. On the bare machine the firmware parks all but the first at mailboxes; those of a partition "
            "wait for INIT and a start-up IPI, as CPUID and the ACPI tables tell, and have no mailboxes.")
SYMBOLS_HELP = "Names for addresses, as nm or System.map list them, besides those of the image."
COPIES_HELP = "Partitions that run the image, each by itself."
RESETS = click.Choice(["fail", "stop", "reboot"])
RESET_HELP = "When the guest resets the machine: end with exit code 7, end with exit code 0, or start again from the boot ROM."
BITS = click.IntRange(36, 46)
BITS_HELP = "Width of physical addresses (MAXPHYADDR)."
INITRD_HELP = "The initial RAM disk of a Linux image; --module is the same for it."
HV_HELP = "Another build of the hypervisor: a folder with the sources and a build.list, such as a changed copy of hv/."

HELP = """Run an image until it ends the run, stops the machine, or has used up its cycles.

IMAGE is a static ELF32 or ELF64 executable, a multiboot-1 image, a Linux bzImage, a raw 16-bit program (.bin),
or an assembler source file (.s), which is assembled and entered at its `start` in 64-bit mode.

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


def writer(json, place, more):
    """Return the console callback: the guest to standard output, the rest, with its source, to standard error.

    more: whether lines follow the guest's on standard output.
    """
    if json:
        return Prefixed(talk())
    guest = PARTITION if place == "partition" else "serial"
    return Split(Raw(end_line=more), Prefixed(talk()), lambda source: source.startswith(guest))


def more_of(config):
    """Return what options of `hvlab run` say of a machine besides memory and processors, from the configuration of a recording."""
    return {name: config[name] for name in ("on_reset", "physical_bits") if name in config}


def machine_with(image, place, processors, hv=None, copies=1, **more):
    """Return a Machine with the image loaded.

    hv: folder of another build of the hypervisor; copies: partitions with the image; more: what else emu.machine.Config holds.
    """
    from emu.cli import power
    from emu.machine.partition import ALIGNMENT, HYPERVISOR_BYTES

    if place != "partition":
        for option, given in (("--hv is a build of the hypervisor", hv is not None), ("--copies are partitions of it", copies > 1)):
            if given:
                raise ConfigError(f"{option}, which runs partitions: it goes with --as partition")
        machine = power.machine(image.memory_bytes, processors, **more)
        machine.load(image)
        return machine
    if more.get("on_reset") == "reboot":
        raise ConfigError("--on-reset reboot: a partition ends when its guest resets it, so it goes without --as partition; "
                          "fail and stop go with it")
    each = image.memory_bytes if copies == 1 else -(-image.memory_bytes // ALIGNMENT) * ALIGNMENT
    machine = power.machine(each * copies + HYPERVISOR_BYTES, processors, **more)
    machine.load_partition(image, hv=hv, copies=copies, processors=processors)
    return machine


def load(path, memory, append, modules, symbols=None, initrd=None):
    """Return the Image of a file, or of an assembled source file.

    symbols: a map file of names that it does not have itself; initrd: the initial RAM disk of a Linux image.
    """
    from emu import image
    from emu.image.symbols import from_map

    if initrd is not None:
        found = load(path, memory, append, (*modules, str(initrd)), symbols)
        if found.kind != "linux":
            raise ConfigError(f"{path}: --initrd is the initial RAM disk of a Linux image, this is {found.kind}: modules come by --module")
        return found
    if symbols is not None:
        found = load(path, memory, append, modules)
        return replace(found, symbols=found.symbols.with_more(from_map(symbols)))
    if path.suffix != ".s":
        found = image.load(path, memory, append, modules)
        for sentence in found.symbols.refused:
            click.echo(f"hvlab: {sentence}", err=True)
        return found
    if append is not None or modules:
        raise ConfigError(f"{path}: an assembled program takes neither --append nor --module")
    from emu.asm import assemble

    return image.of_assembly(assemble(path), memory)


def _tell(result, digest, screen):
    """Write what was asked for to standard output, and the summary to standard error."""
    if screen is not None:
        click.echo(screen)
    if digest is not None:
        click.echo(digest)
    console = talk()
    for table in report.table(result):
        console.print(table)
    report.explain(result)


def _refuse_with_gdb(context):
    """Raise ConfigError for options that make no sense when a debugger leads the run."""
    for name in ("as_json", "trace_exits", "with_hash", "with_screen", "max_cycles", "record_to", "save_to", "source"):
        if context.get_parameter_source(name) == ParameterSource.COMMANDLINE:
            option = next(each.opts[0] for each in context.command.params if each.name == name)
            raise ConfigError(f"--gdb does not go with {option}: the debugger leads the run and ends it")


def debugged(make, listen):
    """Serve the machine that `make` returns to gdb; returns the exit code."""
    from emu.cli.commands import gdb
    from emu.debug.gdb.server import address_of

    return gdb.serve(gdb.machines(make), address_of(listen), lambda text: click.echo(f"hvlab: {text}", err=True))


@click.command("run", help=HELP, short_help="Run an image on the machine.")
@click.argument("image", type=Input())
@click.option(
    "--as",
    "place",
    type=click.Choice(["bare", "partition"]),
    default="bare",
    show_default=True,
    help="On the bare machine, or as the guest of a child partition of the hypervisor.",
)
@click.option("--smp", type=click.IntRange(1, 8), default=1, show_default=True, help=SMP_HELP)
@click.option(
    "--memory",
    type=Memory(),
    default="256M",
    show_default=True,
    help="Memory that the image finds; a multiple of 4096 bytes. K, M and G are powers of 1024.",
)
@click.option(
    "--max-cycles", type=Count(), help="Stop with exit code 5 after this many cycles; K, M and G are powers of 1000."
)
@click.option("--append", metavar="STRING", help="Command line of a multiboot or Linux image.")
@click.option(
    "--module",
    "modules",
    multiple=True,
    metavar="FILE[,ARGS]",
    help="A multiboot module with its arguments, or the initial RAM disk of a Linux image. May be repeated.",
)
@click.option("--initrd", type=IN, help=INITRD_HELP)
@click.option("--on-reset", type=RESETS, default="fail", show_default=True, help=RESET_HELP)
@click.option("--physical-bits", type=BITS, default=39, show_default=True, help=BITS_HELP)
@click.option("--json", "as_json", is_flag=True, help="Write the result as one JSON object to standard output.")
@click.option(
    "--trace-exits", type=OUT, help="Write every VM exit to this file, one JSON object a line."
)
@click.option(
    "--hash",
    "with_hash",
    is_flag=True,
    help="Write a digest of the final state and cycle count: the same in every run.",
)
@click.option("--screen", "with_screen", is_flag=True, help="Write the VGA text screen when the run is over.")
@click.option(
    "--input",
    "source",
    metavar="FILE",
    help="Bytes for the guest's serial port; - is standard input, read while the guest runs when it is a terminal.",
)
@click.option("--input-at", type=Count(), help="The cycle from which these bytes arrive, one per character time; default: at once.")
@click.option("--record", "record_to", type=OUT, help="Write a recording of the run for hvlab replay, however it ends.")
@click.option("--symbols", type=IN, help=SYMBOLS_HELP)
@click.option("--copies", type=click.IntRange(1, 16), default=1, help=COPIES_HELP)
@click.option("--hv", type=Input(file_okay=False), help=HV_HELP)
@click.option("--gdb", "listen", metavar="[127.0.0.1:]PORT", help="Wait for gdb before the first instruction, as `hvlab gdb` does.")
@click.option("--save", "save_to", type=OUT, help="Write a snapshot of the machine as it is at the end; hvlab run goes on from it.")
@click.pass_context
def command(context, image, place, smp, memory, max_cycles, append, modules, initrd, on_reset, physical_bits, as_json, trace_exits,
            with_hash, with_screen, source, input_at, record_to, symbols, copies, hv, listen, save_to):
    """Run an image."""
    if listen is not None:
        _refuse_with_gdb(context)
    snapshot = image.suffix == inputs.SNAPSHOT
    loaded = None if snapshot else load(image, memory, append, modules, symbols, initrd)
    modules = (*modules, str(initrd)) if initrd else modules

    def make():
        return inputs.of_snapshot(image, context) if snapshot else \
            machine_with(loaded, place, smp, hv, copies, on_reset=on_reset, physical_bits=physical_bits)

    if listen is not None:
        return debugged(make, listen)
    machine, kind = make(), "snapshot" if snapshot else loaded.kind
    if snapshot:
        place = "partition" if machine.partitions else "bare"
    if record_to and (hv or copies > 1):
        raise ConfigError("--record goes neither with --hv nor --copies: a recording holds the image, of one partition")
    recorder = inputs.recorder(machine, image, place, smp, memory, append, modules) if record_to else None
    typed = inputs.feed(machine, source, input_at) if source else None
    console = writer(as_json, place, with_hash or with_screen)
    result = watched(machine, console, trace_exits, lambda: inputs.run(machine, max_cycles, typed),
                     lambda: inputs.finish(machine, recorder, record_to, save_to))
    return told(machine, result, as_json, with_hash, with_screen, image=files.shown(image), kind=kind, place=place)


def watched(machine, console, trace_exits, run, finish):
    """Run a machine with its console shown by a `writer`, and call `finish` however that ends; returns the Result."""
    machine.on_console(console)
    if trace_exits:
        machine.trace_exits(trace_exits)
    try:
        with interrupt.heeded(machine):
            return run()
    finally:
        console.close()
        if trace_exits:
            machine.close_trace()
        finish()


def told(machine, result, as_json, with_hash, with_screen, **about):
    """Tell a Result as the options ask; returns the exit code."""
    digest = f"sha256:{machine.digest()}" if with_hash else None
    screen = machine.screen() if with_screen else None
    if as_json:
        report.write_json(report.as_json("hvlab.run.1", result, **about, digest=digest, screen=screen))
        report.explain(result)
    else:
        sys.stdout.flush()
        _tell(result, digest, screen)
    return interrupt.exit_code(machine, result, report.exit_code(result))
