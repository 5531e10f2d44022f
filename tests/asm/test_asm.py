"""The assembler: encodings against GNU as, two-pass addresses, macros, records, and every error by its words."""

import shutil
import subprocess
from pathlib import Path

import capstone
import pytest

from emu.asm import assemble, listing, table_symbols
from emu.errors import AssemblyError

HERE = Path(__file__).parent
MODES = {16: capstone.CS_MODE_16, 32: capstone.CS_MODE_32, 64: capstone.CS_MODE_64}


@pytest.fixture
def build(tmp_path, monkeypatch):
    """Return a function that assembles text as t.s; further files by name."""
    monkeypatch.chdir(tmp_path)

    def run(text, base=None, symbols=None, **files):
        for name, content in files.items():
            (tmp_path / f"{name}.s").write_text(content)
        (tmp_path / "t.s").write_text(text)
        return assemble(tmp_path / "t.s", symbols=symbols, base=base, cache=False)

    return run


def refused(build, text, **files):
    with pytest.raises(AssemblyError) as caught:
        build(text, **files)
    return str(caught.value)


def statements():
    found, mode = {16: [], 32: [], 64: []}, None
    for line in (HERE / "statements.txt").read_text().splitlines():
        if line.startswith("["):
            mode = int(line[1:3])
        elif line and not line.startswith("#"):
            found[mode].append(line)
    return found


def disassemble(mode, data):
    return [(insn.mnemonic, insn.op_str) for insn in capstone.Cs(capstone.CS_ARCH_X86, MODES[mode]).disasm(data, 0)]


# ---- encodings --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [16, 32, 64])
def test_encodings_agree_with_gnu_as(build, tmp_path, mode):
    if not (shutil.which("as") and shutil.which("objcopy")):
        pytest.skip("GNU binutils are not installed")
    lines = statements()[mode]
    text = "".join(f"{line}\n.balign 16, 0xf4\n" for line in lines)
    (tmp_path / "g.s").write_text(f".intel_syntax noprefix\n.code{mode}\n{text}")
    subprocess.run(["as", "--64" if mode == 64 else "--32", "-o", "g.o", "g.s"], cwd=tmp_path, check=True)
    subprocess.run(["objcopy", "-O", "binary", "-j", ".text", "g.o", "g.bin"], cwd=tmp_path, check=True)
    theirs, ours = (tmp_path / "g.bin").read_bytes(), build(f".code{mode}\n{text}").code
    assert len(theirs) == len(ours)
    wrong = []
    for number, line in enumerate(lines):
        one, two = (code[16 * number : 16 * number + 16] for code in (theirs, ours))
        if one != two and disassemble(mode, one) != disassemble(mode, two):
            prefixes = bytes.fromhex("262e36653ef0f2f3646667")
            if sorted(one) != sorted(two) or not set(one[:2]) <= set(prefixes):
                wrong.append((line, one.hex(), two.hex()))
    assert wrong == []


@pytest.mark.parametrize(
    "text, code",
    [
        (".code64\nljmp fword ptr [rax]", "ff28"),
        (".code64\nljmp tbyte ptr [r9]", "49ff29"),
        (".code64\nlcall fword ptr [rax]", "ff18"),
        (".code32\njmp far fword ptr [eax]", "ff28"),
        (".code16\nljmp 8, dword 0x12345678", "66ea785634120800"),
        (".code16\nlgdtd [0x1234]", "660f01163412"),
        (".code32\npush word 5", "666a05"),
        (".code16\npush dword 0x12345678", "666878563412"),
        ("int 3", "cd03"),
        ("int3", "cc"),
        ("into", "ce"),
        ("iretq", "48cf"),
        ("iretd", "cf"),
        ("sysretd", "0f07"),
        ("sysexitq", "480f35"),
        ("push 0x7fffffff", "68ffffff7f"),
        ("ud1", "0fb9c0"),
        ("mov eax, gs:[8]", "658b042508000000"),
        ("nop word ptr [rax]", "660f1f00"),
        ("mov rax, [0x123456789a]", "48a19a78563412000000"),
        ("mov al, '#'", "b023"),
        ("mov al, ';' # comment", "b03b"),
    ],
)
def test_encoding(build, text, code):
    assert build(text).code.hex() == code


