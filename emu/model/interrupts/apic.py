"""Local APIC: registers by memory (xAPIC) and by MSR (x2APIC), priorities, interrupt command, EOI.

Kernels take the processor's record; its APIC is at `c.apic`.  How messages arrive is in
`emu.model.interrupts.message`, the timer in `emu.model.interrupts.apic_timer`.
Not modelled: SMI, reserved delivery modes, and ICR combinations that the manual calls invalid (each
stops by name).  The spurious vector never occurs: choice and acknowledge are one step.
Source: SDM 3A, "Advanced Programmable Interrupt Controller (APIC)"
"""
import numpy as np

from emu.bits import ALL_ONES, LOW_32, U64, details, get, value_of
from emu.jit import kernel
from emu.model.fault import gp0, unmodelled
from emu.model.interrupts import apic_mode, apic_timer, ioapic, message, pic
from emu.spec.apic import APIC, DELIVERY, ENTRY, ESR, ICR, LVT, PENDING, SHORTHAND, SVR, TIMER, X2APIC
from emu.spec.outcome import FAULT, RESULT, UNMODELLED
from emu.state import apic_at, cpu_at, machine_at

next_deadline, advance = apic_timer.next_deadline, apic_timer.advance
reset, set_base = apic_mode.reset, apic_mode.set_base
read_deadline, write_deadline = apic_timer.read_deadline, apic_timer.write_deadline

PRIORITY_CLASS = U64(0xF0)
XAPIC_ID_SHIFT, XAPIC_DESTINATION = U64(24), U64(56)
REGISTER_COUNT = U64(64)
APIC_VERSION = U64(details(APIC).rows["VERSION"].reset)
LVT_READ_ONLY = LVT.STATUS | LVT.REMOTE_IRR
DFR_ONES = LOW_32 & ~U64(details(APIC).rows["DFR"].writable)
ISR_LAST, TMR_LAST, IRR_LAST = APIC.ISR + U64(8), APIC.TMR + U64(8), APIC.IRR + U64(8)
TO_SELF = value_of(ICR, SHORTHAND=SHORTHAND.SELF)
STEPS = np.array([32, 16, 8, 4, 2, 1], np.uint64)


def _tables():
    """Return for each register: writable bits; x2APIC reserved bits; known to xAPIC; MSR read, MSR write allowed."""
    rows = details(APIC).rows
    writable, reserved = np.zeros(64, np.uint64), np.zeros(64, np.uint64)
    known, readable, writes = np.zeros(64, np.uint8), np.zeros(64, np.uint8), np.zeros(64, np.uint8)
    for name, row in rows.items():
        count = 8 if name in ("ISR", "TMR", "IRR") else 1
        known[row.number:row.number + count] = name != "SELF_IPI"
        readable[row.number:row.number + count] = name not in ("APR", "RRD", "DFR", "ICR_HIGH", "EOI", "SELF_IPI")
        writable[row.number] = row.writable
        writes[row.number] = name in ("EOI", "ESR") or row.writable != 0 and name not in ("LDR", "DFR", "ICR_HIGH")
        ignored = int(ICR.DESTINATION) if name == "ICR" else 0
        ignored |= int(LVT.STATUS) if name.startswith("LVT") else 0
        ignored |= int(LVT.REMOTE_IRR) if "LINT" in name else 0
        reserved[row.number] = int(ALL_ONES) & ~(row.writable | ignored)
    return writable, reserved, known, readable, writes


WRITABLE, RESERVED, IS_REGISTER, MSR_READ, MSR_WRITE = _tables()


# ---- priorities -------------------------------------------------------------------------------------------

@kernel
def _top_bit(word):
    bit = 0
    for step in STEPS:
        if word >> step:
            word >>= step
            bit += step
    return bit


@kernel
def highest(bits):
    """Return the highest vector set in a 256-bit register (uint64[4]), or all ones."""
    if not (bits[0] | bits[1] | bits[2] | bits[3]):
        return ALL_ONES
    for k in range(4):
        word = U64(3 - k)
        if bits[word]:
            return word << 6 | _top_bit(bits[word])
    return ALL_ONES


