"""Keyboard controller with a keyboard that answers; A20 and reset lines; port 0x92.

The auxiliary port is empty.  Answers are there at once.
Source: IBM PS/2 Hardware Interface Technical Reference
"""
from emu.bits import U64
from emu.jit import kernel
from emu.model.interrupts import irq
from emu.spec.keyboard import KBC, KBCOMMAND, KBOUTPUT, KBSTATUS, KEYBOARD, SYSTEM_A
from emu.spec.outcome import STOP
from emu.spec.platform import DEVICE, IRQ, PORT
from emu.state import keyboard_at

QUEUE_INDEX, QUEUE = U64(63), U64(64)
TEST_PASSED, NO_ERROR = U64(0x55), U64(0)
AUX_MISSING = U64(1)                                      # answer to the auxiliary port test: clock line stuck low
INPUT_PORT = U64(0xA0)                                    # keyboard not inhibited, no manufacturing jumper
SET2 = U64(2)
A20 = U64(1 << 20)


@kernel
def _put(r, byte):
    if r.depth < QUEUE:
        r.queue[r.head + r.depth & QUEUE_INDEX] = byte
        r.depth += 1


@kernel
def _send(r, byte):
    """Put a byte of the keyboard's own, not one of the controller's."""
    if r.depth < QUEUE:
        r.own |= 1 << (r.head + r.depth & QUEUE_INDEX)
    _put(r, byte)


@kernel
def _update(m, r):
    asked = r.depth != 0 and r.command & KBCOMMAND.IRQ1 != 0
    r.line = irq.change(m, IRQ.KEYBOARD, r.line, 1 if asked else 0)


@kernel
def _reset(c, m):
    m.stop = STOP.RESET
    m.stop_cpu = c.id


@kernel
def _gate(m, opened):
    """Open or close the A20 gate."""
    m.gated = 0 if opened else A20


@kernel
def _output_port(c, m, r, value):
    """Write the output port: A20, and reset when bit 0 is 0."""
    r.output_port = value
    _gate(m, value & KBOUTPUT.A20)
    if not value & KBOUTPUT.RUN:
        _reset(c, m)


@kernel
def _command(c, m, r, value):
    """Write a controller command to port 0x64."""
    r.expect = 0
    if value == KBC.READ_COMMAND:
        _put(r, r.command)
    elif value == KBC.SELF_TEST:
        r.status |= KBSTATUS.SYSTEM
        _put(r, TEST_PASSED)
    elif value == KBC.KEY_TEST:
        _put(r, NO_ERROR)
    elif value == KBC.AUX_TEST:
        _put(r, AUX_MISSING)
    elif value == KBC.KEY_OFF:
        r.command |= KBCOMMAND.KEY_OFF
    elif value == KBC.KEY_ON:
        r.command &= ~KBCOMMAND.KEY_OFF
    elif value == KBC.AUX_OFF:
        r.command |= KBCOMMAND.AUX_OFF
    elif value == KBC.AUX_ON:
        r.command &= ~KBCOMMAND.AUX_OFF
    elif value == KBC.READ_INPUT:
        _put(r, INPUT_PORT)
    elif value == KBC.READ_OUTPUT:
        _put(r, r.output_port | (KBOUTPUT.IRQ1 if r.depth else 0))
    elif value == KBC.A20_OFF or value == KBC.A20_ON:
        _output_port(c, m, r, value & KBOUTPUT.A20 | r.output_port & ~KBOUTPUT.A20)
    elif value >= KBC.PULSE:
        if not value & 1:
            _reset(c, m)
    else:
        r.expect = value                                  # a byte follows at port 0x60; unknown commands ignore it


