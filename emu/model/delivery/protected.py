"""Event delivery in 16-bit and 32-bit protected mode and from virtual-8086 mode.

Task gates: `emu.model.vmx.task`.  Not modelled: the interrupt redirection bitmap (CR4.VME cannot be set).
Source: SDM 2A, "INT n/INTO/INT3/INT1"; SDM 3A, "Exception- and Interrupt-Handler Procedures"
"""
from emu.bits import LOW_16, LOW_32, get
from emu.jit import kernel
from emu.model import guest_mode
from emu.model.cpu import SS_WORD, TR_WORD, attributes, base, cpl, selector
from emu.model.delivery import frame, gate
from emu.model.fault import gp0
from emu.model.processor.segment import (
    IS_CODE,
    IS_WRITABLE,
    NOT_NULL,
    RPL,
    WIDE,
    attributes_of,
    base_of,
    fetch,
    inside,
    kind,
    level,
    limit_of,
    load_null,
    load_segment,
    set_accessed,
    shape_of,
)
from emu.spec.cpu import DESCRIPTOR, EVENT, GATE, GPR, INTR, RFLAGS, SEG, SYSTYPE, VECTOR
from emu.spec.outcome import ACCESS, FAULT

CLEARED_PROTECTED = RFLAGS.TF | RFLAGS.NT | RFLAGS.RF | RFLAGS.VM


@kernel
def _tss_stack(c, e, privilege, ext):
    """Return the stack selector for a privilege level from the TSS; its stack pointer goes to `c.frame_sp`."""
    size = 4 if gate.tss_is_32(e) else 2
    at = privilege * size * 2 + size
    if at + size + 1 > (e.seg[TR_WORD] & LOW_32):
        return gate.refuse(c, VECTOR.TS, selector(e, SEG.TR), ext)
    c.frame_sp = gate.tss_word(c, e, at, size, ext)
    if c.fault != FAULT.NONE:
        return 0
    return gate.tss_word(c, e, at + size, 2, ext)


@kernel
def _new_stack(c, e, target, privilege, ext):
    """Return the raw descriptor of the inner stack segment `target` after its checks."""
    if not target & NOT_NULL:
        return gate.refuse(c, VECTOR.TS, 0, ext)
    if not inside(e, target) or target & RPL != privilege:
        return gate.refuse(c, VECTOR.TS, target, ext)
    raw = fetch(c, e, target, ACCESS.EVENT)
    if c.fault != FAULT.NONE:
        return 0
    attr = attributes_of(raw)
    if level(attr) != privilege or not attr & DESCRIPTOR.S or kind(attr) & (IS_CODE | IS_WRITABLE) != IS_WRITABLE:
        return gate.refuse(c, VECTOR.TS, target, ext)
    if not attr & DESCRIPTOR.P:
        return gate.refuse(c, VECTOR.SS, target, ext)
    return raw


@kernel
def _inner_stack(c, e, privilege, size, ext):
    """Choose the stack of an inner privilege level; returns its raw descriptor, `c.fault` when refused."""
    target = _tss_stack(c, e, privilege, ext)
    if c.fault != FAULT.NONE:
        return 0
    raw = _new_stack(c, e, target, privilege, ext)
    if c.fault != FAULT.NONE:
        return 0
    mask = LOW_32 if attributes_of(raw) & DESCRIPTOR.DB else LOW_16
    frame.put_on(c, base_of(raw), mask, c.frame_sp, size)
    c.frame_selector = target
    if not frame.fits(c, shape_of(raw)):
        return gate.refuse(c, VECTOR.SS, target, ext)
    return raw


@kernel
def _same_stack(c, e, size, ext):
    """Stay on the present stack; `c.fault` when the frame does not fit."""
    attr = attributes(e, SEG.SS)
    mask = LOW_32 if attr & DESCRIPTOR.DB else LOW_16
    frame.put_on(c, base(e, SEG.SS), mask, e.regs[GPR.RSP] & LOW_32, size)
    if not attr & DESCRIPTOR.P or not frame.fits(c, e.seg[SS_WORD]):
        gate.refuse(c, VECTOR.SS, 0, ext)


