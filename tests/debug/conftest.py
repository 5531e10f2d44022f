"""Guest programs of the debugging tests: assembled once, and a function that makes machines of them."""
from functools import cache

import pytest

from emu.asm import assemble
from emu.image import of_assembly
from emu.machine import Config, Machine
from tests.guests.guests import FOLDER
from tests.machine import conftest

MIB = 1 << 20
HEAD = "".join(f'        .include "{FOLDER / name}"\n' for name in ("lib.s", "vmxlib.s"))


def close(machine):
    """Let a machine's engines go, unless who played with it has done so."""
    if all(hasattr(unit, "uc") for processor in machine.processors for unit in processor.engines):
        conftest.close(machine)


@cache
def _assembled(path, text):
    path.write_text(HEAD + text)
    return assemble(path)


@pytest.fixture
def guest(tmp_path):
    """Return a function: program text after `test:` -> (a function that makes a machine with it, its Assembly)."""
    made = []

    def of(text, processors=1):
        program = _assembled(tmp_path / "program.s", text)

        def make():
            machine = Machine(Config(memory_bytes=16 * MIB, processors=processors))
            machine.load(of_assembly(program, 16 * MIB))
            made.append(machine)
            return machine

        return make, program

    yield of
    for machine in made:
        close(machine)
