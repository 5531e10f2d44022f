"""What comments and docstrings of the sources name is there: files, folders, tests, modules, commands and options."""
import pytest

from tests.docs import tree
from tests.docs.tree import ROOT, files

FOLDERS = ("emu", "hv", "firmware", "perf", "docs", "tests")
ENDINGS = (".py", ".s", ".S", ".c", ".h", ".ll", ".list")
# Forms of names, names of other programs, and a byte of a register.
FORMS = {"file.s", "t.s", "perf/NAME.py", "emu/NAME", "numbers.json", "results.txt", "test_pattern", "rax.h"}
RULES = (tree.wrong_files, tree.wrong_folders, tree.wrong_tests, tree.wrong_modules, tree.wrong_variables, tree.wrong_commands,
         tree.wrong_bare_commands)


@pytest.mark.parametrize("folder", FOLDERS)
def test_what_comments_name_is_there(folder):
    places = [name for name in sorted(files()) if name.startswith(f"{folder}/") and name.endswith(ENDINGS)]
    notes = {name: tree.notes(ROOT / name) for name in places if not name.startswith("tests/docs/")}        # those quote wrong ones
    assert [(name, word) for name, text in notes.items() for rule in RULES for word in rule(text) if word not in FORMS] == []
