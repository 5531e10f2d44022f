"""The checker of contracts: what it finds that a routine changes and reads, and what its callers read after it."""
import pytest

from tests.asm.flow import Effect, Flow, results


@pytest.fixture
def flow(tmp_path):
    def of(text, **how):
        (tmp_path / "t.s").write_text(text)
        return Flow(tmp_path / "t.s", **how)

    return of


def effect(changes, reads):
    return Effect(None if changes is None else frozenset(changes.split()), frozenset(reads.split()))


@pytest.mark.parametrize(
    "body, changes, reads",
    [
        ("mov eax, 1\n ret", "rax", ""),
        ("push rbx\n mov rbx, rdi\n call b\n pop rbx\n ret", "rcx", "rdi"),
        ("push rax\n pop rcx\n ret", "rcx", ""),
        ("push rax\n push rcx\n pop rax\n pop rcx\n ret", "rax rcx", ""),
        ("xchg rax, rcx\n xchg rax, rcx\n ret", "", ""),
        ("xchg al, ah\n ret", "rax", "rax"),
        ("push rdi\n mov [rsp], ecx\n pop rdi\n ret", "rdi", "rcx"),
        ("push rdi\n mov eax, [rsp]\n pop rdi\n ret", "rax", "rdi"),
        ("push rdi\n mov rdi, rcx\n mov rax, [rsp]\n pop rdi\n ret", "rax", "rcx rdi"),
        ("push rdi\n push rsi\n mov [rsp], rax\n pop rsi\n pop rdi\n ret", "rsi", "rax"),
        ("mov r8, rbx\n mov ebx, 1\n mov rbx, r8\n ret", "r8", "rbx"),
        ("test eax, eax\n jz 1f\n inc edx\n1: ret", "rdx", "rax rdx"),
        ("test eax, eax\n jz 1f\n mov edx, 1\n1: mov ecx, edx\n ret", "rcx rdx", "rax rdx"),
        ("xor eax, eax\n cmp ecx, ecx\n ret", "rax", ""),
        ("cmovc rax, rcx\n ret", "rax", "flags rcx"),
        ("push rdi\n sub rsp, 16\n mov rdi, rsp\n add rsp, 16\n pop rdi\n ret", "", ""),
        ("1: dec ecx\n jnz 1b\n jmp b", "rcx", "rcx"),
        ("call c\n mov ebx, 1\n ret", None, ""),
        ("vmread rax, rcx\n vmwrite rdx, rax\n ret", "rax", "rcx rdx"),
        ("call qword ptr [rdi]\n ret", "r11", "rdi"),
        ("xlatb\n ret", "rax", "rax rbx"),
        ("pushfq\n pop rax\n ret", "rax", "flags"),
        ("pushfq\n test eax, eax\n popfq\n ret", "", "rax"),
        ("adc eax, 0\n ret", "rax", "rax flags"),
        ("sbb eax, eax\n ret", "rax", "flags"),
        ("test edx, edx\n sbb eax, eax\n ret", "rax", "rdx"),
        ("lahf\n ret", "rax", "flags"),
        ("setc al\n ret", "rax", "flags"),
        ("rcl eax, 1\n ret", "rax", "flags rax"),
        ("rcr byte ptr [rdi], cl\n ret", "", "flags rcx rdi"),
        ("cmc\n jc 1f\n1: ret", "", "flags"),
    ],
)
def test_registers_that_a_routine_changes_and_reads(flow, body, changes, reads):
    text = f"a: {body}\nb: mov ecx, 1\n ret\nc: jmp c\n"
    assert flow(text, tables={"a": ("t", {"r11"})}).solve(["a"])["a"] == effect(changes, reads)


