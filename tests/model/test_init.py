"""INIT, start-up IPI and NMI in the order they come: what a processor that has not had its turn remembers."""
import pytest

from emu.model import reset
from emu.model.cpu import rflags
from emu.model.interrupts import message
from emu.spec.apic import DELIVERY
from emu.spec.outcome import MODE
from emu.spec.vmx import ACTIVITY
from tests.model.rig import Rig, U
from tests.model.system_world import SEGMENTS, World

INIT, SIPI, OTHER_SIPI, NMI = (DELIVERY.INIT, 0), (DELIVERY.SIPI, 0x20), (DELIVERY.SIPI, 0x21), (DELIVERY.NMI, 0)


def after(messages, mode=MODE.BARE, activity=ACTIVITY.ACTIVE, number=1):
    """Return (INIT pending, start-up vector or None, NMI pending) of a processor that these messages have reached."""
    c = Rig(2).cpu[number]
    c.vmx_mode, c.activity = mode, activity
    for kind, vector in messages:
        assert message.accept(c, kind, U(vector), False)
    return bool(c.init_pending), int(c.sipi_vector) if c.sipi_pending else None, bool(c.nmi_pending)


@pytest.mark.parametrize("messages, expected", [
    ([INIT, SIPI], (True, 0x20, False)),
    ([INIT, SIPI, OTHER_SIPI], (True, 0x20, False)),
    ([SIPI], (False, None, False)),
    ([SIPI, INIT], (True, None, False)),
    ([INIT, SIPI, INIT], (True, None, False)),
    ([INIT, SIPI, INIT, OTHER_SIPI], (True, 0x21, False)),
    ([NMI, INIT], (True, None, False)),
    ([INIT, NMI, SIPI], (True, 0x20, True)),
])
def test_outside_vmx_operation_the_order_of_arrival_is_kept(messages, expected):
    assert after(messages) == expected


def test_a_processor_that_waits_takes_the_first_sipi():
    assert after([SIPI, OTHER_SIPI], activity=ACTIVITY.WAIT_SIPI) == (False, 0x20, False)


def test_the_bootstrap_processor_does_not_wait_for_sipi_after_init():
    assert after([INIT, SIPI], number=0) == (True, None, False)


@pytest.mark.parametrize("mode", [MODE.ROOT, MODE.NONROOT])
def test_in_vmx_operation_a_sipi_after_init_is_lost_and_an_nmi_stays(mode):
    assert after([NMI, INIT, SIPI], mode) == (True, None, True)


def test_a_guest_that_waits_for_sipi_takes_it_though_an_init_is_held_back():
    assert after([SIPI, INIT], MODE.NONROOT, ACTIVITY.WAIT_SIPI) == (True, 0x20, False)
    assert after([INIT, SIPI], MODE.NONROOT, ACTIVITY.WAIT_SIPI) == (True, 0x20, False)


@pytest.mark.parametrize("mode", ["real", "protected", "long"])
def test_registers_after_power_up_and_init(mode):
    """SDM 3A, "Processor States Following Power-up, Reset, or INIT": the table, row by row."""
    w = World(mode)
    e = w.e
    for name in SEGMENTS:
        w.segment(name, 0x1238, 0x1234_5678, 0x7654, 0x4091)
    for n in range(16):
        e.regs[n] = 0x1111 * (n + 1)
    for n in range(4):
        e.dr[n] = 0x5000 + n
    e.dr[6], e.dr[7], e.cr[2] = 0xFFFF_4FF3, 0x4FF, 0x9999
    w.c.interruptibility, w.c.pending_debug, w.c.monitor_armed, w.c.vectoring, w.c.init_pending = 1, 2, 3, 4, 5
    reset.registers(w.c, e)

    def segment(name):
        at = 3 * SEGMENTS[name]
        return int(e.seg[at]), int(e.seg[at + 1]), int(e.seg[at + 2]) & 0xFFFF_FFFF, int(e.seg[at + 2]) >> 40 & 0xFF
    assert {name: segment(name) for name in SEGMENTS} == {
        "CS": (0xF000, 0xFFFF_0000, 0xFFFF, 0x9B), "LDTR": (0, 0, 0xFFFF, 0x82), "TR": (0, 0, 0xFFFF, 0x8B),
        "GDTR": (0, 0, 0xFFFF, 0), "IDTR": (0, 0, 0xFFFF, 0), **{name: (0, 0, 0xFFFF, 0x93) for name in ("ES", "SS", "DS", "FS", "GS")}}
    assert [int(e.regs[n]) for n in range(16)] == [0, 0, 0xF_06E1, *[0] * 13]
    assert (int(e.rip), int(rflags(e)), int(e.efer), int(e.hflags) & 3) == (0xFFF0, 2, 0, 0)
    assert [int(e.cr[n]) for n in (2, 3, 4)] == [0, 0, 0]
    assert [int(e.dr[n]) for n in (0, 1, 2, 3, 6, 7)] == [0, 0, 0, 0, 0xFFFF_0FF0, 0x400]
    c = w.c
    assert not (c.interruptibility or c.pending_debug or c.monitor_armed or c.vectoring or c.init_pending)
