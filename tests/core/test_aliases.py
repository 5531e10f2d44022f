"""Code runs as it was last written, whoever wrote it through whichever mapping.

The oracle is the same machine with each instruction looked up and translated from memory (`disturb`): what it caches cannot be stale.
"""
import pytest

from tests.core.disturbed import check
from tests.core.scrambled import CODE, Program
from tests.machines import program

QUICK, LONG, MANY = 6, 24, 150


def one(folder, seed):
    check(program(folder, Program(seed, CODE).alone(), "lib.s"), seed)


def two(folder, seed):
    text = Program(seed, (*CODE, "shared"), operations=30, rounds=6).pair()
    check(program(folder, text, "lib.s", "smplib.s"), seed, processors=2, quantum_cycles=(50, 300, 2_000)[seed % 3])


def guest(folder, seed):
    check(program(folder, Program(seed, (*CODE, *["guest"] * 6), operations=30, rounds=6).nested(), "lib.s", "vmxlib.s"), seed)


@pytest.mark.parametrize("seed", range(QUICK))
@pytest.mark.parametrize("kind", [one, two, guest], ids=lambda kind: kind.__name__)
def test_aliases_of_code(kind, seed, tmp_path):
    kind(tmp_path, seed)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [one, two, guest], ids=lambda kind: kind.__name__)
def test_aliases_of_code_many(kind, tmp_path):
    for seed in range(QUICK, LONG):
        kind(tmp_path, seed)


@pytest.mark.campaign
@pytest.mark.parametrize("kind", [one, two, guest], ids=lambda kind: kind.__name__)
def test_aliases_of_code_in_all(kind, tmp_path):
    for seed in range(LONG, MANY):
        kind(tmp_path, seed)
