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
DOCUMENTED = [*sorted((ROOT / "docs").rglob("*.s")), *(ROOT / "perf/guests" / name for name in ("partition.s", "smp.s"))]
MISLEADS = """start:  call    one
        hlt
1:      ret
one:    test    eax, eax
        jz      1b
        ret
"""
WITHOUT = "warning: called routine without a contract"
ALL = "the comment over one lacks Entry, Exit, Changes or Keeps"
NOWHERE = "no Source there or at the head of the file"
JUMP = "warning: numeric jump across a named label:"
NO_CONTRACT = f"t.s:4: {WITHOUT}: {ALL}; {NOWHERE}\n    one:    test    eax, eax"
HEAD = "# t.s - routines.\n#\n# Source  SDM 2A\n\n"
FULL = "# one - Entry: nothing.  Exit: rax.  Changes nothing else."
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
        "# one - Entry: rax.  Exit: rcx.  Changes nothing else.",
        "# one - Entry: rax.  Exit: nothing.\n# Keeps every register.\n# Source  SDM 1",
        "; one\n; Entry: rax\n; Exit:  rax\n; Changes rax",
        "        # Entry: nothing.  Exit: nothing.  Changes rax",
        "# one and other - Entry: nothing.  Exit: nothing.  Keeps all\nother:",
        "        .macro ROUTINE name\n\\name: ret\n        .endm\n# Entry: rax.  Exit: rax.  Keeps rcx.\n        ROUTINE other",
        "# one - Entry: rax.  Exit: never.",
        "# one - Entry: rax.  Exit:\n# never; it waits",
        "# one - Keeps rbx.  Entry: rax.  Exit: never seen by others.",
    ],
)
def test_a_contract_over_the_label_is_found(warnings, over):
    assert warnings(f"{HEAD}start: call one\n{over}\none: ret\n") == []


@pytest.mark.parametrize(
    "over, lacks",
    [
        ("# one - Entry: rax.", "Exit, Changes or Keeps"),
        ("# one - Entry: rax.  Changes rcx.", "Exit"),
        ("# one - Exit: rax.  Keeps rcx.", "Entry"),
        ("# one - Exit: never.", "Entry"),
        (f"{FULL}\n", "Entry, Exit, Changes or Keeps"),
        (f"{FULL}\n nop", "Entry, Exit, Changes or Keeps"),
        (f"nop {FULL}", "Entry, Exit, Changes or Keeps"),
        ("# Its entry changes rax, it exits.", "Entry, Exit, Changes or Keeps"),
        ("# Entry nothing\n# we keep nothing. Exit is below; Keeps nothing", "Entry, Exit, Changes or Keeps"),
        ("# one - Entry, rax.  The Exit: rax.  Whoever Keeps rax.", "Entry, Changes or Keeps"),
        ("# Entry: nothing. Exit: never mind, comes back.", "Changes or Keeps"),
    ],
)
def test_what_a_contract_lacks_or_that_it_is_not_over_the_label_is_a_warning(warnings, over, lacks):
    line = 6 + len(over.split("\n"))
    message = f"t.s:{line}: {WITHOUT}: the comment over one lacks {lacks}\n    one: ret"
    assert warnings(f"{HEAD}start: call one\n{over}\none: ret\n") == [message]


@pytest.mark.parametrize(
    "head, over, lacks",
    [
        ("# Source  SDM 1\n", FULL, None),
        ("\n; Source  SDM 1\n", FULL, None),
        ("", f"{FULL}\n# Source  TLFS", None),
        ("# t.s\n\n# Source  SDM 1\n", FULL, "no Source over one or at the head of the file"),
        ("# The source is unknown.\n", FULL, "no Source over one or at the head of the file"),
        ("", "# one", f"{ALL}; {NOWHERE}"),
    ],
)
def test_a_source_stands_over_the_routine_or_at_the_head_of_its_file(warnings, head, over, lacks):
    text = f"{head}start: call one\n{over}\none: ret\n"
    line = text.count("\n")
    assert warnings(text) == ([f"t.s:{line}: {WITHOUT}: {lacks}\n    one: ret"] if lacks else [])


