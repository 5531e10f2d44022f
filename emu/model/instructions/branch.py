"""Near branches in 64-bit mode with an operand-size prefix: the prefix changes nothing, targets have 64 bits.

Everything else about branches is the execution engine's; this form it takes for one with a 16-bit target.
Source: SDM 2A and 2B, "CALL", "Jcc", "JMP", "LOOP/LOOPcc", "RET"; SDM 2D, "Opcode Map" (superscript f64)
"""
from emu.bits import LOW_16, U64, get
from emu.jit import kernel
from emu.model.cpu import rflags
from emu.model.fault import gp0
from emu.model.memory.walk import canonical
from emu.model.processor import decode, operand
from emu.spec.cpu import GPR, RFLAGS, SEG
from emu.spec.insn import MODRM
from emu.spec.outcome import FAULT, RESULT

RET_POP, RET, LOOPNE, LOOPE, JCXZ, CALL, GROUP_5, GROUP_CALL = (U64(n) for n in (0xC2, 0xC3, 0xE0, 0xE1, 0xE3, 0xE8, 0xFF, 2))
JCC_FIRST, JCC_LAST, LOOP_OR_JCXZ = U64(0x70), U64(0x7F), U64(0xE3)


@kernel
def condition(flags, number):
    """Return whether condition `number` (0 to 15, as in an opcode) holds in RFLAGS `flags`."""
    which, sign = number >> 1, (flags & RFLAGS.SF != 0) != (flags & RFLAGS.OF != 0)
    if which == 0:
        met = flags & RFLAGS.OF != 0
    elif which == 1:
        met = flags & RFLAGS.CF != 0
    elif which == 2:
        met = flags & RFLAGS.ZF != 0
    elif which == 3:
        met = flags & (RFLAGS.CF | RFLAGS.ZF) != 0
    elif which == 4:
        met = flags & RFLAGS.SF != 0
    elif which == 5:
        met = flags & RFLAGS.PF != 0
    else:
        met = sign or (which == 7 and flags & RFLAGS.ZF != 0)
    return met != (number & 1 != 0)


@kernel
def _loop(e, insn):
    """Count down for LOOP, LOOPE or LOOPNE; return whether it, or JRCXZ, branches."""
    mask = operand.mask_of(insn.address_size)
    if insn.opcode == JCXZ:
        return e.regs[GPR.RCX] & mask == 0
    operand.set_reg(e, insn, GPR.RCX, insn.address_size, e.regs[GPR.RCX] - 1)
    if e.regs[GPR.RCX] & mask == 0:
        return False
    zero = rflags(e) & RFLAGS.ZF != 0
    return (insn.opcode != LOOPNE or not zero) and (insn.opcode != LOOPE or zero)


@kernel
def _taken(e, insn):
    """Return whether the branch is taken."""
    if insn.map == 1 or (insn.opcode >= JCC_FIRST and insn.opcode <= JCC_LAST):
        return condition(rflags(e), insn.opcode & 15)
    if insn.opcode >= LOOPNE and insn.opcode <= LOOP_OR_JCXZ:
        return _loop(e, insn)
    return True


@kernel
def near(c, e, insn):
    """Execute a near branch; returns RESULT, with RIP set or a fault and nothing changed.

    It is charged here, for the block that it begins never runs: a loop of such branches alone takes time too.
    """
    c.cycles += decode.cost(decode.timing_class(insn))
    ret = insn.map == 0 and (insn.opcode == RET or insn.opcode == RET_POP)
    group = insn.map == 0 and insn.opcode == GROUP_5
    count = e.regs[GPR.RCX]
    target = e.rip + insn.length
    if ret:
        target = operand.read_at(c, SEG.SS, e.regs[GPR.RSP], 8)
    elif group:
        target = operand.load(c, insn, 8)
    else:
        c.fault = FAULT.NONE
        target += insn.immediate if _taken(e, insn) else 0
    if c.fault != FAULT.NONE:
        return RESULT.FAULT
    if not canonical(e, target):
        e.regs[GPR.RCX] = count
        return gp0(c)
    if ret:
        e.regs[GPR.RSP] += 8 + (insn.immediate & LOW_16 if insn.opcode == RET_POP else 0)
    elif (group and get(insn.modrm, MODRM.REG) == GROUP_CALL) or (insn.map == 0 and insn.opcode == CALL):
        if not operand.write_at(c, SEG.SS, e.regs[GPR.RSP] - 8, 8, e.rip + insn.length):
            return RESULT.FAULT
        e.regs[GPR.RSP] -= 8
    e.rip = target
    return RESULT.JUMP
