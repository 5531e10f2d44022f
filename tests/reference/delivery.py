"""Event delivery through the IDT in plain integers, after the pseudocode of INT n in the manual; shares no code.

A State holds what matters: `memory` (bytearray, linear = physical), registers and segment registers as small objects.
`deliver` returns None and changes the state, or returns (vector, error) of the exception, or "task gate".
"""

from dataclasses import dataclass, field

GP, NP, SS, TS = 13, 11, 12, 10


class Fault(Exception):
    """An exception of the guest: vector and error code."""


@dataclass
class Segment:
    """A segment register: selector, base, limit, access byte, flags nibble."""

    selector: int = 0
    base: int = 0
    limit: int = 0
    access: int = 0
    flags: int = 0

    @property
    def big(self):
        return bool(self.flags & 4)


@dataclass
class State:
    """A processor as far as delivery sees it."""

    memory: bytearray
    mode: str
    cpl: int
    rip: int
    rsp: int
    flags: int
    seg: dict = field(default_factory=dict)

    def get(self, address, size):
        return int.from_bytes(self.memory[address : address + size], "little")

    def put(self, address, size, value):
        self.memory[address : address + size] = (value & (1 << 8 * size) - 1).to_bytes(size, "little")


def parse(raw):
    """Return a descriptor's Segment (no selector)."""
    base = raw >> 16 & 0xFFFFFF | (raw >> 56) << 24
    limit = raw & 0xFFFF | (raw >> 48 & 15) << 16
    flags = raw >> 52 & 15
    if flags & 8:
        limit = limit * 4096 + 4095
    return Segment(0, base, limit, raw >> 40 & 255, flags)


def lookup(s, selector, vector, ext):
    """Return (address, descriptor) of a selector; the exception `vector` when it is outside its table."""
    table = s.seg["LDTR"] if selector & 4 else s.seg["GDTR"]
    if selector & 4 and not s.seg["LDTR"].access & 0x80:
        raise Fault(vector, selector & 0xFFFC | ext)
    if (selector & 0xFFF8) + 7 > table.limit:
        raise Fault(vector, selector & 0xFFFC | ext)
    address = table.base + (selector & 0xFFF8)
    return address, parse(s.get(address, 8))


def canonical(address):
    """Return whether bits 63:47 are alike."""
    return address >> 47 in (0, 0x1FFFF)


def push_all(s, stack, sp, values, size, error):
    """Return (new sp, [(address, size, value)]) for pushes on a legacy stack; #SS(error) when one does not fit."""
    mask = 0xFFFFFFFF if stack.big else 0xFFFF
    stores = []
    for value in values:
        new = sp - size & mask
        if stack.access & 0x18 == 0x10 and stack.access & 4:
            fits = new > stack.limit and new + size - 1 <= mask
        else:
            fits = new + size - 1 <= stack.limit
        if not fits:
            raise Fault(SS, error)
        sp = sp & ~mask | new
        stores.append((stack.base + new & 0xFFFFFFFF, size, value))
    return sp, stores


def real(s, vector, kind, error, length):
    """Deliver in real-address mode."""
    if vector * 4 + 3 > s.seg["IDTR"].limit:
        raise Fault(GP, 0)
    pointer = s.get(s.seg["IDTR"].base + vector * 4, 4)
    rip = s.rip + length if kind in (4, 5, 6) else s.rip
    sp, stores = push_all(s, s.seg["SS"], s.rsp, [s.flags, s.seg["CS"].selector, rip], 2, 0)
    for store in stores:
        s.put(*store)
    s.rsp, s.rip = sp, pointer & 0xFFFF
    s.seg["CS"].selector, s.seg["CS"].base = pointer >> 16, (pointer >> 16) * 16
    s.flags &= ~(0x200 | 0x100 | 0x10000 | 0x40000)


