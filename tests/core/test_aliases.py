"""Code runs as it was last written, whoever wrote it through whichever mapping.

The oracle is the same machine with each instruction looked up and translated from memory (`disturb`): what it caches cannot be stale.
"""

from tests.core.disturbed import check
from tests.core.scrambled import CODE, Program
from tests.core.seeds import seeded
from tests.machines import program


def one(folder, seed):
    check(program(folder, Program(seed, CODE).alone(), "lib.s"), seed)


def two(folder, seed):
    text = Program(seed, (*CODE, "shared"), operations=30, rounds=6).pair()
    check(program(folder, text, "lib.s", "smplib.s"), seed, processors=2, quantum_cycles=(50, 300, 2_000)[seed % 3])


def guest(folder, seed):
    check(program(folder, Program(seed, (*CODE, *["guest"] * 6), operations=30, rounds=6).nested(), "lib.s", "vmxlib.s"), seed)


test_aliases_of_code, test_aliases_of_code_many, test_aliases_of_code_in_all = seeded((one, two, guest), 6, 24, 150)
