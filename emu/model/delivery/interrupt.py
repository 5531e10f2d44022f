"""Delivery of exceptions and interrupts through the IDT: one event at a time, all or nothing.

The event unit calls `prepare` for an event that the processor itself raised (not for one injected by VM entry:
injection leaves CR2, DR6, DR7 and RFLAGS.RF as they are), then `deliver`; when that leaves an exception in
`c.fault*`, `combine` decides what becomes of the two.
Not modelled: task gates, CR4.VME, shadow stacks, FRED, user interrupts.
Source: SDM 3A, "Interrupt and Exception Handling"; SDM 2A, "INT n/INTO/INT3/INT1"
"""
from emu.bits import ALL_ONES, U64, get, one_of
from emu.jit import kernel
from emu.model.cpu import long_mode, real_mode, refresh_hflags, selector
from emu.model.delivery import long, protected, real
from emu.model.observe import watch
from emu.model.processor.segment import RPL
from emu.spec.cost import COST
from emu.spec.cpu import DR6, DR7, EVENT, INTR, RFLAGS, SEG, VECTOR, VECTORS
from emu.spec.engine import HFLAGS
from emu.spec.outcome import FAULT
from emu.spec.vmx import ACTIVITY, BLOCKING, BLOCKING_SHADOW
from emu.state import env_of

TRIPLE = ALL_ONES                                        # combine: shutdown
BREAKPOINTS = DR6.B0 | DR6.B1 | DR6.B2 | DR6.B3
CAUSES = BREAKPOINTS | DR6.BD | DR6.BS | DR6.BT
BENIGN, CONTRIBUTORY, PAGE_FAULT, DOUBLE = U64(0), U64(1), U64(2), U64(3)


@kernel
def is_fault(c, vector):
    """Return whether hardware exception `vector` is a fault whose pushed RFLAGS image has RF = 1.

    #DB is one only for general detect (BD in `c.pending_debug`); #DF and #MC are aborts.
    Source: SDM 3B, "Instruction-Breakpoint Exception Condition"; SDM 3A, "Exception and Interrupt Vectors"
    """
    if vector == VECTOR.DB:
        return c.pending_debug & DR6.BD != 0
    return vector != VECTOR.DF and vector != VECTOR.MC


@kernel
def _record_debug(c, e):
    """Move the causes of a debug exception from `c.pending_debug` to DR6 and clear DR7.GD."""
    causes = c.pending_debug & CAUSES
    status = e.dr[6] & ~BREAKPOINTS | causes
    e.dr[6] = status & ~DR6.RTM if c.pending_debug & DR6.RTM else status
    e.dr[7] &= ~DR7.GD
    c.pending_debug = 0


@kernel
def prepare(c, info):
    """Do what precedes the delivery of an event of the processor's own: CR2, DR6 and DR7.GD, RF, NMI blocking.

    info: uint64, interruption-information format.  A page fault takes CR2 from `c.fault_address`; a debug
    exception its causes from `c.pending_debug` (DR6 positions; general detect sets BD there), which is cleared.
    A fault sets RFLAGS.RF now, so that the pushed image, and the RFLAGS that a VM exit during the delivery
    saves, have it.  An NMI blocks further NMIs even if its delivery does not complete.
    """
    e = env_of(c.env)[0]
    vector = info & INTR.VECTOR
    what = get(info, INTR.TYPE)
    if what == EVENT.NMI:
        c.interruptibility |= BLOCKING.NMI
    if what != EVENT.HARD:
        return
    if is_fault(c, vector):
        e.eflags |= RFLAGS.RF
    if vector == VECTOR.PF:
        e.cr[2] = c.fault_address
    elif vector == VECTOR.DB:
        _record_debug(c, e)


@kernel
def class_of(vector):
    """Return the class of an exception for the double-fault rules: BENIGN, CONTRIBUTORY, PAGE_FAULT or DOUBLE."""
    if vector == VECTOR.DF:
        return DOUBLE
    if vector == VECTOR.PF or vector == VECTOR.VE:
        return PAGE_FAULT
    if one_of(vector, VECTORS.CONTRIBUTORY):
        return CONTRIBUTORY
    return BENIGN


@kernel
def combine(first, second):
    """Return the vector that results when exception `second` arises during the delivery of `first`, or TRIPLE.

    first:  uint64, vector of a hardware exception, or interruption information (VALID set) of any event
    second: uint64, vector of an exception
    Source: SDM 3A, "Interrupt 8: Double Fault Exception (#DF)", conditions for generating a double fault
    """
    if first & INTR.VALID and get(first, INTR.TYPE) != EVENT.HARD:
        return second
    before, after = class_of(first & INTR.VECTOR), class_of(second)
    if after == BENIGN or before == BENIGN:
        return second
    if before == DOUBLE:
        return TRIPLE
    if before == CONTRIBUTORY and after == PAGE_FAULT:
        return second
    return VECTOR.DF


@kernel
def _finish(c, e, info, privilege):
    """Account for a delivered event: hidden flags, interrupt shadow, activity, counters, cycles."""
    e.hflags = U64(e.hflags) & ~HFLAGS.INHIBIT
    refresh_hflags(e, privilege)
    c.interruptibility &= ~BLOCKING_SHADOW
    c.activity, c.monitor_armed = ACTIVITY.ACTIVE, 0
    c.repeated_at = 0
    c.delivered[info & INTR.VECTOR] += 1
    c.cycles += COST.DELIVERY


@kernel
def deliver(c, info, error, length):
    """Deliver one event through the IDT; True, or False with the reason in `c.fault*`.

    info:   uint64, interruption-information format (VECTOR, TYPE, ERROR count)
    error:  uint64, error code, pushed when INTR.ERROR is set and CR0.PE = 1
    length: uint64, instruction length: RIP + length is pushed for INT n, INT1, INT3 and INTO

    Registers and memory change only if the delivery succeeds, but for accessed bits of descriptors and tables.
    """
    e = env_of(c.env)[0]
    c.fault, rip = FAULT.NONE, U64(e.rip)
    privilege = 0
    if real_mode(e):
        done = real.deliver(c, e, info, error, length)
    else:
        if long_mode(e):
            done = long.deliver(c, e, info, error, length)
        else:
            done = protected.deliver(c, e, info, error, length)
        privilege = selector(e, SEG.CS) & RPL
    if done:
        _finish(c, e, info, privilege)
        watch.delivery(c, rip, info, error)
    return done