@pytest.mark.parametrize(
    "body, changes, reads",
    [
        ("mov al, 1\n mov ecx, eax\n ret", "rax rcx", "rax"),
        ("mov al, 1\n movzx ecx, al\n ret", "rax rcx", ""),
        ("mov al, 1\n movzx ecx, ax\n ret", "rax rcx", "rax"),
        ("mov al, 1\n mov ah, 2\n movzx ecx, ax\n ret", "rax rcx", ""),
        ("mov al, 1\n mov ah, 2\n mov ecx, eax\n ret", "rax rcx", "rax"),
        ("mov ah, 1\n mov cl, al\n ret", "rax rcx", "rax"),
        ("mov ax, 1\n mov cl, ah\n ret", "rax rcx", ""),
        ("mov eax, 1\n mov al, 2\n mov rcx, rax\n ret", "rax rcx", ""),
        ("mov al, 1\n mov eax, 2\n mov rcx, rax\n ret", "rax rcx", ""),
        ("mov r8b, 1\n mov sil, 1\n mov di, 1\n add r8d, esi\n add r8d, edi\n ret", "rdi rsi r8", "rdi rsi r8"),
        ("mov al, 1\n mov rcx, rax\n mov dl, cl\n ret", "rax rcx rdx", "rax"),
        ("mov al, 1\n xchg rax, rcx\n movzx edx, cl\n ret", "rax rcx rdx", ""),
        ("mov al, 1\n xchg rax, rcx\n movzx edx, al\n ret", "rax rcx rdx", "rcx"),
        ("mov al, 1\n and eax, 15\n mov [rdi], eax\n ret", "rax", "rdi"),
        ("mov al, 1\n and eax, 0xF00\n ret", "rax", "rax"),
        ("jc 1f\n mov al, 1\n1: movzx ecx, al\n ret", "rax rcx", "flags rax"),
        ("jc 1f\n mov al, 1\n jmp 2f\n1: mov al, 2\n2: movzx ecx, al\n ret", "rax rcx", "flags"),
        ("jc 1f\n mov al, 1\n jmp 2f\n1: mov eax, 2\n2: mov ecx, eax\n ret", "rax rcx", "flags rax"),
        ("push rax\n mov al, 1\n pop rax\n ret", "", ""),
        ("call b\n movzx ecx, al\n ret", "rax rcx", ""),
        ("call b\n mov ecx, eax\n ret", "rax rcx", "rax"),
        ("call b\n mov cl, ah\n ret", "rax rcx", "rax"),
        ("mov eax, 1\n call b\n mov ecx, eax\n ret", "rax rcx", ""),
        ("mov al, 1\n call c\n ret", "rax", ""),
        ("mov ah, 1\n call c\n ret", "rax", "rax"),
    ],
)
def test_what_sets_a_part_of_a_register_leaves_the_rest(flow, body, changes, reads):
    assert flow(f"a: {body}\nb: mov al, 1\n ret\nc: mov [rel 0], al\n ret").solve(["a"])["a"] == effect(changes, reads)


@pytest.mark.parametrize(
    "body, changes, reads",
    [
        ("bsf eax, ecx\n mov edx, eax\n ret", "rax rdx", "rax rcx"),
        ("bsr eax, ecx\n mov edx, eax\n ret", "rax rdx", "rax rcx"),
        ("mov eax, 1\n bsf eax, ecx\n mov edx, eax\n ret", "rax rdx", "rcx"),
        ("bsf eax, ecx\n jz 1f\n mov edx, eax\n1: ret", "rax rdx", "rcx"),
        ("bsf eax, ecx\n jnz 1f\n mov edx, eax\n1: ret", "rax rdx", "rax rcx"),
        ("bsr eax, [rdi]\n jnz 1f\n ret\n1: mov edx, eax\n ret", "rax rdx", "rdi"),
        ("lsl eax, ecx\n mov edx, eax\n ret", "rax rdx", "rax rcx"),
        ("cmovc rax, rcx\n mov rdx, rax\n ret", "rax rdx", "flags rax rcx"),
        ("rep lodsb\n mov dl, al\n ret", "rax rcx rdx rsi", "rax rcx rsi"),
        ("lodsb\n mov dl, al\n ret", "rax rdx rsi", "rsi"),
    ],
)
def test_what_may_leave_a_register_leaves_what_was_there(flow, body, changes, reads):
    assert flow(f"a: {body}").solve(["a"])["a"] == effect(changes, reads)