def test_statements_of_a_corpus_disassemble_to_their_own_mnemonics(build):
    image = build("\n".join(line for line in statements()[64] if " ." not in line))
    for address, data, _, _, source in image.lines:
        words = disassemble(64, data)[0][0].split()
        assert len(disassemble(64, data)) == 1 and words, (hex(address), source)


# ---- addresses --------------------------------------------------------------------------------------------


def test_branches_are_short_when_they_reach_and_long_when_not(build):
    image = build("a: jmp b\n.fill 127\nb: je a\njmp c\n.fill 128\nc: nop")
    assert [data.hex() for _, data, _, _, source in image.lines if "j" in source] == [
        "eb7f",
        "0f8479ffffff",
        "e980000000",
    ]


def test_rip_relative_names_reach_labels_and_numbers_are_displacements(build):
    image = build(
        "lea rax, [rip + x]\nmov dword ptr [rip + x + 4], 7\ncmp byte ptr [rel x], 1\nlea rax, [rip + 8]\nx: .quad 0",
        base=0x1000,
    )
    x = image.symbols["x"]
    first = int.from_bytes(image.lines[0][1][3:], "little")
    second = int.from_bytes(image.lines[1][1][2:6], "little")
    third = int.from_bytes(image.lines[2][1][2:6], "little")
    assert 0x1007 + first == x and image.lines[2][0] + second == x + 4 and image.lines[3][0] + third == x
    assert image.lines[3][1].hex() == "488d0508000000"


def test_labels_are_shared_between_files_of_a_build_list(tmp_path):
    (tmp_path / "one.s").write_text(".org 0x2000\nstart: call there\n")
    (tmp_path / "two.s").write_text("there: ret\n.quad start\n")
    (tmp_path / "build.list").write_text("# an image\none.s\ntwo.s    # the rest\n")
    image = assemble(tmp_path, cache=False)
    assert image.code.hex() == "e800000000" + "c3" + "0020000000000000" and image.base == image.entry == 0x2000


def test_local_and_numeric_labels(build):
    image = build("a: jmp .x\n.x: nop\nb: jmp .x\n.x: nop\n1: jmp 1f\n1: jmp 1b")
    assert image.code.hex() == "eb0090eb0090eb00ebfe" and image.symbols["b.x"] == 5


def test_org_sets_the_base_and_fills(build):
    image = build(".org 0xfffffff0\nnop\n.org 0xfffffff8, 0xcc\n.align 4\nnop")
    assert image.base == 0xFFFFFFF0 and image.code.hex() == "90cccccccccccccc90"


def test_where_and_name_report_what_an_address_is(build):
    image = build("a: nop\nb: mov eax, 1\n", base=0x10)
    assert image.where(0x13) == ("t.s", 2, "b: mov eax, 1") and image.where(0x99) is None
    assert image.name(0x13) == "b+0x2" and image.name(0x11) == "b" and image.name(0x99) == "0x99"


# ---- source features --------------------------------------------------------------------------------------


def test_macros_take_defaults_names_and_numbers(build):
    image = build(".macro put2 a, b=7\n.byte \\a, \\b\n.l\\@: .byte \\@\n.endm\nx:\nput2 1\nput2 b=3, a=2\n")
    assert image.code.hex() == "010701" + "020302"


def test_repetition_and_conditions(build):
    image = build(
        ".equ N, 3\n.rept N\n.if \\+ == 1\n.byte 0xaa\n.elseif \\+ == 2\n.byte 0xbb\n.else\n.byte 0xcc\n.endif\n.endr\n"
        ".ifdef N\n.byte 1\n.endif\n.ifndef N\n.byte 2\n.endif"
    )
    assert image.code.hex() == "ccaabb01"


def test_set_changes_a_constant_between_lines(build):
    assert build("n = 1\n.byte n\nn = n + 1\n.byte n").code.hex() == "0102"


def test_record_gives_offsets_and_size(build):
    image = build(
        ".record F\n.field A, 8\n.field B, 1\n.field C, 16, 16\n.endrecord\nmov [rsp + F_C], al\n.byte F_SIZE"
    )
    assert image.code.hex() == "88442410" + "20"


def test_tables_of_the_manual_are_symbols(build):
    image = build(
        ".use cpu\nmov eax, CR0_PE | CR0_PG\nmov ecx, put(INTR_TYPE, EVENT_SOFT)\n"
        ".byte shift(INTR_TYPE), get(0x300, INTR_TYPE)"
    )
    assert image.code.hex() == "b801000080" + "b900040000" + "0803"
    assert table_symbols("cpu")["VECTOR_PF"] == 14


