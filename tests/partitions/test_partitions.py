"""The hypervisor: what a partition is offered, how it ends, how partitions share processors, what they cannot reach.

Programs in tests/partitions run as the guest of a child partition; so do those of tests/guests that need no device a
partition lacks: what bare hardware does, a partition does.
"""
import re
from dataclasses import replace
from pathlib import Path

import pytest

from emu.asm import assemble
from emu.errors import ConfigError
from emu.machine import Config, Machine
from emu.machine.partition import PARTITION_TABLE, folder
from emu.spec.hypercall import HYPERCALL, OFFERED
from emu.spec.tlfs import HVCALL, PRIVILEGE_NAMES
from tests.guests import guests
from tests.partitions.partitions import CYCLES, partition, results, run, text

FOLDER = Path(__file__).resolve().parent
PROGRAMS = sorted(path.stem for path in FOLDER.glob("*.s") if path.stem != "hvlib")
PLAIN = {"not_enlightened"}
VPS = {"hypercall_flush_smp": 2, "smp": 3, "smp_init": 3}                           # programs for several virtual processors
TYPED = {"uart": b"abcd"}                                 # what somebody types, long after the start
SAYS = {"uart": "ok"}
CALL_PAGE = """mov ecx, HVMSR_GUEST_OS_ID
        mov eax, 1
        mov edx, eax
        wrmsr
        mov ecx, HVMSR_HYPERCALL
        mov eax, 0x200001
        xor edx, edx
        wrmsr"""               # at 2 MiB
TRIPLE, HALTED, RESET, ACCESS = 0xE000_0001, 0xE000_0002, 0xE000_0003, 0xE000_0004
# What a partition does not have, or what ends it in another way.
NOT_HERE = {
    "acpi_power_off": "ends the partition", "port_reset": "ends the partition", "triple_fault": "ends the partition",
    "uart_interrupt": "the transmitter is always empty at once",
    "debug_io": "hv answers port accesses without checking I/O breakpoints",
    "msr_rules": "no MTRRs, no IA32_FEATURE_CONTROL",
    "code_off_memory": "a fetch from where the partition has no memory is #UD",
    "read_modify_write": "a partition has no XSAVE",
    "x87_irq13": "VMX fixes CR0.NE at 1",
    "a20_gate": "the memory of a partition has no A20 gate",
    "apic_moved": "hv moves the registers of an APIC to where the partition has no memory only",
    "debug_rearm": "a partition has no VMX",
    "device_operands": "hv emulates moves to the page of an APIC only",
    "memory_above_4g": "the memory of a partition is one piece of the machine's below 3 GiB",
}
BARE = [g for g in guests.guests() if g.processors == 1 and g.stop == "EXIT_CODE" and g.name not in NOT_HERE
        and not g.name.startswith(("vmx_", "vmcs_", "ept_"))]    # a partition has no VMX


def program(name):
    return assemble(FOLDER / f"{name}.s")


def as_bare(code):
    """Return (reason, exit code) of a run whose partition ended with a code of the hypervisor's, or of its own."""
    reason = {TRIPLE: "TRIPLE_FAULT", HALTED: "IDLE", RESET: "RESET"}.get(code, "EXIT_CODE")
    return reason, code if reason == "EXIT_CODE" else 0


@pytest.mark.parametrize("name", PROGRAMS)
def test_partition_program_passes(name):
    _, result, said = run([partition(name[:15], program(name), name not in PLAIN, processors=VPS.get(name, 1))],
                          typed=TYPED.get(name, b""))
    assert (result.reason, result.exit_code) == ("EXIT_CODE", 0), said
    assert name not in SAYS or said["partition 0"] == SAYS[name]


@pytest.mark.parametrize("processors", [1, 2])
def test_partitions_of_several_processors_share_those_of_the_machine(processors):
    three = partition("three", program("smp"), processors=3)
    others = [partition("one", program("synthetic_apic")), replace(three, name="again", enlightened=False)]
    machine, result, said = run([three, *others], processors)
    assert (result.reason, result.exit_code) == ("EXIT_CODE", 0), said
    assert [results(machine, number)[:2] for number in range(3)] == [(2, 0)] * 3


