"""Values made of a layout's fields."""
import re
from pathlib import Path

import numpy as np
import pytest

from emu.bits import details, value_of
from emu.spec.cpu import (
    DEBUGREG,
    DESCRIPTOR,
    DR7,
    DR7_ENABLES,
    DR7_ENABLES_STEP,
    DR7_STEP,
    GATE,
    GATE_INTERRUPT,
    POWER_UP,
    SEGTYPE,
    SYSTYPE,
)
from emu.spec.insn import MODRM, REX_PREFIX, SIB
from emu.spec.msr import STAR
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
    (value_of(GATE, P=1, DPL=3, TYPE=SYSTYPE.TRAP_GATE, SELECTOR=8, OFFSET_15_0=0x5678, OFFSET_31_16=0x1234, IST=2), 0x1234_EF02_0008_5678),
    (value_of(MODRM, MOD=3, REG=5, RM=6), 0xEE), (value_of(SIB, SCALE=1, INDEX=2, BASE=3), 0x53), (REX_PREFIX, 0x40),
    (value_of(STAR, SYSCALL=0x10, SYSRET=0x23), 0x23_0010_0000_0000), (POWER_UP.MXCSR, 0x1F80),
    (value_of(DEBUGCTL, LBR=1, BTF=1), DEBUGCTL_MAY)])
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


def test_fields_of_a_breakpoint_are_those_of_the_first_moved():
    for n in range(4):
        enables, further = getattr(DR7, f"L{n}") | getattr(DR7, f"G{n}"), np.uint64(n) * DR7_STEP
        assert enables == (DR7.L0 | DR7.G0) << np.uint64(n) * DR7_ENABLES_STEP and enables & DR7_ENABLES == enables
        assert (getattr(DR7, f"RW{n}"), getattr(DR7, f"LEN{n}")) == (DR7.RW0 << further, DR7.LEN0 << further)


def test_gate_has_its_rights_where_a_descriptor_has_them():
    assert [getattr(GATE, field) >> np.uint64(32) for field in ("TYPE", "S", "DPL", "P")] == [
        DESCRIPTOR.TYPE, DESCRIPTOR.S, DESCRIPTOR.DPL, DESCRIPTOR.P]
    assert GATE_INTERRUPT == 0x8E00


def test_field_with_a_name_is_shifted_by_nobody():
    typed = re.compile(r"\b(modrm|sib|rex|star|dr\[7\])\)? *(>>|&) *(0x)?\d|\b(entry|gate) >> (16|32|48)|\bword >> 4\d")
    folder = Path(__file__).resolve().parents[2] / "emu"
    files = [path for name in ("core", "model") for path in sorted((folder / name).rglob("*.py"))] + [folder / "machine" / "failure.py"]
    lines = [f"{path.name}: {line}" for path in files for line in path.read_text().splitlines() if typed.search(line)]
    assert len(files) > 80 and not lines
