"""Event delivery in real-address mode through the interrupt vector table.

Source: SDM 3B, "Interrupt and Exception Handling" (of "8086 Emulation"); SDM 2A, "INT n/INTO/INT3/INT1"
"""
from emu.bits import U64
from emu.jit import kernel
from emu.model.cpu import LOW_32, attributes, base, limit, set_segment
from emu.model.delivery import frame
from emu.model.fault import raise_exception
from emu.model.memory import linear
from emu.model.processor.segment import TABLE_READ, linear_mask
from emu.spec.cpu import DESCRIPTOR, GPR, INTR, RFLAGS, SEG, VECTOR
from emu.spec.outcome import ACCESS, FAULT

SLOT = U64(2)                                            # bytes of a pushed word
WORD_MASK = U64(0xFFFF)
READ = TABLE_READ | ACCESS.EVENT
SS_WORD = U64(8)                                         # word 2 of SS in ENV.seg
CLEARED = RFLAGS.IF | RFLAGS.TF | RFLAGS.RF | RFLAGS.AC


@kernel
def deliver(c, e, info, error, length):
    """Push FLAGS, CS and IP and go to the vector's far pointer; False with `c.fault`. No error code is pushed."""
    entry = (info & INTR.VECTOR) * 4
    if entry + 3 > limit(e, SEG.IDTR):
        raise_exception(c, VECTOR.GP, 0)
        return False
    pointer = linear.read(c, base(e, SEG.IDTR) + entry & linear_mask(e), 4, READ)
    if c.fault != FAULT.NONE:
        return False
    frame.begin(c)
    frame.push_return(c, e, info & ~INTR.ERROR, error, length)
    mask = LOW_32 if attributes(e, SEG.SS) & DESCRIPTOR.DB else WORD_MASK
    frame.put_on(c, base(e, SEG.SS), mask, e.regs[GPR.RSP], SLOT)
    frame.reach(c, e, 0)
    if not frame.fits(c, e.seg[SS_WORD]):
        raise_exception(c, VECTOR.SS, 0)
        return False
    if not frame.reserve(c, e) or not frame.store(c, e):
        return False
    e.regs[GPR.RSP] = frame.new_sp(c)
    target = pointer >> 16
    set_segment(e, SEG.CS, target, target * 16, limit(e, SEG.CS), attributes(e, SEG.CS))
    e.rip = pointer & WORD_MASK
    e.eflags &= ~CLEARED
    return True
