"""I/O APIC: registers, triggering, polarity, destinations."""
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.model.devices import mmio
from emu.model.interrupts import apic, ioapic, irq
from emu.spec.outcome import RESULT
from tests.model.rig import Rig, U

NEVER = 2**64 - 1


def entry(rig, pin, low, high=0):
    for half, value in ((1, high), (0, low)):
        mmio.write(rig.cpu[0], U(0xFEC00000), U(4), U(0x10 + 2 * pin + half))
        assert mmio.write(rig.cpu[0], U(0xFEC00010), U(4), U(value)) == RESULT.NEXT


def register(rig, number):
    mmio.write(rig.cpu[0], U(0xFEC00000), U(4), U(number))
    return int(mmio.read(rig.cpu[0], U(0xFEC00010), U(4)))


@settings(deadline=None, max_examples=60, derandomize=True)
@given(pin=st.integers(0, 23), low=st.integers(0, 2**32 - 1), high=st.integers(0, 2**32 - 1))
def test_redirection_entries_keep_what_can_be_written(pin, low, high):
    rig = Rig()
    entry(rig, pin, low | 1 << 16, high)
    assert register(rig, 0x10 + 2 * pin) == (low | 1 << 16) & 0x1AFFF
    assert register(rig, 0x11 + 2 * pin) == high & 0xFF000000


def test_version_and_identification():
    rig = Rig()
    assert register(rig, 1) == 0x00170020
    mmio.write(rig.cpu[0], U(0xFEC00000), U(4), U(0))
    mmio.write(rig.cpu[0], U(0xFEC00010), U(4), U(0xFFFFFFFF))
    assert (register(rig, 0), register(rig, 2)) == (0x0F000000, 0x0F000000)


def test_edge_delivers_once_and_is_lost_while_masked():
    rig = Rig().enable()
    m, c = rig.machine, rig.cpu[0]
    entry(rig, 4, 0x10041)
    ioapic.set_line(m, U(4), U(1))
    entry(rig, 4, 0x41)
    assert int(apic.pending(c)) == NEVER
    ioapic.set_line(m, U(4), U(0))
    ioapic.set_line(m, U(4), U(1))
    ioapic.set_line(m, U(4), U(1))
    apic.acknowledge(c, U(0x41))
    apic.eoi(c)
    assert int(apic.pending(c)) == NEVER


def test_level_waits_while_masked_and_polarity_inverts():
    rig = Rig().enable()
    c = rig.cpu[0]
    entry(rig, 9, 0x1A041)
    assert int(apic.pending(c)) == NEVER
    entry(rig, 9, 0x0A041)
    assert int(apic.pending(c)) == 0x41, "low is active"
    assert register(rig, 0x10 + 18) & 1 << 14


def test_making_a_pin_edge_triggered_clears_remote_irr():
    rig = Rig().enable()
    entry(rig, 9, 0x0A041)
    entry(rig, 9, 0x12041)
    assert not register(rig, 0x10 + 18) & 1 << 14


@pytest.mark.parametrize("low,high,expected", [
    (0x41, 1 << 24, [1]), (0x41, 0xFF << 24, [0, 1, 2]), (0x841, 0x06 << 24, [1, 2]), (0x941, 0x07 << 24, [2])])
def test_destinations(low, high, expected):
    rig = Rig(3).enable()
    for i, c in enumerate(rig.cpu):
        apic.write(c, U(0xD), U(1 << 24 + i))
        apic.write(c, U(8), U(0x30 - 0x10 * i))
    entry(rig, 5, low, high)
    ioapic.set_line(rig.machine, U(5), U(1))
    assert [i for i, c in enumerate(rig.cpu) if int(apic.pending(c)) == 0x41] == expected


def test_nmi_delivery():
    rig = Rig(2)
    entry(rig, 5, 0x400, 1 << 24)
    ioapic.set_line(rig.machine, U(5), U(1))
    assert [int(c.nmi_pending) for c in rig.cpu] == [0, 1]


def test_extint_pin_0_asks_the_8259_pair():
    rig = Rig().enable().unmask_pic()
    entry(rig, 0, 0x700)
    ioapic.set_line(rig.machine, U(0), U(0))
    rig.write(0x43, 0x30)
    rig.write(0x21, 0)
    irq.set_line(rig.machine, U(3), U(1))
    assert int(apic.pending(rig.cpu[0])) == 0x100
    assert apic.acknowledge(rig.cpu[0], U(0x100)) == 0x23


def test_device_pages():
    rig = Rig()
    c = rig.cpu[0]
    assert int(mmio.read(c, U(0xFEE00030), U(4))) == 0x01060015
    assert int(mmio.read(c, U(0xFEE00032), U(2))) == 0x0106
    assert int(mmio.read(c, U(0xFED00000), U(8))) == 2**64 - 1
    assert mmio.write(c, U(0xFED00000), U(8), U(0)) == RESULT.NEXT
    assert mmio.write(c, U(0xFEE00084), U(4), U(0xFF)) == RESULT.NEXT, "between two registers"
    assert int(rig.apic[0].tpr) == 0
    assert mmio.write(c, U(0xFEE00080), U(4), U(0x20)) == RESULT.NEXT
    assert int(rig.apic[0].tpr) == 0x20
    assert mmio.write(c, U(0xFEE00081), U(1), U(0)) == RESULT.FAULT
    apic.set_base(c, U(0xFEE00D00))
    assert int(mmio.read(c, U(0xFEE00030), U(4))) == 2**32 - 1, "x2APIC mode has no page"
