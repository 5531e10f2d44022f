"""Descriptor-table registers: LGDT, LIDT, SGDT, SIDT, LLDT, LTR, SLDT, STR.

Source: SDM 2A and 2B, instruction pages; SDM 3A, "System Descriptor Types"
"""
from emu.bits import LOW_8, LOW_32, U64, value_of
from emu.jit import kernel
from emu.model.cpu import base, code_64, cpl, cpu_canonical, limit, long_mode, real_mode, selector, set_segment
from emu.model.fault import gp0, raise_exception, ud
from emu.model.memory import linear
from emu.model.processor import operand
from emu.model.processor.segment import (
    BYTE_5,
    LOW_24,
    NOT_NULL,
    TABLE_PLACE,
    TABLE_READ,
    TABLE_WRITE,
    TI,
    address,
    attributes_of,
    base_of,
    fetch,
    kind,
    limit_of,
    linear_mask,
)
from emu.spec.cost import COST
from emu.spec.cpu import DESCRIPTOR, RFLAGS, SEG, SYSTYPE, VECTOR
from emu.spec.outcome import FAULT, RESULT

UPPER_TYPE, UPPER = (DESCRIPTOR.TYPE | DESCRIPTOR.S) << U64(32), U64(8)
BUSY_BIT = SYSTYPE.BUSY_TSS - SYSTYPE.TSS                # of the byte that holds the type
BUSY_ATTRIBUTE, TYPE_BYTE = value_of(DESCRIPTOR, TYPE=BUSY_BIT), U64(5)


@kernel
def load_table(c, e, insn, table):
    """Execute LGDT or LIDT: 16-bit limit, base of 24, 32 or 64 bits by operand size."""
    if cpl(e) != 0:
        return gp0(c)
    wide = 8 if code_64(e) else 4
    if not operand.check_whole(c, insn, wide + 2, False):
        return RESULT.FAULT
    size = operand.load_part(c, insn, 0, 2)
    if c.fault != FAULT.NONE:
        return RESULT.FAULT
    start = operand.load_part(c, insn, 2, wide)
    if c.fault != FAULT.NONE:
        return RESULT.FAULT
    if insn.operand_size == 2 and not code_64(e):
        start &= LOW_24
    if not cpu_canonical(start):
        return gp0(c)
    c.cycles += COST.CONTROL
    set_segment(e, table, 0, start, size, 0)
    return RESULT.NEXT


@kernel
def store_table(c, e, insn, table):
    """Execute SGDT or SIDT: limit and base of 32 bits, of 64 in 64-bit mode; all bytes or none."""
    wide = 8 if code_64(e) else 4
    if not operand.check_whole(c, insn, wide + 2, True):
        return RESULT.FAULT
    if not operand.store_part(c, insn, 2, wide, base(e, table)):
        return RESULT.FAULT
    return RESULT.NEXT if operand.store_part(c, insn, 0, 2, limit(e, table)) else RESULT.FAULT


@kernel
def protected(e):
    """Return whether CR0.PE = 1 and RFLAGS.VM = 0: elsewhere LLDT, LTR, SLDT and STR do not exist."""
    return not real_mode(e) and e.eflags & RFLAGS.VM == 0


@kernel
def store_selector(c, e, insn, s):
    """Execute SLDT or STR: 16 bits to memory, zero-extended to the operand size to a register."""
    if not protected(e):
        return ud(c)
    size = 2 if insn.memory else insn.operand_size
    return RESULT.NEXT if operand.store(c, insn, size, selector(e, s)) else RESULT.FAULT


@kernel
def _refuse(c, vector, target):
    raise_exception(c, vector, target & NOT_NULL)
    return 0


@kernel
def _system_descriptor(c, e, target, is_tss):
    """Return the low half of the LDT or TSS descriptor that `target` selects, checked; `c.fault` when refused."""
    size = 15 if long_mode(e) else 7
    if target & TI or (target & TABLE_PLACE) + size > limit(e, SEG.GDTR):
        return _refuse(c, VECTOR.GP, target)
    raw = fetch(c, e, target, 0)
    if c.fault != FAULT.NONE:
        return 0
    attr = attributes_of(raw)
    what = kind(attr)
    fits = what == SYSTYPE.LDT
    if is_tss:
        fits = what == SYSTYPE.TSS or (what == SYSTYPE.TSS_16 and not long_mode(e))
    if attr & DESCRIPTOR.S or not fits:
        return _refuse(c, VECTOR.GP, target)
    if not attr & DESCRIPTOR.P:
        return _refuse(c, VECTOR.NP, target)
    return raw


@kernel
def _wide_base(c, e, target, raw):
    """Return the base of a system descriptor; in IA-32e mode its upper half is read, checked, and joined."""
    if not long_mode(e):
        return base_of(raw)
    upper = linear.read(c, address(e, target) + UPPER & linear_mask(e), 8, TABLE_READ)
    if c.fault != FAULT.NONE:
        return 0
    start = base_of(raw) | (upper & LOW_32) << 32
    if upper & UPPER_TYPE or not cpu_canonical(start):
        return _refuse(c, VECTOR.GP, target)
    return start


@kernel
def _operand(c, e, insn):
    """Return the selector operand of LLDT or LTR after mode and privilege checks; `c.fault` when refused."""
    if not protected(e):
        ud(c)
    elif cpl(e) != 0:
        gp0(c)
    else:
        return operand.load(c, insn, 2)
    return 0


@kernel
def lldt(c, e, insn):
    """Execute LLDT; a null selector makes LDTR unusable."""
    target = _operand(c, e, insn)
    if c.fault != FAULT.NONE:
        return RESULT.FAULT
    c.cycles += COST.CONTROL
    if not target & NOT_NULL:
        set_segment(e, SEG.LDTR, target, 0, 0, 0)
        return RESULT.NEXT
    raw = _system_descriptor(c, e, target, False)
    if c.fault != FAULT.NONE:
        return RESULT.FAULT
    start = _wide_base(c, e, target, raw)
    if c.fault != FAULT.NONE:
        return RESULT.FAULT
    set_segment(e, SEG.LDTR, target, start, limit_of(raw), attributes_of(raw))
    return RESULT.NEXT


@kernel
def ltr(c, e, insn):
    """Execute LTR: the TSS must be available and becomes busy, in memory and in TR."""
    target = _operand(c, e, insn)
    if c.fault != FAULT.NONE:
        return RESULT.FAULT
    if not target & NOT_NULL:
        return gp0(c)
    raw = _system_descriptor(c, e, target, True)
    if c.fault != FAULT.NONE:
        return RESULT.FAULT
    start = _wide_base(c, e, target, raw)
    if c.fault != FAULT.NONE:
        return RESULT.FAULT
    where = address(e, target) + TYPE_BYTE & linear_mask(e)
    if not linear.write(c, where, 1, raw >> BYTE_5 & LOW_8 | BUSY_BIT, TABLE_WRITE):
        return RESULT.FAULT
    c.cycles += COST.CONTROL
    set_segment(e, SEG.TR, target, start, limit_of(raw), attributes_of(raw) | BUSY_ATTRIBUTE)
    return RESULT.NEXT
