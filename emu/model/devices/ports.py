"""I/O ports: every access goes to the device that the port table names.

`read` and `write` call the router by its address in the machine's record, so that what uses them is
compiled without the devices.  A wide access to byte-wide devices is split into bytes, low port first;
what no device claims reads as all ones and ignores writes, as on a PC bus.
"""
from functools import cache

from emu.bits import LOW_8, LOW_16, U64
from emu.jit import entry, kernel, octets
from emu.model.devices import acpi, console, events, fw_cfg, keyboard, pci, pit, rtc, uart, vga
from emu.model.indirect import call
from emu.model.interrupts import ferr, pic
from emu.model.observe import watch
from emu.spec.platform import DEVICE, PORT
from emu.state import cpu_at, machine_at

PORTS = U64(0x10000)


@kernel
def _device(m, port):
    return U64(octets(m.devices[DEVICE.PORTS], PORTS)[port]) if port < PORTS else DEVICE.NONE


@kernel
def _read_byte(c, m, port):
    device = _device(m, port)
    if device == DEVICE.UART:
        return uart.read(c, m, port)
    if device == DEVICE.PIC:
        return pic.read(m, port)
    if device == DEVICE.PIT:
        return pit.read(m, c.cycles, port)
    if device == DEVICE.RTC:
        return rtc.read(m, c.cycles, port)
    if device == DEVICE.ACPI:
        return acpi.read(m, c.cycles, port)
    if device == DEVICE.KEYBOARD:
        return keyboard.read(m, port)
    if device == DEVICE.FW_CFG:
        return fw_cfg.read(m, port)
    if device == DEVICE.VGA:
        return vga.read(m, c.cycles, port)
    if device == DEVICE.CONSOLE:
        return console.read(m, port)
    if device == DEVICE.PCI:
        return pci.read(m, port, 1)
    return 0 if device == DEVICE.EXIT else LOW_8


@kernel
def _write_byte(c, m, port, value):
    device = _device(m, port)
    if device == DEVICE.UART:
        uart.write(c, m, port, value)
    elif device == DEVICE.PIC:
        pic.write(c, m, port, value)
    elif device == DEVICE.PIT:
        pit.write(m, c.cycles, port, value)
    elif device == DEVICE.RTC:
        rtc.write(m, c.cycles, port, value)
    elif device == DEVICE.ACPI:
        acpi.write(c, m, port, value)
    elif device == DEVICE.KEYBOARD:
        keyboard.write(c, m, port, value)
    elif device == DEVICE.VGA:
        vga.write(m, port, value)
    elif device == DEVICE.CONSOLE:
        console.write(c, m, port, value)
    elif device == DEVICE.FERR:
        ferr.acknowledge(m)
    elif device == DEVICE.PCI:
        pci.write(c, m, port, 1, value)


@kernel
def route_read(c, port, size):
    """Return `size` (1, 2, 4) bytes from `port` (0..0xFFFF)."""
    m = machine_at(c.machine)[0]
    if _device(m, port) == DEVICE.PCI:
        return pci.read(m, port, size)
    value = 0
    for i in range(size):
        value |= _read_byte(c, m, port + U64(i)) << 8 * U64(i)
    m.next_event = events.next_event(m)
    return value


@kernel
def route_write(c, port, size, value):
    """Write the low `size` (1, 2, 4) bytes of `value` to `port` (0..0xFFFF)."""
    m = machine_at(c.machine)[0]
    device = _device(m, port)
    if device == DEVICE.PCI:
        pci.write(c, m, port, size, value)
    elif device == DEVICE.EXIT:
        console.leave(c, m, port, size, value)
    elif port == PORT.FW_SELECTOR and size == 2:
        fw_cfg.select(m, value & LOW_16)
    else:
        for i in range(size):
            _write_byte(c, m, port + U64(i), value >> 8 * U64(i) & LOW_8)
        m.next_event = events.next_event(m)


def _read_entry(cpu, port, size, unused):
    return route_read(cpu_at(cpu)[0], port, size)


def _write_entry(cpu, port, size, value):
    route_write(cpu_at(cpu)[0], port, size, value)
    return U64(0)


@cache
def entries():
    """Compile the router; returns its two C functions, whose addresses go to MACHINE.devices."""
    signature = "uint64(uint64, uint64, uint64, uint64)"
    return entry(signature)(_read_entry), entry(signature)(_write_entry)


@kernel
def read(c, port, size):
    """Return `size` (1, 2, 4) bytes, zero-extended, from `port`."""
    m = machine_at(c.machine)[0]
    value = call(m.devices[DEVICE.PORT_READ], m.cpus[c.id], port, size, 0)
    watch.port(c, port, size, value, 0)
    return value


@kernel
def write(c, port, size, value):
    """Write the low `size` (1, 2, 4) bytes of `value` to `port`."""
    m = machine_at(c.machine)[0]
    watch.port(c, port, size, value, 1)
    call(m.devices[DEVICE.PORT_WRITE], m.cpus[c.id], port, size, value)
