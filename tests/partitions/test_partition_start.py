"""What a partition finds: its processor's features, its image byte for byte; and how it ends when it does what no partition can."""
import struct
from dataclasses import replace

import pytest

from emu.image import of_assembly
from emu.machine.partition import base_of
from emu.spec.cpuid import EXTENDED_C, EXTENDED_D, FEATURE_7B, FEATURE_7C, FEATURE_7D, FEATURE_C, FEATURE_D, LEAF
from emu.spec.firmware import LOW
from tests.machines import loaded
from tests.partitions.partitions import MEMORY, partition, results, run, text

ANSWERS, SUBLEAVES = 0x30_0000, 3
LEAVES = [*range(0x20), *range(0x8000_0000, 0x8000_000A)]
LAYOUTS = {(LEAF.FEATURES, 2): FEATURE_C, (LEAF.FEATURES, 3): FEATURE_D, (LEAF.EXTENDED_FEATURES, 1): FEATURE_7B,
           (LEAF.EXTENDED_FEATURES, 2): FEATURE_7C, (LEAF.EXTENDED_FEATURES, 3): FEATURE_7D,
           (LEAF.EXTENDED_1, 2): EXTENDED_C, (LEAF.EXTENDED_1, 3): EXTENDED_D}
HIDDEN = {"MONITOR", "VMX", "XSAVE", "MTRR", "MCA", "TSC_ADJUST", "ARCH_CAPABILITIES"}         # hv/README.md, "Not offered"
EMPTY = {int(leaf) for leaf in (LEAF.MONITOR, LEAF.PERFORMANCE, LEAF.STATE)} | {0x1F}       # extended topology: leaf 0BH reports it
OWN = {int(leaf) for leaf in (LEAF.FEATURES, LEAF.CACHES, LEAF.POWER, LEAF.TOPOLOGY, LEAF.ADDRESSES)}


def asking(tmp_path):
    """Return a guest that puts the answers of CPUID at ANSWERS."""
    rows = ", ".join(hex(leaf) for leaf in LEAVES)
    return text(tmp_path, f"""lea rsi, [rel leaves]
        mov edi, {ANSWERS}
1:      xor r8d, r8d
2:      mov eax, [rsi]
        mov ecx, r8d
        cpuid
        mov [rdi], eax
        mov [rdi + 4], ebx
        mov [rdi + 8], ecx
        mov [rdi + 12], edx
        add rdi, 16
        inc r8d
        cmp r8d, {SUBLEAVES}
        jb 2b
        add rsi, 4
        lea rax, [rel leaves_end]
        cmp rsi, rax
        jb 1b
        xor eax, eax
        out 0xF4, eax
        .align 4
leaves: .long {rows}
leaves_end:
        .long 0""")


def answers(machine, base):
    """Return {(leaf, sub-leaf): (EAX, EBX, ECX, EDX)} that the guest left in memory."""
    words = struct.iter_unpack("<IIII", machine.read(base + ANSWERS, 16 * SUBLEAVES * len(LEAVES)))
    return dict(zip(((leaf, sub) for leaf in LEAVES for sub in range(SUBLEAVES)), words, strict=True))


def base(machine):
    return base_of(0, machine.read)


@pytest.fixture(scope="module")
def cpuid(tmp_path_factory):
    """Return the answers of the bare machine, and of a partition's processor that looks bare."""
    guest = asking(tmp_path_factory.mktemp("cpuid"))
    bare = loaded(guest)
    assert bare.run(max_cycles=1_000_000_000).exit_code == 0
    inside, result, said = run([partition("asks", guest, False)])
    assert result.exit_code == 0, said
    return answers(bare, 0), answers(inside, base(inside))


def named(layout, value):
    """Return the names of a word's bits; those without a name as numbers."""
    names = {name for name, mask in zip(layout._fields, layout, strict=True) if value & int(mask)}
    rest = value & ~sum(int(mask) for mask in layout)
    return names | {bit for bit in range(32) if rest >> bit & 1}


@pytest.mark.parametrize(("leaf", "register"), LAYOUTS, ids=lambda each: format(int(each), "x"))
def test_partition_has_every_feature_of_the_machine_that_is_not_hidden(cpuid, leaf, register):
    bare, inside = (named(LAYOUTS[leaf, register], each[int(leaf), 0][register]) for each in cpuid)
    assert inside == bare - HIDDEN


