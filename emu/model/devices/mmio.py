"""Memory-mapped devices: the local APIC's page of each processor, and the I/O APIC's page.

Not modelled: writes to them that are not one aligned 32-bit word (stops by name), but of the I/O APIC's registers of one byte;
the manual calls those undefined.  Narrow reads give the bytes of the register.
Source: SDM 3A, "The Local APIC Block Diagram" (register page)
"""
from emu.bits import ALL_ONES, PAGE_OFFSET
from emu.jit import kernel
from emu.model.fault import unmodelled
from emu.model.interrupts import apic, ioapic, message
from emu.spec.apic import APICBASE
from emu.spec.outcome import RESULT, UNMODELLED
from emu.spec.platform import DEVICE, MEMORY
from emu.state import machine_at


@kernel
def device_at(c, address):
    """Return what answers at physical `address` for this processor: its LOCAL_APIC, IOAPIC, or NONE."""
    page = address & ~PAGE_OFFSET
    if page == c.apic_base & APICBASE.BASE and message.hardware_enabled(c) and not message.x2apic(c):
        return DEVICE.LOCAL_APIC
    return DEVICE.IOAPIC if page == MEMORY.IOAPIC else DEVICE.NONE


@kernel
def _mask(size):
    return ALL_ONES if size >= 8 else (1 << size * 8) - 1


@kernel
def read(c, address, size):
    """Return `size` (1, 2, 4, 8) bytes at physical `address`; all ones where no device answers."""
    device, offset = device_at(c, address), address & PAGE_OFFSET
    if device == DEVICE.LOCAL_APIC:
        value = apic.read(c, offset >> 4)
    elif device == DEVICE.IOAPIC:
        value = ioapic.read(machine_at(c.machine)[0], offset & ~3)
        offset &= 3
    else:
        return _mask(size)
    shift = (offset & 15) * 8
    return value >> shift & _mask(size) if shift < 8 * 8 else 0


@kernel
def write(c, address, size, value):
    """Write `size` bytes at physical `address`; returns RESULT."""
    device, offset = device_at(c, address), address & PAGE_OFFSET
    if device == DEVICE.NONE:
        return RESULT.NEXT
    if device == DEVICE.IOAPIC and ioapic.narrow(offset) and size <= 4:
        ioapic.write(machine_at(c.machine)[0], offset, value & _mask(size))
        return RESULT.NEXT
    if size != 4 or offset & 3:
        return unmodelled(c, UNMODELLED.DEVICE, address, size)
    value &= _mask(4)
    if device == DEVICE.IOAPIC:
        ioapic.write(machine_at(c.machine)[0], offset, value)
    elif not offset & 15:
        return apic.write(c, offset >> 4, value)
    return RESULT.NEXT