@kernel
def _class(bits):
    vector = highest(bits)
    return 0 if vector == ALL_ONES else vector & PRIORITY_CLASS


@kernel
def ppr(a):
    """Return the processor-priority register of a LOCAL_APIC record.

    Source: SDM 3A, "Task and Processor Priorities"
    """
    service = _class(a.isr)
    return a.tpr if a.tpr & PRIORITY_CLASS >= service else service


@kernel
def apr(a):
    """Return the arbitration-priority register.

    Source: SDM 3A, "Arbitration Priority Register (APR)"
    """
    request, service = _class(a.irr), _class(a.isr)
    if a.tpr & PRIORITY_CLASS >= request and a.tpr & PRIORITY_CLASS > service:
        return a.tpr
    result = a.tpr & PRIORITY_CLASS
    result = service if service > result else result
    return request if request > result else result


@kernel
def _extint(c, a):
    """Return whether the 8259 pair interrupts this processor: a LINT pin in ExtINT mode, or a message."""
    if not message.hardware_enabled(c):
        return a.lint[0] != 0
    for k in range(2):
        pin = U64(k)
        entry = a.lvt[ENTRY.LINT0 + pin]
        if not entry & LVT.MASKED and get(entry, LVT.MODE) == DELIVERY.EXTINT and message.active(c, pin):
            return True
    return a.extint != 0


@kernel
def pending(c):
    """Return the vector of the highest deliverable interrupt, PENDING.EXTINT, or PENDING.NONE.

    Source: SDM 3A, "Interrupt Acceptance for Fixed Interrupts"
    """
    a = apic_at(c.apic)[0]
    if _extint(c, a):
        return PENDING.EXTINT
    vector = highest(a.irr)
    if vector == ALL_ONES or not message.hardware_enabled(c) or vector & PRIORITY_CLASS <= ppr(a) & PRIORITY_CLASS:
        return PENDING.NONE
    return vector


@kernel
def acknowledge(c, vector):
    """Move `vector` (from `pending`) from IRR to ISR; returns the vector, which the 8259 pair gives for EXTINT."""
    a = apic_at(c.apic)[0]
    if vector == PENDING.EXTINT:
        a.extint = 0
        return pic.acknowledge(machine_at(c.machine)[0])
    word, bit = vector >> 6, 1 << (vector & 63)
    if not a.irr[word] & bit:
        return a.svr & SVR.VECTOR
    a.irr[word] &= ~bit
    a.isr[word] |= bit
    return vector


@kernel
def eoi(c):
    """End the highest interrupt in service; a level-triggered one is reported to the I/O APIC unless suppressed.

    Source: SDM 3A, "Signaling Interrupt Servicing Completion"
    """
    a = apic_at(c.apic)[0]
    vector = highest(a.isr)
    if vector == ALL_ONES:
        return
    word, bit = vector >> 6, 1 << (vector & 63)
    a.isr[word] &= ~bit
    if not a.tmr[word] & bit:
        return
    for k in range(2):
        pin = U64(k)
        entry = a.lvt[ENTRY.LINT0 + pin]
        if entry & LVT.REMOTE_IRR and entry & LVT.VECTOR == vector:
            a.lvt[ENTRY.LINT0 + pin] = entry & ~LVT.REMOTE_IRR
            message.relevel(c, pin)
    if not a.svr & SVR.SUPPRESS:
        ioapic.eoi(machine_at(c.machine)[0], vector)


# ---- interrupt command ------------------------------------------------------------------------------------

@kernel
def _others(c, mode, vector):
    m = machine_at(c.machine)[0]
    for i in range(m.cpu_count):
        other = cpu_at(m.cpus[i])[0]
        if other.id != c.id:
            message.accept(other, mode, vector, False)