@pytest.mark.parametrize(
    "instruction, changes, reads",
    [
        ("stosd", "rdi", "rax rdi"),
        ("rep stosq", "rcx rdi", "rax rcx rdi"),
        ("movsb", "rdi rsi", "rdi rsi"),
        ("rep movsd", "rcx rdi rsi", "rcx rdi rsi"),
        ("lodsw", "rax rsi", "rsi"),
        ("repe cmpsb", "rcx rdi rsi", "rcx rdi rsi"),
        ("repne scasb", "rcx rdi", "rax rcx rdi"),
        ("rep insd", "rcx rdi", "rcx rdx rdi"),
        ("rep outsb", "rcx rsi", "rcx rdx rsi"),
    ],
)
@pytest.mark.parametrize("bits", [64, 32])
def test_string_instructions_move_their_registers(flow, instruction, changes, reads, bits):
    instruction = instruction if bits == 64 or "stosq" not in instruction else "rep stosd"
    assert flow(f".code{bits}\na: {instruction}\n ret", bits=bits).solve(["a"])["a"] == effect(changes, reads)


SAVED = "push rbx\n push rbp\n mov ebx, 1\n mov ebp, 1\n "
BACK = "\n pop rbp\n pop rbx\n ret"


@pytest.mark.parametrize(
    "store, changed",
    [
        ("mov [rsp + 8], rax", "rbx"),
        ("mov [rsp + 4], al", "rbp"),
        ("mov [rsp + 4], rax", "rbp rbx"),
        ("mov rdi, rsp\n mov [rdi], rax", "rbp rdi"),
        ("lea rdi, [rsp + 8]\n mov [rdi], al", "rbx rdi"),
        ("mov rdi, rsp\n add rdi, 8\n mov [rdi], al", "rbp rbx rdi"),
        ("mov rdi, rsp\n stosb", "rbp rbx rdi"),
        ("lea rdi, [rsp + 8]\n rep movsb", "rbp rbx rcx rdi rsi"),
        ("mov [rsp + rcx], al", "rbp rbx"),
        ("mov rdi, rsp\n call fill", "rbp rdi"),
        ("mov rdi, rsp\n call qword ptr [rcx]", "rbp rdi r11"),
        ("mov rdi, rsp\n1: lea rdi, [rdi + 1]\n dec ecx\n jnz 1b\n mov [rdi], al", "rbp rbx rcx rdi"),
        ("mov rdi, rsp\n mov [rdi + 8], rbx\n mov [rdi + 16], rax", "rbx rdi"),
        ("mov rdi, rsp\n sub rsp, 64\n mov rsp, rdi", "rdi"),
    ],
)
def test_a_store_through_a_copy_of_rsp_changes_what_was_saved_there(flow, store, changed):
    text = f"a: {SAVED}{store}{BACK}\nfill: mov byte ptr [rdi], 0\n ret"
    found = flow(text, tables={"a": ("t", {"r11"})})
    assert found.solve(["a"])["a"].changes == frozenset(changed.split()) and found.unclear == set()


@pytest.mark.parametrize(
    "body, changes",
    [
        ("ud2", None),
        ("test eax, eax\n jz 1f\n ud2\n1: mov ecx, 1\n ret", "rcx"),
        ("retfq", ""),
        ("mov eax, 1\n iretq", "rax"),
        ("push 8\n push rax\n retfq\n mov ecx, 1\n ret", "rcx"),
        ("push 0\n push 0\n push 0\n push 0\n push 0\n iretq", None),
        ("syscall\n ret", "rcx r11"),
    ],
)
def test_where_a_routine_ends(flow, body, changes):
    found = flow(f"a: {body}\n")
    assert found.solve(["a"])["a"].changes == (None if changes is None else frozenset(changes.split())) and found.unclear == set()


