"""Event delivery in real-address mode through the interrupt vector table.

Source: SDM 3B, "Interrupt and Exception Handling" (of "8086 Emulation"); SDM 2A, "INT n/INTO/INT3/INT1"
"""
from emu.bits import U64
from emu.jit import kernel
from emu.model import frame, linear
from emu.model.cpu import LOW_32, attributes, base, limit, set_segment
from emu.model.fault import raise_exception
from emu.model.segment import TABLE_READ, linear_mask
from emu.spec.cpu import DESCRIPTOR, GPR, INTR, RFLAGS, SEG, VECTOR
from emu.spec.outcome import ACCESS, FAULT

ZERO, TWO, FOUR, SIXTEEN, THREE = U64(0), U64(2), U64(4), U64(16), U64(3)
SLOT = U64(2)                                            # bytes of a pushed word
WORD_MASK, SHIFT_16 = U64(0xFFFF), U64(16)
READ = TABLE_READ | ACCESS.EVENT
SS_WORD = U64(8)                                         # word 2 of SS in ENV.seg
CLEARED = RFLAGS.IF | RFLAGS.TF | RFLAGS.RF | RFLAGS.AC


@kernel
def deliver(c, e, info, error, length):
    """Push FLAGS, CS and IP and go to the vector's far pointer; False with `c.fault`. No error code is pushed."""
    entry = (info & INTR.VECTOR) * FOUR
    if entry + THREE > limit(e, SEG.IDTR):
        raise_exception(c, VECTOR.GP, ZERO)
        return False
    pointer = linear.read(c, base(e, SEG.IDTR) + entry & linear_mask(e), FOUR, READ)
    if c.fault != FAULT.NONE:
        return False
    frame.begin(c)
    frame.push_return(c, e, info & ~INTR.ERROR, error, length)
    mask = LOW_32 if attributes(e, SEG.SS) & DESCRIPTOR.DB else WORD_MASK
    frame.put_on(c, base(e, SEG.SS), mask, e.regs[GPR.RSP], SLOT)
    frame.reach(c, e, ZERO)
    if not frame.fits(c, e.seg[SS_WORD]):
        raise_exception(c, VECTOR.SS, ZERO)
        return False
    if not frame.reserve(c, e) or not frame.store(c, e):
        return False
    e.regs[GPR.RSP] = frame.new_sp(c)
    target = pointer >> SHIFT_16
    set_segment(e, SEG.CS, target, target * SIXTEEN, limit(e, SEG.CS), attributes(e, SEG.CS))
    e.rip = pointer & WORD_MASK
    e.eflags &= ~CLEARED
    return True