def test_include_is_found_beside_the_file(build):
    assert build('.include "more.s"\nnop', more="ret\n").code.hex() == "c390"


def test_expressions(build):
    image = build(
        ".quad 1 + 2 * 3, (1 + 2) * 3, -1, ~0 & 0xff, 1 << 4 | 1, 7 / 2, -7 % 4, 5 > 3 && 2 < 1, "
        "'a', 0x_ff, lo32(1 << 33), hi32(1 << 33)"
    )
    values = [int.from_bytes(image.code[at : at + 8], "little", signed=True) for at in range(0, len(image.code), 8)]
    assert values == [7, 9, -1, 255, 17, 3, -3, 0, 97, 255, 0, 2]


def test_strings_keep_comment_characters(build):
    assert build('.asciz "a # b; \\"c\\" // \\n" # end').code == b'a # b; "c" // \n\0'


def test_listing_shows_address_bytes_line_and_source(build):
    text = listing(build('start: mov eax, 1\n.ascii "0123456789"', base=0x100000))
    assert text.splitlines() == [
        "                                    t.s",
        "00100000  b8 01 00 00 00               1  start: mov eax, 1",
        '00100005  30 31 32 33 34 35 36 37      2  .ascii "0123456789"',
        "0010000d  38 39",
    ]


def test_results_are_remembered_until_a_file_changes(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "a.s").write_text('.include "b.s"\n')
    (tmp_path / "b.s").write_text("nop\n")
    first = assemble(tmp_path / "a.s")
    again = assemble(tmp_path / "a.s")
    (tmp_path / "b.s").write_text("ret\n")
    assert first == again and assemble(tmp_path / "a.s").code.hex() == "c3"


# ---- errors -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, message",
    [
        ("nop\nmov rax, nothing", "t.s:2: undefined symbol nothing\n    mov rax, nothing"),
        ("jmp .gone", "t.s:1: undefined symbol .gone\n    jmp .gone"),
        ("a: nop\na: nop", "t.s:2: a is defined twice\n    a: nop"),
        ("rax: nop", "t.s:1: rax is a register or size word and cannot be a symbol\n    rax: nop"),
        (
            "mov eax, 0x1ffffffff",
            "t.s:1: 0x1ffffffff does not fit: 'mov eax, 0x1ffffffff' would become 'mov eax, 0xffffffff'\n"
            "    mov eax, 0x1ffffffff",
        ),
        (
            "mov byte ptr [rax], 0x1ff",
            "t.s:1: 0x1ff does not fit: 'mov byte ptr [rax], 0x1ff' would become 'mov byte ptr [rax], 0xff'\n"
            "    mov byte ptr [rax], 0x1ff",
        ),
        ("push 0x80000000", "t.s:1: push takes a signed 32-bit value, not 0x80000000\n    push 0x80000000"),
        (".byte 256", "t.s:1: 0x100 does not fit in 8 bits\n    .byte 256"),
        ("iret", "t.s:1: iret does not exist in 64-bit code: say iretq or iretd\n    iret"),
        ("sysret", "t.s:1: say sysretq (to 64-bit code) or sysretd (to 32-bit code)\n    sysret"),
        ("ljmp 8, 0", "t.s:1: ljmp selector, offset does not exist in 64-bit code\n    ljmp 8, 0"),
        ("frobnicate eax", "t.s:1: invalid mnemonic: 'frobnicate eax' in 64-bit code\n    frobnicate eax"),
        (
            "cmp bh, r8b",
            "t.s:1: ah, bh, ch and dh cannot stand beside a register that needs a REX prefix: 'cmp bh, r8b'\n    cmp bh, r8b",
        ),
        (".frob 1", "t.s:1: unknown directive .frob\n    .frob 1"),
        ('.include "none.s"', 't.s:1: none.s: cannot be read (No such file or directory)\n    .include "none.s"'),
        (".use nowhere", "t.s:1: there is no module emu.spec.nowhere\n    .use nowhere"),
        (
            ".if later\n.endif\nlater: nop",
            "t.s:1: later is not defined here; .if needs its value at once\n    .if later",
        ),
        (".if 1\nnop", "t.s:2: .endif is missing"),
        (".macro m\nnop", "t.s:1: .endm is missing\n    .macro m"),
        (".macro m a\nmov eax, \\a\n.endm\nm 1, 2", "t.s:4: m takes 1 arguments, not 2\n    m 1, 2"),
        (
            ".macro m a\nmov eax, \\a\n.endm\nm none",
            "t.s:4: undefined symbol none\n    mov eax, none\n    in macro m, t.s:2",
        ),
        (".org 16\nnop\n.org 8", "t.s:3: .org 0x8 is below the current address 0x11\n    .org 8"),
        (
            "x: .fill 200\njmp short x",
            "t.s:2: the target is -202 bytes away, further than 8 bits reach\n    jmp short x",
        ),
        ('.assert 1 == 2, "one is not two"', 't.s:1: one is not two\n    .assert 1 == 2, "one is not two"'),
        ('.error "stop"', 't.s:1: stop\n    .error "stop"'),
        (".equ a, 1\n.equ a, 2", "t.s:2: a is 0x1 already; .set changes a value\n    .equ a, 2"),
        ("mov rax, 1 +", "t.s:1: expected a value in the expression '1 +'\n    mov rax, 1 +"),
        ("mov rax, 1 / 0", "t.s:1: division by zero\n    mov rax, 1 / 0"),
        (
            ".code16\nmov eax, [eax*2 + 16]",
            "t.s:2: keystone encodes 'mov eax, [eax*2 + 0x10]' as 668b061000, which is "
            "'mov eax, dword ptr [0x10]'\n    mov eax, [eax*2 + 16]",
        ),
        ("", "t.s holds no statement"),
    ],
)
def test_error(build, text, message):
    assert refused(build, text) == message


