"""Warnings of the assembler: their words, their lines, and that the project's own sources have none."""
from pathlib import Path

import pytest

from emu.asm import assemble
from emu.cli.commands.asm import command
from emu.errors import AssemblyError
from emu.machine import partition

ROOT = Path(__file__).resolve().parent.parent.parent
IMAGES = ["hv", *sorted(str(path.parent.relative_to(ROOT)) for path in (ROOT / "firmware").rglob("build.list"))]
PROGRAMS = [path for path in sorted((ROOT / "tests").rglob("*.s")) if path.read_text().startswith("# Expect:")]
SMALL = [path for path in sorted((ROOT / "firmware/guests/small").glob("*.s")) if path.stem != "com1"]  # com1.s is included by them
MISLEADS = """start:  call    one
        hlt
1:      ret
one:    test    eax, eax
        jz      1b
        ret
"""
CALLED = "warning: called routine without a contract: no comment over one says what it Changes or Keeps"
JUMP = "warning: numeric jump across a named label:"
NO_CONTRACT = f"t.s:4: {CALLED}\n    one:    test    eax, eax"
CROSSING = f"t.s:5: {JUMP} 1b is line 3, beyond one\n    jz      1b"


@pytest.fixture
def warnings(tmp_path, monkeypatch):
    """Return a function that assembles text as t.s and gives its warnings."""
    monkeypatch.chdir(tmp_path)

    def of(text):
        Path("t.s").write_text(text)
        return assemble("t.s", cache=False).warnings

    return of


# ---- numeric jumps ---------------------------------------------------------------------------------------------------


def test_each_warning_names_its_line(warnings):
    assert warnings(MISLEADS) == [NO_CONTRACT, CROSSING]


@pytest.mark.parametrize(
    "text",
    [
        "a: jz 1f\n nop\n1: ret\nb: jz 1f\n nop\n1: ret",
        "a: jz 1f\n.local: nop\n1: jmp .local\n2: jmp 1b",
        "a: jz 1f\n1: b: ret",
        "a: 1: jmp 1b",
        "a: jz b.out\nb: nop\n.out: ret",
        "a: mov eax, 0x1b\nb: .byte 0b1, 0x1f\n.ascii \"1f\"\n mov al, 'f'\n1: ret",
    ],
)
def test_a_jump_that_stays_between_two_names_is_no_warning(warnings, text):
    assert warnings(text) == []


@pytest.mark.parametrize(
    "text, message",
    [
        ("a: jz 1f\nb: nop\n1: ret", f"t.s:1: {JUMP} 1f is line 3, beyond b\n    a: jz 1f"),
        ("a: jz 1f\nb: 1: ret", f"t.s:1: {JUMP} 1f is line 2, beyond b\n    a: jz 1f"),
        ("1: a: jmp 1b", f"t.s:1: {JUMP} 1b is line 1, beyond a\n    1: a: jmp 1b"),
        ("1: nop\na:\nb:\nc:\nd:\n loop 1b", f"t.s:6: {JUMP} 1b is line 1, beyond a, b, c ...\n    loop 1b"),
        (".long 1f\na: nop\n1: ret", f"t.s:1: {JUMP} 1f is line 3, beyond a\n    .long 1f"),
        (".macro M\n jz 1f\na: nop\n1:\n.endm\n M", f"t.s:6: {JUMP} 1f is line 6, beyond a\n    jz 1f\n    in macro M, t.s:2"),
    ],
)
def test_a_jump_over_a_name_is_a_warning(warnings, text, message):
    assert warnings(text) == [message]


def test_a_jump_into_another_file_names_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a.s").write_text("a: jmp 1f\n")
    Path("b.s").write_text("b: nop\n1: ret\n")
    assert assemble(["a.s", "b.s"], cache=False).warnings == [
        f"a.s:1: {JUMP} 1f is b.s:2, beyond b\n    a: jmp 1f"
    ]


