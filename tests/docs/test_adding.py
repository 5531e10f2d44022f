"""docs/adding.md is true: its steps fit the tree, and what they add runs and prints what the page shows."""
import importlib.util
import sys
from pathlib import Path

import pytest

spec = importlib.util.spec_from_file_location("adding", Path(__file__).resolve().parents[2] / "docs" / "adding.py")
adding = importlib.util.module_from_spec(spec)
sys.modules["adding"] = adding                             # where dataclasses look for it
spec.loader.exec_module(adding)
TEXT = adding.PAGE.read_text()
SECTIONS = adding.sections(TEXT)
LIGHT = ("A hypercall", "A command")                       # no kernel changes by them
# Tests of the tree that must pass when all steps are done, besides new files named test_*.
TESTS = {
    "A device": ["tests/model/devices/test_ports.py", "tests/guests/test_guests.py::test_guest[dice]"],
    "An exit reason": ["tests/model/instructions/test_system.py", "tests/model/vmx/test_intercept.py",
                       "tests/guests/test_guests.py::test_guest[vmx_tpause]"],
    "A check of VM entry": ["tests/model/vmx/test_checks.py", "tests/guests/test_guests.py::test_guest[vmx_host_rsp]"],
    "A hypercall": ["tests/partitions/test_partitions.py::test_table_of_calls_is_the_one_that_is_explained",
                    "tests/hyperv/conformance/test_conformance.py", "tests/docs/test_references.py::test_sources_are_listed[hv]"],
    "A command": ["tests/cli/test_cli.py", "tests/test_imports.py", "tests/docs/test_references.py::test_commands_are_listed"],
}
COMMANDS = [(name, *each) for name, text in SECTIONS.items() for each in adding.commands(text)]


@pytest.mark.parametrize("name", SECTIONS)
def test_steps_of_a_section_fit_the_tree(name, tmp_path):
    found = adding.steps(SECTIONS[name])
    assert found and adding.commands(SECTIONS[name])
    for step in found:
        if step.where != "new" and not (tmp_path / step.file).exists():
            (tmp_path / step.file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / step.file).write_text((adding.ROOT / step.file).read_text())
        (tmp_path / step.file).parent.mkdir(parents=True, exist_ok=True)
        step.apply(tmp_path)


@pytest.mark.parametrize("text, message", [
    ("```python\nx = 1\n```\n", "a block is not introduced as a step: 'x = 1'"),
    ("In `README.md`, after `no such line`:\n\n```text\nx\n```\n", "README.md: 0 lines have 'no such line' in them, not one"),
    ("New file `README.md`:\n\n```text\nx\n```\n", "README.md: the page makes it, and it is there"),
])
def test_step_that_does_not_fit_is_reported(text, message, tmp_path):
    (tmp_path / "README.md").write_text("a\n")
    with pytest.raises(ValueError) as caught:
        for step in adding.steps(text):
            step.apply(tmp_path)
    assert str(caught.value) == message


@pytest.fixture(scope="module")
def light(tmp_path_factory):
    """Return a copy of the tree with the sections that change no kernel."""
    return adding.copied(tmp_path_factory.mktemp("light") / "tree", "".join(SECTIONS[name] for name in LIGHT))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Return a copy of the tree with all sections."""
    return adding.copied(tmp_path_factory.mktemp("whole") / "tree", TEXT)


@pytest.mark.parametrize("name, command, said", [each for each in COMMANDS if each[0] in LIGHT])
def test_added_without_kernels_prints_what_the_page_says(light, name, command, said):
    assert adding.printed(light, command) == said, "if the change is meant: python docs/adding.py"


@pytest.mark.slow
@pytest.mark.parametrize("name, command, said", COMMANDS)
def test_added_prints_what_the_page_says(whole, name, command, said):
    assert adding.printed(whole, command) == said, "if the change is meant: python docs/adding.py"


@pytest.mark.slow
@pytest.mark.parametrize("name", TESTS)
def test_tests_of_the_tree_accept_what_was_added(whole, name):
    new = [step.file for step in adding.steps(SECTIONS[name]) if Path(step.file).name.startswith("test_") and step.where == "new"]
    done = adding.python(whole, "-m", "pytest", "-n", "0", "-p", "no:cacheprovider", *TESTS[name], *new)
    assert done.returncode == 0, done.stdout


STEPS = [(name, number) for name in LIGHT for number in range(len(adding.steps(SECTIONS[name])))]


@pytest.mark.slow
@pytest.mark.parametrize("name, missing", STEPS)
def test_a_step_that_is_left_out_is_complained_about(name, missing, tmp_path):
    """By what the commands of the page print, or by a test that accepts the whole."""
    tree = adding.copied(tmp_path / "tree", "")
    for step in (kept := [step for number, step in enumerate(adding.steps(SECTIONS[name])) if number != missing]):
        step.apply(tree)
    if all(adding.printed(tree, command) == said for command, said in adding.commands(SECTIONS[name])):
        new = [step.file for step in kept if Path(step.file).name.startswith("test_") and step.where == "new"]
        done = adding.python(tree, "-m", "pytest", "-x", "-n", "0", "-p", "no:cacheprovider", *TESTS[name], *new)
        assert done.returncode == 1, done.stdout


def test_every_section_has_tests_that_accept_it():
    assert TESTS.keys() == SECTIONS.keys()
