"""Segment descriptors: where they lie, what they say, and loading one into a segment register.

Raw descriptors are the 8 bytes of a table entry (uint64).  A *shape* is word 2 of `ENV.seg`: expanded limit in
31:0, second descriptor word (attributes only) in 63:32.  Checks are the callers': each instruction has its own.
Not modelled here: the upper half of 16-byte system descriptors (see `emu.model.instructions.descriptor`).
"""
from emu.bits import LOW_8, LOW_16, LOW_32, PAGE_OFFSET, U64, get, put
from emu.jit import kernel
from emu.model.cpu import attributes, base, limit, long_mode, set_segment
from emu.model.memory import linear
from emu.spec.cpu import DESCRIPTOR, SEG, SYSTYPE
from emu.spec.outcome import ACCESS

RPL, TI, TABLE_PLACE = U64(3), U64(4), U64(0xFFF8)
NOT_NULL = U64(0xFFFC)
TABLE_READ = ACCESS.READ | ACCESS.IMPLICIT
TABLE_WRITE = ACCESS.WRITE | ACCESS.IMPLICIT

LOW_24 = U64(0xFF_FFFF)
KEPT_ATTRIBUTES = (DESCRIPTOR.TYPE | DESCRIPTOR.S | DESCRIPTOR.DPL | DESCRIPTOR.P | DESCRIPTOR.AVL | DESCRIPTOR.L |
        DESCRIPTOR.DB | DESCRIPTOR.G)
# Bits of the type field of code and data segments.
IS_CODE, CONFORMING, IS_WRITABLE, ACCESSED = U64(8), U64(4), U64(2), U64(1)
EXPAND_DOWN = U64(4)
WIDE = SYSTYPE.TSS - SYSTYPE.TSS_16                        # of system types: the bit of 32-bit and 64-bit ones
MAP_BASE = U64(0x66)                                       # offset in such a TSS: where its I/O permission bitmap begins
FLAT_LIMIT = LOW_32                                        # limit of a segment of 4 GiB
ACCESSED_BYTE, ACCESSED_BIT = U64(5), U64(1 << 8)
BYTE_5 = U64(40)


@kernel
def linear_mask(e):
    """Return the mask that linear addresses are wrapped by: 64 bits in IA-32e mode, else 32."""
    return ~0 if long_mode(e) else LOW_32


@kernel
def kind(attr):
    """Return the type field of a second descriptor word."""
    return get(attr, DESCRIPTOR.TYPE)


@kernel
def level(attr):
    """Return the DPL of a second descriptor word."""
    return get(attr, DESCRIPTOR.DPL)


@kernel
def base_of(raw):
    """Return the 32-bit base of a raw descriptor."""
    return raw >> 16 & LOW_24 | raw >> 56 << 24


@kernel
def attributes_of(raw):
    """Return the second word of a raw descriptor without its base and limit bits."""
    return raw >> 32 & KEPT_ATTRIBUTES


@kernel
def limit_of(raw):
    """Return the limit in bytes of a raw descriptor, expanded by the granularity bit."""
    size = raw & LOW_16 | raw >> 32 & DESCRIPTOR.LIMIT_19_16
    if raw >> 32 & DESCRIPTOR.G:
        return size << 12 | PAGE_OFFSET
    return size


@kernel
def shape_of(raw):
    """Return the shape of a raw descriptor: limit and attributes as one word of `ENV.seg`."""
    return limit_of(raw) | attributes_of(raw) << 32


@kernel
def inside(e, selector):
    """Return whether all 8 bytes of the descriptor that `selector` names lie inside its table."""
    table = SEG.GDTR
    if selector & TI:
        if not attributes(e, SEG.LDTR) & DESCRIPTOR.P:
            return False
        table = SEG.LDTR
    return (selector & TABLE_PLACE) + 7 <= limit(e, table)


@kernel
def address(e, selector):
    """Return the linear address of the descriptor that `selector` names."""
    table = SEG.LDTR if selector & TI else SEG.GDTR
    return base(e, table) + (selector & TABLE_PLACE) & linear_mask(e)


@kernel
def fetch(c, e, selector, access):
    """Return the raw descriptor that `selector` names; when it cannot be read `c.fault` says why.

    The caller has checked `inside`; `access` is ACCESS.EVENT or 0, the rest follows.
    """
    return linear.read(c, address(e, selector), 8, TABLE_READ | access)


@kernel
def set_accessed(c, e, selector, raw, access):
    """Set the accessed bit of a code or data descriptor in memory if it is clear; False when `c.fault` says why not."""
    if raw >> 32 & ACCESSED_BIT:
        return True
    return linear.write(c, address(e, selector) + ACCESSED_BYTE & linear_mask(e), 1, raw >> BYTE_5 & LOW_8 | 1, TABLE_WRITE | access)


@kernel
def load_segment(e, s, selector, raw):
    """Load segment register `s` from a checked raw descriptor, accessed bit set.

    A 64-bit code segment has base 0: the processor ignores the one in the descriptor.
    """
    attr = attributes_of(raw) | ACCESSED_BIT
    start = base_of(raw)
    if s == SEG.CS and long_mode(e) and attr & DESCRIPTOR.L:
        start = 0
    set_segment(e, s, selector, start, limit_of(raw), attr)


@kernel
def load_null(e, s, selector, privilege):
    """Make segment register `s` unusable: null `selector`, base 0, DPL `privilege` (SS keeps the CPL there)."""
    set_segment(e, s, selector, 0, 0, put(0, DESCRIPTOR.DPL, privilege))


@kernel
def within(shape, offset, size):
    """Return whether `size` bytes at `offset` are inside a data segment of this shape (limit, expand-down)."""
    end = offset + size - 1
    bound = shape & LOW_32
    attr = shape >> 32
    if attr & DESCRIPTOR.S and kind(attr) & (IS_CODE | EXPAND_DOWN) == EXPAND_DOWN:
        top = LOW_32 if attr & DESCRIPTOR.DB else LOW_16
        return offset > bound and end <= top
    return end <= bound