# ---- contracts -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "over",
    [
        "# one - Entry: rax.  Changes rcx.",
        "# one - Keeps every register.\n# Source  SDM 1",
        "; one - Changes rax",
        "        # Changes rax",
        "# one and other - Change nothing.  Keeps all\nother:",
        "        .macro ROUTINE name\n\\name: ret\n        .endm\n# both - Changes rax.\n        ROUTINE other",
    ],
)
def test_a_contract_over_the_label_is_found(warnings, over):
    assert warnings(f"start: call one\n{over}\none: ret\n") == []


@pytest.mark.parametrize(
    "over", ["# one - Entry: rax.", "# Changes rax.\n", "# Changes rax.\n nop", "nop # Changes rax.", "# It changes rax."]
)
def test_a_comment_that_is_no_contract_or_not_over_the_label_is_a_warning(warnings, over):
    line = 2 + len(f"{over}\n".split("\n")) - 1
    assert warnings(f"start: call one\n{over}\none: ret\n") == [
        f"t.s:{line}: {CALLED}\n    one: ret"
    ]


@pytest.mark.parametrize(
    "text",
    [
        "a: jmp b\nb: ret",
        "a: call .b\n.b: ret",
        "a: call 1f\n1: ret",
        "a: call rax\n call [rax]",
        "a: call 0x100",
        "a: lea rax, [rel b]\nb: ret",
    ],
)
def test_who_is_not_called_by_its_name_needs_no_contract(warnings, text):
    assert warnings(text) == []


# ---- what follows ----------------------------------------------------------------------------------------------------


def test_werror_refuses_also_what_was_assembled_before(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("emu.asm.cache_root", lambda: tmp_path)
    Path("t.s").write_text(MISLEADS)
    for _ in range(2):
        with pytest.raises(AssemblyError) as caught:
            assemble("t.s", werror=True)
        assert str(caught.value) == f"{NO_CONTRACT}\n{CROSSING}\nwarnings are errors here"
    assert assemble("t.s").warnings == [NO_CONTRACT, CROSSING]


def test_many_warnings_are_counted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("t.s").write_text("1: nop\na: nop\n" + "jmp 1b\n" * 30)
    with pytest.raises(AssemblyError, match=r"warnings are errors here \(30 in all\)$"):
        assemble("t.s", werror=True, cache=False)


def test_the_command_warns_when_it_is_asked(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("t.s").write_text(MISLEADS)
    done = "t.s: 12 bytes at 0x0\n"
    command.main(["t.s"], standalone_mode=False)
    assert capsys.readouterr() == ("", done)
    command.main(["t.s", "--warn"], standalone_mode=False)
    assert capsys.readouterr() == ("", f"{NO_CONTRACT}\n{CROSSING}\n{done}")
    with pytest.raises(AssemblyError):
        command.main(["t.s", "--werror"], standalone_mode=False)


def test_a_built_in_image_with_a_warning_is_not_built(tmp_path, monkeypatch):
    (tmp_path / "build.list").write_text("t.s\n")
    (tmp_path / "t.s").write_text(MISLEADS)
    monkeypatch.setattr(partition, "folder", lambda name: tmp_path)
    with pytest.raises(AssemblyError, match="warnings are errors here"):
        partition.assembled.__wrapped__("hv")


@pytest.mark.parametrize("name", IMAGES)
def test_hypervisor_and_firmware_have_no_warning(name):
    assert partition.assembled(name).warnings == []


@pytest.mark.parametrize("path", SMALL, ids=lambda path: path.stem)
def test_small_guests_have_no_warning(path):
    assert assemble(path).warnings == []


def test_numeric_jumps_of_the_guest_programs_stay_between_two_names():
    found, assembled = set(), 0
    for path in PROGRAMS:
        try:
            found |= {warning for warning in assemble(path).warnings if "numeric jump" in warning}
            assembled += 1
        except AssemblyError as error:
            assert "undefined symbol" in str(error), path  # its test gives it
    assert assembled > 150 and found == set()