def test_error_in_an_included_file_names_that_file(build):
    assert (
        refused(build, '.include "more.s"', more="nop\nmov rax, oops\n")
        == "more.s:2: undefined symbol oops\n    mov rax, oops"
    )


def test_a_missing_file_is_reported(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AssemblyError) as caught:
        assemble(tmp_path / "none.s", cache=False)
    assert str(caught.value) == "none.s: cannot be read (No such file or directory)"


# ---- sources that were made to do harm: bounded work, one sentence ------------------------------------------------------
@pytest.mark.parametrize("text, message", [
    ("lock [", "t.s:1: '[' is not an instruction\n    lock ["),
    (".rept 100000000000\n.endr", "t.s:1: .rept 100000000000: must be 0 to 400,000\n    .rept 100000000000"),
    ("nop\n.align 0x100000000000", "t.s:2: the image is larger than 67108864 bytes\n    .align 0x100000000000"),
    (".p2align 70", "t.s:1: .p2align needs a power of two, not 0\n    .p2align 70"),
    (".org 1 << 70", "t.s:1: .org 0x400000000000000000 is not an address of 64 bits\n    .org 1 << 70"),
    (".quad 1 << 100000000000", "t.s:1: a shift by 100000000000: must be 0 to 256\n    .quad 1 << 100000000000"),
    (".quad get(5, 0)", "t.s:1: get(value, mask): the mask is 0\n    .quad get(5, 0)"),
    (".quad 0x_", "t.s:1: '0x_' is not a number\n    .quad 0x_"),
    (".fill 3, -1", "t.s:1: a size of -1 bytes: must be 1 to 64\n    .fill 3, -1"),
    (".equ", "t.s:1: .equ needs a name and a value\n    .equ"),
    (".assert", "t.s:1: .assert needs a condition\n    .assert"),
    (".rept 400000\n.rept 400000\n.endr\n.endr\nnop", "t.s:2: more than 400,000 rounds of .rept in all\n    .rept 400000"),
    (".equ a, b\n.equ b, a\nmov eax, a", "t.s:1: circular definition: a needs b, b needs a\n    .equ a, b"),
    (".equ a, b + 1\n.set b, c\nc = a\nnop", "t.s:1: circular definition: a needs b, b needs c, c needs a\n    .equ a, b + 1"),
    (".equ a, a + 1", "t.s:1: circular definition: a needs a\n    .equ a, a + 1"),
    (".equ a, c\n.equ c, nowhere\nnop", "t.s:1: undefined symbol nowhere\n    .equ a, c"),
    (".code16\njmp 0x123456789", "t.s:2: the target 0x123456789 does not fit in 32 bits\n    jmp 0x123456789"),
    (".code16\nje 0x12345", "t.s:2: the target is 74561 bytes away, outside the 64 KiB of its segment\n    je 0x12345"),
    (".code32\n.org 0xF0000000\njmp 0x100001000", "t.s:3: the target 0x100001000 does not fit in 32 bits\n    jmp 0x100001000"),
    ("jmp 1<<64", "t.s:1: the target 0x10000000000000000 does not fit in 64 bits\n    jmp 1<<64"),
    (".if 1\n.else\n.else\n.endif", "t.s:3: .else after the .else of this .if\n    .else"),
    (".if 0\n.else\n.elseif 1\n.endif", "t.s:3: .elseif after the .else of this .if\n    .elseif 1"),
    (".else", "t.s:1: .else without .if\n    .else"),
    (".endif", "t.s:1: .endif without .if\n    .endif"),
    (".endr", "t.s:1: .endr without .rept\n    .endr"),
    ("nop\n.endm", "t.s:2: .endm without .macro\n    .endm"),
    ('.incbin "/dev/zero"', "t.s:1: /dev/zero: cannot be read: it is a character device, not a regular file\n    .incbin \"/dev/zero\""),
])
def test_hostile_source_is_refused_in_words(build, text, message):
    assert refused(build, text) == message


