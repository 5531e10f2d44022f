"""Flags at an access that does not complete: what the engine computes for an instruction is not seen before it is done.

Each program compares an instruction whose operand is in memory with the same one on a register: what it leaves, the flags after it,
and the flags that its page fault pushes.  Then the same under a debugger's watchpoint, and with the operand on the code's own page.
"""
import pytest

from emu.debug.session.session import Session
from tests.core.disturbed import check, end, started
from tests.machines import close, program

CONDITIONS = "o no b ae e ne be a s ns p np l ge le g".split()
SETS = (                                                    # each defines all flags, by another kind of instruction
    "mov eax, 0x7fffffff; cmp eax, -1", "mov eax, 5; sub eax, 7", "mov al, 0xff; add al, 1", "stc; mov eax, -1; inc eax",
    "mov eax, 3; test eax, eax", "mov eax, 0x70000000; shl eax, 3", "stc; mov eax, 0x7fffffff; adc eax, 0",
    "mov eax, 44; cmp eax, 0x44", "mov eax, 0x50; imul eax, eax, 0x7000000", "mov eax, 2; neg eax", "xor eax, eax; inc eax; bt eax, 0",
    "stc; mov eax, 0x80000000; sbb eax, 1", "mov ecx, 3; mov eax, 0xF0000000; shl eax, cl")
OPERANDS = {"byte": "bl", "word": "bx", "dword": "ebx", "qword": "rbx"}
HEAD = """
        .equ    FLAGS, 0x8D5
        .equ    DATA_AT, 0x310000
        .equ    PUSHED, 0x311000
test:   ON VECTOR_PF, fault
        mov     edi, {place}
        xor     ecx, ecx
"""
TAIL = """
        PASS
fault:  mov     rax, [rdi + FRAME_RFLAGS]
        mov     [PUSHED], rax
        MAP     0, DATA_AT + PTE_P + PTE_RW
        ret
"""
ABSENT = "mov qword ptr [WINDOW_PT], 0; invlpg [rdi]"
READ_ONLY = "mov qword ptr [WINDOW_PT], DATA_AT + PTE_P; invlpg [rdi]; mov rax, [rdi]"


def lines(text):
    return "".join(f"        {one.strip()}\n" for one in text.split(";"))


def text(instruction, size, place="WINDOW", fresh=ABSENT, data="DATA_AT"):
    """Return a program that does an instruction (a format of its operand) on a register and on memory, after each of SETS."""
    body = ""
    for setup in SETS:
        body += lines(f"mov ebx, 0x5a; {setup}; pushfq; pop r12; {instruction.format(OPERANDS[size])}; pushfq; pop r8")
        body += lines(f"mov qword ptr [{data}], 0x5a; {fresh}; {setup}; {instruction.format(size + ' ptr [rdi]')}; pushfq; pop r9")
        body += lines("and r8d, FLAGS; and r9d, FLAGS; and r12d, FLAGS; EQ r9, r8; mov r10, [rdi]; EQ r10, rbx")
        if fresh:
            body += lines("mov r10, [PUSHED]; and r10d, FLAGS; EQ r10, r12")
    return HEAD.format(place=place) + body + TAIL


@pytest.mark.parametrize("fresh", [ABSENT, READ_ONLY], ids=["absent", "read-only"])
@pytest.mark.parametrize("condition", CONDITIONS)
def test_condition_that_is_stored_after_a_page_fault(condition, fresh, tmp_path):
    check(program(tmp_path, text(f"set{condition} {{}}", "byte", fresh=fresh), "lib.s"), 1)


@pytest.mark.parametrize("fresh", [ABSENT, READ_ONLY], ids=["absent", "read-only"])
@pytest.mark.parametrize("count", ["1", "cl", "7", "31"])
@pytest.mark.parametrize("size", OPERANDS)
@pytest.mark.parametrize("name", ["rcl", "rcr"])
def test_rotation_through_carry_after_a_page_fault(name, size, count, fresh, tmp_path):
    check(program(tmp_path, text(f"{name} {{}}, {count}", size, fresh=fresh), "lib.s"), 1)


@pytest.mark.parametrize("instruction", ["seto {}", "setp {}", "setle {}", "setb {}", "rcr {}, 1", "rcl {}, cl"])
def test_watchpoint_on_the_operand_changes_nothing(instruction, tmp_path):
    loaded = program(tmp_path, text(instruction, "byte", "DATA_AT", ""), "lib.s")
    plain = end(started(loaded))
    assert plain[:2] == ("EXIT_CODE", 0)
    unit = started(loaded)
    with Session(unit) as session:
        session.watch(0x310000, 1, access="write")
        while session.run().reason == "watchpoint":
            pass
        assert unit.digest() == plain[3]
    close(unit)


@pytest.mark.parametrize("instruction", ["seto {}", "setp {}", "setle {}", "setb {}", "rcr {}, 1", "rcl {}, cl"])
def test_store_into_the_page_of_the_code(instruction, tmp_path):
    place = text(instruction, "byte", "offset own", "", "rip + own").replace("PASS\n", "PASS\n        .align 8\nown:    .quad 0\n")
    check(program(tmp_path, place, "lib.s"), 1)


KEEPING = [(f"{name} {operands}", "cf") for name in ("bt", "bts", "btr", "btc")
           for operands in ("eax, 3", "[DATA_AT], rcx", "word ptr [DATA_AT], 9")]
KEEPING += [(f"{lock}cmpxchg{size}b [DATA_AT]", "zf") for lock in ("", "lock ") for size in (8, 16)]


@pytest.mark.parametrize("instruction, changes", KEEPING)
def test_flags_that_an_instruction_leaves_alone(instruction, changes, tmp_path):
    """Whatever set them, in the same block or, for one who steps, in an earlier one; another instruction's were noted before."""
    mask, body = 0x8D5 & ~{"cf": 1, "zf": 0x40}[changes], ""
    for setup in SETS:
        body += lines(f"{setup}; pushfq; pop r12; inc r8; pushfq; pop r8; {setup}; {instruction}; pushfq; pop r9; "
                      f"and r9d, {mask:#x}; and r12d, {mask:#x}; EQ r9, r12")
    loaded = program(tmp_path, HEAD.format(place="WINDOW") + body + TAIL, "lib.s")
    plain = end(started(loaded))
    assert plain[:2] == ("EXIT_CODE", 0)
    unit = started(loaded)
    with Session(unit) as session:
        session.break_at(unit.symbols.address("test"))
        session.run()
        session.step(count=400)
        assert session.run().reason == "ended" and unit.digest() == plain[3]
    close(unit)
