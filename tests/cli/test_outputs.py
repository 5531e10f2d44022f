"""No command writes over what it reads, under whatever name; "-" is standard output or refused, never a file of that name."""
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.table import Table
from rich.text import Text

from emu import files
from emu.cli import console, group
from emu.cli.group import start
from emu.errors import ConfigError

PROGRAM = '        .use cpu\n        .org 0x100000\n        .include "part.s"\nstart:  hlt\n'
RUN = ("run", "k.s", "--memory", "16M")
CODE = "from emu.cli import main; main()"


@pytest.fixture
def said(tmp_path, monkeypatch, capfd):
    """Return a function: words of a command line -> (exit code, what it said), in a folder with an assembled program."""
    monkeypatch.chdir(tmp_path)
    for name, text in (("k.s", PROGRAM), ("part.s", "        nop\n"), ("map", "0000000000100000 T a\n"), ("typed", "typed\n"),
                       ("other.s", "start: hlt\n")):
        Path(name).write_text(text)
    Path("to").symlink_to("k.s")
    os.link("k.s", "hard")

    def call(*words):
        with pytest.raises(SystemExit) as ended:
            start(list(words))
        return ended.value.code, "".join(capfd.readouterr())
    return call


def contents():
    return {path: path.read_bytes() for path in Path(".").iterdir()}


@pytest.mark.parametrize("words", [
    ("asm", "k.s", "-o", "k.s"), ("asm", "k.s", "-o", "to"), ("asm", "k.s", "-o", "hard"), ("asm", "hard", "-o", "to"),
    ("asm", "k.s", "-o", "part.s"), *((*RUN, option, "k.s") for option in ("--record", "--save", "--trace-exits")),
    (*RUN, "--save", "part.s"), (*RUN, "--symbols", "map", "--save", "map"), (*RUN, "--input", "typed", "--record", "typed"),
    *(("trace", *RUN[1:], option, "hard") for option in ("-o", "--jsonl", "--perfetto", "--report")),
    ("xlate", "0x100000", *RUN[1:], "--svg", "to")])
def test_no_command_writes_over_what_it_reads(said, words):
    before = contents()
    for first in (True, False):                           # the second time the program comes out of the assembler's cache
        code, text = said(*words)
        assert code == 2 and "it is read, and --" in text and "would write over it: give another name" in text
        if first:
            said("asm", "k.s")
    assert contents() == before


@pytest.mark.parametrize("words", [(*RUN, "--save", "x", "--record", "./x"), ("trace", *RUN[1:], "-o", "map", "--report", "map")])
def test_two_options_never_write_one_file(said, words):
    before = contents()
    code, text = said(*words)
    assert code == 2 and "would both write it: give two names" in text and contents() == before


def test_standard_input_is_not_written_over(said):
    with open("typed", "rb") as typed:
        done = subprocess.run([sys.executable, "-c", CODE, *RUN, "--input", "-", "--save", "typed"], stdin=typed, capture_output=True,
                              text=True, check=False)
    assert done.returncode == 2 and "standard input: it is read, and --save would write over it" in done.stderr
    assert Path("typed").read_text() == "typed\n"


def test_file_that_was_read_is_not_written_later(tmp_path):
    """As `monitor save` of a debugger would."""
    path = tmp_path / "a"
    path.write_bytes(b"a")
    with files.kept_apart():
        files.read(path)
        with pytest.raises(ConfigError, match="which was read: give another name"):
            files.write(path, [b"b"])
    files.write(path, [b"c"])                             # from Python everyone does as he likes
    assert path.read_bytes() == b"c" and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("words", [
    *((*RUN, option, "-") for option in ("--record", "--save", "--trace-exits", "--symbols", "--initrd", "--hv")),
    ("run", "-"), ("asm", "-"), ("asm", "k.s", "-o", "-"), ("replay", "-"), ("bisect", "-", "k.s"), ("why-irq", "nmi", "-"),
    *(("trace", *RUN[1:], option, "-") for option in ("-o", "--perfetto", "--report")), ("xlate", "0", *RUN[1:], "--svg", "-"),
    ("vm", "--state", "-", "list"), ("vm", "create", "x", "--kernel", "-"), ("vm", "create", "x", "--disk", "-")])
def test_dash_is_no_file(said, words):
    code, text = said(*words)
    assert code == 2 and "- is not standard" in " ".join(text.split()) and not Path("-").exists()


def test_file_that_is_called_dash_has_a_name(said):
    assert said("asm", "other.s", "-o", "./-")[0] == 0 and Path("-").read_bytes() == b"\xf4"
    assert said("asm", "./-")[0] == 2


def test_disk_is_no_file_of_the_service(said):
    said("vm", "--state", "st", "list")
    code, text = said("vm", "--state", "st", "create", "x", "--disk", "st/vms.sqlite")
    assert code == 2 and "the service writes this file itself" in text


# ---- text of others ----------------------------------------------------------------------------------------------------
ODD = "x\x1b]0;title\x07\x9b31m"
SHOWN = r"x\x1b]0;title\x07\x9b31m"
RICH = SHOWN.replace(r"\x07", "")                        # rich drops some by itself


@pytest.mark.parametrize("words, before", [
    (("run", f"{ODD}.elf"), f"hvlab: {SHOWN}.elf: "), (("trace", f"{ODD}.elf", "-o", "o.hvt"), f"hvlab: {SHOWN}.elf: "),
    (("run", "k.s", ODD), f"({SHOWN})"), (("asm", f"{ODD}.s"), f"hvlab: {SHOWN}.s: "), (("asm", f"{ODD}k.s"), f"{SHOWN}k.s: 1 bytes"),
    (("vm", "--state", ODD, "start", "one"), "there is none yet")])
def test_names_with_control_characters_are_shown_as_escapes(said, words, before, monkeypatch):
    Path(f"{ODD}.elf").write_bytes(b"\x7fELF")
    Path(f"{ODD}k.s").write_text("        hlt\n")
    monkeypatch.setenv("FORCE_COLOR", "1")
    text = said(*words)[1]
    assert before in text and not set("\x1b\x07\x9b") & set(text)


def test_tables_and_tracebacks_hold_no_control_characters_of_others(capfd, monkeypatch):
    console.made().print(ODD, Text(ODD, "bold"), Table(title=ODD))
    console.stderr().print(ODD)
    monkeypatch.setattr(group, "hvlab", type("Broken", (), {"main": lambda *_, **__: 1 // {ODD: 0}[ODD + "2"]})())
    with pytest.raises(SystemExit):
        start([])
    text = "".join(capfd.readouterr())
    assert text.count(RICH) == 3 and SHOWN in text and not set("\x1b\x07\x9b") & set(text)


def test_colours_stay(monkeypatch):
    made = console.made(force_terminal=True, color_system="standard", file=io.StringIO())
    made.print(Text(ODD, "red"))
    assert made.file.getvalue() == f"\x1b[31m{RICH}\x1b[0m\n"
