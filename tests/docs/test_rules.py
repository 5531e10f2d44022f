"""Each rule of tests/docs/tree.py finds what is planted, and lets what is true pass."""
import pytest

from tests.docs import tree

RULES = [
    (tree.wrong_files, "`docs/ghost.md`, `emu/model/devices/ghost.py`, ghost.svg, docs/{ghost,demo}.json and ghost.txt",
     ["docs/demo.json", "docs/ghost.json", "docs/ghost.md", "emu/model/devices/ghost.py", "ghost.svg", "ghost.txt"],
     "`docs/demo.svg`, msr.py, report.png, `emu.debug.gdb`, hv/{exits,start}/*.s, program.s"),
    (tree.wrong_folders, "`emu/bord/`, emu/model/ghost/ and `hv/ghost/`; `emu/ghost`",
     ["emu/bord/", "emu/ghost", "emu/model/ghost/", "hv/ghost/"],
     "`emu/board/`, emu/model/vmx, `emu/model/route`, hv/, hv/*/*.s, emu/model/{vmx,memory}, /emu/ghost/, hv/exits/msr.s"),
    (tree.wrong_tests, "`test_ghost` | `test_files_and_folders` (`tests/docs/test_rules.py`)",
     ["test_files_and_folders (tests/docs/test_rules.py)", "test_ghost"],
     "`test_commands` | `test_rule_finds_what_is_planted` and `test_rule_lets_what_is_true_pass[x]` (`tests/docs/test_rules.py`)"),
    (tree.wrong_modules, "emu.ghost, emu.lab.Ghost", ["emu.ghost", "emu.lab.Ghost"], "emu.lab.Lab, emu.model.vmx"),
    (tree.wrong_names, "`VP_REQUESTZ`, `GHOSTS`, `IA32_NOTHING = 3`, `ghost_at()`",
     ["GHOSTS", "IA32_NOTHING", "VP_REQUESTZ", "ghost_at"],
     "`VP_REQUESTS`, `PTE.RW`, `IA32_EFER`, `vga_at`, `DESC_*`, `hvlab run GHOST_FILE`, GHOSTS"),
    (tree.wrong_attributes, "`lab.rewind(cpu)`, `Machine.fly()`", ["Machine.fly", "lab.rewind"],
     "`lab.step(3)`, `Lab.open`, `machine.cpu[0]`, `Machine.run`, emu/lab.py, emu.machine.result"),
    (tree.wrong_variables, "$HVLAB_GHOST", ["HVLAB_GHOST"], "HVLAB_MUTANT"),
    (tree.wrong_commands, "`hvlab frob --frob`, `hvlab run kernel.elf --frob`, `hvlab vm frob first`",
     ["frob --frob", "run kernel.elf --frob", "vm frob first"],
     "`hvlab run kernel.elf --smp 4`, `hvlab vmcs kernel.elf`, `hvlab vm start first`"),
    (tree.wrong_bare_commands, "try hvlab frobnicate now", ["hvlab frobnicate"], "hvlab run does, as hvlab is; `hvlab X`"),
]


@pytest.mark.parametrize(("rule", "planted", "found", "true"), RULES, ids=[rule[0].__name__ for rule in RULES])
def test_rule_finds_what_is_planted(rule, planted, found, true):
    assert rule(planted) == found


@pytest.mark.parametrize(("rule", "planted", "found", "true"), RULES, ids=[rule[0].__name__ for rule in RULES])
def test_rule_lets_what_is_true_pass(rule, planted, found, true):
    assert rule(true) == []


def test_links_and_anchors(tmp_path):
    (tmp_path / "a.md").write_text("# The *first*, in `x_y`\n\n```text\n# not one\n```\n")
    text = "[1](a.md) [2](a.md#the-first-in-x_y) [3](b.md) [4](a.md#not-one) [5](#here) [6](#there)\n" \
           "## Here\na.md#ghost https://a.b/c.md#d\n"
    assert tree.wrong_links(text, tmp_path) == ["b.md", "a.md#not-one", "#there", "a.md#ghost"]


def test_notes_of_a_source(tmp_path):
    python, assembly = tmp_path / "a.py", tmp_path / "a.s"
    python.write_text('"""One."""\nx = "two"  # three\ndef f():\n    """Four."""\n')
    assembly.write_text('one: ret    # two\n')
    assert tree.notes(python).split("\n") == ["# three", "One.", "Four."] and tree.notes(assembly) == "# two"
