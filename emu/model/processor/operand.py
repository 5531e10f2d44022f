"""Operands of a decoded instruction: effective and linear addresses, registers, memory through segment checks.

`e.rip` is the address of the instruction itself.  Not modelled: alignment checks (#AC); type checks in
real-address and virtual-8086 mode, where every segment can be read and written.
"""
from emu.bits import ALL_ONES, LOW_8, LOW_32, U64
from emu.jit import kernel
from emu.model.cpu import attributes, base, code_64, cpl, real_mode
from emu.model.fault import raise_exception
from emu.model.memory import linear
from emu.model.memory.walk import canonical
from emu.model.processor.decode import RIP_BASE
from emu.model.processor.segment import within
from emu.spec.cpu import DESCRIPTOR, RFLAGS, SEG, VECTOR
from emu.spec.insn import PREFIX
from emu.spec.outcome import ACCESS, FAULT
from emu.state import env_of

CODE_TYPE, READ_OR_WRITE = U64(0x800), U64(0x200)        # bits of DESCRIPTOR.TYPE: code; readable code or writable data


@kernel
def mask_of(size):
    """Return the mask of `size` (1..8) bytes."""
    return ALL_ONES >> (8 - size) * 8


@kernel
def offset(c, insn):
    """Return the effective address of the memory operand, wrapped to the address size; no segment base."""
    e = env_of(c.env)[0]
    value = insn.displacement
    if insn.base_reg == RIP_BASE:
        value += e.rip + insn.length
    elif insn.base_reg < 16:
        value += e.regs[insn.base_reg]
    if insn.index_reg < 16:
        value += e.regs[insn.index_reg] << insn.scale
    return value & mask_of(insn.address_size)


@kernel
def linear_address(e, s, off):
    """Return the linear address of offset `off` in segment `s`: in 64-bit mode only FS and GS have a base."""
    if code_64(e):
        return off + base(e, s) if s == SEG.FS or s == SEG.GS else off
    return (off + base(e, s)) & LOW_32


@kernel
def address(c, insn):
    """Return the linear address of the memory operand; checks nothing.

    Source: SDM 1, "Operand Addressing"; SDM 3A, "Segmentation in IA-32e Mode"
    """
    return linear_address(env_of(c.env)[0], insn.segment, U64(offset(c, insn)))


@kernel
def get_reg(e, insn, n, size):
    """Return `size` bytes of general register `n`; AH, CH, DH, BH for 4..7 when `size` is 1 and there is no REX."""
    if size == 1 and n >= 4 and not insn.prefixes & PREFIX.REX:
        return e.regs[n - 4] >> 8 & LOW_8
    return e.regs[n] & mask_of(size)


@kernel
def set_reg(e, insn, n, size, value):
    """Write general register `n`: 8 bytes, 4 zero-extended, 2 or 1 with the rest kept (AH..BH as in get_reg)."""
    if size == 1 and n >= 4 and not insn.prefixes & PREFIX.REX:
        n -= 4
        e.regs[n] = e.regs[n] & ~(LOW_8 << 8) | (value & LOW_8) << 8
    elif size >= 4:
        e.regs[n] = value & mask_of(size)
    else:
        mask = U64(mask_of(size))
        e.regs[n] = e.regs[n] & ~mask | value & mask


@kernel
def refuse(c, s):
    """Note #SS(0) for an address in the stack segment, #GP(0) for any other."""
    return raise_exception(c, VECTOR.SS if s == SEG.SS else VECTOR.GP, 0)


@kernel
def _allowed_type(attr, write):
    """Return whether a segment of these attributes may be read or written in protected mode."""
    if write:
        return attr & (CODE_TYPE | READ_OR_WRITE) == READ_OR_WRITE
    return attr & (CODE_TYPE | READ_OR_WRITE) != CODE_TYPE


