"""Near branches in 64-bit mode with an operand-size prefix: the prefix changes nothing, targets have 64 bits.

Everything else about branches is the execution engine's; this form it takes for one with a 16-bit target.
Source: SDM 2A and 2B, "CALL", "Jcc", "JMP", "LOOP/LOOPcc", "RET"; SDM 2D, "Opcode Map" (superscript f64)
"""
from emu.bits import U64
from emu.jit import kernel
from emu.model import decode, operand
from emu.model.cpu import rflags
from emu.model.fault import gp0
from emu.model.walk import canonical
from emu.spec.cpu import GPR, RFLAGS, SEG
from emu.spec.outcome import FAULT, RESULT

ZERO, ONE, TWO, THREE, SEVEN, EIGHT = U64(0), U64(1), U64(2), U64(3), U64(7), U64(8)
FIFTEEN, WORD_MASK = U64(15), U64(0xFFFF)
RET_POP, RET, LOOPNE, LOOPE, JCXZ, CALL, GROUP, GROUP_CALL = (U64(n) for n in (0xC2, 0xC3, 0xE0, 0xE1, 0xE3, 0xE8, 0xFF, 2))
JCC_FIRST, JCC_LAST, LOOP_LAST = U64(0x70), U64(0x7F), U64(0xE3)


@kernel
def condition(flags, number):
    """Return whether condition `number` (0 to 15, as in an opcode) holds in RFLAGS `flags`."""
    which, sign = number >> ONE, (flags & RFLAGS.SF != ZERO) != (flags & RFLAGS.OF != ZERO)
    if which == ZERO:
        met = flags & RFLAGS.OF != ZERO
    elif which == ONE:
        met = flags & RFLAGS.CF != ZERO
    elif which == TWO:
        met = flags & RFLAGS.ZF != ZERO
    elif which == THREE:
        met = flags & (RFLAGS.CF | RFLAGS.ZF) != ZERO
    elif which == U64(4):
        met = flags & RFLAGS.SF != ZERO
    elif which == U64(5):
        met = flags & RFLAGS.PF != ZERO
    else:
        met = sign or (which == SEVEN and flags & RFLAGS.ZF != ZERO)
    return met != (number & ONE != ZERO)


@kernel
def _loop(e, insn):
    """Count down for LOOP, LOOPE or LOOPNE; return whether it, or JRCXZ, branches."""
    mask = operand.mask_of(insn.address_size)
    if insn.opcode == JCXZ:
        return e.regs[GPR.RCX] & mask == ZERO
    operand.set_reg(e, insn, GPR.RCX, insn.address_size, e.regs[GPR.RCX] - ONE)
    if e.regs[GPR.RCX] & mask == ZERO:
        return False
    zero = rflags(e) & RFLAGS.ZF != ZERO
    return (insn.opcode != LOOPNE or not zero) and (insn.opcode != LOOPE or zero)


@kernel
def _taken(e, insn):
    """Return whether the branch is taken."""
    if insn.map == ONE or (insn.opcode >= JCC_FIRST and insn.opcode <= JCC_LAST):
        return condition(rflags(e), insn.opcode & FIFTEEN)
    if insn.opcode >= LOOPNE and insn.opcode <= LOOP_LAST:
        return _loop(e, insn)
    return True


@kernel
def near(c, e, insn):
    """Execute a near branch; returns RESULT, with RIP set or a fault and nothing changed.

    It is charged here, for the block that it begins never runs: a loop of such branches alone takes time too.
    """
    c.cycles += decode.cost(decode.timing_class(insn))
    ret = insn.map == ZERO and (insn.opcode == RET or insn.opcode == RET_POP)
    group = insn.map == ZERO and insn.opcode == GROUP
    count = e.regs[GPR.RCX]
    target = e.rip + insn.length
    if ret:
        target = operand.read_at(c, SEG.SS, e.regs[GPR.RSP], EIGHT)
    elif group:
        target = operand.load(c, insn, EIGHT)
    else:
        c.fault = FAULT.NONE
        target += insn.immediate if _taken(e, insn) else ZERO
    if c.fault != FAULT.NONE:
        return RESULT.FAULT
    if not canonical(e, target):
        e.regs[GPR.RCX] = count
        return gp0(c)
    if ret:
        e.regs[GPR.RSP] += EIGHT + (insn.immediate & WORD_MASK if insn.opcode == RET_POP else ZERO)
    elif (group and insn.modrm >> THREE & SEVEN == GROUP_CALL) or (insn.map == ZERO and insn.opcode == CALL):
        if not operand.write_at(c, SEG.SS, e.regs[GPR.RSP] - EIGHT, EIGHT, e.rip + insn.length):
            return RESULT.FAULT
        e.regs[GPR.RSP] -= EIGHT
    e.rip = target
    return RESULT.JUMP
