"""Where a fault or event goes: into the IDT, to the hypervisor as a VM exit, or to the machine's stop.

Source: SDM 3A, "Interrupt 8: Double Fault Exception (#DF)"; SDM 3C, "Other Causes of VM Exits" and
"Information for VM Exits That Occur During Event Delivery"
"""
from emu.bits import U64, one_of, put
from emu.jit import kernel
from emu.model import guest_mode
from emu.model.cpu import real_mode
from emu.model.delivery import interrupt
from emu.spec.cpu import EVENT, INTR, SEG, VECTOR, VECTORS
from emu.spec.outcome import FAULT, MODE, STOP
from emu.spec.vmx import ACTIVITY, BLOCKING, REASON
from emu.state import env_of, insn_at

CHAIN_WORDS = U64(16)
STRING_FIRST, STRING_LAST, INS_FIRST, OUTS_LAST = U64(0xA4), U64(0xAF), U64(0x6C), U64(0x6F)
TEST_FIRST, TEST_LAST = U64(0xA8), U64(0xA9)


@kernel
def info_of(e, kind, vector):
    """Return interruption information of an event: VALID, type, vector, and whether it pushes an error code."""
    info = put(INTR.VALID | vector, INTR.TYPE, kind)
    if kind == EVENT.HARD and one_of(vector, VECTORS.ERROR) and not real_mode(e):
        info |= INTR.ERROR
    return info


@kernel
def depart(c, reason, qualification):
    """Do a VM exit."""
    guest_mode.leave(c, reason, qualification)
    c.recheck = 1


@kernel
def stop(c):
    """Stop the machine with `c.stop` set by who found the reason."""
    c.stop_rip = env_of(c.env)[0].rip
    c.halted_or_stopped = 1


@kernel
def other(c):
    """Route a fault that is not an exception."""
    if c.fault == FAULT.EPT_VIOLATION:
        c.ept_violations += 1
        depart(c, REASON.EPT_VIOLATION, c.fault_qualification)
    elif c.fault == FAULT.EPT_MISCONFIG:
        depart(c, REASON.EPT_MISCONFIG, 0)
    elif c.fault == FAULT.EXIT:
        depart(c, c.fault_vector, c.fault_qualification)
    elif c.fault == FAULT.STOP:
        stop(c)
    elif c.fault != FAULT.RETRY and c.fault != FAULT.NONE:
        c.stop, c.stop_a, c.stop_b = STOP.INTERNAL, 0xDE, c.fault
        stop(c)


@kernel
def triple(c):
    """Do what follows when a double fault cannot be delivered: a VM exit, or shutdown and the machine's stop."""
    if c.vmx_mode == MODE.NONROOT:
        c.guest_chain_length, c.guest_chain_vmcs, c.guest_chain_cycle = c.chain_length, c.vmcs_pointer, c.cycles
        for i in range(CHAIN_WORDS):
            c.guest_chain[U64(i)] = c.chain[U64(i)]
        depart(c, REASON.TRIPLE_FAULT, 0)
        return
    c.activity = ACTIVITY.SHUTDOWN
    c.stop = STOP.TRIPLE_FAULT
    stop(c)


@kernel
def note_chain(c, vector, error, rip):
    """Add a step to the chain that explains a triple fault: vector, error code, RIP, linear address of a page fault."""
    if c.chain_length < 4:
        place = c.chain_length * 4
        c.chain[place], c.chain[place + 1], c.chain[place + 2] = vector, error, rip
        c.chain[place + 3] = c.fault_address
        c.chain_length += 1


@kernel
def deliver(c, info, error, length):
    """Deliver an event, and what goes wrong with it, until something is delivered, exits, or shuts down."""
    e = env_of(c.env)[0]
    c.chain_length = 0
    note_chain(c, info & INTR.VECTOR, error, e.rip)
    while True:
        c.vectoring, c.vectoring_error, c.vectoring_length, c.vectoring_source = info, error, length, 0
        if interrupt.deliver(c, info, error, length):
            c.vectoring = 0
            return
        if c.fault != FAULT.EXCEPTION:
            other(c)
            c.vectoring = 0
            return
        second, code = c.fault_vector, c.fault_error
        note_chain(c, second, code, e.rip)
        if c.vmx_mode == MODE.NONROOT and guest_mode.exception(c, second, code):
            other(c)
            c.vectoring = 0
            return
        result = interrupt.combine(info, second)
        if result == interrupt.TRIPLE:
            triple(c)
            c.vectoring = 0
            return
        if result == VECTOR.DF:
            code = 0
            if c.vmx_mode == MODE.NONROOT and guest_mode.exception(c, VECTOR.DF, 0):
                other(c)
                c.vectoring = 0
                return
        info, error, length = info_of(e, EVENT.HARD, result), code, 0
        c.fault_vector, c.fault_error = result, code
        interrupt.prepare(c, info)


@kernel
def event(c, kind, vector, error, length):
    """Deliver an event of the processor's own that does not exit."""
    e = env_of(c.env)[0]
    info = info_of(e, kind, vector)
    interrupt.prepare(c, info)
    deliver(c, info, error, length)


@kernel
def software_event(c, kind, vector, length):
    """Raise the event of INT n, INT1, INT3 or INTO; the last three exit as their exceptions do."""
    c.fault_length = length
    if c.vmx_mode == MODE.NONROOT and kind != EVENT.SOFT and guest_mode.software_exception(c, kind, vector):
        other(c)
        return
    if kind == EVENT.PRIV:
        c.pending_debug = 0
    event(c, kind, vector, 0, length)


@kernel
def fault(c):
    """Route whatever `c.fault` says of the instruction at RIP."""
    if c.fault != FAULT.EXCEPTION:
        other(c)
        return
    vector, error = c.fault_vector, c.fault_error
    if c.vmx_mode == MODE.NONROOT and guest_mode.exception(c, vector, error):
        other(c)
        return
    c.interruptibility &= ~(BLOCKING.STI | BLOCKING.MOV_SS)
    event(c, EVENT.HARD, vector, error, 0)


@kernel
def stack_access(insn):
    """Return whether the instruction's faulting access was to the stack segment."""
    if insn.memory and insn.segment == SEG.SS:
        return True
    if insn.memory:
        return False
    if insn.map == 0:
        string = (insn.opcode >= STRING_FIRST and insn.opcode <= STRING_LAST and insn.opcode != TEST_FIRST and insn.opcode != TEST_LAST)
        return not string and not (insn.opcode >= INS_FIRST and insn.opcode <= OUTS_LAST)
    return True


@kernel
def access(c):
    """Route the fault of an access by the decoded instruction; a non-canonical stack address is #SS, not #GP."""
    if c.fault == FAULT.EXCEPTION and c.fault_vector == VECTOR.GP and stack_access(insn_at(c.insn)[0]):
        c.fault_vector = VECTOR.SS
    fault(c)
