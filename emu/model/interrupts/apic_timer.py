"""The timer of the local APIC: one-shot, periodic, TSC-deadline; computed from cycles when read.

The timer's clock before the divider is the processor's cycle (CPUID leaf 0x15 says so).
Source: SDM 3A, "APIC Timer"; "TSC-Deadline Mode"
"""
from emu.bits import get
from emu.jit import kernel
from emu.model.interrupts import message
from emu.spec.apic import ENTRY, LVT, TIMER
from emu.state import NEVER, apic_at


@kernel
def _shift(a):
    """Return log2 of the divisor: divide configuration bits 3, 1 and 0 plus one, modulo 8."""
    return (a.divide >> 1 & 4 | a.divide & 3) + 1 & 7


@kernel
def mode(a):
    """Return the TIMER mode of a LOCAL_APIC record."""
    return get(a.lvt[ENTRY.TIMER], LVT.TIMER)


@kernel
def advance(c):
    """Fire the timer if its cycle has come."""
    a = apic_at(c.apic)[0]
    if mode(a) == TIMER.TSC_DEADLINE:
        if a.tsc_deadline != 0 and c.cycles + c.tsc_offset >= a.tsc_deadline:
            a.tsc_deadline = 0
            message.local(c, ENTRY.TIMER)
    elif a.count != 0:
        end = a.since + (a.count << _shift(a))
        if c.cycles >= end:
            if mode(a) == TIMER.PERIODIC:
                period = a.initial << _shift(a)
                a.since = end + (c.cycles - end) // period * period
                a.count = a.initial
            else:
                a.count = 0
            message.local(c, ENTRY.TIMER)


@kernel
def next_deadline(c):
    """Return the cycle at which the timer raises its next interrupt, all ones when it never does."""
    a = apic_at(c.apic)[0]
    if a.lvt[ENTRY.TIMER] & LVT.MASKED:
        return NEVER
    if mode(a) == TIMER.TSC_DEADLINE:
        if a.tsc_deadline == 0:
            return NEVER
        now = c.cycles + c.tsc_offset
        return c.cycles if now >= a.tsc_deadline else c.cycles + (a.tsc_deadline - now)
    if a.count == 0:
        return NEVER
    return a.since + (a.count << _shift(a))


@kernel
def current(c):
    """Return the current-count register."""
    advance(c)
    a = apic_at(c.apic)[0]
    if a.count == 0:
        return 0
    return a.count - (c.cycles - a.since >> _shift(a))


@kernel
def start(c, count):
    """Write the initial-count register: starts the timer, or stops it when 0; ignored in TSC-deadline mode."""
    a = apic_at(c.apic)[0]
    if mode(a) != TIMER.TSC_DEADLINE:
        advance(c)
        a.initial = count
        a.count = count
        a.since = c.cycles


@kernel
def divide(c, value):
    """Write the divide configuration; a running count goes on from where it is."""
    a = apic_at(c.apic)[0]
    a.count = current(c)
    a.since = c.cycles
    a.divide = value


@kernel
def set_entry(c, entry):
    """Write the timer's LVT entry.  A change to or from TSC-deadline mode disarms the timer; between one-shot and periodic it counts on.

    Processors do so, though the manual says that any change of the mode disarms (docs/choices.md).
    """
    advance(c)
    a = apic_at(c.apic)[0]
    if (get(entry, LVT.TIMER) == TIMER.TSC_DEADLINE) != (mode(a) == TIMER.TSC_DEADLINE):
        a.count = 0
        a.initial = 0
        a.tsc_deadline = 0
    a.lvt[ENTRY.TIMER] = entry


@kernel
def read_deadline(c):
    """Return IA32_TSC_DEADLINE: 0 when disarmed and in the other modes."""
    advance(c)
    return apic_at(c.apic)[0].tsc_deadline


@kernel
def write_deadline(c, value):
    """Write IA32_TSC_DEADLINE: arms the timer, or disarms it when 0; ignored in the other modes."""
    a = apic_at(c.apic)[0]
    if mode(a) == TIMER.TSC_DEADLINE:
        advance(c)
        a.tsc_deadline = value
        advance(c)