@kernel
def _build(c, e, info, error, length, inner):
    """Fill the frame: data segments when it comes from virtual-8086 mode, stack when it changes, return address."""
    frame.begin(c)
    if e.eflags & RFLAGS.VM:
        frame.push(c, selector(e, SEG.GS))
        frame.push(c, selector(e, SEG.FS))
        frame.push(c, selector(e, SEG.DS))
        frame.push(c, selector(e, SEG.ES))
    if inner:
        frame.push(c, selector(e, SEG.SS))
        frame.push(c, e.regs[GPR.RSP])
    frame.push_return(c, e, info, error, length)


@kernel
def _commit(c, e, entry, code, stack, privilege):
    """Store the frame and load the handler's state; False with `c.fault` when a store is refused."""
    target = get(entry, GATE.SELECTOR)
    if not frame.reserve(c, e) or not set_accessed(c, e, target, code, ACCESS.EVENT):
        return False
    if stack != 0 and not set_accessed(c, e, c.frame_selector, stack, ACCESS.EVENT):
        return False
    if not frame.store(c, e):
        return False
    if e.eflags & RFLAGS.VM:
        load_null(e, SEG.GS, 0, 0)
        load_null(e, SEG.FS, 0, 0)
        load_null(e, SEG.DS, 0, 0)
        load_null(e, SEG.ES, 0, 0)
    if stack != 0:
        load_segment(e, SEG.SS, c.frame_selector, stack)
    e.regs[GPR.RSP] = frame.new_sp(c)
    load_segment(e, SEG.CS, target & ~RPL | privilege, code)
    e.rip = _offset(entry)
    e.eflags &= ~CLEARED_PROTECTED
    if not get(entry, GATE.TYPE) & gate.TRAP:
        e.eflags &= ~RFLAGS.IF
    return True


@kernel
def _offset(entry):
    """Return the handler's offset: 16 or 32 bits of the gate, by its type."""
    return gate.offset(entry) if get(entry, GATE.TYPE) & WIDE else get(entry, GATE.OFFSET_15_0)


@kernel
def _virtual_refused(e, info):
    """Return whether this is INT n in virtual-8086 mode without the right to it: IOPL below 3."""
    return get(info, INTR.TYPE) == EVENT.SOFT and e.eflags & RFLAGS.VM != 0 and e.eflags & RFLAGS.IOPL != RFLAGS.IOPL


@kernel
def deliver(c, e, info, error, length):
    """Deliver through an 8-byte gate; False with `c.fault` and nothing changed but accessed bits."""
    if _virtual_refused(e, info):
        gp0(c)
        return False
    entry = gate.read_gate(c, e, info)
    if c.fault != FAULT.NONE:
        return False
    target = get(entry, GATE.SELECTOR)
    if get(entry, GATE.TYPE) == SYSTYPE.TASK_GATE:
        guest_mode.task_switch(c, e, target, guest_mode.BY_IDT, frame.external(info), ACCESS.EVENT, info & INTR.VECTOR)
        return False
    ext = frame.external(info)
    code = gate.read_code(c, e, target, ext)
    if c.fault != FAULT.NONE:
        return False
    privilege = gate.new_level(e, code)
    if e.eflags & RFLAGS.VM and privilege != 0:
        gate.refuse(c, VECTOR.GP, target, ext)
        return False
    inner = privilege < cpl(e)
    _build(c, e, info, error, length, inner)
    frame.reach(c, e, privilege)
    size = 4 if get(entry, GATE.TYPE) & WIDE else 2
    stack = 0
    if inner:
        stack = _inner_stack(c, e, privilege, size, ext)
    else:
        _same_stack(c, e, size, ext)
    if c.fault != FAULT.NONE:
        return False
    if _offset(entry) > limit_of(code):
        gate.refuse(c, VECTOR.GP, 0, ext)
        return False
    return _commit(c, e, entry, code, stack, privilege)