@kernel
def _keyboard(r, value):
    """Hand a byte to the keyboard, which answers; asked to send again, with the byte of its own that was read last."""
    if r.device_expect:
        if r.device_expect == KEYBOARD.CODES and value == 0:
            _send(r, KEYBOARD.ACKNOWLEDGE)
            _send(r, SET2)
        else:
            _send(r, KEYBOARD.ACKNOWLEDGE)
        r.device_expect = 0
        return
    if value == KEYBOARD.ECHO:
        _send(r, KEYBOARD.ECHO)
        return
    if value == KEYBOARD.RESEND:
        _send(r, r.sent)
        return
    if value < KEYBOARD.LEDS:
        _send(r, KEYBOARD.RESEND)
        return
    _send(r, KEYBOARD.ACKNOWLEDGE)
    if value == KEYBOARD.LEDS or value == KEYBOARD.CODES or value == KEYBOARD.RATE:
        r.device_expect = value
    elif value == KEYBOARD.IDENTIFY:
        _send(r, KEYBOARD.ID1)
        _send(r, KEYBOARD.ID2)
    elif value == KEYBOARD.ENABLE:
        r.scanning = 1
    elif value == KEYBOARD.DISABLE:
        r.scanning = 0
    elif value == KEYBOARD.RESET:
        r.scanning = 1
        _send(r, KEYBOARD.PASSED)


@kernel
def _data(c, m, r, value):
    """Write port 0x60: the operand of a controller command, or a byte for the keyboard."""
    expect = r.expect
    r.expect = 0
    if expect == KBC.WRITE_COMMAND:
        r.command = value
    elif expect == KBC.WRITE_OUTPUT:
        _output_port(c, m, r, value)
    elif expect == KBC.WRITE_KEY:
        _put(r, value)
    elif expect == 0:
        r.command &= ~KBCOMMAND.KEY_OFF
        _keyboard(r, value)


@kernel
def _system_a(c, m, r, value):
    """Write port 0x92: A20 and fast reset."""
    _gate(m, value & SYSTEM_A.A20)
    r.output_port = r.output_port & ~KBOUTPUT.A20 | (0 if m.gated else KBOUTPUT.A20)
    if value & ~r.system_a & SYSTEM_A.RESET:
        _reset(c, m)
    r.system_a = value & (SYSTEM_A.RESET | SYSTEM_A.A20)


@kernel
def write(c, m, port, value):
    """Write a byte to port 0x60, 0x64 or 0x92."""
    r = keyboard_at(m.devices[DEVICE.KEYBOARD])[0]
    if port == PORT.SYSTEM_A:
        _system_a(c, m, r, value)
        return
    if port == PORT.KEY_COMMAND:
        r.status |= KBSTATUS.COMMAND
        _command(c, m, r, value)
    else:
        r.status &= ~KBSTATUS.COMMAND
        _data(c, m, r, value)
    _update(m, r)


@kernel
def read(m, port):
    """Return a byte from port 0x60, 0x64 or 0x92; an empty buffer gives its last byte again."""
    r = keyboard_at(m.devices[DEVICE.KEYBOARD])[0]
    if port == PORT.SYSTEM_A:
        return r.system_a & ~SYSTEM_A.A20 | (0 if m.gated else SYSTEM_A.A20)
    if port == PORT.KEY_COMMAND:
        return r.status | KBSTATUS.UNLOCKED | (KBSTATUS.OUTPUT if r.depth else 0)
    if r.depth == 0:
        return U64(r.queue[r.head - 1 & QUEUE_INDEX])
    byte = U64(r.queue[r.head])
    if r.own >> r.head & 1 and byte != KEYBOARD.RESEND:
        r.sent = byte
    r.own &= ~(1 << r.head)
    r.head = r.head + 1 & QUEUE_INDEX
    r.depth -= 1
    r.line = irq.change(m, IRQ.KEYBOARD, r.line, 0)        # each byte is an edge of its own
    _update(m, r)
    return byte


@kernel
def press(m, byte):
    """Let the keyboard send a scan code (set 1, as the controller translates), unless it is switched off."""
    r = keyboard_at(m.devices[DEVICE.KEYBOARD])[0]
    if r.scanning and not r.command & KBCOMMAND.KEY_OFF:
        _send(r, byte)
        _update(m, r)


@kernel
def reset(m):
    """Reset controller and keyboard; A20 is open, as after firmware and on current chipsets."""
    r = keyboard_at(m.devices[DEVICE.KEYBOARD])[0]
    r.command = KBCOMMAND.IRQ1 | KBCOMMAND.SYSTEM | KBCOMMAND.TRANSLATE
    r.expect = 0
    r.device_expect = 0
    r.scanning = 1
    r.status = 0
    r.depth = 0
    r.own, r.sent = 0, KEYBOARD.PASSED
    r.output_port = KBOUTPUT.RUN | KBOUTPUT.A20
    r.system_a = SYSTEM_A.A20
    _gate(m, 1)
    _update(m, r)
