"""From an image file, or a recording, to a machine with it in its memory."""

from dataclasses import replace
from pathlib import Path

from emu.cli import power
from emu.cli.console import echo
from emu.errors import ConfigError, ReplayError


def more_of(config):
    """Return what options of `hvlab run` say of a machine besides memory and processors, from the configuration of a recording."""
    return {name: config[name] for name in ("on_reset", "physical_bits") if name in config}


def machine_with(image, place, processors, hv=None, copies=1, **more):
    """Return a Machine with the image loaded.

    hv: folder of another build of the hypervisor; copies: partitions with the image; more: what else emu.machine.Config holds.
    """
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


def load(path, memory, append, modules, map_file=None, initrd=None):
    """Return the Image of a file, or of an assembled source file.

    map_file: names that it does not have itself; initrd: the initial RAM disk of a Linux image.
    """
    from emu import image
    from emu.image.symbols import from_map

    if initrd is not None:
        found = load(path, memory, append, (*modules, str(initrd)), map_file)
        if found.kind != "linux":
            raise ConfigError(f"{path}: --initrd is the initial RAM disk of a Linux image, this is {found.kind}: modules come by --module")
        return found
    if map_file is not None:
        found = load(path, memory, append, modules)
        return replace(found, symbols=found.symbols.with_more(from_map(map_file)))
    if path.suffix != ".s":
        found = image.load(path, memory, append, modules)
        for sentence in found.symbols.refused:
            echo(f"hvlab: {sentence}", err=True)
        return found
    if append is not None or modules:
        raise ConfigError(f"{path}: an assembled program takes neither --append nor --module")
    from emu.asm import assemble

    return image.of_assembly(assemble(path), memory, path=path)


# ---- recordings ------------------------------------------------------------------------------------------------------
def machine_of(recording, image=None, name="the recording"):
    """Return a Machine loaded as a Recording says; image: the image in another place.

    Raises ReplayError when a file has changed.
    """
    from emu.debug.history import record

    source = recording.source
    if source is None:
        raise ReplayError(f"{name} was made from Python and does not say how the machine was loaded: emu.debug.history.record replays it")
    record.check_files(source, image)
    loaded = load(Path(image or source.image.path), source.memory, source.append, tuple(source.modules))
    return machine_with(loaded, source.place, source.smp, **more_of(recording.config))


def prepared(recording, image, file):
    """Return a machine that gets the inputs of a Recording, and goes no further than its end."""
    from emu.debug.history import record

    machine = machine_of(recording, image, str(file))
    record.prepare(machine, recording)
    machine.limit = record.last_cycle(recording)
    return machine
