"""The tool of mutation passes: what it rewrites is the original with number 0, and the mutant with the mutant's number."""
import ast
import importlib.util
import subprocess
import sys

import numpy as np
import pytest

from tests.mutation import KILLED, SURVIVED, TIMEOUT, Result, append, load, report, rewrite, selector, verdict_of

TOY = '''"""A toy."""
from emu.bits import U64
from emu.jit import kernel

LIMIT = U64(11)


@kernel
def toy(record, value):
    """Count calls with an odd value of at least LIMIT; return the value then, else half of it."""
    if value >= LIMIT and value & 1:
        record[0] += 1
        return value
    return value >> 1


def plain(value):
    return value + 1
'''
INPUTS = range(8, 13)
ORIGINAL = [4, 4, 5, 11, 6, 1]                             # answers to the inputs, then the counter
MUTANTS = {
    "value >= LIMIT -> value > LIMIT": [4, 4, 5, 5, 6, 0],
    "value >= LIMIT and value & 1 -> value >= LIMIT or value & 1": [4, 9, 5, 11, 12, 3],
    "value >= LIMIT and value & 1 -> not (value >= LIMIT and value & 1)": [8, 9, 10, 5, 12, 4],
    "value >= LIMIT and value & 1 -> True": [8, 9, 10, 11, 12, 5],
    "value >= LIMIT and value & 1 -> False": [4, 4, 5, 5, 6, 0],
    "value & 1 -> value | 1": [4, 4, 5, 11, 12, 2],
    "LIMIT -> _word(12)": [4, 4, 5, 5, 6, 0],
    "record[0] += 1 -> record[0] -= 1": [4, 4, 5, 11, 6, 2**64 - 1],
    "record[0] += 1 -> (nothing)": [4, 4, 5, 11, 6, 0],
    "return value -> another value": [4, 4, 5, 10, 6, 1],
    "value >> 1 -> value << 1": [16, 18, 20, 11, 24, 1],
}


@pytest.fixture
def module_of(tmp_path, monkeypatch):
    """Return a function that makes a module of a name and a source text."""
    def make(name, source):
        path = tmp_path / f"{name}.py"
        path.write_text(source)
        spec = importlib.util.spec_from_file_location(name, path)
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
        return module

    return make


def answers(function):
    """Return what a toy answers to all inputs, and its counter."""
    record = np.zeros(2, np.uint64)
    with np.errstate(over="ignore"):
        return [int(function(record, np.uint64(value))) for value in INPUTS] + [int(record[0])]


@pytest.fixture
def no_choice():
    yield
    selector.choose(0)


def test_rewritten_kernel_is_the_original_or_the_mutant_chosen(module_of, no_choice):
    found = rewrite.mutants("toy.py", TOY, vars(module_of("toy_before", TOY)))
    numbered = dict(enumerate(found, 1))
    assert {mutant.function for mutant in found} == {"toy"} and MUTANTS.keys() <= {mutant.change for mutant in found}
    toy = module_of("toy_after", rewrite.planted(TOY, numbered.items())).toy
    for form in (toy, toy.py_func):
        selector.reached()
        assert answers(form) == ORIGINAL
        assert selector.reached() == list(numbered)
        for number, mutant in numbered.items():
            selector.choose(number)
            assert answers(form) == MUTANTS.get(mutant.change, answers(form)), mutant.change
        selector.choose(0)


def test_seed_decides_which_mutants_and_files_count_by_their_lines(module_of):
    names = vars(module_of("toy_before", TOY))
    found = rewrite.mutants("toy.py", TOY, names) + rewrite.mutants("other.py", TOY.split("        record")[0] + "        pass\n", names)
    orders = [[(mutant.file, mutant.node, mutant.change) for mutant in rewrite.picked(found, seed)] for seed in (1, 1, 2)]
    assert orders[0] == orders[1] != orders[2]
    assert sorted(orders[0]) == sorted(orders[2]) and len(orders[0]) == len(found)


@pytest.mark.parametrize("action,verdict,by", [
    ("print('2 passed') or 0", SURVIVED, ""), ("print('FAILED tests/test_a.py::test_b - x') or 1", KILLED, "tests/test_a.py::test_b"),
    ("os.abort()", KILLED, "exit code -6"), ("1 // 0", KILLED, "exit code 70"), ("time.sleep(100)", TIMEOUT, "")])
def test_verdict_of_a_run(action, verdict, by):
    """In a process of its own: the tests' may have threads, and then none should fork."""
    seconds = 1 if verdict == TIMEOUT else 60
    text = f"import os, time; from tests.mutation.warm import in_child; print(in_child(lambda: {action}, {seconds}))"
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    code, printed = ast.literal_eval(done.stdout)
    assert verdict_of(code, printed) == (verdict, by)


def test_results_are_kept_and_reported(tmp_path):
    results = [Result("emu/model/devices/pit.py:273 _latch_count", "0 -> 1", KILLED, "tests/model/devices/test_pit.py::test_latch"),
               Result("emu/model/devices/pit.py:275 _latch_count", "1 -> 2", SURVIVED)]
    for result in results:
        append(tmp_path / "results", result)
    assert load(tmp_path / "results") == results and load(tmp_path / "none") == []
    assert report(results).splitlines() == [
        "killed     emu/model/devices/pit.py:273 _latch_count           0 -> 1  [tests/model/devices/test_pit.py::test_latch]",
        "survived   emu/model/devices/pit.py:275 _latch_count           1 -> 2",
        "1 of 2 killed (1 killed, 1 survived)"]
