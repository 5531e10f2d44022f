"""Sets of exit reasons and vectors, and masks made of fields: their numbers, typed here once more."""
import re

import numpy as np
import pytest

from emu.bits import U64, codes, members, numbers, one_of, place_of, sets
from emu.spec.apic import APIC, IOAPIC
from emu.spec.cpu import VECTORS
from emu.spec.exits import ADDRESSED, ENTRY_FAILURES, EXITS, UNDEFINED
from emu.spec.paging import PDPTE_PAE_RESERVED

EXIT_NUMBERS = {
    "TRAP_LIKE": (1, 2, 3, 4, 7, 8, 37, 43, 45, 52, 56), "ACCESS": (44, 48, 49, 62), "KEEPS_PENDING": (3, 37, 43, 45, 56),
    "UNBLOCK": (48, 62), "ADDRESSED": (48, 49), "UNDEFINED": (49,), "ENTRY_FAILURE": (33, 34, 41)}
VECTOR_NUMBERS = {
    "ERROR": (8, 10, 11, 12, 13, 14, 17, 21), "INJECTED_ERROR": (8, 10, 11, 12, 13, 14, 17), "CONTRIBUTORY": (0, 10, 11, 12, 13, 21)}
WRITABLE = {"SVR": 0x13FF, "LVT_CMCI": 0x1_07FF, "ICR": 0xC_CFFF, "LVT_TIMER": 0x7_00FF, "LVT_THERMAL": 0x1_07FF, "LVT_PERF": 0x1_07FF,
            "LVT_LINT0": 0x1_A7FF, "LVT_LINT1": 0x1_A7FF, "LVT_ERROR": 0x1_00FF}
LETTERS = codes("LETTERS", "here", A=(1, "a"), B=(3, "b"), Z=(70, "z"))


@pytest.mark.parametrize("table, wanted", [(EXITS, EXIT_NUMBERS), (VECTORS, VECTOR_NUMBERS)])
def test_numbers_of_each_set(table, wanted):
    assert {row: numbers(table, row) for row in table._fields} == wanted


def test_names_of_exits_for_people():
    assert ADDRESSED == ("EPT_VIOLATION", "EPT_MISCONFIG", "SPP")
    assert UNDEFINED == ("EPT_MISCONFIG",)
    assert ENTRY_FAILURES == ("ENTRY_GUEST_STATE", "ENTRY_MSR_LOAD", "ENTRY_MACHINE_CHECK")


@pytest.mark.parametrize("ask", [one_of, one_of.py_func])
def test_one_of_answers_for_every_number(ask):
    table = sets("SOME", LETTERS, "here", ROW=("A Z", "two"))
    assert [n for n in range(300) if ask(np.uint64(n), table.ROW)] == [1]          # 70 has a name, and no bit
    assert members(table, "ROW") == ("A", "Z")


def test_set_of_an_unknown_name_is_refused():
    with pytest.raises(ValueError, match=re.escape("SOME.ROW: LETTERS has no row C")):
        sets("SOME", LETTERS, "here", ROW=("A C", "one too many"))


def test_writable_bits_of_apic_registers():
    from emu.bits import details
    assert {row: details(APIC).rows[row].writable for row in WRITABLE} == WRITABLE
    assert {row: details(APIC).rows[row].reset for row in WRITABLE} == {
        "SVR": 0xFF, "ICR": 0, **{row: 0x1_0000 for row in WRITABLE if row.startswith("LVT")}}
    assert details(IOAPIC).rows["REDIRECTION"][:3] == (0x10, 0x1_0000, 0x1_AFFF)


def test_reserved_bits_of_pdpte_registers():
    assert int(PDPTE_PAE_RESERVED) == 0xFFF0_0000_0000_01E6


@pytest.mark.parametrize("plain", [False, True])
def test_place_of_finds_each_number_and_says_n_for_others(plain):
    find, table = (place_of.py_func if plain else place_of), np.array([0, 3, 4, 1 << 63], np.uint64)
    assert [int(find(U64(n), table)) for n in (0, 3, 4, 1 << 63)] == [0, 1, 2, 3]
    assert {int(find(U64(n), table)) for n in (1, 2, 5, (1 << 64) - 1)} == {4}
    assert int(find(U64(0), table[:0])) == 0