@pytest.mark.parametrize(
    "text",
    [
        "a: jmp b\nb: ret",
        "a: call .b\n.b: ret",
        "a: call 1f\n1: ret",
        "a: call rax\n call [rax]",
        "a: call 0x100",
        "a: lea rax, [rel b]\nb: ret",
        "a: .quad b\n jmp b\nb: ret",
    ],
)
def test_who_is_not_called_needs_no_contract(warnings, text):
    assert warnings(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "a: call [table]\ntable: .quad one, 0\none: ret",
        "a: jmp [table]\ntable: .quad one + 0\none: ret",
        "a: jmp rax\ntable: .long one - table\none: ret",
        "a: call rax\n lea rax, [rel one]\none: ret",
        "a: call rax\n lea rax, [one]\none: ret",
        "a: call rax\n mov rax, one\none: ret",
        "a: call rax\n mov qword ptr [rcx], one\none: ret",
        "a: call rax\n push one\none: .align 8\n ret",
    ],
)
def test_a_routine_whose_address_is_taken_where_addresses_are_called_needs_a_contract(warnings, text):
    lines = text.split("\n")
    taken = 1 + next(at for at, line in enumerate(lines) if "one" in line)
    line = 1 + next(at for at, line in enumerate(lines) if line.startswith("one:"))
    where = f"(its address is taken at t.s:{taken})"
    assert warnings(text) == [f"t.s:{line}: {WITHOUT} {where}: {ALL}; {NOWHERE}\n    {lines[line - 1]}"]
    assert warnings(HEAD + text.replace("one:", f"{FULL}\none:")) == []


@pytest.mark.parametrize(
    "text",
    [
        "a: jmp [.rows + rax*8]\n.rows: .quad .x, .y\n.x: nop\n.y: ret",
        "a: call rax\n lea rsi, [rel text]\n ret\ntext: .asciz \"text\"",
        "a: call rax\n mov ecx, end - a\n ret\nend: nop",
        "a: call rax\n.long end - a\nend: nop",
        "a: call rax\n cmp eax, [rel b]\nb: ret",
        "a: call rax\n jz b\n loop b\n jmp b\nb: ret",
        "a: call rax\n lea rax, [rel room]\nroom: .space 8\n ret",
        "a: call rax\n mov rax, SIZE\nSIZE = 8\n ret",
    ],
)
def test_data_lengths_and_places_within_a_routine_are_not_called(warnings, text):
    assert warnings(text) == []