def task_gate(s, selector, ext):
    """Check the TSS that a task gate names, in the order of the instruction page."""
    if selector & 4:
        raise Fault(GP, selector & 0xFFFC | ext)
    _, tss = lookup(s, selector, GP, ext)
    if tss.access & 0x17 != 1:
        raise Fault(GP, selector & 0xFFFC | ext)
    if not tss.access & 0x80:
        raise Fault(NP, selector & 0xFFFC | ext)
    if tss.limit < (0x67 if tss.access & 8 else 0x2B):
        raise Fault(TS, selector & 0xFFFC | ext)
    return "task gate"


def legacy(s, vector, kind, error, length):
    """Deliver in protected mode or from virtual-8086 mode."""
    ext, soft, vm = int(kind not in (4, 6)), kind in (4, 6), bool(s.flags & 0x20000)
    if vm and kind == 4 and s.flags >> 12 & 3 < 3:
        raise Fault(GP, 0)
    gate, access = read_gate(s, vector, 8, ext, soft, (5, 6, 7, 14, 15))
    if access & 15 == 5:
        return task_gate(s, gate >> 16 & 0xFFFF, ext)
    selector, wide = gate >> 16 & 0xFFFF, bool(access & 8)
    offset = gate & 0xFFFF | ((gate >> 48) << 16 if wide else 0)
    where, code = read_code(s, selector, ext)
    level = s.cpl if code.access & 4 else code.access >> 5 & 3
    if vm and level != 0:
        raise Fault(GP, selector & 0xFFFC | ext)
    values = [s.flags, s.seg["CS"].selector, s.rip + length if kind in (4, 5, 6) else s.rip]
    values += [] if error is None else [error]
    size, marks = 4 if wide else 2, [(where, code)]
    if level < s.cpl:
        values = [s.seg["SS"].selector, s.rsp] + values
        if vm:
            values = [s.seg[n].selector for n in ("GS", "FS", "DS", "ES")] + values
        stack_at, stack, sp = inner_stack(s, level, ext)
        marks.append((stack_at, stack))
        sp, stores = push_all(s, stack, sp, values, size, stack.selector & 0xFFFC | ext)
    else:
        stack = s.seg["SS"]
        if not stack.access & 0x80:
            raise Fault(SS, ext)
        sp, stores = push_all(s, stack, s.rsp, values, size, ext)
    if offset > code.limit:
        raise Fault(GP, ext)
    for address, descriptor in marks:
        s.put(address + 5, 1, descriptor.access | 1)
        descriptor.access |= 1
    for store in stores:
        s.put(*store)
    if vm:
        for name in ("GS", "FS", "DS", "ES"):
            s.seg[name] = Segment()
    if level < s.cpl:
        s.seg["SS"] = stack
    code.selector = selector & 0xFFFC | level
    s.seg["CS"], s.rsp, s.rip, s.cpl = code, sp, offset, level
    s.flags &= ~(0x100 | 0x4000 | 0x10000 | 0x20000)
    if not access & 1:
        s.flags &= ~0x200
    return None


def read_gate(s, vector, size, ext, soft, types):
    """Return (first eight bytes, access byte) of a gate after its checks."""
    code = vector * 8 + 2
    if vector * size + size - 1 > s.seg["IDTR"].limit:
        raise Fault(GP, code + ext)
    gate = s.get(s.seg["IDTR"].base + vector * size, 8)
    access = gate >> 40 & 255
    if access & 31 not in types:
        raise Fault(GP, code + ext)
    if soft and access >> 5 & 3 < s.cpl:
        raise Fault(GP, code)
    if not access & 0x80:
        raise Fault(NP, code + ext)
    return gate, access


def read_code(s, selector, ext):
    """Return (address, Segment) of the handler's code segment after its checks."""
    if not selector & 0xFFFC:
        raise Fault(GP, ext)
    where, code = lookup(s, selector, GP, ext)
    if code.access & 0x18 != 0x18 or code.access >> 5 & 3 > s.cpl:
        raise Fault(GP, selector & 0xFFFC | ext)
    if s.mode == "long" and code.flags & 6 != 2:
        raise Fault(GP, selector & 0xFFFC | ext)
    if not code.access & 0x80:
        raise Fault(NP, selector & 0xFFFC | ext)
    return where, code


