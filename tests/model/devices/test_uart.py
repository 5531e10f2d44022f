"""16550A: output, input, interrupt identification, loopback."""
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.model.devices import events
from emu.spec.outcome import STOP
from emu.state import RING
from tests.model.rig import Rig, U

NEVER = 2**64 - 1
CHARACTER = 10 * 10**9 // 115200                          # 8 data bits, no parity, one stop bit


def ready(fifo=0x01, ier=0, mcr=0x0B):
    rig = Rig()
    for register, value in ((3, 0x80), (0, 1), (1, 0), (3, 3), (2, fifo), (4, mcr), (1, ier)):
        rig.write(0x3F8 + register, value)
    return rig


def go(rig, cycles):
    c = rig.cpu[0]
    end = int(c.cycles) + cycles
    while int(rig.machine.next_event) <= end:
        c.cycles = rig.machine.next_event
        events.advance(rig.machine, U(c.cycles))
    c.cycles = end


def line(rig):
    return int(rig.fields("IOAPIC").lines) >> 4 & 1


@settings(deadline=None, max_examples=40, derandomize=True)
@given(data=st.binary(max_size=200))
def test_output_arrives_in_order_and_once(data):
    rig = ready()
    for byte in data:
        rig.write(0x3F8, byte)
    assert rig.board.drain() == data
    assert rig.board.drain() == b""


@settings(deadline=None, max_examples=30, derandomize=True)
@given(data=st.binary(min_size=1, max_size=60), fifo=st.booleans())
def test_input_arrives_in_order_without_loss(data, fifo):
    rig, seen = ready(int(fifo)), b""
    assert rig.board.feed(data, 0) == len(data)
    while len(seen) < len(data):
        go(rig, CHARACTER)
        while rig.read(0x3FD) & 1:
            seen += bytes([rig.read(0x3F8)])
    assert seen == data


def test_output_carries_its_cycle():
    rig = ready()
    rig.cpu[0].cycles = 1234
    rig.write(0x3F8, 65)
    assert rig.board.drain_timed() == [(1234, 65)]


