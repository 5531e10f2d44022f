"""Linear reads and writes: widths, page crossings, faults before any byte moves, devices."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.model.memory import linear
from emu.spec.cost import COST
from emu.spec.outcome import ACCESS, FAULT, STOP, UNMODELLED
from emu.state import LOCAL_APIC, U64
from tests.model.memory.paging_world import World, plain
from tests.reference.paging import READ, USER, WRITE

LA = 0x7F_1234_5000
P, RW, US = 1, 2, 4


def world(second=0xB000 | P | RW | US, first=0x9000 | P | RW | US):
    w = World()
    w.first, w.second = w.map(LA, first), w.map(LA + 0x1000, second)
    for n in range(0x9000, 0xC000, 8):
        w.put(n, n * 0x0123_4567_89AB_CDEF & 0xFFFF_FFFF_FFFF_FFFF)
    return w


def expected(w, offset, size):
    """Return the bytes that lie in the two mapped pages."""
    memory = w.ram.tobytes()
    return (memory[0x9000:0xA000] + memory[0xB000:0xC000])[offset:offset + size]


def check(offset, size, value):
    w = world()
    assert linear.read(w.c, U64(LA + offset), U64(size), U64(0)) == int.from_bytes(expected(w, offset, size), "little")
    before = expected(w, 0, 8192)
    assert linear.write(w.c, U64(LA + offset), U64(size), U64(value), U64(USER))
    new = (value & (1 << 8 * size) - 1).to_bytes(size, "little")
    assert expected(w, 0, 8192) == before[:offset] + new + before[offset + size:]
    assert w.c.fault == FAULT.NONE


OFFSETS = st.one_of(st.integers(0, 8184), st.integers(4088, 4096))


@settings(deadline=None, max_examples=40, derandomize=True)
@given(offset=OFFSETS, size=st.integers(1, 8), value=st.integers(0, (1 << 64) - 1))
def test_linear_moves_the_bytes(offset, size, value):
    check(offset, size, value)


@settings(deadline=None, max_examples=10, derandomize=True)
@given(offset=OFFSETS, size=st.integers(1, 8), value=st.integers(0, (1 << 64) - 1))
def test_linear_as_plain_python_moves_the_bytes(offset, size, value):
    with plain():
        check(offset, size, value)


def test_linear_write_that_faults_in_the_second_page_moves_nothing():
    w = world(second=0xB000 | P | US)
    before = expected(w, 0, 8192)
    assert not linear.write(w.c, U64(LA + 0xFFC), U64(8), U64(0), U64(USER))
    assert w.fault() == ("exception", 14, 7, LA + 0x1000)
    assert expected(w, 0, 8192) == before


def test_linear_fault_address_is_the_first_byte_in_the_first_page():
    w = world(first=0)
    linear.read(w.c, U64(LA + 0xFFC), U64(8), U64(USER))
    assert w.fault() == ("exception", 14, 4, LA + 0xFFC)


def test_linear_access_over_the_canonical_boundary_is_general_protection():
    w = World()
    w.map(0x7FFF_FFFF_F000, 0x9000 | P | RW)
    linear.read(w.c, U64(0x7FFF_FFFF_FFFC), U64(8), U64(0))
    assert w.fault() == ("exception", 13, 0)


def test_linear_access_wraps_at_4_gib_outside_ia_32e_mode():
    w = World()
    w.e.cr[0], w.e.efer = 1, 0
    w.put(0, 0x44)
    assert linear.read(w.c, U64(0xFFFF_FFFC), U64(8), U64(0)) == 0x44_C3C3_C3C3


@pytest.mark.parametrize("address, value", [(0x4_0000, 0xFFFF_FFFF), (0xFFFF_F000, 0xC3C3_C3C3)])
def test_linear_write_to_rom_or_nothing_is_ignored(address, value):
    w = world(first=address | P | RW)
    assert linear.write(w.c, U64(LA), U64(4), U64(0), U64(0))
    assert linear.read(w.c, U64(LA), U64(4), U64(0)) == value


def stopped(w):
    """Return the row of UNMODELLED and its operands that a processor stopped with."""
    assert (w.c.fault, w.c.stop) == (FAULT.STOP, STOP.UNMODELLED)
    return int(w.c.stop_a), int(w.c.stop_b), int(w.c.stop_c)


@pytest.mark.parametrize("address", [0xFEE0_0000, 0xFEC0_0000])
@pytest.mark.parametrize("kind", [ACCESS.IMPLICIT, ACCESS.EVENT, ACCESS.IMPLICIT | ACCESS.EVENT])
def test_linear_access_of_the_processor_itself_to_a_device_stops_by_name(address, kind):
    for act in (lambda c: linear.read(c, U64(LA + 0x20), U64(4), kind), lambda c: linear.write(c, U64(LA + 0x20), U64(4), U64(0), kind)):
        w = world(first=address | P | RW)
        act(w.c)
        assert stopped(w) == (UNMODELLED.TABLE, LA + 0x20, address + 0x20)


def test_linear_operand_in_a_device_is_an_access_to_the_device():
    w, registers = world(first=0xFEE0_0000 | P | RW), np.zeros(1, LOCAL_APIC)
    w.c.apic, before = registers.ctypes.data, int(w.c.cycles)
    assert linear.write(w.c, U64(LA + 0x80), U64(4), U64(0x35), U64(0))
    assert registers[0].tpr == 0x35
    for size in (1, 2, 4, 8):
        assert linear.read(w.c, U64(LA + 0x80), U64(size), U64(0)) == 0x35
    assert w.c.fault == FAULT.NONE and w.c.cycles >= before + 5 * COST.DEVICE


@pytest.mark.parametrize("offset, size", [(0x21, 4), (0x22, 4), (0x24, 8), (0x20, 3), (0x21, 2)])
def test_linear_operand_in_a_device_that_is_not_aligned_stops_by_name(offset, size):
    w = world(first=0xFEE0_0000 | P | RW)
    linear.read(w.c, U64(LA + offset), U64(size), U64(0))
    assert stopped(w) == (UNMODELLED.MEMORY, LA + offset, size)


@pytest.mark.parametrize("size", [1, 2, 8])
def test_linear_write_to_a_device_of_another_width_than_its_registers_stops_by_name(size):
    w = world(first=0xFEE0_0000 | P | RW)
    assert not linear.write(w.c, U64(LA + 0x80), U64(size), U64(0), U64(0))
    assert stopped(w) == (UNMODELLED.DEVICE, 0xFEE0_0080, size)


@pytest.mark.parametrize("first, second", [(0xFEE0_0000, 0xB000), (0x9000, 0xFEE0_0000)])
def test_linear_access_across_a_device_page_stops_by_name(first, second):
    w = world(first=first | P | RW, second=second | P | RW)
    assert not linear.write(w.c, U64(LA + 0xFFC), U64(8), U64(0), U64(0))
    assert stopped(w) == (UNMODELLED.MEMORY, LA + 0xFFC, 8)


def test_linear_write_marks_the_ledger():
    w = world()
    w.ledger[0xB] = 1
    linear.write(w.c, U64(LA + 0xFFC), U64(8), U64(0), U64(WRITE | READ))
    assert int(w.ledger[9]) == int(w.ledger[0xB]) - 1 == 1 << 32
    assert (w.m.stale_count, w.m.stale[0]) == (1, 0xB)