def test_an_instruction_that_faults_goes_on_where_the_word_says(flow):
    text = "a: mov qword ptr [rel on], 1f\n ud2\n jmp end\n1: mov ecx, 1\n ret\nend: jmp end\non: .quad 0"
    assert flow(text).solve(["a"])["a"].changes is None
    assert flow(text, resume="on").solve(["a"])["a"] == effect("rcx", "")


def test_what_cannot_be_followed_is_listed(flow):
    found = flow(
        "a: call rax\n ret\nb: push rax\n ret\nc: jz 1f\n push rax\n1: pop rcx\n ret\nd: mov rsp, rax\n ret\n"
        "e: push rax\n retf\nf: and rsp, -16\n ret\ng: add rsp, 8\n ret\nh: .byte 6"
    )
    found.solve(list("abcdefgh"))
    assert found.unclear >= {
        "a: an address is called that is not known",
        "b: RET with words on the stack",
        "c: the stack has two depths",
        "d: RSP is set",
        "e: RETF with words on the stack",
        "f: RSP is set",
        "g: RSP is set",
        "h: no instruction follows",
    }


# ---- results -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body, read",
    [
        ("call b\n ret", None),
        ("call b\n mov [rel 0], rdx\n ret", None),
        ("call b\n mov [rel 0], rcx\n ret", "rcx"),
        ("call b\n jz 1f\n1: ret", "flags"),
        ("call b\n test eax, eax\n jz 1f\n1: ret", None),
        ("call b\n cli\n jc 1f\n1: ret", "flags"),
        ("call b\n push rcx\n pop rdi\n call c\n inc rdi\n ret", "rcx"),
        ("call b\n push rcx\n mov ecx, 1\n pop rcx\n ret", None),
        ("test eax, eax\n jz 1f\n call b\n1: inc ecx\n ret", "rcx"),
        ("call b\n mov ecx, 1\n inc ecx\n ret", None),
        ("call b\n mov cl, 1\n mov [rel 0], cl\n ret", None),
        ("call b\n mov cl, 1\n mov [rel 0], ecx\n ret", "rcx"),
        ("call b\n sbb eax, eax\n ret", "flags"),
        ("call b\n pushfq\n test eax, eax\n popfq\n jz 1f\n1: ret", "flags"),
    ],
)
def test_what_is_read_after_a_call_is_a_result_of_the_routine(flow, body, read):
    found = flow(f"a: {body}\nb: mov ecx, 1\n test ecx, ecx\n ret\nc: ret")
    found.solve(["a"])
    assert results(dict.fromkeys("ab", found)).get("b") == (None if read is None else {read})


def test_a_result_that_is_handed_on_is_one_of_every_routine_on_the_way(flow):
    found = flow("a: call b\n inc ecx\n ret\nb: call c\n mov eax, 1\n ret\nc: jmp d\nd: mov ecx, 1\n ret", tables={})
    found.solve(["a"])
    assert results(dict.fromkeys("abc", found)) == {"b": {"rcx"}, "c": {"rcx"}}


def test_a_result_of_a_table_is_one_of_its_routines(flow):
    found = flow("a: call [t]\n mov [rel 0], rcx\n ret\nt: .quad 0", tables={"a": ("t", {"rax", "rcx"})})
    found.solve(["a"])
    assert results({"a": found}) == {"t": {"rcx"}}


def test_a_part_that_a_routine_sets_hides_that_part_of_a_result_alone(flow):
    for register, read in (("al", {"b"}), ("eax", {"b", "c"}), ("ah", {"b", "c"})):
        found = flow(f"a: call b\n mov [rel 0], {register}\n ret\nb: call c\n mov al, 1\n ret\nc: mov eax, 1\n ret")
        found.solve(["a"])
        assert results(dict.fromkeys("abc", found)) == dict.fromkeys(read, {"rax"})


def test_a_routine_may_be_known_by_its_effect(flow):
    found = flow("a: call b\n inc ecx\n ret\nb: mov ecx, 1\n ret")
    found.known = {found.labels["b"]: effect("rdx", "rsi")}
    assert found.solve(["a"])["a"] == effect("rcx rdx", "rcx rsi") and results({"a": found}) == {}
