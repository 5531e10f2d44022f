"""Reads and writes of linear memory by the model: up to 8 bytes, across a page boundary, all or nothing.

Not modelled: alignment checks (the caller's), accesses that cross from or into a device page (they stop).
"""
from emu.bits import U64
from emu.jit import kernel
from emu.model import breakpoint, memory, walk
from emu.model.fault import unmodelled
from emu.spec.outcome import ACCESS, FAULT, UNMODELLED
from emu.spec.paging import KIND

ZERO, ONE, EIGHT, OFFSET_4K, PAGE_BYTES = U64(0), U64(1), U64(8), U64(0xFFF), U64(0x1000)
SILENT = ACCESS.EVENT | ACCESS.IMPLICIT                      # not what an instruction names: no data breakpoint
ALL_ONES = U64(0xFFFF_FFFF_FFFF_FFFF)


@kernel
def _device(c, pa, la, size, crosses):
    """Return whether `pa` belongs to a device, with c.fault set."""
    if walk.kind(c, pa) != KIND.DEVICE:
        return False
    if crosses:
        unmodelled(c, UNMODELLED.MEMORY, la, size)
    else:
        c.fault = FAULT.DEVICE
        c.fault_gpa = pa
    return True


@kernel
def _places(c, la, size, access):
    """Translate the first byte and, when the access crosses, the next page; returns (pa, pa of the next page or 0).

    The first is ALL_ONES with c.fault set when either fails.
    """
    first = walk.translate(c, la, access)
    if c.fault != FAULT.NONE:
        return ALL_ONES, ZERO
    crosses = (la & OFFSET_4K) + size > PAGE_BYTES
    second = ZERO
    if crosses:
        second = walk.translate(c, (la | OFFSET_4K) + ONE, access)
        if c.fault != FAULT.NONE or _device(c, second, la, size, True):
            return ALL_ONES, ZERO
    if _device(c, first, la, size, crosses):
        return ALL_ONES, ZERO
    return first, second


@kernel
def read(c, la, size, access):
    """Return `size` (1..8) bytes at linear address `la`; c.fault tells whether it is valid."""
    first, second = _places(c, la, size, access | ACCESS.READ)
    if c.fault != FAULT.NONE:
        return ZERO
    if c.armed and not access & SILENT:
        breakpoint.access(c, la, first, size, False)
    m = memory.machine_of(c)
    here = PAGE_BYTES - (la & OFFSET_4K)
    if here >= size:
        return memory.load(m, first, size)
    return memory.load(m, first, here) | memory.load(m, second, size - here) << here * EIGHT


@kernel
def write(c, la, size, value, access):
    """Write the low `size` (1..8) bytes of `value` at linear address `la`; returns False with c.fault set."""
    first, second = _places(c, la, size, access | ACCESS.WRITE)
    if c.fault != FAULT.NONE:
        return False
    if c.armed and not access & SILENT:
        breakpoint.access(c, la, first, size, True)
    m = memory.machine_of(c)
    here = PAGE_BYTES - (la & OFFSET_4K)
    if here >= size:
        memory.store(m, first, size, value)
    else:
        memory.store(m, first, here, value)
        memory.store(m, second, size - here, value >> here * EIGHT)
    return True