def test_full_ring_asks_the_host_to_drain():
    rig = ready()
    for _ in range(RING * 3 // 4):
        rig.write(0x3F8, 65)
    assert rig.machine.stop == STOP.OUTPUT
    assert len(rig.board.drain()) == RING * 3 // 4


def test_transmitter_interrupt_comes_after_the_character_time():
    rig = ready(ier=2)
    assert (rig.read(0x3FA), line(rig)) == (0xC2, 0), "enabling it with an empty transmitter raises it; reading clears"
    rig.write(0x3F8, 65)
    assert rig.read(0x3FD) & 0x60 == 0x60
    go(rig, CHARACTER - 1)
    assert line(rig) == 0
    go(rig, 1)
    assert (line(rig), rig.read(0x3FA), line(rig)) == (1, 0xC2, 0)


@pytest.mark.parametrize(("fifo", "characters"), [(0x01, 16), (0x00, 1)])
def test_polled_output_leaves_no_backlog_before_the_transmitter_interrupt(fifo, characters):
    rig = ready(fifo=fifo, ier=2)
    rig.read(0x3FA)
    for byte in b"a line that a kernel writes by polling, longer than the FIFO":
        rig.write(0x3F8, byte)
    go(rig, characters * CHARACTER - 1)
    assert line(rig) == 0
    go(rig, 1)
    assert line(rig) == 1


def test_receive_interrupt_at_the_trigger_level_then_timeout():
    rig = ready(fifo=0x41, ier=1)
    rig.board.feed(b"abcde", 0)
    go(rig, 3 * CHARACTER + CHARACTER // 2)
    assert line(rig) == 0
    go(rig, CHARACTER)
    assert (line(rig), rig.read(0x3FA)) == (1, 0xC4)
    go(rig, CHARACTER)
    for _ in range(2):
        rig.read(0x3F8)
    assert line(rig) == 0
    go(rig, 5 * CHARACTER)
    assert rig.read(0x3FA) == 0xCC
    assert bytes(rig.read(0x3F8) for _ in range(3)) == b"cde"
    assert rig.read(0x3FA) == 0xC1


def test_out2_gates_the_interrupt_line():
    rig = ready(ier=2, mcr=0x03)
    assert (line(rig), rig.read(0x3FA) & 15) == (0, 2)


def test_priority_line_status_data_transmitter_modem():
    rig = ready(fifo=0, ier=0x0F, mcr=0x10)
    rig.write(0x3F8, 1)
    rig.write(0x3F8, 2)
    go(rig, 2 * CHARACTER + 2)
    seen = [rig.read(0x3FA)]
    assert rig.read(0x3FD) & 3 == 3
    seen.append(rig.read(0x3FA))
    assert rig.read(0x3F8) == 2, "without FIFOs an overrun replaces the byte"
    seen += [rig.read(0x3FA), rig.read(0x3FA)]
    rig.read(0x3FE)
    assert seen + [rig.read(0x3FA)] == [6, 4, 2, 0, 1]


@pytest.mark.parametrize("mcr,msr", [
    (0x10, 0x00), (0x11, 0x20), (0x12, 0x10), (0x14, 0x40), (0x18, 0x80), (0x0F, 0xB0)])
def test_loopback_shows_the_modem_outputs(mcr, msr):
    rig = ready()
    rig.write(0x3FC, mcr)
    rig.read(0x3FE)
    assert rig.read(0x3FE) == msr


def test_divisor_latch_and_scratch():
    rig = ready()
    rig.write(0x3FB, 0x83)
    rig.write(0x3F8, 0x34)
    rig.write(0x3F9, 0x12)
    assert (rig.read(0x3F8), rig.read(0x3F9)) == (0x34, 0x12)
    rig.write(0x3FF, 0x5A)
    assert rig.read(0x3FF) == 0x5A


def test_registers_keep_what_they_have():
    rig = ready()
    rig.write(0x3F9, 0xFF)
    rig.write(0x3FC, 0xEF)
    rig.write(0x3FB, 0x7B)
    assert [rig.read(0x3F8 + register) for register in (1, 4, 3)] == [0x0F, 0x0F, 0x7B]
    rig.write(0x3FB, 0xFB)
    rig.write(0x3F9, 0x12)
    assert [rig.read(0x3F8 + register) for register in (1, 3)] == [0x12, 0xFB], "the divisor's high byte hides the enables"
    rig.write(0x3FB, 0x7B)
    assert rig.read(0x3F9) == 0x0F
    for value in (0x5A, 0xA5):
        rig.write(0x3FF, value)
        assert rig.read(0x3FF) == value


@pytest.mark.parametrize("fcr,iir", [(0x00, 0x01), (0x01, 0xC1), (0xC0, 0x01), (0xC1, 0xC1)])
def test_identification_shows_whether_fifos_are_on(fcr, iir):
    assert ready(fcr).read(0x3FA) == iir


def test_modem_status_shows_changes_until_it_is_read():
    """Changes of CTS, DSR and DCD, and the end of a ring; loopback makes them of RTS, DTR, OUT2 and OUT1."""
    rig, seen = ready(mcr=0), [ready(mcr=0).read(0x3FE)]
    for mcr in (0x10, 0x11, 0x12, 0x14, 0x18, 0x0B):
        rig.write(0x3FC, mcr)
        seen.append(rig.read(0x3FE))
    assert seen == [0xB0, 0x0B, 0x22, 0x13, 0x41, 0x8C, 0xB3]
    assert rig.read(0x3FE) == 0xB0


def test_changes_of_modem_status_add_up():
    rig = ready(mcr=0x1F)
    rig.read(0x3FE)
    for mcr in (0x1E, 0x1A, 0x1B):
        rig.write(0x3FC, mcr)
    assert rig.read(0x3FE) == 0xB0 | 0x02 | 0x04


@pytest.mark.parametrize("trigger,level", [(0x01, 1), (0x41, 4), (0x81, 8), (0xC1, 14), (0xC0, 1)])
def test_interrupt_of_data_comes_at_the_trigger_level(trigger, level):
    rig = ready(trigger, ier=1)
    rig.board.feed(bytes(16), 0)
    go(rig, level * CHARACTER - 1)
    assert line(rig) == 0
    go(rig, level + 1)
    assert (line(rig), rig.read(0x3FA) & 15) == (1, 4)
    rig.read(0x3F8)
    assert line(rig) == 0


@pytest.mark.parametrize("lcr,bits", [(0x00, 7), (0x01, 8), (0x02, 9), (0x03, 10), (0x07, 11), (0x0B, 11), (0x0F, 12), (0x73, 10)])
@pytest.mark.parametrize("divisor", [1, 3, 12])
def test_character_time_follows_the_format(divisor, lcr, bits):
    rig = ready()
    for register, value in ((3, 0x80), (0, divisor), (3, lcr), (1, 2)):
        rig.write(0x3F8 + register, value)
    rig.read(0x3FA)
    rig.write(0x3F8, 65)
    assert int(rig.machine.next_event) == bits * divisor * 10**9 // 115200


@pytest.mark.parametrize("fcr,kept", [(0x01, bytes(range(16))), (0x00, bytes([16]))])
def test_overrun_is_reported_once(fcr, kept):
    """A full FIFO keeps its bytes; the single register takes the new one."""
    rig = ready(fcr, ier=4, mcr=0x10)
    for byte in range(17):
        rig.write(0x3F8, byte)
    assert rig.read(0x3FA) & 15 == 6
    assert [rig.read(0x3FD) & 3 for _ in range(2)] == [3, 1]
    assert bytes(rig.read(0x3F8) for _ in kept) == kept
    assert (rig.read(0x3FD), rig.read(0x3F8)) == (0x60, kept[-1]), "an empty receiver gives its last byte again"


@pytest.mark.parametrize("fcr,left", [(0x03, 0), (0x00, 0), (0x01, 1), (0x05, 1)])
def test_fifo_is_emptied_by_its_bit_and_by_its_switch(fcr, left):
    rig = ready(ier=1, mcr=0x10)
    rig.write(0x3F8, 65)
    rig.write(0x3FA, fcr)
    assert (rig.read(0x3FD) & 1, rig.read(0x3FA) & 15) == (left, 4 if left else 1)


def test_timeout_runs_again_after_each_byte_read_and_ends_with_the_last():
    rig = ready(0x41, ier=1)
    rig.board.feed(b"ab", 0)
    go(rig, 6 * CHARACTER - 1)
    assert line(rig) == 0
    go(rig, 1)
    assert (line(rig), rig.read(0x3FA) & 15) == (1, 12)
    assert (rig.read(0x3F8), line(rig)) == (97, 0)
    go(rig, 4 * CHARACTER - 1)
    assert line(rig) == 0
    go(rig, 1)
    assert (line(rig), rig.read(0x3F8), line(rig)) == (1, 98, 0)
    go(rig, 10 * CHARACTER)
    assert line(rig) == 0 and int(rig.machine.next_event) == NEVER
