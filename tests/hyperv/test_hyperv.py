"""The hypercall interface as its users see it: guest programs of the root partition, of children and of partitions without privileges."""
import importlib.util
from pathlib import Path

import pytest

from emu.asm import assemble
from emu.image import of_assembly
from emu.machine import Config, Machine
from emu.machine.partition import Partition

FOLDER = Path(__file__).resolve().parent
PROGRAMS = sorted(path.stem for path in FOLDER.glob("*.s") if path.stem != "rootlib")
COUNTED = {"messages": {"TIMES": 20_000}, "fuzz": {"TIMES": 20_000, "SEED": 1}}      # programs that want constants
ONE = {"shares"}                                          # its children share a processor
VICTIM = FOLDER.parent / "partitions" / "victim.s"
MEMORY, CYCLES = 16 << 20, 4_000_000_000


def run(name, processors=1, cycles=CYCLES, beside=(), **symbols):
    """Run a program of this folder as the root partition; returns the machine, its Result and what was said."""
    machine, said = Machine(Config(memory_bytes=(32 << 20) + MEMORY * (1 + len(beside)), processors=processors)), {}
    machine.on_console(lambda source, data: said.__setitem__(source, said.get(source, "") + data.decode("latin-1")))
    image = of_assembly(assemble(FOLDER / f"{name}.s", COUNTED.get(name, {}) | symbols), MEMORY)
    machine.load_partitions([Partition(name=name[:15], image=image, root=True), *beside])
    return machine, machine.run(max_cycles=cycles), said


@pytest.mark.parametrize("name, processors", [(name, n) for name in PROGRAMS for n in (1, 2) if n == 1 or name not in ONE])
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


def fuzz(seed, times, processors):
    """Run the random child beside a partition that watches its own memory; returns (machine, Result)."""
    victim = Partition(name="victim", image=of_assembly(assemble(VICTIM), MEMORY), enlightened=True)
    machine, result, said = run("fuzz", processors, 20 * CYCLES, (victim,), SEED=seed, TIMES=times)
    assert (result.reason, result.exit_code) == ("EXIT_CODE", 0), said
    return machine, result


@pytest.mark.parametrize("processors", [1, 2])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_random_child_changes_nothing_of_others(seed, processors):
    fuzz(seed, 10_000, processors)


def test_seed_repeats_the_random_child():
    runs = [fuzz(7, 3_000, 2) for _ in range(2)]
    assert len({(machine.digest(), result.cycles) for machine, result in runs}) == 1


@pytest.mark.slow
@pytest.mark.parametrize("processors", [1, 2])
def test_a_million_random_operations_change_nothing_of_others(processors):
    fuzz(20_261_128, 1_000_000, processors)


def test_table_of_the_interface_is_the_one_that_the_hypervisor_has():
    path = FOLDER.parent.parent / "docs" / "tlfs.py"
    spec = importlib.util.spec_from_file_location("tlfs_page", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.PAGE.read_text() == module.page(), "python docs/tlfs.py makes it again"
