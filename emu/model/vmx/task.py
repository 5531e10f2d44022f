"""Task switches: what precedes them, the VM exit that they are in non-root operation, and their refusal by name.

The checks stand in the manual's order: gate, TSS selector, descriptor, limit.  A page fault on the old or new TSS
itself, which a processor may report instead of the exit, is not looked for.
Not modelled: the task switch itself; the machine stops where one would happen outside non-root operation.
Source: SDM 2A, "CALL", "INT n/INTO/INT3/INT1", "IRET/IRETD/IRETQ", "JMP"; SDM 3A, "Task Management";
SDM 3C, "Treatment of Task Switches", "Exit Qualification for Task Switches"
"""
from emu.bits import LOW_16, U64, get, put
from emu.jit import kernel
from emu.model.cpu import base, cpl, long_mode, real_mode
from emu.model.fault import raise_exception, raise_exit, unmodelled
from emu.model.memory import linear
from emu.model.processor import operand
from emu.model.processor.segment import NOT_NULL, RPL, TABLE_READ, TI, WIDE, attributes_of, fetch, inside, kind, level, limit_of
from emu.spec.cpu import DESCRIPTOR, GATE, RFLAGS, SEG, SYSTYPE, VECTOR
from emu.spec.insn import INSN
from emu.spec.outcome import FAULT, MODE, UNMODELLED
from emu.spec.vmx import QUAL_TASK, REASON
from emu.state import env_of

BY_CALL, BY_IRET, BY_JMP, BY_IDT = U64(0), U64(1), U64(2), U64(3)
LIMIT_16, LIMIT_32 = U64(0x2B), U64(0x67)
TSS_LINK = U64(2)                                        # bytes of the link field at the start of a TSS


@kernel
def _refuse(c, vector, select, ext):
    """Raise `vector` with a selector as error code."""
    raise_exception(c, vector, select & NOT_NULL | ext)


@kernel
def switch(c, e, select, source, ext, access, vector):
    """Check the TSS that `select` names; then exit, or stop the machine.  The outcome is in `c.fault*`.

    ext: EXT bit of error codes; access: ACCESS.EVENT or 0; vector: that of the IDT gate, for the stop's text.
    """
    wrong = VECTOR.TS if source == BY_IRET else VECTOR.GP
    if select & TI or not inside(e, select):
        _refuse(c, wrong, select, ext)
        return
    raw = fetch(c, e, select, access)
    if c.fault != FAULT.NONE:
        return
    attr = attributes_of(raw)
    if attr & DESCRIPTOR.S or kind(attr) & ~WIDE != (SYSTYPE.BUSY_TSS_16 if source == BY_IRET else SYSTYPE.TSS_16):
        _refuse(c, wrong, select, ext)
    elif not attr & DESCRIPTOR.P:
        _refuse(c, VECTOR.NP, select, ext)
    elif limit_of(raw) < (LIMIT_32 if kind(attr) & WIDE else LIMIT_16):
        _refuse(c, VECTOR.TS, select, ext)
    elif c.vmx_mode == MODE.NONROOT:
        raise_exit(c, REASON.TASK_SWITCH, put(select, QUAL_TASK.SOURCE, source))
    elif source == BY_IDT:
        unmodelled(c, UNMODELLED.TASK_GATE, vector, select)
    else:
        unmodelled(c, UNMODELLED.TASK_SWITCH, select, source)


@kernel
def iret(c, e):
    """Return whether IRET, about to run, is a task switch (RFLAGS.NT); its outcome is in `c.fault*` then."""
    if not e.eflags & RFLAGS.NT or e.eflags & RFLAGS.VM or real_mode(e) or long_mode(e):
        return False
    select = linear.read(c, base(e, SEG.TR), TSS_LINK, TABLE_READ)
    if c.fault == FAULT.NONE:
        switch(c, e, select, BY_IRET, 0, 0, 0)
    return True


@kernel
def _target(c, e, insn):
    """Return the selector that a far JMP or CALL names; `c.fault` is set when it cannot be read."""
    if not insn.memory:
        return insn.displacement & LOW_16
    return operand.load_part(c, insn, insn.operand_size, 2) & LOW_16


@kernel
def transfer(c, insn):
    """Return whether a far JMP or CALL, about to run, is a task switch; its outcome is in `c.fault*` then."""
    e = env_of(c.env)[0]
    if e.eflags & RFLAGS.VM or real_mode(e) or long_mode(e):
        return False
    c.fault = FAULT.NONE
    select = _target(c, e, insn)
    if c.fault != FAULT.NONE or not select & NOT_NULL or not inside(e, select):
        return False
    raw = fetch(c, e, select, 0)
    if c.fault != FAULT.NONE:
        return False
    attr = attributes_of(raw)
    if attr & DESCRIPTOR.S or (kind(attr) != SYSTYPE.TASK_GATE and kind(attr) & ~WIDE != SYSTYPE.TSS_16):
        return False
    if level(attr) < cpl(e) or level(attr) < select & RPL:
        _refuse(c, VECTOR.GP, select, 0)
        return True
    if kind(attr) == SYSTYPE.TASK_GATE:
        if not attr & DESCRIPTOR.P:
            _refuse(c, VECTOR.NP, select, 0)
            return True
        select = get(raw, GATE.SELECTOR)
    switch(c, e, select, BY_CALL if insn.kind == INSN.CALL_FAR else BY_JMP, 0, 0, 0)
    return True
