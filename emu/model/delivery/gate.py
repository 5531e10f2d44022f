"""What every protected-mode delivery reads and checks: the gate, the code segment, the stack pointer in the TSS.

Each function raises the exception that the manual gives (error code with EXT) and leaves it in `c.fault`;
callers check `c.fault` before they use the value.
Source: SDM 2A, "INT n/INTO/INT3/INT1"; SDM 3A, "Exception and Interrupt Handling in Protected Mode"
"""
from emu.bits import U64, get, one_of
from emu.jit import kernel
from emu.model.cpu import attributes, base, cpl, limit, long_mode, selector
from emu.model.delivery.frame import external, software
from emu.model.fault import raise_exception
from emu.model.memory import linear
from emu.model.processor.segment import (
    CONFORMING,
    IS_CODE,
    NOT_NULL,
    TABLE_READ,
    WIDE,
    attributes_of,
    fetch,
    inside,
    kind,
    level,
    linear_mask,
)
from emu.spec.cpu import DESCRIPTOR, GATE, IDTGATE, INTR, SEG, SYSTYPE, VECTOR
from emu.spec.outcome import ACCESS, FAULT

IDT_BIT = U64(2)                                         # of an error code: the index is into the IDT
GATE_SHIFT_32, GATE_SHIFT_64 = U64(3), U64(4)            # 8-byte and 16-byte gates
TRAP = SYSTYPE.TRAP_GATE - SYSTYPE.INTERRUPT_GATE           # of gate types: the bit of those that leave RFLAGS.IF as it is
EVENT_READ = TABLE_READ | ACCESS.EVENT


@kernel
def refuse(c, vector, index, ext):
    """Raise `vector` with a selector or IDT offset as error code; `ext`: EXT, IDT_BIT for an offset. Returns 0."""
    raise_exception(c, vector, index & NOT_NULL | ext)
    return 0


@kernel
def _accepted(e, entry):
    """Return whether the type of a gate is one that this mode takes."""
    return not entry & GATE.S and one_of(get(entry, GATE.TYPE), IDTGATE.LONG if long_mode(e) else IDTGATE.PROTECTED)


@kernel
def offset(entry):
    """Return bits 31:0 of the handler's offset, of a gate that is not a 16-bit one."""
    return get(entry, GATE.OFFSET_15_0) | get(entry, GATE.OFFSET_31_16) << 16


@kernel
def gate_address(e, info):
    """Return the linear address of the event's IDT entry."""
    shift = GATE_SHIFT_64 if long_mode(e) else GATE_SHIFT_32
    return base(e, SEG.IDTR) + ((info & INTR.VECTOR) << shift) & linear_mask(e)


@kernel
def read_gate(c, e, info):
    """Return the low 8 bytes of the event's gate after limit, type, privilege and present checks."""
    vector = info & INTR.VECTOR
    code, ext = vector << 3, external(info) | IDT_BIT
    shift = GATE_SHIFT_64 if long_mode(e) else GATE_SHIFT_32
    if (vector + 1 << shift) - 1 > limit(e, SEG.IDTR):
        return refuse(c, VECTOR.GP, code, ext)
    entry = linear.read(c, gate_address(e, info), 8, EVENT_READ)
    if c.fault != FAULT.NONE:
        return 0
    if not _accepted(e, entry):
        return refuse(c, VECTOR.GP, code, ext)
    if software(info) and get(entry, GATE.DPL) < cpl(e):
        return refuse(c, VECTOR.GP, code, IDT_BIT)
    if not entry & GATE.P:
        return refuse(c, VECTOR.NP, code, ext)
    return entry


@kernel
def read_code(c, e, target, ext):
    """Return the raw descriptor of the handler's code segment `target` (selector) after its checks."""
    if not target & NOT_NULL:
        return refuse(c, VECTOR.GP, 0, ext)
    if not inside(e, target):
        return refuse(c, VECTOR.GP, target, ext)
    raw = fetch(c, e, target, ACCESS.EVENT)
    if c.fault != FAULT.NONE:
        return 0
    attr = attributes_of(raw)
    if not attr & DESCRIPTOR.S or not kind(attr) & IS_CODE or level(attr) > cpl(e):
        return refuse(c, VECTOR.GP, target, ext)
    if long_mode(e) and attr & (DESCRIPTOR.L | DESCRIPTOR.DB) != DESCRIPTOR.L:
        return refuse(c, VECTOR.GP, target, ext)
    if not attr & DESCRIPTOR.P:
        return refuse(c, VECTOR.NP, target, ext)
    return raw


@kernel
def new_level(e, code):
    """Return the privilege level the handler runs at: that of its segment, or the present one if it conforms."""
    attr = attributes_of(code)
    return cpl(e) if kind(attr) & CONFORMING else level(attr)


@kernel
def tss_word(c, e, at, size, ext):
    """Return `size` bytes at offset `at` of the current TSS; #TS(TR) when they are outside its limit."""
    if at + size - 1 > limit(e, SEG.TR):
        return refuse(c, VECTOR.TS, selector(e, SEG.TR), ext)
    return linear.read(c, base(e, SEG.TR) + at & linear_mask(e), size, EVENT_READ)


@kernel
def tss_is_32(e):
    """Return whether TR holds a 32-bit (or 64-bit) TSS."""
    return kind(attributes(e, SEG.TR)) & WIDE != 0
