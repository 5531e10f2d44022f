"""Machines for tests: assembled once, closed when the test is over."""
from functools import cache

import pytest

from emu.asm import assemble
from emu.image import of_assembly
from emu.machine import Config, Machine
from tests.guests import guests

MIB = 1 << 20
PRELUDE = '        .include "lib.s"\n'


def close(machine):
    """Let a machine's engines go."""
    for processor in machine.processors:
        for unit in processor.engines:
            unit.close()


@cache
def assembled(path):
    """Return the Assembly of a guest program."""
    return assemble(path)


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
            guest = assembled(guest.path)
        unit = Machine(Config(memory_bytes=memory_mib * MIB, **config))
        made.append(unit)
        unit.text = bytearray()
        unit.on_console(lambda source, data: unit.text.extend(data))
        if guest is not None:
            unit.load(of_assembly(guest, memory_mib * MIB))
        return unit

    yield make
    for unit in made:
        close(unit)


@pytest.fixture
def program(tmp_path, machine):
    """Return a function: text of a guest program after `test:` -> a machine loaded with it."""
    def make(text, **config):
        number = len(list(tmp_path.glob("*.s")))
        path = tmp_path / f"program{number}.s"
        library = (guests.FOLDER / "lib.s").as_posix()
        path.write_text(f'        .include "{library}"\n{text}\n')
        return machine(assemble(path), **config)

    return make
