"""8259 pair: priorities against a reference, cascade, special modes, spurious interrupts."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.model.interrupts import irq, pic
from emu.spec.outcome import STOP
from tests.model.rig import Rig, U
from tests.reference.pic import Chip

FORMS = pytest.mark.parametrize("form", [lambda f: f, lambda f: f.py_func], ids=["compiled", "python"])
STEPS = st.lists(st.tuples(st.sampled_from(["pulse", "mask", "take", "eoi", "eoi line", "eoi rotate", "lowest"]),
                           st.integers(0, 255)), max_size=40)


@FORMS
@settings(deadline=None, max_examples=60, derandomize=True)
@given(steps=STEPS)
def test_priorities_equal_the_reference(form, steps):
    rig, chip = Rig().unmask_pic(), Chip()
    c, m, p = rig.cpu[0], rig.machine, rig.fields("PIC")
    lines = [line for line in range(8) if line != 2]
    with np.errstate(over="ignore"):
        for step, value in steps:
            line = lines[value % 7]
            if step == "pulse":
                form(pic.set_line)(m, U(line), U(0))
                form(pic.set_line)(m, U(line), U(1))
                chip.requests.add(line)
            elif step == "mask":
                form(pic.write)(c, m, U(0x21), U(value))
                chip.masked = {k for k in range(8) if value >> k & 1}
            elif step == "take":
                assert int(form(pic.acknowledge)(m)) == 0x20 + chip.acknowledge()
            elif step == "lowest":
                form(pic.write)(c, m, U(0x20), U(0xC0 | value & 7))
                chip.lowest(value & 7)
            else:
                specific, rotate = step == "eoi line", step == "eoi rotate"
                form(pic.write)(c, m, U(0x20), U(0x20 | specific << 6 | rotate << 7 | (value & 7) * specific))
                chip.end(value & 7 if specific else None, rotate)
            assert bool(p.output) == (chip.candidate() is not None)
            assert int(p.isr[0]) == sum(1 << k for k in chip.services)


def read_isr(rig, base=0x20):
    rig.write(base, 0x0B)
    return rig.read(base)


def test_cascade_serves_the_second_chip_through_line_2():
    rig = Rig().unmask_pic()
    irq.set_line(rig.machine, U(12), U(1))
    assert int(pic.acknowledge(rig.machine)) == 0x2C
    assert (read_isr(rig), read_isr(rig, 0xA0)) == (4, 0x10)
    irq.set_line(rig.machine, U(8), U(1))
    assert int(rig.fields("PIC").output) == 0, "line 2 is in service: only special fully nested mode lets it through"
    rig.write(0xA0, 0x20)
    rig.write(0x20, 0x20)
    assert int(pic.acknowledge(rig.machine)) == 0x28


@pytest.mark.parametrize("line,vector,first", [(5, 0x27, 0), (13, 0x2F, 4)])
def test_a_request_that_vanishes_is_spurious(line, vector, first):
    rig = Rig().unmask_pic()
    irq.set_line(rig.machine, U(line), U(1))
    irq.set_line(rig.machine, U(line), U(0))
    p = rig.fields("PIC")
    if line > 7:
        p.irr[0] |= U(4)
    assert int(pic.acknowledge(rig.machine)) == vector
    assert (read_isr(rig), read_isr(rig, 0xA0)) == (first, 0)


def test_level_triggered_line_asks_again_after_eoi():
    rig = Rig().unmask_pic()
    rig.write(0x4D1, 0x02)
    irq.set_line(rig.machine, U(9), U(1))
    for _ in range(2):
        assert int(pic.acknowledge(rig.machine)) == 0x29
        rig.write(0xA0, 0x20)
        rig.write(0x20, 0x20)
    irq.set_line(rig.machine, U(9), U(0))
    assert int(rig.fields("PIC").output) == 0


def test_elcr_keeps_the_lines_that_are_always_edge():
    rig = Rig()
    rig.write(0x4D0, 0xFF)
    rig.write(0x4D1, 0xFF)
    assert (rig.read(0x4D0), rig.read(0x4D1)) == (0xF8, 0xDE)


def test_automatic_eoi_leaves_nothing_in_service():
    rig = Rig()
    for port, value in ((0x20, 0x11), (0x21, 0x40), (0x21, 4), (0x21, 3)):
        rig.write(port, value)
    irq.set_line(rig.machine, U(4), U(1))
    assert int(pic.acknowledge(rig.machine)) == 0x44
    assert read_isr(rig) == 0


def test_special_mask_mode_lets_lower_lines_through():
    rig = Rig().unmask_pic()
    irq.set_line(rig.machine, U(3), U(1))
    pic.acknowledge(rig.machine)
    irq.set_line(rig.machine, U(6), U(1))
    assert int(rig.fields("PIC").output) == 0
    rig.write(0x21, 0x08)
    rig.write(0x20, 0x68)
    assert int(pic.acknowledge(rig.machine)) == 0x26


def test_poll_acknowledges():
    rig = Rig().unmask_pic()
    irq.set_line(rig.machine, U(3), U(1))
    rig.write(0x20, 0x0C)
    assert rig.read(0x20) == 0x83
    assert read_isr(rig) == 8
    rig.write(0x20, 0x0C)
    assert rig.read(0x20) == 0


def initialise(rig, base, first=0x11):
    for port, value in ((base, first), (base + 1, 0x20), (base + 1, 4 if base == 0x20 else 2), (base + 1, 1)):
        rig.write(port, value)


@pytest.mark.parametrize("base,offset", [(0x20, 0), (0xA0, 8)])
def test_first_initialisation_word_clears_what_came_before(base, offset):
    """8259A data sheet, "Initialization Command Word 1": edge sense, mask, priority, special mask mode, choice of the register read."""
    rig = Rig().unmask_pic()
    p, i = rig.fields("PIC"), offset // 8
    for line in (3, 4):
        irq.set_line(rig.machine, U(offset + line), U(1))
    pic.acknowledge(rig.machine)
    for value in (0xC4, 0x68, 0x0B, 0x80):
        rig.write(base, value)
    rig.write(base + 1, 0x5A)
    assert (int(p.isr[i]), int(p.lowest[i]), int(p.special[i]), rig.read(base + 1), rig.read(base)) == (8, 4, 1, 0x5A, 8)
    initialise(rig, base)
    assert (rig.read(base + 1), rig.read(base), read_isr(rig, base)) == (0, 0, 0), "the line's level is not an edge"
    for line in (5, 7, 1):
        irq.set_line(rig.machine, U(offset + line), U(1))
    rig.write(base, 0x0C)
    assert rig.read(base) == 0x81
    rig.write(base, 0x20)
    rig.write(base, 0x0C)
    assert rig.read(base) == 0x85
    irq.set_line(rig.machine, U(offset + 6), U(1))
    rig.write(base + 1, 0x20)
    rig.write(base, 0x0C)
    assert rig.read(base) == 0, "special mask mode is off: 5 in service holds 6 back though it is masked"


def test_poll_is_forgotten_when_initialisation_begins():
    rig = Rig().unmask_pic()
    irq.set_line(rig.machine, U(3), U(1))
    rig.write(0x20, 0x0C)
    initialise(rig, 0x20)
    assert rig.read(0x20) == 0


@pytest.mark.parametrize("command,order", [
    (0xC2, "34567012"), (0xC7, "01234567"), (0xE2, "34567012"), (0x62, "01234567"), (0x20, "01234567"), (0xA0, "56701234")])
@pytest.mark.parametrize("base,offset", [(0x20, 0), (0xA0, 8)])
def test_commands_that_rotate_priorities(base, offset, command, order):
    """With line 4 in service: an unspecific command means that one, a specific one the line that it names."""
    rig = Rig().unmask_pic()
    irq.set_line(rig.machine, U(offset + 4), U(1))
    pic.acknowledge(rig.machine)
    rig.write(base, command)
    rig.write(base, 0x64)
    p = rig.fields("PIC")
    lowest = int(p.lowest[offset // 8])
    assert "".join(str(lowest + 1 + k & 7) for k in range(8)) == order
    assert int(p.isr[offset // 8]) == 0


@pytest.mark.parametrize("switch,order", [([0x80], [3, 5, 1]), ([0x80, 0x00], [1, 3, 5])])
def test_rotation_in_automatic_eoi_mode(switch, order):
    """The line that was acknowledged becomes the least urgent."""
    rig = Rig()
    for port, value in ((0x20, 0x11), (0x21, 0x40), (0x21, 4), (0x21, 3)):
        rig.write(port, value)
    for value in switch:
        rig.write(0x20, value)
    irq.set_line(rig.machine, U(1), U(1))
    assert int(pic.acknowledge(rig.machine)) == 0x41
    for line in (1, 3, 5):
        irq.set_line(rig.machine, U(line), U(0))
        irq.set_line(rig.machine, U(line), U(1))
    assert [int(pic.acknowledge(rig.machine)) - 0x40 for _ in range(3)] == order


def test_level_mode_of_all_lines_asks_again_while_the_line_is_high():
    """LTIM makes all inputs level-triggered."""
    rig = Rig().unmask_pic()
    initialise(rig, 0x20, 0x19)
    rig.write(0x21, 1)                                    # the timer's line is high
    irq.set_line(rig.machine, U(3), U(1))
    for _ in range(2):
        assert int(pic.acknowledge(rig.machine)) == 0x23
        rig.write(0x20, 0x20)
    irq.set_line(rig.machine, U(3), U(0))
    assert (int(rig.fields("PIC").output), rig.read(0x20)) == (0, 1)


def test_special_fully_nested_mode_lets_the_second_chip_interrupt_itself():
    rig = Rig().unmask_pic()
    for port, value in ((0x20, 0x11), (0x21, 0x20), (0x21, 4), (0x21, 0x11)):
        rig.write(port, value)
    irq.set_line(rig.machine, U(12), U(1))
    assert int(pic.acknowledge(rig.machine)) == 0x2C
    irq.set_line(rig.machine, U(8), U(1))
    assert (int(rig.fields("PIC").output), int(pic.acknowledge(rig.machine))) == (1, 0x28)


@pytest.mark.parametrize("first,words", [(0x10, 1), (0x11, 3), (0x12, 1), (0x13, 2)])
def test_number_of_initialisation_words(first, words):
    """A single chip takes no third word, one without IC4 no fourth; the next write to the port is the mask.

    Without a fourth word the chip is in 8085 mode, which is not modelled.
    """
    rig = Rig()
    rig.write(0x20, first)
    for value in (0x40, 4, 1)[:words] if first != 0x13 else (0x40, 1):
        rig.write(0x21, value)
    if first & 1:
        rig.write(0x21, 0xA5)
        assert (rig.read(0x21), int(rig.fields("PIC").vector[0]), rig.cpu[0].stop) == (0xA5, 0x40, STOP.NONE)


def test_8085_mode_stops_by_name():
    rig = Rig()
    for port, value in ((0x20, 0x11), (0x21, 0x40), (0x21, 4), (0x21, 0)):
        rig.write(port, value)
    assert rig.cpu[0].stop == STOP.UNMODELLED
