"""16550A: output, input, interrupt identification, loopback."""
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.bits import value_of
from emu.model.devices import events
from emu.spec.outcome import STOP
from emu.spec.platform import PORT
from emu.spec.uart import DELTA, FCR, IER, IIR, IIRFIELD, LCR, LSR, MCR, MSR, UART
from emu.state import RING
from tests.model.rig import Rig, U

NEVER = 2**64 - 1
DATA_PORT, IER_PORT, IIR_PORT, LCR_PORT, MCR_PORT, LSR_PORT, MSR_PORT, SCR_PORT = (int(PORT.UART + register) for register in UART)
READY = MCR.DTR | MCR.RTS | MCR.OUT2                      # what software sets to get interrupts
CONNECTED = MSR.CTS | MSR.DSR | MSR.DCD
CHARACTER = 10 * 10**9 // 115200                          # 8 data bits, no parity, one stop bit


def ready(fifo=FCR.ENABLE, ier=0, mcr=READY):
    rig = Rig()
    for port, value in ((LCR_PORT, LCR.DLAB), (DATA_PORT, 1), (IER_PORT, 0), (LCR_PORT, LCR.WORD), (IIR_PORT, fifo), (MCR_PORT, mcr),
                        (IER_PORT, ier)):
        rig.write(port, value)
    return rig


def trigger(level, enable=1):
    """Return the FCR of a trigger level: 0 to 3 stand for 1, 4, 8 and 14 bytes."""
    return int(value_of(FCR, TRIGGER=level, ENABLE=enable))


def code(rig):
    """Return the code of the most urgent interrupt; reading it may take it back."""
    return rig.read(IIR_PORT) & int(IIRFIELD.CODE)


def shown(code):
    """Return IIR with FIFOs on."""
    return int(code | IIRFIELD.FIFOS)


def modem(lines, **changes):
    """Return MSR with these lines, and changes since it was read."""
    return int(lines | value_of(MSR, DELTA=value_of(DELTA, **changes)))


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
        rig.write(DATA_PORT, byte)
    assert rig.board.drain() == data
    assert rig.board.drain() == b""


@settings(deadline=None, max_examples=30, derandomize=True)
@given(data=st.binary(min_size=1, max_size=60), fifo=st.booleans())
def test_input_arrives_in_order_without_loss(data, fifo):
    rig, seen = ready(int(fifo)), b""
    assert rig.board.feed(data, 0) == len(data)
    while len(seen) < len(data):
        go(rig, CHARACTER)
        while rig.read(LSR_PORT) & LSR.DR:
            seen += bytes([rig.read(DATA_PORT)])
    assert seen == data


def test_output_carries_its_cycle():
    rig = ready()
    rig.cpu[0].cycles = 1234
    rig.write(DATA_PORT, 65)
    assert rig.board.drain_timed() == [(1234, 65)]


