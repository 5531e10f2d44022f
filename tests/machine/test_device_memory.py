"""What the processor finds in a device's page, other than an operand of an instruction, stops the machine by name."""
import pytest

from emu.errors import Unmodelled

APIC, IOAPIC = 0xFEE00000, 0xFEC00000
CASES = {
    "interrupt table": ("lidt [rip + table]\nud2", "descriptor table, TSS or stack"),
    "descriptor table": ("lgdt [rip + table]\nmov eax, 0x20\nltr ax", "descriptor table, TSS or stack"),
    "stack of an event": ("mov esp, {page} + 0x800\nud2", "descriptor table, TSS or stack"),
    "page table": ("mov eax, {page}\nmov cr3, rax\nnop", "paging structure"),
    "lower page table": ("mov eax, {page} + 3\nmov [TABLES + 0x2000 + (WINDOW >> 21) * 8], rax\n"
                         "mov rax, cr3\nmov cr3, rax\nmov eax, [WINDOW]", "paging structure"),
    "code": ("mov eax, {page} + 0x20\njmp rax", "instruction at"),
    "code over a page end": ("mov ebx, WINDOW + 0xFFF\nmov byte ptr [rbx], 0x0F\njmp rbx", "instruction at"),
    "operand that is not aligned": ("mov ebx, {page} + 0x80\nsgdt [rbx]", "access to"),
    "operand of two bytes": ("mov ebx, {page} + 0x80\nsmsw [rbx]", "device access at"),
    "operand over its start": ("mov edx, 0xCF8\nmov edi, {page} - 2\ninsd", "access to"),
}


@pytest.mark.parametrize("page", (APIC, IOAPIC), ids=("local APIC", "I/O APIC"))
@pytest.mark.parametrize("case", CASES)
def test_device_page(case, page, program):
    text, name = CASES[case]
    lines = "\n".join(f"        {line}" for line in text.format(page=page).split("\n"))
    unit = program(f"""
test:   MAP     0, FREE + USER_PAGE
        MAP     1, {page} + USER_PAGE
{lines}
        PASS
        .align  8
table:  .word   0xFFF
        .quad   {page}
""")
    with pytest.raises(Unmodelled, match=name):
        unit.run(max_cycles=2_000_000)


def test_loop_of_an_instruction_that_the_model_executes_takes_time(program):
    unit = program("test:   .byte   0x66, 0xEB, 0xFD\n")                 # JMP to itself with a prefix that does nothing
    assert unit.run(max_cycles=2_000_000).reason == "BUDGET"
