"""Event delivery in IA-32e mode: 16-byte gates, interrupt stack table, aligned 64-bit frames.

Source: SDM 3A, "Interrupt and Exception Handling in 64-bit Mode"; SDM 2A, "INT n/INTO/INT3/INT1"
"""
from emu.bits import ALL_ONES, U64, get
from emu.jit import kernel
from emu.model.cpu import cpl, selector
from emu.model.delivery import frame, gate
from emu.model.memory import linear
from emu.model.memory.walk import canonical
from emu.model.processor.segment import RPL, linear_mask, load_null, load_segment, set_accessed
from emu.spec.cpu import GATE, GATE_64, GPR, RFLAGS, SEG, SYSTYPE, VECTOR
from emu.spec.outcome import ACCESS, FAULT

FIRST_IST, FIRST_RSP = U64(28), U64(4)                     # offsets in the TSS; IST 1 lies at 36
STACK_ALIGNED = ~U64(15)
CLEARED_LONG = RFLAGS.TF | RFLAGS.NT | RFLAGS.RF


@kernel
def _stack_pointer(c, e, entry, privilege, ext):
    """Return the stack pointer before alignment: from the IST, from RSPn of the TSS, or the present one."""
    ist = get(entry, GATE.IST)
    if ist:
        return gate.tss_word(c, e, ist * 8 + FIRST_IST, 8, ext)
    if privilege < cpl(e):
        return gate.tss_word(c, e, privilege * 8 + FIRST_RSP, 8, ext)
    return e.regs[GPR.RSP]


@kernel
def _place(c, e, entry, high, privilege, ext):
    """Choose the stack and check it and the handler's address; returns that address, `c.fault` when refused."""
    sp = _stack_pointer(c, e, entry, privilege, ext)
    if c.fault != FAULT.NONE:
        return 0
    frame.put_on(c, 0, ALL_ONES, sp & STACK_ALIGNED, 8)
    frame.reach(c, e, privilege)
    if not frame.fits_canonical(c, e):
        return gate.refuse(c, VECTOR.SS, 0, ext)
    rip = gate.offset(entry) | get(high, GATE_64.OFFSET_63_32) << 32
    if not canonical(e, rip):
        return gate.refuse(c, VECTOR.GP, 0, ext)
    return rip


@kernel
def _commit(c, e, entry, code, rip, privilege):
    """Store the frame and load the handler's state; False with `c.fault` when a store is refused."""
    target = get(entry, GATE.SELECTOR)
    if not frame.reserve(c, e) or not set_accessed(c, e, target, code, ACCESS.EVENT) or not frame.store(c, e):
        return False
    e.regs[GPR.RSP] = frame.new_sp(c)
    if privilege < cpl(e):
        load_null(e, SEG.SS, privilege, privilege)
    load_segment(e, SEG.CS, target & ~RPL | privilege, code)
    e.rip = rip
    e.eflags &= ~CLEARED_LONG
    if get(entry, GATE.TYPE) == SYSTYPE.INTERRUPT_GATE:
        e.eflags &= ~RFLAGS.IF
    return True


@kernel
def deliver(c, e, info, error, length):
    """Deliver through a 16-byte gate; False with `c.fault` and nothing changed but an accessed bit."""
    entry = gate.read_gate(c, e, info)
    if c.fault != FAULT.NONE:
        return False
    high = linear.read(c, gate.gate_address(e, info) + 8 & linear_mask(e), 8, gate.EVENT_READ)
    if c.fault != FAULT.NONE:
        return False
    ext = frame.external(info)
    code = gate.read_code(c, e, get(entry, GATE.SELECTOR), ext)
    if c.fault != FAULT.NONE:
        return False
    privilege = gate.new_level(e, code)
    frame.begin(c)
    frame.push(c, selector(e, SEG.SS))
    frame.push(c, e.regs[GPR.RSP])
    frame.push_return(c, e, info, error, length)
    rip = _place(c, e, entry, high, privilege, ext)
    if c.fault != FAULT.NONE:
        return False
    return _commit(c, e, entry, code, rip, privilege)
