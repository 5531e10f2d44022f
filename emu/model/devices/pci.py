"""PCI configuration mechanism 1: a bus with one host bridge and nothing else; reset control at 0xCF9.

Source: PCI Local Bus Specification, "Configuration Mechanism #1"; Intel 82441FX and PIIX3 data sheets
"""
from emu.bits import LOW_8, U64
from emu.jit import kernel
from emu.spec.outcome import STOP
from emu.spec.pci import PCIADDRESS
from emu.spec.platform import DEVICE, PORT, RESETCTL
from emu.state import pci_at

WHERE = PCIADDRESS.FUNCTION | PCIADDRESS.DEVICE | PCIADDRESS.BUS
ADDRESS_BITS = WHERE | PCIADDRESS.REGISTER | PCIADDRESS.ENABLE
COMMAND_LOW, COMMAND_HIGH, SCRATCH_REGISTER, END = U64(4), U64(5), U64(0x50), U64(0x100)
SERR = U64(1)                                             # the only command bits of the bridge that can be written


@kernel
def read(m, port, size):
    """Return `size` bytes from 0xCF8-0xCFF."""
    r = pci_at(m.devices[DEVICE.PCI])[0]
    if port == PORT.PCI_ADDRESS and size == 4:
        return r.address
    if port == PORT.RESET_CONTROL and size == 1:
        return r.reset_control
    first = r.address & PCIADDRESS.REGISTER | port & 3
    present = port >= PORT.PCI_DATA and r.address & PCIADDRESS.ENABLE != 0 and r.address & WHERE == 0
    value = 0
    for i in range(size):
        inside = present and (port & 3) + U64(i) < 4
        value |= (U64(r.config[first + U64(i)]) if inside else LOW_8) << 8 * U64(i)
    return value


@kernel
def _store(r, register, value):
    """Write a byte of the bridge's configuration space: SERR enable, and the chipset's own registers."""
    if register == COMMAND_HIGH:
        r.config[register] = value & SERR
    elif register >= SCRATCH_REGISTER:
        r.config[register] = value


@kernel
def write(c, m, port, size, value):
    """Write `size` bytes to 0xCF8-0xCFF."""
    r = pci_at(m.devices[DEVICE.PCI])[0]
    if port == PORT.PCI_ADDRESS and size == 4:
        r.address = value & ADDRESS_BITS
    elif port == PORT.RESET_CONTROL and size == 1:
        if value & ~r.reset_control & RESETCTL.RESET:
            m.stop = STOP.RESET
            m.stop_cpu = c.id
        r.reset_control = value & (RESETCTL.HARD | RESETCTL.RESET)
    elif port >= PORT.PCI_DATA and r.address & PCIADDRESS.ENABLE and not r.address & WHERE:
        first = r.address & PCIADDRESS.REGISTER | port & 3
        for i in range(size):
            if (port & 3) + U64(i) < 4:
                _store(r, first + U64(i), value >> 8 * U64(i) & LOW_8)


@kernel
def reset(m):
    """Bring bus and bridge to their state after reset; identification bytes stay."""
    r = pci_at(m.devices[DEVICE.PCI])[0]
    r.address = 0
    r.reset_control = 0
    r.config[COMMAND_LOW] = 6                             # memory and bus master: fixed
    r.config[COMMAND_HIGH] = 0
    for i in range(SCRATCH_REGISTER, END):
        r.config[i] = 0
