"""Partitions for tests: of a few instructions or of an Assembly, and a run of several."""
import struct

from emu.asm import assemble
from emu.image import of_assembly
from emu.machine import Config, Machine
from emu.machine.partition import Partition, descriptor

MEMORY = 16 << 20
CYCLES = 1_000_000_000
TYPED_AT = 20_000_000                                     # when somebody types: long after the start


def text(tmp_path, source):
    """Return the Assembly of a few instructions."""
    path = tmp_path / "guest.s"
    path.write_text(f"        .use cpu, platform, tlfs, apic, msr\n        .org 0x100000\nstart:  {source}\n")
    return assemble(path)


def partition(name, assembly, enlightened=True, bits=64, **more):
    """Return a Partition of an Assembly."""
    return Partition(name=name, image=of_assembly(assembly, MEMORY, bits), enlightened=enlightened, **more)


def run(partitions, processors=1, cycles=CYCLES, typed=b""):
    """Run partitions, type something; returns the machine, its Result and {console source: text}."""
    machine, said = Machine(Config(memory_bytes=(32 << 20) + len(partitions) * MEMORY, processors=processors)), {}
    machine.on_console(lambda source, data: said.__setitem__(source, said.get(source, "") + data.decode("latin-1")))
    machine.load_partitions(partitions)
    if typed:
        machine.console_input(typed, TYPED_AT)
    return machine, machine.run(max_cycles=cycles), said


def results(machine, number):
    """Return (state, code, exits, hypercalls, injected, violations) of a partition from the table."""
    at = descriptor(number) + 0x280
    state, code, _, *counts = struct.unpack("<IIQQQQQ", machine.ram[at:at + 48].tobytes())
    return state, code, *counts
