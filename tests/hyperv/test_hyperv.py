"""The hypercall interface as its users see it: guest programs of the root partition, of children and of partitions without privileges."""
from pathlib import Path

import pytest

from emu.asm import assemble
from emu.image import of_assembly
from emu.machine import Config, Machine
from emu.partition import Partition

FOLDER = Path(__file__).resolve().parent
PROGRAMS = sorted(path.stem for path in FOLDER.glob("*.s") if path.stem != "rootlib")
COUNTED = {"messages"}                                    # programs that do something TIMES times
MEMORY, CYCLES = 16 << 20, 4_000_000_000


def run(name, processors=1, cycles=CYCLES, **symbols):
    """Run a program of this folder as the root partition; returns the machine, its Result and what was said."""
    machine, said = Machine(Config(memory_bytes=32 << 20 | MEMORY, processors=processors)), {}
    machine.on_console(lambda source, data: said.__setitem__(source, said.get(source, "") + data.decode("latin-1")))
    image = of_assembly(assemble(FOLDER / f"{name}.s", {"TIMES": 20_000} | symbols if name in COUNTED else None), MEMORY)
    machine.load_partitions([Partition(name=name[:15], image=image, root=True)])
    return machine, machine.run(max_cycles=cycles), said


@pytest.mark.parametrize("processors", [1, 2])
@pytest.mark.parametrize("name", PROGRAMS)
def test_program_of_the_root_passes(name, processors):
    _, result, said = run(name, processors)
    assert (result.reason, result.exit_code) == ("EXIT_CODE", 0), said


@pytest.mark.slow
@pytest.mark.parametrize("processors", [1, 2])
def test_a_hundred_thousand_messages_each_way_come_once_and_in_order(processors):
    _, result, said = run("messages", processors, TIMES=100_000)
    assert (result.reason, result.exit_code) == ("EXIT_CODE", 0), said


def test_two_runs_are_the_same_to_the_cycle():
    first, second = run("messages", 2, TIMES=500), run("messages", 2, TIMES=500)
    assert (first[1].cycles, first[0].digest()) == (second[1].cycles, second[0].digest())