def test_a_label_at_the_end_of_a_file_is_its_end(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a.s").write_text("a: call rax\n mov rdi, a_end\na_end:\n")
    Path("b.s").write_text(" ret\n")
    assert assemble(["a.s", "b.s"], cache=False).warnings == []


@pytest.mark.parametrize("jump", ["jmp one", "jz one", "jmp near one", "loop one", "nop\nb: jecxz one"])
def test_a_routine_that_another_file_jumps_to_needs_a_contract(tmp_path, monkeypatch, jump):
    monkeypatch.chdir(tmp_path)
    Path("a.s").write_text(f"a: {jump}\n ret\n")
    line = 1 + jump.count("\n")
    for over, found in (("", [f"{ALL}; {NOWHERE}"]), (f"{FULL}\n# Source  SDM 1\n", [])):
        Path("t.s").write_text(f" nop\n{over}one: ret\n")
        warnings = assemble(["a.s", "t.s"], cache=False).warnings
        assert warnings == [f"t.s:2: {WITHOUT} (jumped to at a.s:{line}): {lacks}\n    one: ret" for lacks in found]


@pytest.mark.parametrize("jump", ["call one", "lea rax, [rel one]\n jmp rax"])
def test_a_call_or_an_address_is_named_before_a_jump_of_another_file(tmp_path, monkeypatch, jump):
    monkeypatch.chdir(tmp_path)
    Path("a.s").write_text(" jmp one\n")
    Path("t.s").write_text(f" {jump}\none: ret\n")
    taken = " (its address is taken at t.s:1)" if "lea" in jump else ""
    assert assemble(["a.s", "t.s"], cache=False).warnings == [
        f"t.s:{2 + jump.count(chr(10))}: {WITHOUT}{taken}: {ALL}; {NOWHERE}\n    one: ret"
    ]


@pytest.mark.parametrize("there", [".one: ret", "1: ret", "one = 8", "one: .quad 0"])
def test_a_jump_to_what_is_no_routine_of_another_file_needs_none(tmp_path, monkeypatch, there):
    monkeypatch.chdir(tmp_path)
    Path("a.s").write_text("a: jmp " + {".": "b.one", "1": "1f"}.get(there[0], "one") + "\n")
    Path("b.s").write_text(f"{'b:' if there[0] == '.' else ''} {there}\n")
    assert assemble(["a.s", "b.s"], cache=False).warnings == []


def test_a_library_goes_on_with_the_program_that_includes_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("inner.s").write_text("start: jz test\n jmp outer\n")
    Path("lib.s").write_text('.include "inner.s"\nouter: jmp test\n')
    Path("t.s").write_text('.include "lib.s"\ntest: jz outer\n jmp start\n')
    found = [warning.split("\n")[0] for warning in assemble("t.s", cache=False).warnings]
    assert found == [
        f"{file}: {WITHOUT} (jumped to at t.s:{line}): the comment over {name} lacks Entry, Exit, Changes or Keeps; {NOWHERE}"
        for file, line, name in (("inner.s:1", 3, "start"), ("lib.s:2", 2, "outer"))
    ]


TABLE = "a: call [table]\n{over}\ntable: .quad one\n# one - It answers.  Entry, Exit, {word}: as {what} of table.\none: ret"
SHARED = "# table - Entry: rax.  Exit: rax.  Keeps rbx."


@pytest.mark.parametrize("word, what", [("Changes", "a handler"), ("Keeps", "one"), ("Keeps", "a reader\n#")])
def test_a_contract_may_be_that_of_the_table(warnings, word, what):
    assert warnings(HEAD + TABLE.format(over=SHARED, word=word, what=what)) == []
    assert warnings(TABLE.format(over=f"{SHARED}\n# Source  SDM 1", word=word, what=what)) == []


@pytest.mark.parametrize(
    "over", ["", "# table - Entry: rax.  Exit: rax.", "# table - Entry, Exit, Keeps: as one of other.", f"{SHARED}\n"]
)
def test_a_contract_of_a_table_that_has_none_is_a_warning(warnings, over):
    text = HEAD + TABLE.format(over=over, word="Keeps", what="a handler")
    at = 3 + HEAD.count("\n") + over.count("\n")
    message = f"{WITHOUT} (its address is taken at t.s:{at}): the comment over one refers to that of table, which has no contract"
    assert warnings(text) == [f"t.s:{at + 2}: {message}\n    one: ret"]
    gone = text.replace("as a handler of table", "as a handler of nothing")
    assert warnings(gone) == [f"t.s:{at + 2}: {message.replace('that of table', 'that of nothing')}\n    one: ret"]


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


USES = {  # of a library of tests/guests: what its contracts stand over is called
    "lib": "", "breaklib": "ON VECTOR_DB, seen", "fivelib": "call five_tables", "modelib": "", "smplib": "call smp_wake",
    "vmxlib": "call vmx_start\n call vmx_run\n call vmx_guest",
}


@pytest.mark.parametrize("name", USES)
def test_a_program_that_includes_a_library_of_the_guests_has_no_warning(tmp_path, name):
    folder = ROOT / "tests/guests"
    lines = [f'.include "{folder / each}.s"' for each in dict.fromkeys(["lib", name])]
    Path(tmp_path / "t.s").write_text("\n".join([*lines, f"test: {USES[name]}", "PASS", ""]))
    assert assemble(tmp_path / "t.s", werror=True, cache=False).warnings == []
    assert set(USES) == {path.stem for path in folder.glob("*lib.s")}


@pytest.mark.parametrize("path", DOCUMENTED, ids=lambda path: path.stem)
def test_programs_of_the_documentation_have_no_warning(path):
    assert assemble(path, werror=True).warnings == []


def test_numeric_jumps_of_the_guest_programs_stay_between_two_names():
    found, assembled = set(), 0
    for path in PROGRAMS:
        try:
            found |= {warning for warning in assemble(path).warnings if "numeric jump" in warning}
            assembled += 1
        except AssemblyError as error:
            assert "undefined symbol" in str(error), path  # its test gives it
    assert assembled > 150 and found == set()
