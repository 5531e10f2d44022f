"""Interrupt messages: how one reaches a local APIC, and what the APIC does with it.

Messages arrive at once; delivery status is therefore always idle.  Lowest-priority messages go to the
target with the lowest task priority, ties to the lower processor number (the manual leaves both open).
Not modelled: SMI (stops by name), focus processor, arbitration IDs.
Source: SDM 3A, "Advanced Programmable Interrupt Controller (APIC)"
"""
from emu.bits import LOW_4, LOW_8, LOW_16, LOW_32, U64, details, get
from emu.jit import kernel
from emu.model.fault import unmodelled
from emu.spec.apic import APIC, APICBASE, DELIVERY, ENTRY, ESR, LVT, SVR
from emu.spec.outcome import MODE, STOP, UNMODELLED
from emu.spec.vmx import ACTIVITY
from emu.state import apic_at, cpu_at, machine_at

LOWEST_VECTOR = U64(16)
BROADCAST = LOW_32                                         # x2APIC destination: every processor
CLUSTER_SHIFT, LDR_SHIFT, NIBBLE_SHIFT, LDR_CLUSTER = U64(16), U64(24), U64(4), U64(28)
FLAT_MODEL = U64(details(APIC).rows["DFR"].writable)        # all ones: the flat model
LINT0 = ENTRY.LINT0


@kernel
def hardware_enabled(c):
    """Return whether IA32_APIC_BASE enables the local APIC."""
    return c.apic_base & APICBASE.EN != 0


@kernel
def x2apic(c):
    """Return whether the local APIC is in x2APIC mode."""
    return c.apic_base & APICBASE.EXTD != 0


@kernel
def software_enabled(c):
    """Return whether the APIC takes fixed interrupts: enabled by IA32_APIC_BASE and by SVR."""
    return hardware_enabled(c) and apic_at(c.apic)[0].svr & SVR.ENABLE != 0


@kernel
def error(c, bits):
    """Note errors (ESR bits); the first since ESR was written raises the error interrupt.

    Source: SDM 3A, "Error Handling"
    """
    a = apic_at(c.apic)[0]
    armed = a.errors == 0
    a.errors |= bits
    entry = a.lvt[ENTRY.ERROR]
    if armed and not entry & LVT.MASKED:
        vector = entry & LVT.VECTOR
        if vector < LOWEST_VECTOR:
            a.errors |= ESR.RECEIVE_ILLEGAL
        else:
            _request(a, vector, False)


@kernel
def _request(a, vector, level):
    word, bit = vector >> 6, 1 << (vector & 63)
    a.irr[word] |= bit
    if level:
        a.tmr[word] |= bit
    else:
        a.tmr[word] &= ~bit


@kernel
def request(c, vector, level):
    """Set `vector` in IRR, and TMR by trigger mode; vectors 0-15 are an error instead."""
    if vector < LOWEST_VECTOR:
        error(c, ESR.RECEIVE_ILLEGAL)
    else:
        _request(apic_at(c.apic)[0], vector, level)


@kernel
def refuse(c, row, a, b):
    """Stop the machine for something not modelled that came by message, not by an instruction of `c`."""
    unmodelled(c, row, a, b)
    m = machine_at(c.machine)[0]
    m.stop = STOP.UNMODELLED
    m.stop_cpu = c.id


@kernel
def init(c):
    """Note an INIT request.  What came before it and has not been taken is void, unless VMX operation holds the INIT back."""
    c.init_pending = 1
    if c.vmx_mode == MODE.BARE:
        c.sipi_pending = c.nmi_pending = 0


@kernel
def start_up(c, vector):
    """Note a start-up IPI, which counts only in the wait-for-SIPI state or after an INIT that will lead there.

    A processor takes INIT and start-up IPI when its turn comes, perhaps both at once: order of arrival is kept here.

    Source: SDM 3A, "MP Initialization Protocol Algorithm"
    """
    resets = c.init_pending and c.vmx_mode == MODE.BARE and not c.apic_base & APICBASE.BSP
    if (c.activity == ACTIVITY.WAIT_SIPI or resets) and not c.sipi_pending:
        c.sipi_pending = 1
        c.sipi_vector = vector


@kernel
def accept(c, mode, vector, level):
    """Take a message of DELIVERY `mode` at processor `c`; returns whether the APIC accepted it."""
    if c.activity != 0:
        machine_at(c.machine)[0].kick = 1                 # the processor that runs lets a halted one look soon
    if not hardware_enabled(c):
        return False
    if mode == DELIVERY.FIXED or mode == DELIVERY.LOWEST:
        if not software_enabled(c):
            return False
        request(c, vector, level)
    elif mode == DELIVERY.NMI:
        c.nmi_pending = 1
    elif mode == DELIVERY.INIT:
        init(c)
    elif mode == DELIVERY.SIPI:
        start_up(c, vector)
    elif mode == DELIVERY.EXTINT:
        if not software_enabled(c):
            return False
        apic_at(c.apic)[0].extint = 1
    elif mode == DELIVERY.SMI:
        refuse(c, UNMODELLED.SMM, vector, 0)
    else:
        refuse(c, UNMODELLED.APIC, mode, vector)
    return True


