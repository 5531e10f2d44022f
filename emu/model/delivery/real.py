"""Event delivery in real-address mode through the interrupt vector table.

Source: SDM 3B, "Interrupt and Exception Handling" (of "8086 Emulation"); SDM 2A, "INT n/INTO/INT3/INT1"
"""
from emu.bits import LOW_16, LOW_32, U64
from emu.jit import kernel
from emu.model.cpu import SS_WORD, attributes, base, limit, set_segment
from emu.model.delivery import frame
from emu.model.delivery.gate import EVENT_READ
from emu.model.fault import raise_exception
from emu.model.memory import linear
from emu.model.processor.segment import linear_mask
from emu.spec.cpu import DESCRIPTOR, GPR, INTR, RFLAGS, SEG, VECTOR
from emu.spec.outcome import FAULT

PUSHED_BYTES = U64(2)                                    # bytes of a pushed word
CLEARED_REAL = RFLAGS.IF | RFLAGS.TF | RFLAGS.RF | RFLAGS.AC


@kernel
def deliver(c, e, info, error, length):
    """Push FLAGS, CS and IP and go to the vector's far pointer; False with `c.fault`. No error code is pushed."""
    entry = (info & INTR.VECTOR) * 4
    if entry + 3 > limit(e, SEG.IDTR):
        raise_exception(c, VECTOR.GP, 0)
        return False
    pointer = linear.read(c, base(e, SEG.IDTR) + entry & linear_mask(e), 4, EVENT_READ)
    if c.fault != FAULT.NONE:
        return False
    frame.begin(c)
    frame.push_return(c, e, info & ~INTR.ERROR, error, length)
    mask = LOW_32 if attributes(e, SEG.SS) & DESCRIPTOR.DB else LOW_16
    frame.put_on(c, base(e, SEG.SS), mask, e.regs[GPR.RSP], PUSHED_BYTES)
    frame.reach(c, e, 0)
    if not frame.fits(c, e.seg[SS_WORD]):
        raise_exception(c, VECTOR.SS, 0)
        return False
    if not frame.reserve(c, e) or not frame.store(c, e):
        return False
    e.regs[GPR.RSP] = frame.new_sp(c)
    target = pointer >> 16
    set_segment(e, SEG.CS, target, target * 16, limit(e, SEG.CS), attributes(e, SEG.CS))
    e.rip = pointer & LOW_16
    e.eflags &= ~CLEARED_REAL
    return True