@pytest.mark.parametrize(("first", "other", "code", "words"), [
    ("cli\n hlt", "cli\n hlt", HALTED, "ended with 0xe0000002"),                  # nobody can wake anybody
    ("2: pause\n jmp 2b", "mov eax, 0x77\n out 0xF4, eax", 0x77, "ended with 0x77"),     # one ends them all
    ("sti\n hlt", "mov eax, 0x77\n out 0xF4, eax", 0x77, "ended with 0x77"),
    ("2: pause\n jmp 2b", "lidt cs:[0x100]\n ud2", TRIPLE, "triple fault"),
])
def test_partition_of_two_processors_ends_as_one(tmp_path, first, other, code, words):
    source = f"""lea rsi, [rel real]
        mov edi, 0x8000
        mov ecx, 64
        rep movsb
        mov edi, MEMORY_LOCAL_APIC
        mov dword ptr [rdi + APIC_ICR*16], 0xC4500
        mov dword ptr [rdi + APIC_ICR*16], 0xC4608
        {first}
real:   .code16
        {other}
1:      hlt
        jmp 1b
        .code64
        .fill 64, 1, 0"""
    machine, result, said = run([partition("two", text(tmp_path, source), processors=2)])
    assert (result.reason, result.exit_code, results(machine, 0)[:2]) == (*as_bare(code), (2, code)), said
    assert words in said["serial"]


def test_partition_has_one_to_eight_processors(tmp_path):
    assembly = text(tmp_path, "hlt")
    for wrong in ({"processors": 0}, {"processors": 9}, {"processors": 2, "root": True}):
        with pytest.raises(ConfigError, match="a partition has 1 to 8 processors, the root one, not"):
            partition("one", assembly, **wrong)


@pytest.mark.parametrize("guest", BARE, ids=lambda g: g.name)
def test_program_of_the_bare_machine_passes_in_a_partition(guest):
    bare = Machine(Config(memory_bytes=guest.memory << 20))
    guests.place(bare, guest)
    expected = bare.run(max_cycles=guest.cycles)
    assert expected.reason == guest.stop
    _, result, said = run([partition(guest.name[:15], guest.image(), False)])
    assert (result.reason, result.exit_code) == ("EXIT_CODE", expected.exit_code), (guest.check(result.exit_code), said)


@pytest.mark.parametrize("bits", [36, 40, 46])
def test_reserved_bits_of_pdptes_go_by_the_physical_address(bits):
    guest = next(each for each in guests.guests() if each.name == "pae_enable")
    machine = Machine(Config(memory_bytes=48 << 20, physical_bits=bits))
    machine.load_partitions([partition("pae", guest.image(), False)])
    result = machine.run(max_cycles=CYCLES)
    assert (result.reason, result.exit_code) == ("EXIT_CODE", 0), guest.check(result.exit_code)


