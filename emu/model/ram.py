"""Where RAM answers: what of the physical address space is memory, and the address that leaves the processor."""
from emu.bits import U64
from emu.jit import kernel
from emu.spec.platform import MEMORY

ABOVE = MEMORY.ABOVE


@kernel
def is_ram(m, address):
    """Return whether RAM answers at physical `address`: below the hole, or from 4 GiB on."""
    return address < m.ram_bytes or address - ABOVE < m.high_bytes


@kernel
def holds(m, address, size):
    """Return whether `size` bytes from physical `address` on all lie in one piece of RAM."""
    if address < ABOVE:
        return address + size <= m.ram_bytes
    return address - ABOVE + size <= m.high_bytes


@kernel
def top(m):
    """Return the end of RAM: bytes of the host's memory for it, in which the hole is never touched, and of its ledger's pages."""
    return ABOVE + m.high_bytes if m.high_bytes else U64(m.ram_bytes)


@kernel
def gated(m, address):
    """Return the physical address that leaves the processor: bit 20 is 0 while the A20 gate is closed.

    Source: SDM 3A, "Physical Address Space"; SDM 3B, "Segment Wraparound"
    """
    return address & ~m.gated
