"""Changes of address spaces: no engine keeps a page that our TLB would not give.

The oracle is the same machine with each instruction looked up and translated from memory (`disturb`).
"""

from tests.core.disturbed import check
from tests.core.scrambled import lines
from tests.core.seeds import seeded
from tests.core.spaces import FRAMES, HEAD, LARGE_ENTRY, LARGE_WINDOW, NESTED, NO_FLUSH, PAIR, PD1, PT, ROOT, TAIL, WINDOW_AT, Spaces
from tests.machines import program


def one(folder, seed):
    check(program(folder, Spaces(seed, ROOT).alone(), "lib.s"), seed)


def two(folder, seed):
    text = Spaces(seed, PAIR, operations=40, rounds=6).pair()
    check(program(folder, text, "lib.s", "smplib.s"), seed, processors=2, quantum_cycles=(50, 300, 2_000)[seed % 3])


def guest(folder, seed):
    check(program(folder, Spaces(seed, NESTED).nested(), "lib.s", "vmxlib.s"), seed)


test_spaces, test_spaces_many, test_spaces_in_all = seeded((one, two, guest), 2, 20, 200)


# ---- claims ---------------------------------------------------------------------------------------------------------
def put(space, table, index, value):
    return f"mov rax, {value:#x}; mov [{Spaces(0, ROOT).tables(space, table) + 8 * index:#x}], rax; "


def switch(space):
    return f"mov rax, {Spaces(0, ROOT).tables(space, 0) | space + 1 | NO_FLUSH:#x}; mov cr3, rax; "


def written(folder, body):
    made = Spaces(0, ROOT)
    return program(folder, f"{HEAD}test: xor r13d, r13d\n{made.start()}{lines(body)}\n{made.end()}{TAIL}", "lib.s")


def test_page_of_a_space_comes_before_the_global_one_of_another(tmp_path):
    body = put(0, PT, 0, FRAMES[0] | 7) + put(1, PT, 0, FRAMES[1] | 0x107) + f"mov ebx, {WINDOW_AT:#x}; "
    body += f"{switch(0)} mov rsi, [rbx]; {switch(1)} mov rdi, [rbx]; NE rsi, rdi; "
    body += f"{switch(0)} mov rax, [rbx]; EQ rax, rsi; {switch(1)} mov rax, [rbx]; EQ rax, rdi"
    check(written(tmp_path, body), 0)


def test_large_page_does_not_come_before_a_global_small_one(tmp_path):
    tables = Spaces(0, ROOT).tables(0, PT)
    body = put(0, PT, 0, FRAMES[0] | 0x107) + put(0, PD1, LARGE_ENTRY // 8, tables | 7)
    body += f"mov ebx, {LARGE_WINDOW:#x}; invlpg [rbx]; mov rsi, [rbx]; "
    body += put(0, PD1, LARGE_ENTRY // 8, 0x400000 | 0x87) + "mov rax, [rbx + 0x1000]; mov rax, [rbx]; EQ rax, rsi"
    check(written(tmp_path, body), 0)
