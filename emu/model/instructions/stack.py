"""ENTER, which ends with the check that the place of the new stack pointer can be written; the execution engine does not look.

Source: SDM 2A, "ENTER"
"""
from emu.bits import LOW_16, U64
from emu.jit import kernel
from emu.model.cpu import attributes, code_64
from emu.model.memory import walk
from emu.model.processor import decode, operand
from emu.spec.cpu import DESCRIPTOR, GPR, SEG
from emu.spec.outcome import ACCESS, FAULT, RESULT
from emu.state import env_of

NESTING = U64(31)                                        # the nesting level is modulo 32


@kernel
def pointer_size(e):
    """Return the bytes of the stack pointer: 8 in 64-bit mode, else 4 or 2 by SS.B."""
    if code_64(e):
        return 8
    return 4 if attributes(e, SEG.SS) & DESCRIPTOR.DB else 2


@kernel
def _frames(c, e, size, frame, level, mask):
    """Copy the pointers of `level` - 1 outer frames below `frame`, then `frame` itself; False with `c.fault`."""
    for i in range(1, level):
        value = operand.read_at(c, SEG.SS, e.regs[GPR.RBP] - size * U64(i) & mask, size)
        if c.fault != FAULT.NONE or not operand.write_at(c, SEG.SS, frame - size * U64(i) & mask, size, value):
            return False
    return operand.write_at(c, SEG.SS, frame - size * level & mask, size, frame)


@kernel
def writable(c, off, size):
    """Return whether `size` bytes at offset `off` of the stack segment can be written; `c.fault` when not."""
    access = operand.explicit(env_of(c.env)[0]) | ACCESS.WRITE
    where = operand.check(c, SEG.SS, off, size, True)
    if c.fault == FAULT.NONE:
        walk.translate(c, where, access)
    if c.fault == FAULT.NONE:
        walk.translate(c, where + size - 1, access)
    return c.fault == FAULT.NONE


@kernel
def enter(c, e, insn):
    """Execute ENTER; returns RESULT.  What was stored before a fault stays below the stack pointer."""
    c.cycles += decode.cost(decode.timing_class(insn))
    wide, size, level = U64(pointer_size(e)), insn.operand_size, insn.displacement & NESTING
    mask = U64(operand.mask_of(wide))
    frame = e.regs[GPR.RSP] - size
    if not operand.write_at(c, SEG.SS, frame & mask, size, e.regs[GPR.RBP]):
        return RESULT.FAULT
    if level and not _frames(c, e, size, frame, level, mask):
        return RESULT.FAULT
    top = frame - size * level - (insn.immediate & LOW_16)
    if not writable(c, top & mask, size):
        return RESULT.FAULT
    operand.set_reg(e, insn, GPR.RBP, wide, frame)
    operand.set_reg(e, insn, GPR.RSP, wide, top)
    return RESULT.NEXT