@pytest.mark.parametrize(("source", "code", "words"), [
    ("ud2", TRIPLE, "triple fault at 0x100000"),
    ("cli\n hlt", HALTED, "halted, and nothing can wake it"),
    ("mov al, 0xFE\n out 0x64, al", RESET, "ended with 0xe0000003"),
    ("mov eax, 0xF0000000\n jmp rax", TRIPLE, "triple fault at 0xf0000000"),              # ones there: #UD
    ("mov eax, 0xF0000000\n mov rsp, rax\n lidt [rel one]\n ud2\none: .word 0xFFF\n .quad 0xF0000000", ACCESS,
     "access to memory that does not exist"),             # an IDT where no memory is
    ("mov eax, 0x1234\n out 0xF4, eax", 0x1234, "ended with 0x1234"),
    ("mov eax, 0x87654321\n out 0xF4, ax", 0x4321, "ended with 0x4321"),                  # narrower writes: what they carry
    ("mov eax, 0x87654321\n out 0xF4, al", 0x21, "ended with 0x21"),
    ("mov eax, 0x87654321\n out 0xF5, eax\n mov eax, 5\n out 0xF4, eax", 5, "ended with 0x5"),       # its upper bytes are nobody's
    ("mov ecx, HVMSR_RESET\n mov eax, 1\n xor edx, edx\n wrmsr", RESET, "ended with 0xe0000003"),
    ("mov dx, PORT_RESET_CONTROL\n mov al, 6\n out dx, al", RESET, "ended with 0xe0000003"),
    ("mov dx, PORT_RESET_CONTROL\n mov al, 4\n out dx, al", RESET, "ended with 0xe0000003"),
    ("mov dx, PORT_RESET_CONTROL\n mov al, 2\n out dx, al\n mov eax, 5\n out 0xF4, eax", 5, "ended with 0x5"),      # no reset yet
    ("mov dx, PORT_RESET_CONTROL\n mov al, 0xFB\n out dx, al\n mov eax, 5\n out 0xF4, eax", 5, "ended with 0x5"),
    ("mov al, 3\n out PORT_SYSTEM_A, al", RESET, "ended with 0xe0000003"),
    ("mov al, 2\n out PORT_SYSTEM_A, al\n mov al, 0xFF\n out 0x64, al\n mov eax, 5\n out 0xF4, eax", 5, "ended with 0x5"),
    ("mov dx, PORT_PM1_CONTROL\n mov ax, 0x2000\n out dx, ax", 0, "ended with 0x0"),
])
def test_partition_ends_with_its_code_and_says_why(tmp_path, source, code, words):
    machine, result, said = run([partition("one", text(tmp_path, source))])
    assert (result.reason, result.exit_code, results(machine, 0)[:2]) == (*as_bare(code), (2, code))
    assert words in said["serial"]


def test_machine_ends_with_the_first_code_that_is_not_zero(tmp_path):
    good, bad = text(tmp_path, "xor eax, eax\n out 0xF4, eax"), text(tmp_path, "mov eax, 7\n out 0xF4, eax")
    _, result, said = run([partition("good", good), partition("bad", bad), partition("good2", good)])
    assert result.exit_code == 7
    assert "all partitions have ended: good = 0x0 bad = 0x7 good2 = 0x0" in said["serial"]


def test_console_output_is_distinguished_by_partition(tmp_path):
    guest = text(tmp_path, "\n".join(f" mov al, {ord(c)}\n mov dx, PORT_UART\n out dx, al" for c in "hi\n")
                 + "\n xor eax, eax\n out 0xF4, eax")
    _, _, said = run([partition("a", guest), partition("b", guest)])
    assert said["partition 0"] == said["partition 1"] == "hi\n"


def test_posted_message_is_one_line_with_the_partitions_name(tmp_path):
    guest = text(tmp_path, f"""{CALL_PAGE}
        mov ecx, HVCALL_POST_MESSAGE
        mov edx, message
        mov eax, 0x200000
        call rax
        out 0xF4, eax
        .align 512
message: .long 1, 0, 1, 11
        .ascii "hi\\nhv: fake"
        .space 256""")
    _, result, said = run([partition("poster", guest)])
    assert result.exit_code == 0
    assert "hv: partition 0 (poster): hi hv: fake\n" in said["serial"]


def test_partitions_share_a_processor_by_slices():
    machine, result, _ = run([partition("a", program("victim")), partition("b", program("victim"))])
    assert result.exit_code == 0
    slices = dict((name, count) for name, count, _ in result.exits)["PREEMPTION_TIMER"]
    assert slices >= result.cycles // 1_000_000 * 8 // 10


@pytest.mark.parametrize("processors", [1, 2])
def test_state_outside_the_vmcs_is_a_partitions_own(processors):
    _, result, said = run([partition(f"p{n}", program("sse_kept")) for n in range(4)], processors)
    assert result.exit_code == 0, said


