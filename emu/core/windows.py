"""Device registers in memory: what the engine's accesses to the device window do (see `emu.model.devices.mmio`)."""

from emu.bits import U64
from emu.core import clock
from emu.core.native import address
from emu.core.state import core_at
from emu.jit import entry
from emu.model.devices import mmio
from emu.spec.cost import COST
from emu.state import cpu_at, env_of


@entry("uint64(voidptr, uint64, uint32, voidptr)")
def device_read(engine, offset, size, user):
    """Read `size` bytes at `offset` of the page that the stepped instruction reaches."""
    c = cpu_at(address(user))[0]
    k, e = core_at(c.core)[0], env_of(c.env)[0]
    away = clock.arrive(c, k, e)
    c.cycles += COST.DEVICE
    value = mmio.read(c, k.device_page + offset, U64(size))
    if away:
        clock.depart(c, k, e)
    return value


@entry("void(voidptr, uint64, uint32, uint64, voidptr)")
def device_write(engine, offset, size, value, user):
    """Write `size` bytes at `offset` of the page that the stepped instruction reaches."""
    c = cpu_at(address(user))[0]
    k, e = core_at(c.core)[0], env_of(c.env)[0]
    away = clock.arrive(c, k, e)
    c.cycles += COST.DEVICE
    mmio.write(c, k.device_page + offset, U64(size), value)
    if away:
        clock.depart(c, k, e)
