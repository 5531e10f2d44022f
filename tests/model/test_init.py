"""INIT, start-up IPI and NMI in the order they come: what a processor that has not had its turn remembers."""
import pytest

from emu.model import message
from emu.spec.apic import DELIVERY
from emu.spec.outcome import MODE
from emu.spec.vmx import ACTIVITY
from tests.model.rig import Rig, U

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
