"""Device registers in memory: what the engine's accesses to the device window do (see `emu.model.devices.mmio`)."""

from emu.bits import U64
from emu.core.native import address
from emu.core.state import core_at
from emu.jit import entry
from emu.model.devices import mmio
from emu.spec.cost import COST
from emu.state import cpu_at


@entry("uint64(voidptr, uint64, uint32, voidptr)")
def device_read(engine, offset, size, user):
    """Read `size` bytes at `offset` of the page that the stepped instruction reaches."""
    c = cpu_at(address(user))[0]
    c.cycles += COST.DEVICE
    return mmio.read(c, core_at(c.core)[0].device_page + offset, U64(size))


@entry("void(voidptr, uint64, uint32, uint64, voidptr)")
def device_write(engine, offset, size, value, user):
    """Write `size` bytes at `offset` of the page that the stepped instruction reaches."""
    c = cpu_at(address(user))[0]
    c.cycles += COST.DEVICE
    mmio.write(c, core_at(c.core)[0].device_page + offset, U64(size), value)