def test_leaves_of_what_is_hidden_are_empty_and_the_rest_is_the_machines(cpuid):
    bare, inside = cpuid
    words = {(int(leaf), register) for leaf, register in LAYOUTS}
    for (leaf, sub), answer in inside.items():
        expected = [0] * 4 if leaf in EMPTY else bare[leaf, sub]
        for register in range(4):
            if leaf not in OWN and (leaf, register) not in words:
                assert answer[register] == expected[register], (hex(leaf), sub, register)
    assert inside[int(LEAF.POWER), 0] == (4, 0, 0, 0)     # the APIC timer always runs
    assert inside[int(LEAF.ADDRESSES), 0][0] == bare[int(LEAF.ADDRESSES), 0][0]
    assert inside[1, 0][:2] == (bare[1, 0][0], bare[1, 0][1] & 0xFF00 | 1 << 16)       # signature, CLFLUSH; one processor, ID 0
    for sub in range(2):
        assert inside[int(LEAF.TOPOLOGY), sub] == (0, 1, (sub + 1) << 8 | sub, 0)
    assert inside[int(LEAF.TOPOLOGY), 2] == (0, 0, 2, 0)


def test_pieces_of_an_image_are_copied_byte_for_byte(tmp_path):
    image = of_assembly(text(tmp_path, "hlt"), MEMORY)
    entry = bytes.fromhex("31c0e7f4").ljust(4096, b"\xF4")                             # xor eax, eax; out 0xF4, eax
    sizes = (1, 7, 4096, 8, 9, 4095, 4103)
    pieces = [(0x10_0000, entry), *((0x20_0000 + 0x1_0000 * number, b"\xA5" * size) for number, size in enumerate(sizes))]
    machine, result, said = run([replace(partition("one", text(tmp_path, "hlt")), image=replace(image, segments=pieces))])
    assert result.exit_code == 0, said
    start = base(machine)
    memory = machine.read(start + 0x10_0000, 0x30_0000)
    expected = bytearray(len(memory))
    for address, data in pieces:
        expected[address - 0x10_0000:address - 0x10_0000 + len(data)] = data
    assert memory == bytes(expected)


def test_task_switch_ends_the_partition(tmp_path):
    guest = text(tmp_path, """
        .code32
        lgdt [table]
        mov eax, 0x18
        ltr ax
        ljmp 0x20, 0
        .align 8
descriptors: .quad 0, 0x00CF9B000000FFFF, 0x00CF93000000FFFF, 0x0000891000000067 + (0x2000 << 16), 0x0000891000000067 + (0x3000 << 16)
table:  .word 39
        .long descriptors""")
    machine, result, said = run([partition("tasks", guest, bits=32)])
    assert results(machine, 0)[:2] == (2, 0xE000_0006)
    assert "task switch at 0x" in said["serial"]


def madt(memory):
    """Return [(type, bytes)] of the entries of the MADT in a partition's low memory; both checksums must be right."""
    rsdp = memory[LOW.ACPI:LOW.ACPI + 36]
    assert rsdp[:8] == b"RSD PTR " and sum(rsdp) & 0xFF == 0
    xsdt = int.from_bytes(rsdp[24:32], "little")
    pointers = memory[xsdt + 36:xsdt + int.from_bytes(memory[xsdt + 4:xsdt + 8], "little")]
    tables = [int.from_bytes(pointers[at:at + 8], "little") for at in range(0, len(pointers), 8)]
    at = next(table for table in tables if memory[table:table + 4] == b"APIC")
    size = int.from_bytes(memory[at + 4:at + 8], "little")
    assert all(sum(memory[table:table + int.from_bytes(memory[table + 4:table + 8], "little")]) & 0xFF == 0 for table in tables)
    entries, here, end = [], at + 44, at + size
    while here < end:
        entries.append((memory[here], memory[here:here + memory[here + 1]]))
        here += memory[here + 1]
    return entries


@pytest.mark.parametrize(("processors", "vps"), [(1, 1), (3, 1), (3, 2), (2, 3)])
def test_acpi_tables_show_a_partitions_processors_and_the_rest_of_the_machine(tmp_path, processors, vps):
    guest = text(tmp_path, ".code32\n xor eax, eax\n out 0xF4, eax")
    machine, result, said = run([partition("acpi", guest, bits=32, processors=vps)], processors)
    assert result.exit_code == 0, said
    own, whole = madt(machine.read(base(machine), 1 << 20)), madt(machine.read(0, 1 << 20))
    assert [entry[3] for kind, entry in own if kind == 0] == list(range(min(processors, vps)))
    assert [kind for kind, _ in own if kind == 0x80] == [0x80] * max(0, processors - vps)
    assert [each for each in own if each[0] not in (0, 0x80)] == [each for each in whole if each[0] != 0]
    assert {1, 2, 4} <= {kind for kind, _ in own}         # I/O APIC, overrides, NMI lines