def test_deep_and_long_expressions_are_refused(build):
    assert "nests deeper than 40" in refused(build, ".quad " + "(" * 90 + "1" + ")" * 90)
    assert "nests deeper than 40" in refused(build, ".quad " + "-" * 90 + "1")
    assert "more than 800 parts" in refused(build, ".quad " + "+".join(["1"] * 900))
    assert "more than 256 bits" in refused(build, ".set x, 3\n" + ".set x, x*x\n" * 40)


@pytest.mark.parametrize("word", [".if 1", ".if 0", ".ifdef x", ".ifb"])
def test_conditions_that_nest_deep_are_refused_at_once(build, word):
    assert ".if nests deeper than 64" in refused(build, f"{word}\n" * 100_000)
    assert build(".if 1\n" * 64 + ".byte 7\n" + ".endif\n" * 64).code == b"\7"


def test_macros_that_grow_are_refused(build):
    assert "nest deeper than 64" in refused(build, ".macro m a\n m \\a\n.endm\n m x\n")
    assert "characters: at most 65,536" in refused(build, ".macro m a\n m \\a\\a\n.endm\n m x\n")
    assert "more than 400,000 lines after expansion" in refused(build, ".rept 700\n.rept 700\nnop\n.endr\n.endr\n")
    skipped = ".rept 400000\n.rept 0\n" + "nop\n" * 1000 + ".endr\n.endr\n"
    assert "more than 400,000 lines after expansion" in refused(build, skipped)
    wide = ".macro m a\n.byte 0 #" + "\\a" * 30000 + "\n.endm\nm " + "1" * 60000
    assert "m makes a line of more than 65,536 characters" in refused(build, wide)


def test_definitions_may_come_later_and_16_bit_code_may_lie_anywhere(build):
    assert build(".equ a, b + 1\n.equ b, end\nmov eax, a\n.if 0\n.rept 2\n.endr\n.endif\nend: nop").code.hex() == "b80600000090"
    assert build(".code16\n.org 0xFFFFFFF0\njmp 0xFFFFF000").code.hex() == "e90df0"


@pytest.mark.parametrize("mode, text, code", [
    (16, "and ax, ds:[bp + di + 0x40]", "3e234340"), (16, "mov ax, ds:[bp]", "3e8b4600"), (16, "mov ax, ds:[bx]", "8b07"),
    (16, "mov eax, ds:[ebp + 4]", "3e67668b4504"), (32, "mov eax, ds:[ebp + 4]", "3e8b4504"), (32, "mov eax, ds:[esp]", "3e8b0424"),
    (32, "mov eax, ds:[ebx]", "8b03"), (32, "mov eax, ss:[ebx]", "368b03"), (64, "mov rax, ds:[rbp]", "488b4500")])
def test_ds_is_written_where_the_address_would_be_in_the_stack_segment(build, mode, text, code):
    assert build(f".code{mode}\n{text}\n").code.hex() == code
