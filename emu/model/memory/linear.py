"""Reads and writes of linear memory by the model: up to 8 bytes, across a page boundary, all or nothing.

What an instruction names in a device's page is an access to the device.  Not modelled: alignment checks (the caller's);
device accesses that are not aligned or cross into or from a device's page, descriptor tables and stacks of events in
device memory: they stop the machine by name.
"""
from emu.bits import ALL_ONES, LOW_32, PAGE_OFFSET, PAGE_SIZE, U64
from emu.jit import kernel
from emu.model.cpu import code_64
from emu.model.devices import mmio
from emu.model.fault import unmodelled
from emu.model.memory import memory, walk
from emu.model.observe import breakpoint
from emu.spec.cost import COST
from emu.spec.outcome import ACCESS, FAULT, RESULT, UNMODELLED
from emu.state import env_of

SILENT = ACCESS.EVENT | ACCESS.IMPLICIT                      # not what an instruction names: no data breakpoint


@kernel
def _refused(c, pa, la, size, access):
    """Return whether `pa` belongs to a device that this access does not reach: the machine stops, with c.fault set."""
    if not memory.device(c, pa):
        return False
    if access & SILENT:
        unmodelled(c, UNMODELLED.TABLE, la, pa)
    elif size & size - 1 or pa & size - 1 or (la & PAGE_OFFSET) + size > PAGE_SIZE:
        unmodelled(c, UNMODELLED.MEMORY, la, size)
    else:
        return False
    return True


@kernel
def _next_page(c, la, access):
    """Return the linear address of the page after that of `la`; what an instruction names wraps at 4 GiB outside 64-bit mode."""
    after = (la | PAGE_OFFSET) + 1
    return after if access & SILENT or la > LOW_32 or code_64(env_of(c.env)[0]) else after & LOW_32


@kernel
def _places(c, la, size, access):
    """Translate the first byte and, when the access crosses, the next page; returns (pa, pa of the next page or 0).

    The first is ALL_ONES with c.fault set when either fails.
    """
    first = walk.translate(c, la, access)
    if c.fault != FAULT.NONE:
        return ALL_ONES, 0
    crosses = (la & PAGE_OFFSET) + size > PAGE_SIZE
    second = 0
    if crosses:
        second = walk.translate(c, U64(_next_page(c, la, access)), access)
        if c.fault != FAULT.NONE or _refused(c, second, la, size, access):
            return ALL_ONES, 0
    if _refused(c, first, la, size, access):
        return ALL_ONES, 0
    return first, second


@kernel
def reach(c, la, size, access):
    """Translate each page of `size` bytes at `la`, in order, and touch none; returns False with c.fault set when one refuses."""
    walk.translate(c, la, access)
    if c.fault == FAULT.NONE and (la & PAGE_OFFSET) + size > PAGE_SIZE:
        walk.translate(c, U64(_next_page(c, la, access)), access)
    return c.fault == FAULT.NONE


@kernel
def read(c, la, size, access):
    """Return `size` (1..8) bytes at linear address `la`; c.fault shows whether it is valid."""
    first, second = _places(c, la, size, access | ACCESS.READ)
    if c.fault != FAULT.NONE:
        return 0
    if c.armed and not access & SILENT:
        breakpoint.access(c, la, first, size, False)
    if memory.device(c, first):
        c.cycles += COST.DEVICE
        return mmio.read(c, first, size)
    m = memory.machine_of(c)
    here = PAGE_SIZE - (la & PAGE_OFFSET)
    if here >= size:
        return memory.load(m, first, size)
    return memory.load(m, first, here) | memory.load(m, second, size - here) << here * 8


@kernel
def write(c, la, size, value, access):
    """Write the low `size` (1..8) bytes of `value` at linear address `la`; returns False with c.fault set."""
    first, second = _places(c, la, size, access | ACCESS.WRITE)
    if c.fault != FAULT.NONE:
        return False
    if c.armed and not access & SILENT:
        breakpoint.access(c, la, first, size, True)
    if memory.device(c, first):
        c.cycles += COST.DEVICE
        return mmio.write(c, first, size, value) == RESULT.NEXT
    m = memory.machine_of(c)
    here = PAGE_SIZE - (la & PAGE_OFFSET)
    if here >= size:
        memory.store(m, first, size, value)
    else:
        memory.store(m, first, here, value)
        memory.store(m, second, size - here, value >> here * 8)
    return True