@kernel
def logical_id(c):
    """Return the logical destination register: derived from the ID in x2APIC mode."""
    a = apic_at(c.apic)[0]
    if x2apic(c):
        return a.id >> NIBBLE_SHIFT << CLUSTER_SHIFT | 1 << (a.id & LOW_4)
    return a.ldr


@kernel
def _matches_logical(c, destination):
    ldr = logical_id(c)
    if x2apic(c):
        return destination >> CLUSTER_SHIFT == ldr >> CLUSTER_SHIFT and destination & ldr & LOW_16 != 0
    if destination > LOW_8:
        return False
    if apic_at(c.apic)[0].dfr & FLAT_MODEL == FLAT_MODEL:
        return destination & ldr >> LDR_SHIFT != 0
    return destination >> 4 == ldr >> LDR_CLUSTER and destination & ldr >> LDR_SHIFT & LOW_4 != 0


@kernel
def matches(c, destination, logical):
    """Return whether a message to `destination` (32 bits, all ones: broadcast) concerns processor `c`.

    Source: SDM 3A, "Determining IPI Destination"; "Logical Destination Mode in x2APIC Mode"
    """
    if destination == BROADCAST:
        return True
    if logical:
        return _matches_logical(c, destination)
    return destination == apic_at(c.apic)[0].id


@kernel
def widen(destination):
    """Return an 8-bit destination as 32 bits: 0xFF means broadcast."""
    return BROADCAST if destination == LOW_8 else destination


@kernel
def _arbitrate(m, destination, logical):
    best, lowest = m.cpu_count, LOW_8 + 1
    for i in range(m.cpu_count):
        c = cpu_at(m.cpus[i])[0]
        if software_enabled(c) and matches(c, destination, logical):
            if apic_at(c.apic)[0].tpr < lowest:
                best, lowest = U64(i), apic_at(c.apic)[0].tpr
    return best


@kernel
def send(m, destination, logical, mode, vector, level):
    """Send a message to all that `destination` names; returns whether any local APIC accepted it."""
    if mode == DELIVERY.LOWEST:
        best = _arbitrate(m, destination, logical)
        return best < m.cpu_count and accept(cpu_at(m.cpus[best])[0], mode, vector, level)
    accepted = False
    for i in range(m.cpu_count):
        c = cpu_at(m.cpus[i])[0]
        if matches(c, destination, logical) and accept(c, mode, vector, level):
            accepted = True
    return accepted


@kernel
def local(c, index):
    """Raise the local interrupt of LVT entry `index` (ENTRY).

    Source: SDM 3A, "Handling Local Interrupts"
    """
    a = apic_at(c.apic)[0]
    entry = a.lvt[index]
    if entry & LVT.MASKED or not hardware_enabled(c):
        return
    mode = get(entry, LVT.MODE)
    if index == ENTRY.PERF:
        a.lvt[index] = entry | LVT.MASKED
    if mode == DELIVERY.EXTINT:
        return                                            # follows the pin, see apic.pending
    level = mode == DELIVERY.FIXED and entry & LVT.LEVEL != 0
    if level:
        if entry & LVT.REMOTE_IRR:
            return
        a.lvt[index] = entry | LVT.REMOTE_IRR
    accept(c, mode, entry & LVT.VECTOR, level)


@kernel
def active(c, pin):
    """Return whether pin LINT0 or LINT1 (0, 1) is at its active level."""
    a = apic_at(c.apic)[0]
    return (a.lint[pin] != 0) != (a.lvt[LINT0 + pin] & LVT.POLARITY != 0)


@kernel
def relevel(c, pin):
    """Raise the interrupt of a level-triggered pin again while the pin stays active."""
    entry = apic_at(c.apic)[0].lvt[LINT0 + pin]
    if entry & LVT.LEVEL and get(entry, LVT.MODE) == DELIVERY.FIXED and active(c, pin):
        local(c, LINT0 + pin)


@kernel
def set_lint(c, pin, level):
    """Drive pin LINT0 or LINT1 (0, 1) to `level` (0, 1).  With the APIC off, LINT1 is the NMI pin."""
    a = apic_at(c.apic)[0]
    if a.lint[pin] == level:
        return
    was = active(c, pin)
    a.lint[pin] = level
    if not hardware_enabled(c):
        if pin == 1 and level:
            c.nmi_pending = 1
        return
    entry = a.lvt[LINT0 + pin]
    if entry & LVT.LEVEL and get(entry, LVT.MODE) == DELIVERY.FIXED:
        relevel(c, pin)
    elif active(c, pin) and not was:
        local(c, LINT0 + pin)


@kernel
def set_intr(m, level):
    """Drive LINT0 of every processor: the INTR output of the 8259 pair is wired to all of them."""
    for i in range(m.cpu_count):
        set_lint(cpu_at(m.cpus[i])[0], 0, level)
