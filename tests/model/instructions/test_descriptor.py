"""LGDT, LIDT, SGDT, SIDT, LLDT, LTR: widths, checks, what memory and registers hold then."""

import pytest

from tests.model.system_world import DATA, FAULT, GDT, GP, LDT, NEXT, UD, World, descriptor_of, faults, memory


def five_level(w):
    """Put a level above the tables of a world in IA-32e mode."""
    w.put(0xF000, int(w.e.cr[3]) | 3)
    w.e.cr[3], w.e.cr[4] = 0xF000, int(w.e.cr[4]) | 1 << 12
    return w


def test_lgdt_and_sgdt_in_64_bit_mode_move_ten_bytes():
    w = World("long")
    w.put(DATA, 0x1234, 2)
    w.put(DATA + 2, 0xFFFF_8000_0000_1000)
    assert w.execute("LGDT", **memory(DATA)) == NEXT
    assert (w.e.seg[25], w.e.seg[26]) == (0xFFFF_8000_0000_1000, 0x1234)
    assert w.execute("SGDT", **memory(DATA + 16)) == NEXT
    assert (w.get(DATA + 16, 2), w.get(DATA + 18)) == (0x1234, 0xFFFF_8000_0000_1000)
    w.put(DATA + 2, 1 << 56)
    faults(w, GP, "LIDT", **memory(DATA))


@pytest.mark.parametrize("base, accepted", [((1 << 56) - 1, True), (0xFF00_0000_0000_0000, True), (1 << 56, False), (1 << 63, False)])
@pytest.mark.parametrize("la57", [False, True])
def test_table_bases_go_by_the_width_of_the_processor(base, accepted, la57):
    w = five_level(World("long")) if la57 else World("long")
    w.put(DATA + 2, base)
    assert w.execute("LGDT", **memory(DATA)) == (NEXT if accepted else FAULT)
    assert (w.e.seg[25] == base) == accepted
    w = five_level(World("long")) if la57 else World("long")
    low, high = base & 0xFFFF_FFFF, base >> 32
    w.put(GDT + 0x50, (low & 0xFF_FFFF) << 16 | (low >> 24) << 56 | 0x89 << 40 | 0x67)
    w.put(GDT + 0x58, high)
    w.set(RAX=0x50)
    assert w.execute("LTR", rm=0, operand_size=2) == (NEXT if accepted else FAULT)


def test_lidt_with_16_bit_operands_keeps_24_bits_of_base():
    w = World("real")
    w.put(DATA, 0x12345678_03FF, 6)
    assert w.execute("LIDT", operand_size=2, **memory(DATA)) == NEXT
    assert (w.e.seg[28], w.e.seg[29]) == (0x345678, 0x3FF)
    faults(World("protected", 3), GP, "LIDT", **memory(DATA))


def test_ltr_makes_the_tss_busy_in_memory_and_in_tr():
    w = World("long")
    w.put(GDT + 0x50, descriptor_of(0x12345678, 0x67, 0x89, 0))
    w.put(GDT + 0x58, 0xFFFF_8000)
    w.set(RAX=0x50)
    assert w.execute("LTR", rm=0) == NEXT
    assert w.get(GDT + 0x55, 1) == 0x8B
    assert (int(w.e.seg[21]), int(w.e.seg[22]), int(w.e.seg[23]) >> 40 & 255) == (0x50, 0xFFFF_8000_1234_5678, 0x8B)
    faults(w, ("exception", 13, 0x50), "LTR", rm=0)


@pytest.mark.parametrize(
    "selector, access, expected",
    [
        (0, 0x89, GP),
        (0x54, 0x89, ("exception", 13, 0x54)),
        (0x53, 0x09, ("exception", 11, 0x50)),
        (0x50, 0x81, ("exception", 13, 0x50)),
        (0x50, 0x99, ("exception", 13, 0x50)),
        (0x78, 0x89, ("exception", 13, 0x78)),
        (0x200, 0x89, ("exception", 13, 0x200)),
    ],
)
def test_ltr_refuses(selector, access, expected):
    w = World("long")
    w.put(GDT + 0x50, descriptor_of(0, 0x67, access, 0))
    w.put(GDT + 0x58, 0)
    w.set(RAX=selector)
    faults(w, expected, "LTR", rm=0)


def test_lldt_null_makes_ldtr_unusable_and_a_descriptor_usable():
    w = World("protected")
    w.put(GDT + 0x48, descriptor_of(LDT, 0xFF, 0x82, 0))
    w.set(RAX=0x48)
    assert w.execute("LLDT", rm=0) == NEXT
    assert (w.e.seg[18], w.e.seg[19], w.e.seg[20]) == (0x48, LDT, 0x8200 << 32 | 0xFF)
    w.set(RAX=3)
    assert w.execute("LLDT", rm=0) == NEXT and w.e.seg[20] == 0
    assert w.execute("SLDT", rm=3) == NEXT and w.register("RBX") == 3
    faults(World("real"), UD, "LLDT", rm=0)