def test_full_ring_asks_the_host_to_drain():
    rig = ready()
    for _ in range(RING * 3 // 4):
        rig.write(DATA_PORT, 65)
    assert rig.machine.stop == STOP.OUTPUT
    assert len(rig.board.drain()) == RING * 3 // 4


def test_transmitter_interrupt_comes_after_the_character_time():
    rig = ready(ier=IER.THRE)
    assert (rig.read(IIR_PORT), line(rig)) == (shown(IIR.THRE), 0), "enabling it with an empty transmitter raises it; reading clears"
    rig.write(DATA_PORT, 65)
    assert rig.read(LSR_PORT) & (LSR.THRE | LSR.TEMT) == LSR.THRE | LSR.TEMT
    go(rig, CHARACTER - 1)
    assert line(rig) == 0
    go(rig, 1)
    assert (line(rig), rig.read(IIR_PORT), line(rig)) == (1, shown(IIR.THRE), 0)


@pytest.mark.parametrize(("fifo", "characters"), [(0x01, 16), (0x00, 1)])
def test_polled_output_leaves_no_backlog_before_the_transmitter_interrupt(fifo, characters):
    rig = ready(fifo=fifo, ier=IER.THRE)
    rig.read(IIR_PORT)
    for byte in b"a line that a kernel writes by polling, longer than the FIFO":
        rig.write(DATA_PORT, byte)
    go(rig, characters * CHARACTER - 1)
    assert line(rig) == 0
    go(rig, 1)
    assert line(rig) == 1


def test_receive_interrupt_at_the_trigger_level_then_timeout():
    rig = ready(trigger(1), ier=IER.DATA)
    rig.board.feed(b"abcde", 0)
    go(rig, 3 * CHARACTER + CHARACTER // 2)
    assert line(rig) == 0
    go(rig, CHARACTER)
    assert (line(rig), rig.read(IIR_PORT)) == (1, shown(IIR.DATA))
    go(rig, CHARACTER)
    for _ in range(2):
        rig.read(DATA_PORT)
    assert line(rig) == 0
    go(rig, 5 * CHARACTER)
    assert rig.read(IIR_PORT) == shown(IIR.TIMEOUT)
    assert bytes(rig.read(DATA_PORT) for _ in range(3)) == b"cde"
    assert rig.read(IIR_PORT) == shown(IIR.NONE)


def test_out2_gates_the_interrupt_line():
    rig = ready(ier=IER.THRE, mcr=MCR.DTR | MCR.RTS)
    assert (line(rig), code(rig)) == (0, IIR.THRE)


def test_priority_line_status_data_transmitter_modem():
    rig = ready(fifo=0, ier=IER.DATA | IER.THRE | IER.LINE | IER.MODEM, mcr=MCR.LOOP)
    rig.write(DATA_PORT, 1)
    rig.write(DATA_PORT, 2)
    go(rig, 2 * CHARACTER + 2)
    seen = [rig.read(IIR_PORT)]
    assert rig.read(LSR_PORT) & (LSR.DR | LSR.OE) == LSR.DR | LSR.OE
    seen.append(rig.read(IIR_PORT))
    assert rig.read(DATA_PORT) == 2, "without FIFOs an overrun replaces the byte"
    seen += [rig.read(IIR_PORT), rig.read(IIR_PORT)]
    rig.read(MSR_PORT)
    assert seen + [rig.read(IIR_PORT)] == [IIR.LINE, IIR.DATA, IIR.THRE, IIR.MODEM, IIR.NONE]


@pytest.mark.parametrize("mcr,msr", [
    (MCR.LOOP, 0), (MCR.LOOP | MCR.DTR, MSR.DSR), (MCR.LOOP | MCR.RTS, MSR.CTS), (MCR.LOOP | MCR.OUT1, MSR.RI),
    (MCR.LOOP | MCR.OUT2, MSR.DCD), (READY | MCR.OUT1, CONNECTED)])
def test_loopback_shows_the_modem_outputs(mcr, msr):
    rig = ready()
    rig.write(MCR_PORT, mcr)
    rig.read(MSR_PORT)
    assert rig.read(MSR_PORT) == msr


def test_divisor_latch_and_scratch():
    rig = ready()
    rig.write(LCR_PORT, 0x83)
    rig.write(DATA_PORT, 0x34)
    rig.write(IER_PORT, 0x12)
    assert (rig.read(DATA_PORT), rig.read(IER_PORT)) == (0x34, 0x12)
    rig.write(SCR_PORT, 0x5A)
    assert rig.read(SCR_PORT) == 0x5A


def test_registers_keep_what_they_have():
    rig = ready()
    rig.write(IER_PORT, 0xFF)
    rig.write(MCR_PORT, 0xEF)
    rig.write(LCR_PORT, 0x7B)
    assert [rig.read(port) for port in (IER_PORT, MCR_PORT, LCR_PORT)] == [0x0F, 0x0F, 0x7B]
    rig.write(LCR_PORT, 0xFB)
    rig.write(IER_PORT, 0x12)
    assert [rig.read(port) for port in (IER_PORT, LCR_PORT)] == [0x12, 0xFB], "the divisor's high byte hides the enables"
    rig.write(LCR_PORT, 0x7B)
    assert rig.read(IER_PORT) == 0x0F
    for value in (0x5A, 0xA5):
        rig.write(SCR_PORT, value)
        assert rig.read(SCR_PORT) == value


@pytest.mark.parametrize("fcr,iir", [(0x00, 0x01), (0x01, 0xC1), (0xC0, 0x01), (0xC1, 0xC1)])
def test_identification_shows_whether_fifos_are_on(fcr, iir):
    assert ready(fcr).read(IIR_PORT) == iir


def test_modem_status_shows_changes_until_it_is_read():
    """Changes of CTS, DSR and DCD, and the end of a ring; loopback makes them of RTS, DTR, OUT2 and OUT1."""
    rig, seen = ready(mcr=0), []
    assert rig.read(MSR_PORT) == CONNECTED == 0xB0
    for mcr in (MCR.LOOP, MCR.LOOP | MCR.DTR, MCR.LOOP | MCR.RTS, MCR.LOOP | MCR.OUT1, MCR.LOOP | MCR.OUT2, READY):
        rig.write(MCR_PORT, mcr)
        seen.append(rig.read(MSR_PORT))
    assert seen == [modem(0, CTS=1, DSR=1, DCD=1), modem(MSR.DSR, DSR=1), modem(MSR.CTS, DSR=1, CTS=1), modem(MSR.RI, CTS=1),
                    modem(MSR.DCD, RI=1, DCD=1), modem(CONNECTED, CTS=1, DSR=1)] == [0x0B, 0x22, 0x13, 0x41, 0x8C, 0xB3]
    assert rig.read(MSR_PORT) == CONNECTED


def test_changes_of_modem_status_add_up():
    looped = READY | MCR.LOOP
    rig = ready(mcr=looped | MCR.OUT1)
    rig.read(MSR_PORT)
    for mcr in (looped & ~MCR.DTR | MCR.OUT1, looped & ~MCR.DTR, looped):
        rig.write(MCR_PORT, mcr)
    assert rig.read(MSR_PORT) == modem(CONNECTED, DSR=1, RI=1)


@pytest.mark.parametrize("fcr,level", [(trigger(0), 1), (trigger(1), 4), (trigger(2), 8), (trigger(3), 14), (trigger(3, enable=0), 1)])
def test_interrupt_of_data_comes_at_the_trigger_level(fcr, level):
    rig = ready(fcr, ier=IER.DATA)
    rig.board.feed(bytes(16), 0)
    go(rig, level * CHARACTER - 1)
    assert line(rig) == 0
    go(rig, level + 1)
    assert (line(rig), code(rig)) == (1, IIR.DATA)
    rig.read(DATA_PORT)
    assert line(rig) == 0


@pytest.mark.parametrize("lcr,bits", [(0x00, 7), (0x01, 8), (0x02, 9), (0x03, 10), (0x07, 11), (0x0B, 11), (0x0F, 12), (0x73, 10)])
@pytest.mark.parametrize("divisor", [1, 3, 12])
def test_character_time_follows_the_format(divisor, lcr, bits):
    rig = ready()
    for port, value in ((LCR_PORT, LCR.DLAB), (DATA_PORT, divisor), (LCR_PORT, lcr), (IER_PORT, IER.THRE)):
        rig.write(port, value)
    rig.read(IIR_PORT)
    rig.write(DATA_PORT, 65)
    assert int(rig.machine.next_event) == bits * divisor * 10**9 // 115200


@pytest.mark.parametrize("fcr,kept", [(0x01, bytes(range(16))), (0x00, bytes([16]))])
def test_overrun_is_reported_once(fcr, kept):
    """A full FIFO keeps its bytes; the single register takes the new one."""
    rig = ready(fcr, ier=IER.LINE, mcr=MCR.LOOP)
    for byte in range(17):
        rig.write(DATA_PORT, byte)
    assert code(rig) == IIR.LINE
    assert [rig.read(LSR_PORT) & (LSR.DR | LSR.OE) for _ in range(2)] == [LSR.DR | LSR.OE, LSR.DR]
    assert bytes(rig.read(DATA_PORT) for _ in kept) == kept
    assert (rig.read(LSR_PORT), rig.read(DATA_PORT)) == (LSR.THRE | LSR.TEMT, kept[-1]), "an empty receiver gives its last byte again"


@pytest.mark.parametrize("fcr,left", [(0x03, 0), (0x00, 0), (0x01, 1), (0x05, 1)])
def test_fifo_is_emptied_by_its_bit_and_by_its_switch(fcr, left):
    rig = ready(ier=IER.DATA, mcr=MCR.LOOP)
    rig.write(DATA_PORT, 65)
    rig.write(IIR_PORT, fcr)
    assert (rig.read(LSR_PORT) & LSR.DR, code(rig)) == (left, IIR.DATA if left else IIR.NONE)


def test_timeout_runs_again_after_each_byte_read_and_ends_with_the_last():
    rig = ready(trigger(1), ier=IER.DATA)
    rig.board.feed(b"ab", 0)
    go(rig, 6 * CHARACTER - 1)
    assert line(rig) == 0
    go(rig, 1)
    assert (line(rig), code(rig)) == (1, IIR.TIMEOUT)
    assert (rig.read(DATA_PORT), line(rig)) == (97, 0)
    go(rig, 4 * CHARACTER - 1)
    assert line(rig) == 0
    go(rig, 1)
    assert (line(rig), rig.read(DATA_PORT), line(rig)) == (1, 98, 0)
    go(rig, 10 * CHARACTER)
    assert line(rig) == 0 and int(rig.machine.next_event) == NEVER