@kernel
def _valid(mode, shorthand):
    """Return whether the manual allows this combination.

    Source: SDM 3A, "Valid Combinations for the Pentium 4 and Intel Xeon Processors' Local xAPIC ICR"
    """
    if mode == DELIVERY.RESERVED or mode == DELIVERY.EXTINT:
        return False
    if shorthand == SHORTHAND.SELF or shorthand == SHORTHAND.ALL:
        return mode == DELIVERY.FIXED
    return shorthand == SHORTHAND.NONE or mode != DELIVERY.LOWEST


@kernel
def icr(c, value, destination):
    """Send what the low half of ICR says to `destination` (32 bits, all ones: broadcast); returns RESULT.

    Source: SDM 3A, "Issuing Interprocessor Interrupts"
    """
    mode, vector, shorthand = get(value, ICR.MODE), value & ICR.VECTOR, get(value, ICR.SHORTHAND)
    if mode == DELIVERY.INIT and value & ICR.LEVEL and not value & ICR.ASSERT:
        return RESULT.NEXT                                # INIT de-assert: processors with xAPIC ignore it
    if mode == DELIVERY.SMI:
        return unmodelled(c, UNMODELLED.SMM, value, destination)
    if not _valid(mode, shorthand):
        return unmodelled(c, UNMODELLED.APIC, APIC.ICR, value)
    if vector < message.LOWEST_VECTOR and (mode == DELIVERY.FIXED or mode == DELIVERY.LOWEST):
        message.error(c, ESR.SEND_ILLEGAL)
    if shorthand == SHORTHAND.SELF:
        message.accept(c, mode, vector, False)
    elif shorthand == SHORTHAND.OTHERS:
        _others(c, mode, vector)
    else:
        logical = shorthand == SHORTHAND.NONE and value & ICR.LOGICAL != 0
        target = destination if shorthand == SHORTHAND.NONE else message.BROADCAST
        message.send(machine_at(c.machine)[0], target, logical, mode, vector, False)
    return RESULT.NEXT


# ---- registers --------------------------------------------------------------------------------------------

@kernel
def _entry_index(register):
    return ENTRY.CMCI if register == APIC.LVT_CMCI else register - APIC.LVT_TIMER


@kernel
def _is_entry(register):
    return register == APIC.LVT_CMCI or APIC.LVT_TIMER <= register <= APIC.LVT_ERROR


@kernel
def _half(bits, k):
    return bits[k >> 1] >> 32 * (k & 1) & LOW_32


@kernel
def _read_vectors(a, register):
    if register < ISR_LAST:
        return _half(a.isr, register - APIC.ISR)
    if register < TMR_LAST:
        return _half(a.tmr, register - APIC.TMR)
    return _half(a.irr, register - APIC.IRR)


@kernel
def _read_priority(c, a, register):
    if register == APIC.ID:
        return a.id if message.x2apic(c) else a.id << XAPIC_ID_SHIFT
    if register == APIC.VERSION:
        return APIC_VERSION
    if register == APIC.TPR:
        return a.tpr
    if register == APIC.APR:
        return apr(a)
    if register == APIC.PPR:
        return ppr(a)
    if register == APIC.LDR:
        return message.logical_id(c)
    if register == APIC.DFR:
        return a.dfr
    return a.svr if register == APIC.SVR else 0


@kernel
def read(c, register):
    """Return the 32-bit xAPIC register (offset / 16); a reserved one is an error and reads 0."""
    a = apic_at(c.apic)[0]
    if register >= REGISTER_COUNT or not IS_REGISTER[register]:
        message.error(c, ESR.REGISTER)
        return 0
    if register < APIC.ISR:
        return _read_priority(c, a, register)
    if register < IRR_LAST:
        return _read_vectors(a, register)
    if _is_entry(register):
        return a.lvt[_entry_index(register)]
    if register == APIC.ESR:
        return a.esr
    if register == APIC.ICR:
        return a.icr & LOW_32
    if register == APIC.ICR_HIGH:
        return a.icr >> 32
    if register == APIC.INITIAL_COUNT:
        return a.initial
    if register == APIC.CURRENT_COUNT:
        return apic_timer.current(c)
    return a.divide if register == APIC.DIVIDE else 0


