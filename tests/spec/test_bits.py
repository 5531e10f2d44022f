"""Values made of a layout's fields."""
import numpy as np
import pytest

from emu.bits import details, value_of
from emu.spec.cpu import DEBUGREG, DESCRIPTOR, POWER_UP, SEGTYPE, SYSTYPE
from emu.spec.pit import PITACCESS, PITBACK, PITCONTROL, PITMODE, PITSELECT
from emu.spec.profile import DEBUGCTL, DEBUGCTL_MAY
from emu.spec.uart import DIVISOR, IIRFIELD, MCR
from emu.spec.vmx import AR


@pytest.mark.parametrize("found, number", [
    (value_of(DESCRIPTOR, P=1, S=1, TYPE=SEGTYPE.CODE), 0x9B00), (value_of(DESCRIPTOR, P=1, TYPE=SYSTYPE.BUSY_TSS), 0x8B00),
    (value_of(DESCRIPTOR, G=1, L=1, P=1, S=1, TYPE=SEGTYPE.CODE), 0xA0_9B00), (value_of(AR, P=1, DPL=3, S=1, TYPE=SEGTYPE.DATA), 0xF3),
    (value_of(PITCONTROL, SELECT=2, ACCESS=PITACCESS.BOTH, MODE=PITMODE.SQUARE, BCD=1), 0xB7),
    (value_of(PITBACK, SELECT=PITSELECT.READ_BACK, COUNTERS=2, NO_COUNT=1), 0xE4), (value_of(MCR, DTR=1, RTS=1, OUT2=1), 0x0B),
    (value_of(DIVISOR, HIGH=0x12, LOW=0x34), 0x1234), (value_of(IIRFIELD, FIFOS=3, CODE=2), 0xC2), (value_of(DESCRIPTOR), 0),
    (POWER_UP.MXCSR, 0x1F80), (value_of(DEBUGCTL, LBR=1, BTF=1), DEBUGCTL_MAY)])
def test_value_is_that_of_the_manual(found, number):
    assert found == number and isinstance(found, np.uint64)


def test_number_that_does_not_fit_is_refused_by_its_field():
    with pytest.raises(ValueError, match=r"^DESCRIPTOR\.DPL: 0x4 does not fit$"):
        value_of(DESCRIPTOR, P=1, DPL=4)
    with pytest.raises(AttributeError):
        value_of(DESCRIPTOR, RPL=0)


def test_debug_registers_are_those_of_the_manual():
    rows = details(DEBUGREG).rows
    assert [(row.number, row.reset, row.writable) for row in rows.values()] == [(6, 0xFFFF_0FF0, 0xE00F), (7, 0x400, 0xFFFF_23FF)]
