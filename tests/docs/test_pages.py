"""The pages are true: each command prints what stands below it, drawings are those of the page, the Python runs."""
import importlib.util
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from emu.asm import assemble
from tests.machines import loaded

ROOT = Path(__file__).resolve().parents[2]
spec = importlib.util.spec_from_file_location("pages", ROOT / "docs" / "pages.py")
pages = importlib.util.module_from_spec(spec)
spec.loader.exec_module(pages)
DEBUGGING, TIME_TRAVEL, TRACE, PYTHON, SESSIONS = (page.read_text() for page in pages.PAGES)
PARTS = re.split(r"(?=^\$ )", "".join(pages.BLOCK.findall(DEBUGGING)), flags=re.MULTILINE)[1:]
MEANT = "if the change is meant: python docs/pages.py"


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.splitlines()[0][2:])
def test_command_prints_what_the_page_says(part, tmp_path):
    command, said = part.split("\n", 1)
    drawing = tmp_path / "walk.svg"
    assert pages.printed(command[2:], tmp_path, drawing) == said, MEANT
    if pages.DRAWING in command:
        assert drawing.read_text() == (ROOT / pages.DRAWING).read_text(), MEANT
        ElementTree.parse(drawing)


@pytest.mark.parametrize("text", [pytest.param(text, marks=pytest.mark.slow) for text in (TIME_TRAVEL, TRACE, SESSIONS)],
                         ids=["time_travel", "trace", "sessions"])
def test_commands_that_build_on_each_other_print_what_the_page_says(text, tmp_path):
    assert pages.render(text, tmp_path) == text, MEANT


def test_questions_of_the_sessions_have_answers():
    """Addresses move with hv/: a session that asks for one where nothing lies any more shows that nothing has changed there."""
    parts = re.split(r"^(?=## )", SESSIONS, flags=re.MULTILINE)
    assert [part.splitlines()[0] for part in parts if "nothing has changed" in part] == ["## 6. A race between processors"]
    assert "written 4 times with the value that it had" in parts[-1]
    for part, routine in ((parts[3], "ept_leaf"), (parts[5], "exit_rdmsr")):
        assert re.search(rf"^    written by  0x\w+ \({routine}\b", part, re.MULTILINE), routine


def test_a_bug_that_does_not_fit_is_said(tmp_path, monkeypatch):
    assert "ret" in (pages.planted(tmp_path, "advance") / "exits/msr.s").read_text()
    monkeypatch.setattr(pages.tomllib, "loads", lambda text: {"gone": {"file": "exits/msr.s", "old": "no such line", "new": ""}})
    with pytest.raises(ValueError, match=r"the bug 'gone' of docs/bugs.toml does not fit hv/exits/msr.s"):
        pages.planted(tmp_path, "gone")


def test_every_command_is_shown():
    shown = " ".join(pages.commands(DEBUGGING) + pages.commands(TIME_TRAVEL) + pages.commands(TRACE))
    for words in ("explain exit", "explain field", "explain msr", "explain hypercall", "explain status", "explain check", "vmcs check",
                  "--at-launch", "--at-exit", "--diff", "xlate", "--svg", "why-irq", "replay", "bisect", "why memory", "why vmcs",
                  "why register", "--save", "--record", "break", "trace", "--report", "--perfetto", "--jsonl"):
        assert words in shown


@pytest.mark.parametrize("text, image", [(DEBUGGING, "tests/guests/vmx_round_trip.s"), (TIME_TRAVEL, "tests/guests/vmx_injection.s"),
                                         (TRACE, "tests/guests/ept_violation.s"),
                                         (PYTHON, "tests/guests/ept_violation.s")],
                         ids=["debugging", "time_travel", "trace", "python"])
def test_python_block_prints_what_the_page_says(text, image):
    program = assemble(ROOT / image)

    printed, said = pages.python_output(text, {"make": lambda: loaded(program)})
    assert printed == said