@kernel
def _write_svr(a, value):
    """Write SVR; switching the APIC off by software masks every LVT entry."""
    a.svr = value
    if not value & SVR.ENABLE:
        for k in range(7):
            a.lvt[k] |= LVT.MASKED


@kernel
def _write_entry(c, a, register, value):
    """Write an LVT entry; the mask stays set while the APIC is off by software."""
    index = _entry_index(register)
    if not a.svr & SVR.ENABLE:
        value |= LVT.MASKED
    value |= a.lvt[index] & LVT_READ_ONLY
    if not value & LVT.LEVEL:
        value &= ~LVT.REMOTE_IRR
    if index == ENTRY.TIMER:
        if get(value, LVT.TIMER) == TIMER.RESERVED:
            return unmodelled(c, UNMODELLED.APIC, register, value)
        apic_timer.set_entry(c, value)
    else:
        a.lvt[index] = value
        if index == ENTRY.LINT0 or index == ENTRY.LINT1:
            message.relevel(c, index - ENTRY.LINT0)
    return RESULT.NEXT


@kernel
def _write(c, register, value):
    """Write a register whose reserved bits are dealt with; returns RESULT."""
    a = apic_at(c.apic)[0]
    if _is_entry(register):
        return _write_entry(c, a, register, value)
    if register == APIC.EOI:
        eoi(c)
    elif register == APIC.TPR:
        a.tpr = value
    elif register == APIC.LDR:
        a.ldr = value
    elif register == APIC.DFR:
        a.dfr = value | DFR_ONES
    elif register == APIC.SVR:
        _write_svr(a, value)
    elif register == APIC.ESR:
        a.esr = a.errors
        a.errors = 0
    elif register == APIC.ICR_HIGH:
        a.icr = a.icr & LOW_32 | value << 32
    elif register == APIC.INITIAL_COUNT:
        apic_timer.start(c, value)
    elif register == APIC.DIVIDE:
        apic_timer.divide(c, value)
    return RESULT.NEXT


@kernel
def write(c, register, value):
    """Write the 32-bit xAPIC register (offset / 16), effects included; returns RESULT."""
    a = apic_at(c.apic)[0]
    if register >= REGISTER_COUNT or not IS_REGISTER[register]:
        message.error(c, ESR.REGISTER)
        return RESULT.NEXT
    value &= WRITABLE[register]
    if register == APIC.ICR:
        a.icr = a.icr & ~LOW_32 | value
        return icr(c, value, message.widen(a.icr >> XAPIC_DESTINATION))
    return _write(c, register, value)


@kernel
def x2apic_read(c, msr):
    """Return the x2APIC register at `msr` (0x800-0x8FF); #GP(0) in c.fault when it cannot be read."""
    c.fault = FAULT.NONE
    register = msr - X2APIC.FIRST
    if not message.x2apic(c) or register >= REGISTER_COUNT or not MSR_READ[register]:
        gp0(c)
        return 0
    if register == APIC.ICR:
        return apic_at(c.apic)[0].icr
    return read(c, register)


@kernel
def x2apic_write(c, msr, value):
    """Write the x2APIC register at `msr`; returns RESULT, #GP(0) for reserved bits and registers."""
    register = msr - X2APIC.FIRST
    if not message.x2apic(c) or register >= REGISTER_COUNT or not MSR_WRITE[register] or value & RESERVED[register]:
        return gp0(c)
    if register == APIC.SELF_IPI:
        return icr(c, value | TO_SELF, 0)
    if register == APIC.ICR:
        apic_at(c.apic)[0].icr = value
        return icr(c, value & LOW_32, value >> 32)
    return _write(c, register, value & WRITABLE[register])


@kernel
def cr8(c):
    """Return CR8: bits 7:4 of the task priority."""
    return apic_at(c.apic)[0].tpr >> 4


@kernel
def set_cr8(c, value):
    """Write CR8 (0..15): the task priority with a low half of 0."""
    apic_at(c.apic)[0].tpr = value << 4
