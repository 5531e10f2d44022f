"""docs/debugging.md is true: each command prints what stands below it, the drawing is that of the page, the Python runs."""
import importlib.util
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from emu.asm import assemble
from emu.image import of_assembly
from emu.machine import Config, Machine

ROOT = Path(__file__).resolve().parents[2]
spec = importlib.util.spec_from_file_location("debugging_page", ROOT / "docs" / "debugging.py")
page = importlib.util.module_from_spec(spec)
spec.loader.exec_module(page)
TEXT = page.PAGE.read_text()
PARTS = re.split(r"(?=^\$ )", "".join(page.BLOCK.findall(TEXT)), flags=re.MULTILINE)[1:]


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.splitlines()[0][2:])
def test_command_prints_what_the_page_says(part, tmp_path):
    command, said = part.split("\n", 1)
    drawing = tmp_path / "walk.svg"
    assert page.printed(command[2:], drawing) == said, "if the change is meant: python docs/debugging.py"
    if page.DRAWING in command:
        assert drawing.read_text() == (ROOT / page.DRAWING).read_text(), "if the change is meant: python docs/debugging.py"
        ElementTree.parse(drawing)


def test_every_command_of_explain_is_shown():
    shown = " ".join(page.commands(TEXT))
    for words in ("explain exit", "explain field", "explain msr", "explain hypercall", "explain status", "explain check", "vmcs check",
                  "--at-launch", "--at-exit", "--diff", "xlate", "--svg", "why-irq"):
        assert words in shown


def test_python_block_prints_what_the_page_says():
    program = assemble(ROOT / "tests" / "guests" / "vmx_round_trip.s")

    def make():
        machine = Machine(Config(memory_bytes=16 << 20))
        machine.load(of_assembly(program, 16 << 20))
        return machine

    printed, said = page.python_output(TEXT, {"make": make})
    assert printed == said


def test_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", TEXT):
        assert (page.PAGE.parent / target).exists(), target