@kernel
def reach(c, s, off, size):
    """Check an access of `size` bytes at offset `off` of segment `s`, whatever its type; returns its linear address.

    On failure c.fault is set: #SS(0) or #GP(0).  On success it is NONE.
    Source: SDM 3A, "Limit Checking"; SDM 3A, "Canonical Addressing" (64-bit mode)
    """
    e = env_of(c.env)[0]
    c.fault = FAULT.NONE
    where = U64(linear_address(e, s, off))
    if code_64(e):
        if not (canonical(e, where) and canonical(e, where + size - 1)):
            refuse(c, s)
        return where
    null = not attributes(e, s) & DESCRIPTOR.P and not real_mode(e) and not e.eflags & RFLAGS.VM
    if null or not within(e.seg[s * 3 + 2], off, size):
        refuse(c, s)
    return where


@kernel
def check(c, s, off, size, write):
    """Check a read or write of `size` bytes at offset `off` of segment `s`; as `reach`.

    Source: SDM 3A, "Type Checking"
    """
    e = env_of(c.env)[0]
    attr = attributes(e, s)
    if attr & DESCRIPTOR.P and not _allowed_type(attr, write) and not code_64(e) and not real_mode(e) and not e.eflags & RFLAGS.VM:
        raise_exception(c, VECTOR.GP, 0)
        return U64(linear_address(e, s, off))
    return U64(reach(c, s, off, size))


@kernel
def explicit(e):
    """Return the ACCESS bits of an explicit data access at the current privilege level."""
    if cpl(e) == 3:
        return ACCESS.USER
    return ACCESS.AC if e.eflags & RFLAGS.AC else 0


@kernel
def read_at(c, s, off, size):
    """Return `size` (1..8) bytes at offset `off` of segment `s`; c.fault shows whether it is valid."""
    where = U64(check(c, s, off, size, False))
    if c.fault != FAULT.NONE:
        return 0
    return linear.read(c, where, size, U64(explicit(env_of(c.env)[0])) | ACCESS.READ)


@kernel
def write_at(c, s, off, size, value):
    """Write `size` (1..8) bytes at offset `off` of segment `s`; returns False with c.fault set when it may not."""
    where = U64(check(c, s, off, size, True))
    if c.fault != FAULT.NONE:
        return False
    return linear.write(c, where, size, value, U64(explicit(env_of(c.env)[0])) | ACCESS.WRITE)


@kernel
def load(c, insn, size):
    """Return `size` (1..8) bytes of the r/m operand, register or memory; c.fault shows whether it is valid."""
    if not insn.memory:
        c.fault = FAULT.NONE
        return get_reg(env_of(c.env)[0], insn, insn.rm, size)
    return read_at(c, insn.segment, U64(offset(c, insn)), size)


@kernel
def store(c, insn, size, value):
    """Write `size` (1..8) bytes to the r/m operand, register or memory; returns False with c.fault set on failure."""
    if not insn.memory:
        c.fault = FAULT.NONE
        set_reg(env_of(c.env)[0], insn, insn.rm, size, value)
        return True
    return write_at(c, insn.segment, U64(offset(c, insn)), size, value)


@kernel
def check_whole(c, insn, size, write):
    """Check a memory operand longer than eight bytes, before any part of it; returns False with c.fault set on failure.

    One that is written is translated as well: no part is stored when another page refuses.
    """
    where = U64(check(c, insn.segment, U64(offset(c, insn)), size, write))
    if c.fault == FAULT.NONE and write:
        return linear.reach(c, where, size, U64(explicit(env_of(c.env)[0])) | ACCESS.WRITE)
    return c.fault == FAULT.NONE


@kernel
def load_part(c, insn, at, size):
    """Return `size` (1..8) bytes at byte `at` of a memory operand longer than eight bytes (`check_whole` first); as load."""
    return read_at(c, insn.segment, U64(offset(c, insn)) + at, size)


@kernel
def store_part(c, insn, at, size, value):
    """Write `size` (1..8) bytes at byte `at` of a memory operand longer than eight bytes (`check_whole` first); as store."""
    return write_at(c, insn.segment, U64(offset(c, insn)) + at, size, value)
