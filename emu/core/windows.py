"""Device registers in memory: what the engine's accesses to the device window do.

Modelled: aligned 32-bit accesses to the local APIC and the I/O APIC, as their manuals allow; narrower reads of
them return the bytes asked for; other pages read all ones and ignore writes (ROM, unassigned addresses).
"""
from numba import types

from emu.bits import U64
from emu.core.native import address
from emu.core.state import core_at
from emu.jit import entry, kernel
from emu.model import apic, ioapic
from emu.spec.cost import COST
from emu.spec.platform import MEMORY
from emu.state import ALL_ONES, cpu_at, machine_at

FOUR, EIGHT, THREE, ONE, SIXTY_FOUR = U64(4), U64(8), U64(3), U64(1), U64(64)
PAGE_MASK, ENABLED = U64(0xFFFF_FFFF_FFFF_F000), U64(1 << 11)
LOW_32 = U64(0xFFFF_FFFF)


@kernel
def is_apic(c, page):
    """Return whether `page` is the local APIC's."""
    return c.apic_base & ENABLED and c.apic_base & PAGE_MASK == page


@entry(types.uint64(types.voidptr, types.uint64, types.uint32, types.voidptr))
def device_read(engine, offset, size, user):
    """Read `size` bytes at `offset` of the page that the stepped instruction reaches."""
    c = cpu_at(address(user))[0]
    k, m = core_at(c.core)[0], machine_at(c.machine)[0]
    c.cycles += COST.DEVICE
    value = ALL_ONES
    if is_apic(c, k.device_page):
        value = apic.read(c, offset >> FOUR) if not offset & U64(12) else U64(0)
    elif k.device_page == MEMORY.IOAPIC:
        value = ioapic.read(m, offset & ~THREE)
    return value >> (offset & THREE) * EIGHT


@entry(types.void(types.voidptr, types.uint64, types.uint32, types.uint64, types.voidptr))
def device_write(engine, offset, size, value, user):
    """Write `size` bytes at `offset` of the page that the stepped instruction reaches."""
    c = cpu_at(address(user))[0]
    k, m = core_at(c.core)[0], machine_at(c.machine)[0]
    c.cycles += COST.DEVICE
    if is_apic(c, k.device_page):
        if not offset & U64(15):
            apic.write(c, offset >> FOUR, value & LOW_32)
    elif k.device_page == MEMORY.IOAPIC:
        ioapic.write(m, offset & ~THREE, value & LOW_32)
