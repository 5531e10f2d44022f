"""Keyboard controller and keyboard: the answer to every command, what switches them off, the order of bytes."""
import pytest

from emu.spec.outcome import STOP
from tests.model.rig import Rig


def answers(rig):
    """Read port 0x60 while the status says that there is a byte."""
    seen = []
    while rig.read(0x64) & 1:
        seen.append(rig.read(0x60))
    return seen


def said(rig, *writes):
    """Return the answers to commands of the controller (0x164: 0x64 to port 0x64) and bytes to port 0x60."""
    for value in writes:
        rig.write(0x64 if value & 0x100 else 0x60, value & 0xFF)
    return answers(rig)


@pytest.mark.parametrize("writes,wanted", [
    ([0x1AA], [0x55]), ([0x1AB], [0x00]), ([0x1A9], [0x01]), ([0x1C0], [0xA0]),
    ([0x120], [0x45]), ([0x160, 0x65, 0x120], [0x65]),
    ([0x1AD, 0x120], [0x55]), ([0x1AD, 0x1AE, 0x120], [0x45]), ([0x1A7, 0x120], [0x65]), ([0x1A7, 0x1A8, 0x120], [0x45]),
    ([0x1D0], [0x03]), ([0x1DD, 0x1D0], [0x01]), ([0x1DD, 0x1DF, 0x1D0], [0x03]), ([0x1D1, 0x01, 0x1D0], [0x01]),
    ([0x1D2, 0x5A], [0x5A]), ([0x1D2, 0x5A, 0x1D0], [0x5A, 0x13]), ([0x1D4, 0xF2], []), ([0x1FF], [])])
def test_controller_answers_each_command(writes, wanted):
    assert said(Rig(), *writes) == wanted


@pytest.mark.parametrize("writes,wanted", [
    ([0xEE], [0xEE]), ([0xF2], [0xFA, 0xAB, 0x83]), ([0xF4], [0xFA]), ([0xF5], [0xFA]), ([0xF6], [0xFA]), ([0xFF], [0xFA, 0xAA]),
    ([0xED, 0x07, 0xEE], [0xFA, 0xFA, 0xEE]), ([0xF3, 0x20, 0xEE], [0xFA, 0xFA, 0xEE]),
    ([0xF0, 0x00, 0xEE], [0xFA, 0xFA, 0x02, 0xEE]), ([0xF0, 0x02, 0xEE], [0xFA, 0xFA, 0xEE]), ([0xED, 0x00], [0xFA, 0xFA]),
    ([0x00], [0xFE]), ([0xEC], [0xFE])])
def test_keyboard_answers_each_command(writes, wanted):
    assert said(Rig(), *writes) == wanted


@pytest.mark.parametrize("before,wanted", [
    ([], 0xAA), ([0xEE], 0xEE), ([0xF2], 0x83), ([0x00], 0xAA), ([0xEE, 0x00], 0xEE), ([0xEE, 0x120], 0xEE), ([0xEE, 0x1D2, 0x5A], 0xEE)])
def test_keyboard_sends_its_last_byte_again(before, wanted):
    rig = Rig()
    said(rig, *before)
    assert said(rig, 0xFE) == [wanted]
    assert said(rig, 0xFE) == [wanted]


def test_last_byte_is_the_last_that_was_read():
    rig = Rig()
    for value in (0xEE, 0xF2):
        rig.write(0x60, value)
    assert rig.read(0x60) == 0xEE
    rig.write(0x60, 0xFE)
    assert answers(rig) == [0xFA, 0xAB, 0x83, 0xEE]


@pytest.mark.parametrize("writes,seen", [
    ([], True), ([0xF5], False), ([0xF5, 0xF4], True), ([0xF5, 0xFF], True), ([0xF5, 0xF6], False),
    ([0x1AD], False), ([0x1AD, 0x1AE], True), ([0x1AD, 0xEE], True), ([0x160, 0x55], False), ([0x1A7], True), ([0x160, 0x44], True)])
def test_scan_codes_come_unless_keyboard_or_its_line_is_off(writes, seen):
    rig = Rig()
    said(rig, *writes)
    rig.board.press(0x1E)
    assert answers(rig) == ([0x1E] if seen else [])


@pytest.mark.parametrize("command,asked", [(0x45, 1), (0x44, 0)])
def test_command_byte_decides_on_the_interrupt(command, asked):
    rig = Rig()
    said(rig, 0x160, command)
    rig.board.press(0x1E)
    assert int(rig.fields("IOAPIC").lines) >> 1 & 1 == asked
    assert rig.read(0x60) == 0x1E
    assert int(rig.fields("IOAPIC").lines) >> 1 & 1 == 0


def test_status_reports_last_write_self_test_and_lock():
    rig = Rig()
    seen = [rig.read(0x64)]
    for port, value in ((0x64, 0x60), (0x60, 0x45), (0x64, 0xAA), (0x60, 0xEE)):
        rig.write(port, value)
        seen.append(rig.read(0x64))
    answers(rig)
    assert seen + [rig.read(0x64)] == [0x10, 0x18, 0x10, 0x1D, 0x15, 0x14]


def test_64_bytes_wait_in_order_and_an_empty_buffer_repeats_the_last():
    rig = Rig()
    rig.board.press(*range(1, 41))
    assert answers(rig) == list(range(1, 41))
    rig.board.press(*range(100, 170))
    assert answers(rig) == list(range(100, 164))
    assert [rig.read(0x60) for _ in range(2)] == [163, 163]


@pytest.mark.parametrize("value,gated,seen", [(0, 1 << 20, 0), (2, 0, 2)])
def test_port_92_gates_a20_and_the_output_port_shows_it(value, gated, seen):
    rig = Rig()
    rig.write(0x92, value)
    assert (int(rig.machine.gated), rig.read(0x92), said(rig, 0x1D0)) == (gated, seen, [1 | seen])


@pytest.mark.parametrize("port,value", [(0x92, 3), (0x64, 0xFE), (0x64, 0xF0), (0xCF9, 6)])
def test_reset_names_the_processor_that_asked(port, value):
    rig = Rig(cpus=3)
    rig.write(port, value, cpu=2)
    assert (rig.machine.stop, int(rig.machine.stop_cpu)) == (STOP.RESET, 2)


@pytest.mark.parametrize("port,values", [(0x92, [2, 0]), (0x64, [0xFF, 0xF1]), (0xCF9, [2, 2, 0])])
def test_writes_that_do_not_reset(port, values):
    rig = Rig()
    for value in values:
        rig.write(port, value)
    assert rig.machine.stop == STOP.NONE
