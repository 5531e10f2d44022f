"""Ordinary instructions that the model executes because the execution engine refuses them, or does not do all or nothing.

Source: SDM 2A to 2D, instruction pages
"""
from emu.bits import LOW_8, U64, get
from emu.jit import kernel
from emu.model.cpu import STATUS, rflags
from emu.model.memory import linear
from emu.model.processor import decode, operand
from emu.spec.cpu import GPR, RFLAGS
from emu.spec.insn import MODRM
from emu.spec.outcome import ACCESS, FAULT, RESULT

COUNT, COUNT_64 = U64(31), U64(63)                        # COUNT: bits of a shift count that count
RCR = U64(3)                                              # MODRM.REG; RCL is the one below
SHIFT_BY_ONE, SHIFT_BY_CL = U64(0xD0), U64(0xD2)           # opcodes: from these on; below, by an immediate byte


@kernel
def test(c, e, insn):
    """Execute TEST with the group's second encoding: AND of the operands sets SF, ZF and PF, and clears CF, OF and AF."""
    value = operand.load(c, insn, insn.operand_size)
    if c.fault != FAULT.NONE:
        return RESULT.FAULT
    value &= insn.immediate
    flags, parity = 0, value & LOW_8
    for shift in (4, 2, 1):
        parity ^= parity >> shift
    if parity & 1 == 0:
        flags |= RFLAGS.PF
    if value == 0:
        flags |= RFLAGS.ZF
    if value >> (insn.operand_size * 8 - 1) & 1:
        flags |= RFLAGS.SF
    c.cycles += decode.cost(decode.timing_class(insn))
    e.cc_src = flags
    return RESULT.NEXT


@kernel
def _left(value, count, carry, bits):
    """Return (`bits` of value rotated left through the carry by count from 1 on, carry)."""
    result = value << count | carry << count - 1
    if count > 1:
        result |= value >> bits + 1 - count
    return result & operand.mask_of(bits >> 3), value >> bits - count & 1


@kernel
def _right(value, count, carry, bits):
    """Return (`bits` of value rotated right through the carry by count from 1 on, carry)."""
    result = value >> count | carry << bits - count
    if count > 1:
        result |= value << bits + 1 - count
    return result & operand.mask_of(bits >> 3), value >> count - 1 & 1


@kernel
def rotate_carry(c, e, insn):
    """Execute RCL or RCR of a memory operand: read with the right to write, so that what is refused leaves CF as it was.

    OF is the change of the sign for each count; the manual defines it for a count of 1.
    Source: SDM 2B, "RCL/RCR/ROL/ROR"
    """
    size, count = insn.operand_size, 1
    if insn.opcode < SHIFT_BY_ONE:
        count = insn.immediate & LOW_8
    elif insn.opcode >= SHIFT_BY_CL:
        count = e.regs[GPR.RCX]
    bits = size * 8
    count &= COUNT_64 if size == 8 else COUNT
    if size <= 2:
        count %= bits + 1
    la = U64(operand.check(c, insn.segment, U64(operand.offset(c, insn)), size, True))
    if c.fault != FAULT.NONE:
        return RESULT.FAULT
    access = U64(operand.explicit(e)) | ACCESS.WRITE
    value, flags = linear.read(c, la, size, access), rflags(e) & STATUS
    if c.fault != FAULT.NONE:
        return RESULT.FAULT
    result, carry = value, flags & RFLAGS.CF
    if count:
        right = get(insn.modrm, MODRM.REG) == RCR
        result, carry = _right(value, count, carry, bits) if right else _left(value, count, carry, bits)
        sign = (value ^ result) >> bits - 1 & 1
        flags = flags & ~(RFLAGS.CF | RFLAGS.OF) | carry | (RFLAGS.OF if sign else 0)
    if not linear.write(c, la, size, result, access):
        return RESULT.FAULT
    c.cycles += decode.cost(decode.timing_class(insn))
    e.cc_src = flags
    return RESULT.NEXT
