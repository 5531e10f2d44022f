"""Machines for tests: closed when the test is over."""
import pytest

from emu.image import of_assembly
from emu.machine import Config, Machine
from tests import machines
from tests.guests import guests


@pytest.fixture
def machine():
    """Return a function that makes a machine, loaded with an image when one is given; all are closed afterwards.

    guest: a guests.Guest, which also says memory and processors; else an Assembly, or None for a bare machine.
    """
    made = []

    def make(guest=None, memory_mib=16, **config):
        if isinstance(guest, guests.Guest):
            memory_mib = guest.memory
            config.setdefault("processors", guest.processors)
            guest = machines.assembled(guest.path)
        unit = Machine(Config(memory_bytes=memory_mib * machines.MIB, **config))
        made.append(unit)
        unit.text = bytearray()
        unit.on_console(lambda source, data: unit.text.extend(data))
        if guest is not None:
            unit.load(of_assembly(guest, memory_mib * machines.MIB))
        return unit

    yield make
    for unit in made:
        machines.close(unit)


@pytest.fixture
def program(tmp_path, machine):
    """Return a function: text of a guest program after `test:` -> a machine loaded with it."""
    return lambda text, **config: machine(machines.program(tmp_path, text, "lib.s"), **config)


@pytest.fixture
def guest(tmp_path):
    """Return a function: program text after `test:`, which may use VMX -> (a function that makes a machine with it, its Assembly)."""
    made = []

    def of(text, processors=1):
        assembly = machines.program(tmp_path, text, "lib.s", "vmxlib.s")

        def make():
            made.append(machines.loaded(assembly, processors=processors))
            return made[-1]

        return make, assembly

    yield of
    for unit in made:
        machines.close(unit)