def inner_stack(s, level, ext):
    """Return (descriptor address, Segment, stack pointer) that the TSS gives for a privilege level."""
    tss = s.seg["TR"]
    if tss.access & 8:
        at = level * 8 + 4
        if at + 5 > tss.limit:
            raise Fault(TS, tss.selector & 0xFFFC | ext)
        sp, selector = s.get(tss.base + at, 4), s.get(tss.base + at + 4, 2)
    else:
        at = level * 4 + 2
        if at + 3 > tss.limit:
            raise Fault(TS, tss.selector & 0xFFFC | ext)
        sp, selector = s.get(tss.base + at, 2), s.get(tss.base + at + 2, 2)
    if not selector & 0xFFFC:
        raise Fault(TS, ext)
    where, stack = lookup(s, selector, TS, ext)
    if selector & 3 != level or stack.access >> 5 & 3 != level or stack.access & 0x1A != 0x12:
        raise Fault(TS, selector & 0xFFFC | ext)
    if not stack.access & 0x80:
        raise Fault(SS, selector & 0xFFFC | ext)
    stack.selector = selector
    return where, stack, sp


def long(s, vector, kind, error, length):
    """Deliver in IA-32e mode."""
    ext, soft = int(kind not in (4, 6)), kind in (4, 6)
    gate, access = read_gate(s, vector, 16, ext, soft, (14, 15))
    high = s.get(s.seg["IDTR"].base + vector * 16 + 8, 4)
    selector = gate >> 16 & 0xFFFF
    where, code = read_code(s, selector, ext)
    level = s.cpl if code.access & 4 else code.access >> 5 & 3
    ist, at, sp = gate >> 32 & 7, None, s.rsp
    if ist:
        at = 28 + 8 * ist
    elif level < s.cpl:
        at = 4 + 8 * level
    if at is not None:
        if at + 7 > s.seg["TR"].limit:
            raise Fault(TS, s.seg["TR"].selector & 0xFFFC | ext)
        sp = s.get(s.seg["TR"].base + at, 8)
    values = [
        s.seg["SS"].selector,
        s.rsp,
        s.flags,
        s.seg["CS"].selector,
        s.rip + length if kind in (4, 5, 6) else s.rip,
    ]
    values += [] if error is None else [error]
    sp &= ~15
    bottom = sp - 8 * len(values) & 0xFFFF_FFFF_FFFF_FFFF
    if not canonical(sp - 1 & 0xFFFF_FFFF_FFFF_FFFF) or not canonical(bottom):
        raise Fault(SS, ext)
    rip = gate & 0xFFFF | (gate >> 48) << 16 | high << 32
    if not canonical(rip):
        raise Fault(GP, ext)
    s.put(where + 5, 1, code.access | 1)
    code.access |= 1
    for n, value in enumerate(values):
        s.put(sp - 8 * (n + 1), 8, value)
    if level < s.cpl:
        s.seg["SS"] = Segment(level, 0, 0, level << 5, 0)
    code.selector, code.base = selector & 0xFFFC | level, 0
    s.seg["CS"], s.rsp, s.rip, s.cpl = code, bottom, rip, level
    s.flags &= ~(0x100 | 0x4000 | 0x10000)
    if not access & 1:
        s.flags &= ~0x200


def deliver(s, vector, kind, error=None, length=0):
    """Deliver an event (error None: it has no code); see the module's text for what is returned."""
    try:
        return dict(real=real, protected=legacy, long=long)[s.mode](s, vector, kind, error, length)
    except Fault as fault:
        return fault.args


def combine(first, second):
    """Return the vector that follows when `second` comes while `first` is delivered, "triple" for shutdown."""

    def kind(vector):
        return (
            "abort"
            if vector == 8
            else "page"
            if vector in (14, 20)
            else "contributory"
            if vector in (0, 10, 11, 12, 13, 21)
            else "benign"
        )

    pair = kind(first), kind(second)
    if "benign" in pair:
        return second
    if pair[0] == "abort":
        return "triple"
    return 8 if pair != ("contributory", "page") else second
