"""I/O ports: every access goes to the device that the port table names.

`read` and `write` call the router by its address in the machine's record, so that what uses them is
compiled without the devices.  A wide access to byte-wide devices is split into bytes, low port first;
what no device claims reads as all ones and ignores writes, as on a PC bus.
"""
from emu.bits import U64
from emu.jit import entry, kernel, octets
from emu.model import console, events, pic, uart
from emu.model.indirect import call
from emu.spec.platform import DEVICE
from emu.state import cpu_at, machine_at

ZERO, ONE, EIGHT = U64(0), U64(1), U64(8)
BYTE, LAST, PORTS = U64(0xFF), U64(0xFFFF), U64(0x10000)
SIZE = U64(32)


@kernel
def _device(m, port):
    return U64(octets(m.devices[DEVICE.PORTS], PORTS)[port & LAST])


@kernel
def _read_byte(c, m, port):
    device = _device(m, port)
    if device == DEVICE.UART:
        return uart.read(c, m, port)
    if device == DEVICE.PIC:
        return pic.read(m, port)
    if device == DEVICE.CONSOLE:
        return console.read(m, port)
    if device == DEVICE.EXIT:
        return ZERO
    return BYTE


@kernel
def _write_byte(c, m, port, value):
    device = _device(m, port)
    if device == DEVICE.UART:
        uart.write(c, m, port, value)
    elif device == DEVICE.PIC:
        pic.write(c, m, port, value)
    elif device == DEVICE.CONSOLE:
        console.write(c, m, port, value)


@kernel
def route_read(c, port, size):
    """Return `size` (1, 2, 4) bytes from `port` (0..0xFFFF)."""
    m = machine_at(c.machine)[0]
    device = _device(m, port)
    if device == DEVICE.NONE and size == ONE:
        return BYTE
    value = ZERO
    for i in range(size):
        value |= _read_byte(c, m, port + U64(i)) << EIGHT * U64(i)
    m.next_event = events.next_event(m)
    return value


@kernel
def route_write(c, port, size, value):
    """Write the low `size` (1, 2, 4) bytes of `value` to `port` (0..0xFFFF)."""
    m = machine_at(c.machine)[0]
    device = _device(m, port)
    if device == DEVICE.EXIT:
        console.leave(c, m, port, size, value)
        return
    for i in range(size):
        _write_byte(c, m, port + U64(i), value >> EIGHT * U64(i) & BYTE)
    m.next_event = events.next_event(m)


@entry("uint64(uint64, uint64, uint64, uint64)")
def read_entry(cpu, port, size, unused):
    """Read a port for the CPU record at host address `cpu`; its address goes to MACHINE.devices."""
    return route_read(cpu_at(cpu)[0], port, size)


@entry("uint64(uint64, uint64, uint64, uint64)")
def write_entry(cpu, port, size, value):
    """Write a port for the CPU record at host address `cpu`; its address goes to MACHINE.devices."""
    route_write(cpu_at(cpu)[0], port, size, value)
    return ZERO


@kernel
def read(c, port, size):
    """Return `size` (1, 2, 4) bytes, zero-extended, from `port`."""
    m = machine_at(c.machine)[0]
    return call(m.devices[DEVICE.PORT_READ], m.cpus[c.id], port, size, ZERO)


@kernel
def write(c, port, size, value):
    """Write the low `size` (1, 2, 4) bytes of `value` to `port`."""
    m = machine_at(c.machine)[0]
    call(m.devices[DEVICE.PORT_WRITE], m.cpus[c.id], port, size, value)
