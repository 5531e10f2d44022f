"""I/O APIC: 24 pins, redirection table, edge and level triggering, EOI by message and by register.

Source: Intel 82093AA data sheet; EOI register (version 0x20) after the ICH9 data sheet, "EOIR".
An edge on a masked pin is lost, as the data sheet says.
"""
from emu.bits import LOW_8, LOW_32, U64, details, get
from emu.jit import kernel
from emu.model.interrupts import message
from emu.spec.apic import DELIVERY, IOAPIC, IOWINDOW, REDIRECT
from emu.spec.platform import DEVICE
from emu.state import PINS, ioapic_at

FIRST_ENTRY, AFTER_ENTRIES = IOAPIC.REDIRECTION, IOAPIC.REDIRECTION + U64(2 * PINS)
IOAPIC_VERSION, IOAPIC_ID = U64(details(IOAPIC).rows["VERSION"].reset), U64(details(IOAPIC).rows["ID"].writable)
REDIRECT_WRITABLE = (REDIRECT.VECTOR | REDIRECT.MODE | REDIRECT.LOGICAL | REDIRECT.POLARITY | REDIRECT.LEVEL | REDIRECT.MASKED |
            REDIRECT.DESTINATION)


@kernel
def _active(r, pin):
    return (r.lines >> pin & 1) != get(r.entry[pin], REDIRECT.POLARITY)


@kernel
def _deliver(m, r, pin):
    """Send the message of an unmasked pin; a level-triggered one that was accepted awaits its EOI."""
    entry = r.entry[pin]
    mode = get(entry, REDIRECT.MODE)
    level = entry & REDIRECT.LEVEL != 0 and (mode == DELIVERY.FIXED or mode == DELIVERY.LOWEST)
    if level and entry & REDIRECT.REMOTE_IRR:
        return
    accepted = message.send(m, message.widen(get(entry, REDIRECT.DESTINATION)), entry & REDIRECT.LOGICAL != 0, mode,
                            entry & REDIRECT.VECTOR, level)
    if level and accepted:
        r.entry[pin] = entry | REDIRECT.REMOTE_IRR


@kernel
def _refresh(m, r, pin):
    """Deliver a level-triggered pin that is active and unmasked."""
    entry = r.entry[pin]
    if entry & REDIRECT.LEVEL and not entry & REDIRECT.MASKED and _active(r, pin):
        _deliver(m, r, pin)


@kernel
def set_line(m, pin, level):
    """Drive input `pin` (0..23) to the physical `level` (0, 1)."""
    r = ioapic_at(m.devices[DEVICE.IOAPIC])[0]
    if r.lines >> pin & 1 == level:
        return
    r.lines ^= 1 << pin
    entry = r.entry[pin]
    if not entry & REDIRECT.MASKED and _active(r, pin):
        _deliver(m, r, pin)


@kernel
def eoi(m, vector):
    """End level-triggered interrupts of `vector`: clear remote IRR, deliver again while the line is active."""
    r = ioapic_at(m.devices[DEVICE.IOAPIC])[0]
    for i in range(PINS):
        pin = U64(i)
        entry = r.entry[pin]
        if entry & REDIRECT.REMOTE_IRR and entry & REDIRECT.VECTOR == vector:
            r.entry[pin] = entry & ~REDIRECT.REMOTE_IRR
            _refresh(m, r, pin)


@kernel
def _write_entry(m, r, index, value):
    pin = index >> 1
    entry = r.entry[pin]
    if index & 1:
        entry = entry & (LOW_32 | ~REDIRECT_WRITABLE) | value << 32 & REDIRECT_WRITABLE
    else:
        entry = entry & (~LOW_32 | ~REDIRECT_WRITABLE) | value & REDIRECT_WRITABLE & LOW_32
    if not entry & REDIRECT.LEVEL:
        entry &= ~REDIRECT.REMOTE_IRR
    r.entry[pin] = entry
    _refresh(m, r, pin)


@kernel
def read_register(m, register):
    """Return the 32-bit register that the select register names; reserved ones read 0."""
    r = ioapic_at(m.devices[DEVICE.IOAPIC])[0]
    if register == IOAPIC.ID or register == IOAPIC.ARBITRATION:
        return r.id
    if register == IOAPIC.VERSION:
        return IOAPIC_VERSION
    if FIRST_ENTRY <= register < AFTER_ENTRIES:
        index = register - FIRST_ENTRY
        return r.entry[index >> 1] >> 32 * (index & 1) & LOW_32
    return 0


@kernel
def write_register(m, register, value):
    """Write the 32-bit register that the select register names, effects included."""
    r = ioapic_at(m.devices[DEVICE.IOAPIC])[0]
    if register == IOAPIC.ID:
        r.id = value & IOAPIC_ID
    elif FIRST_ENTRY <= register < AFTER_ENTRIES:
        _write_entry(m, r, register - FIRST_ENTRY, value)


@kernel
def read(m, offset):
    """Return the 32-bit register at byte `offset` of the register page."""
    r = ioapic_at(m.devices[DEVICE.IOAPIC])[0]
    if offset == IOWINDOW.SELECT:
        return r.select
    if offset == IOWINDOW.DATA:
        return read_register(m, r.select)
    return 0


@kernel
def narrow(offset):
    """Return whether the register at byte `offset` has one byte that matters, so that a write may have any size."""
    return offset == IOWINDOW.SELECT or offset == IOWINDOW.EOI


@kernel
def write(m, offset, value):
    """Write the 32-bit register at byte `offset` of the register page."""
    r = ioapic_at(m.devices[DEVICE.IOAPIC])[0]
    if offset == IOWINDOW.SELECT:
        r.select = value & LOW_8
    elif offset == IOWINDOW.DATA:
        write_register(m, r.select, value & LOW_32)
    elif offset == IOWINDOW.EOI:
        eoi(m, value & LOW_8)


@kernel
def reset(m):
    """Bring the I/O APIC to its state after a hardware reset; lines keep their levels."""
    r = ioapic_at(m.devices[DEVICE.IOAPIC])[0]
    r.select = 0
    r.id = 0
    for i in range(PINS):
        r.entry[i] = REDIRECT.MASKED