def test_hypercalls_of_32_bit_code_use_register_pairs(tmp_path):
    guest = text(tmp_path, f"""
        .code32
        mov esp, 0x90000
        {CALL_PAGE}
        mov eax, 0x7777
        xor edx, edx
        mov ebp, 0x200000
        call ebp
        cmp eax, HVSTATUS_INVALID_HYPERCALL_CODE
        jne bad
        mov dword ptr [0x201000], -1
        mov dword ptr [0x201004], -1
        mov dword ptr [0x201008], SELF_VP
        mov dword ptr [0x201010], HVREG_RSP
        mov eax, HVCALL_GET_REGISTERS
        mov edx, 1
        xor ebx, ebx
        mov ecx, 0x201000
        xor edi, edi
        mov esi, 0x202000
        call ebp
        test eax, eax
        jne bad
        cmp edx, 1
        jne bad
        cmp dword ptr [0x202000], 0x90000 - 4
        jne bad
        xor eax, eax
        out 0xF4, eax
bad:    mov eax, 5
        out 0xF4, eax""")
    _, result, said = run([partition("flat", guest, bits=32)])
    assert result.exit_code == 0, said


def test_table_of_calls_is_the_one_that_is_explained():
    rows = re.findall(r"^ +CALLAT +(\w+),", (folder("hv") / "hypercalls/hypercall_rows.s").read_text(), re.MULTILINE)
    assert {int(getattr(HVCALL, name)) for name in rows} == OFFERED


def privilege_tested_by(handler):
    """Return the row of PRIVILEGE that the file of a handler tests: the first from the handler on, else the first before it."""
    files = (path.read_text().partition(f"\n{handler}:") for path in sorted(folder("hv").rglob("*.s")))
    before, after = next((before, after) for before, label, after in files if label)
    return re.search(r"PRIVILEGE_(\w+)", after + before)[1]


def test_privilege_that_is_explained_is_the_one_that_is_tested():
    text = (folder("hv") / "hypercalls/hypercall_rows.s").read_text()
    rows = {row: each for row, *each in re.findall(r"^(row_\w+): +CALLROW .*?(?:PRIVILEGE_(\w+)|0), (call_\w+)$", text, re.MULTILINE)}
    explained, tested = {}, {}
    for name, row in re.findall(r"^ +CALLAT +(\w+), (row_\w+)", text, re.MULTILINE):
        who = explained[name] = HYPERCALL[int(getattr(HVCALL, name))][2]
        privilege, handler = rows[row]
        if " with " in who and not privilege:
            tested[name] = f"parent, or itself with {PRIVILEGE_NAMES[privilege_tested_by(handler)]}"
        else:
            tested[name] = who.rpartition(", ")[0] + ", " * (", " in who) + (PRIVILEGE_NAMES[privilege] if privilege else "anyone")
    assert tested == explained and len(tested) == len(HVCALL)


def test_guest_that_only_exits_is_cut_off_in_time(tmp_path):
    storm = text(tmp_path, "cpuid\n jmp start")
    machine, result, said = run([partition("storm", storm), partition("victim", program("victim"))], cycles=400_000_000)
    assert "partition 1 (victim): ended with 0x0" in said["serial"]


def test_hostile_guest_changes_nothing_in_its_neighbour():
    machine, result, said = run([partition("hostile", program("hostile")), partition("victim", program("victim"))])
    assert result.exit_code == 0, said
    assert results(machine, 1)[:2] == (2, 0)


@pytest.mark.parametrize("processors", [2, 3])
def test_partitions_are_placed_over_processors(processors):
    names = ["hostile", "victim", "vp_registers", "synthetic_apic"]
    machine, result, said = run([partition(name, program(name)) for name in names], processors)
    assert result.exit_code == 0, said
    assert all(int(c.entries) > 0 for c in machine.cpu)


def test_run_repeats_to_the_cycle():
    def once():
        machine, result, _ = run([partition("a", program("synthetic_apic")), partition("b", program("victim"))], 2)
        return result.cycles, machine.digest()
    assert once() == once()


def test_table_without_magic_is_refused_in_words(tmp_path):
    machine, said = Machine(Config(memory_bytes=48 << 20)), []
    machine.on_console(lambda source, data: said.append(data.decode()))
    machine.load_partitions([partition("one", text(tmp_path, "hlt"))])
    machine.write(PARTITION_TABLE, b"nonsense")
    result = machine.run(max_cycles=CYCLES)
    assert result.exit_code == 0xBAD
    assert "hv: no partition table at 0x200000\n" in "".join(said)
