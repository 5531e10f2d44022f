"""MSRs: every row against the reference, and named claims."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.model.processor import msr
from emu.spec.msr import NUMBER, ROWS
from emu.spec.outcome import FAULT
from emu.state import U64
from tests.model.system_world import World, plain
from tests.reference import system as reference

GP = ("exception", 13, 0)
VALUES = st.one_of(
    st.integers(0, (1 << 64) - 1),
    st.sampled_from(
        [
            0,
            1,
            4,
            5,
            6,
            7,
            0x800,
            0xC06,
            0xFFF,
            0x0007_0406_0007_0406,
            0x0606060606060606,
            1 << 38 | 6,
            1 << 39,
            0xFFFF_8000_0000_0000,
            0x7FFF_FFFF_FFFF,
            0x500,
            0xD01,
            0x41801,
        ]
    ),
    st.integers(0, 63).map(lambda n: 1 << n),
)
PLAIN = [int(n) for n in NUMBER if int(n) not in (0x10, 0x1B, 0x3B, 0x79, 0x1D9, 0x6E0)]


def read(w, index):
    value = msr.read(w.c, U64(index))
    return int(value) if w.c.fault == FAULT.NONE else w.fault()


def write(w, index, value):
    result = msr.write(w.c, U64(index), U64(value))
    assert (result == 0) == (w.c.fault == FAULT.NONE)
    return "done" if result == 0 else w.fault()


def check_write(index, value):
    w = World("long")
    old = read(w, index)
    expected = reference.wrmsr(index, old, value, paging=True)
    if expected == "gp":
        assert write(w, index, value) == GP
        assert read(w, index) == old
    else:
        assert write(w, index, value) == "done"
        assert read(w, index) == expected


@given(st.sampled_from(PLAIN), VALUES)
@settings(deadline=None, max_examples=400, derandomize=True)
def test_write_is_the_references(index, value):
    check_write(index, value)


@given(st.sampled_from(PLAIN), VALUES)
@settings(deadline=None, max_examples=60, derandomize=True)
def test_write_as_plain_python(index, value):
    with plain():
        check_write(index, value)


def test_reset_values_are_the_tables():
    w = World("real")
    for row in ROWS:
        if row[0] not in ("BIOS_UPDT_TRIG", "APIC_BASE"):
            assert read(w, row[1]) == int(row[2]), row[0]


@pytest.mark.parametrize("base", [0xFEE0_0800, 0xFEE0_0D00, 0x1234_5C00])
def test_reset_leaves_the_apics_base_to_the_apic(base):
    w = World("real")
    w.c.apic_base = base
    msr.reset(w.c)
    assert w.c.apic_base == base


@pytest.mark.parametrize(
    "index", [0x11, 0x9B, 0xC1, 0x38F, 0x491, 0x492, 0x7FF, 0xC0000085, 0xC0010015, 0xFFFFFFFF, 0x79]
)
def test_unknown_msr_is_general_protection(index):
    assert read(World("long"), index) == GP


def test_vmx_capability_reads_its_value_and_cannot_be_written():
    w = World("long")
    assert read(w, 0x489) & 1 << 13
    assert write(w, 0x489, 0) == GP


def test_feature_control_is_locked_by_bit_0():
    w = World("long")
    assert write(w, 0x3A, 4) == "done"
    assert write(w, 0x3A, 5) == "done"
    assert write(w, 0x3A, 5) == GP
    assert read(w, 0x3A) == 5


def test_tsc_write_moves_tsc_adjust():
    w = World("long")
    w.c.cycles = 1000
    assert write(w, 0x10, 5000) == "done"
    assert (read(w, 0x10), read(w, 0x3B)) == (5000, 4000)
    assert write(w, 0x3B, 0) == "done"
    assert read(w, 0x10) == 1000


def test_efer_lma_is_read_only_and_nxe_can_be_disabled():
    w = World("real")
    assert write(w, 0xC0000080, 0xD00) == "done"
    assert read(w, 0xC0000080) == 0x900
    w.c.misc_enable = 1 << 34
    assert write(w, 0xC0000080, 0x900) == GP


def test_debugctl_branch_trap_stops_the_machine():
    w = World("long")
    assert write(w, 0x1D9, 0) == "done"
    assert write(w, 0x1D9, 4) == GP
    assert write(w, 0x1D9, 2) == ("fault", 6)


def test_tsc_deadline_reads_zero_unless_in_its_mode():
    w = World("long")
    assert write(w, 0x6E0, 99) == "done"
    assert read(w, 0x6E0) == 0
    w.apics[0].lvt[0] = 2 << 17
    assert write(w, 0x6E0, 99) == "done"
    assert read(w, 0x6E0) == 99


def test_misc_enable_keeps_read_only_bits_and_switches_of_what_is_not_here():
    w = World("long")
    w.c.misc_enable = 0x4_1801
    assert write(w, 0x1A0, 1 << 38 | 1 << 34 | 0x81_0088 | 1 << 22) == "done"
    assert read(w, 0x1A0) == 1 << 34 | 1 << 22 | 0x1800
    assert write(w, 0x1A0, 2) == GP
    assert read(w, 0x1A0) == 1 << 34 | 1 << 22 | 0x1800


def test_microcode_update_is_accepted_without_effect():
    assert write(World("long"), 0x79, 0x1234) == "done"


def test_tsc_aux_leaves_its_neighbour_alone():
    w = World("long")
    w.e.xcr0 = 3
    assert write(w, 0xC0000103, 0xFFFFFFFF) == "done"
    assert (w.e.tsc_aux, w.e.xcr0) == (0xFFFFFFFF, 3)
