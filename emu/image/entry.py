"""How an image is entered: registers, segments and control registers at its first instruction.

The firmware brings a processor into this state from the boot block (`block`); a processor that starts without firmware
is put into it directly, with `scaffold` in memory.
"""

import struct
from dataclasses import dataclass, field

from emu.bits import name_of, value_of
from emu.spec.cpu import CR0, CR4, DESCRIPTOR, EFER, GPR, RFLAGS, SEGTYPE
from emu.spec.firmware import BLOCK, BLOCKVALUE, LOW, PAYLOAD

FOUR_GIB = 1 << 32
CODE_ATTRIBUTES = int(value_of(DESCRIPTOR, G=1, P=1, S=1, TYPE=SEGTYPE.CODE))
DATA_ATTRIBUTES = int(value_of(DESCRIPTOR, G=1, DB=1, P=1, S=1, TYPE=SEGTYPE.DATA))
REAL_ATTRIBUTES = int(value_of(DESCRIPTOR, P=1, S=1, TYPE=SEGTYPE.DATA))
_WHOLE = int(DESCRIPTOR.LIMIT_19_16) << 32 | 0xFFFF         # limit of a descriptor: all ones
CODE_64 = CODE_ATTRIBUTES << 32 | int(DESCRIPTOR.L) << 32 | _WHOLE
CODE_32, DATA_32 = CODE_ATTRIBUTES << 32 | int(DESCRIPTOR.DB) << 32 | _WHOLE, DATA_ATTRIBUTES << 32 | _WHOLE
RANGES_MOST = 16                                           # that a boot block has room for
PAGE_2M, PRESENT_WRITABLE, LARGE_PAGE = 2 << 20, 0x3, 0x80


@dataclass(frozen=True)
class Segment:
    """A segment register: selector, base, limit in bytes, second descriptor word (DESCRIPTOR layout)."""

    selector: int
    base: int = 0
    limit: int = 0xFFFF_FFFF
    attributes: int = DATA_ATTRIBUTES


@dataclass(frozen=True, kw_only=True)
class Entry:
    """The state of the first processor at the first instruction of an image; what is not named is 0.

    payload: code of PAYLOAD, or None for real-address mode; registers: GPR name -> value.
    """

    payload: int | None
    rip: int
    registers: dict[str, int] = field(default_factory=dict)
    segments: dict[str, Segment] = field(default_factory=dict)
    cr0: int = 0
    cr3: int = 0
    cr4: int = 0
    efer: int = 0
    rflags: int = int(RFLAGS.ONE)
    a20: bool = True

    @property
    def kind(self):
        """Name of the payload kind: LONG, FLAT, LINUX, LINUX64, or REAL."""
        return "REAL" if self.payload is None else name_of(PAYLOAD, self.payload)


def _segments(code, selector):
    data = Segment(0x18)
    return {"CS": Segment(selector, attributes=code)} | {name: data for name in ("DS", "ES", "FS", "GS", "SS")}


def flat(payload, rip, **registers):
    """Return a 32-bit Entry: protected mode, flat segments (CS 0x10, others 0x18), paging and interrupts off, A20 on.

    Source: Multiboot Specification 0.6.96, "Machine state"; Linux x86 boot protocol, "32-bit Boot Protocol"
    """
    return Entry(
        payload=int(payload),
        rip=rip,
        registers=registers,
        segments=_segments(CODE_ATTRIBUTES | int(DESCRIPTOR.DB), 0x10),
        cr0=int(CR0.PE) | int(CR0.ET),
    )


def long(payload, rip, **registers):
    """Return a 64-bit Entry: the low 4 GiB identity mapped by tables at LOW.PML4, interrupts off.

    CS is 0x08, but 0x10 for the Linux boot protocol.  Source: Linux x86 boot protocol, "64-bit Boot Protocol"
    """
    code = 0x10 if payload == PAYLOAD.LINUX64 else 0x08
    return Entry(
        payload=int(payload),
        rip=rip,
        registers=registers,
        segments=_segments(CODE_ATTRIBUTES | int(DESCRIPTOR.L), code),
        cr0=int(CR0.PE) | int(CR0.ET) | int(CR0.NE) | int(CR0.WP) | int(CR0.PG),
        cr3=int(LOW.PML4),
        cr4=int(CR4.PAE),
        efer=int(EFER.LME) | int(EFER.LMA),
    )


def real(rip, segment=0, **registers):
    """Return a real-address mode Entry at `segment`:`rip`, as a BIOS enters a boot sector."""
    names = ("CS", "DS", "ES", "FS", "GS", "SS")
    return Entry(
        payload=None,
        rip=rip,
        registers=registers,
        cr0=int(CR0.ET),
        segments={name: Segment(segment, segment << 4, 0xFFFF, REAL_ATTRIBUTES) for name in names},
    )


def block(entry, ranges):
    """Return the boot block (bytes for LOW.BLOCK) that makes the firmware enter a payload.

    ranges: [(address, size)] that the payload occupies; neighbours are joined.
    Raises ValueError when more than RANGES_MOST remain or the entry is in real-address mode.
    """
    if entry.payload is None:
        raise ValueError("the firmware enters no real-address mode payload")
    joined = join(ranges)
    if len(joined) > RANGES_MOST:
        raise ValueError(f"a payload occupies at most {RANGES_MOST} ranges, not {len(joined)}")
    text = bytearray(int(BLOCK.SIZE))
    struct.pack_into("<QIIQ", text, int(BLOCK.MAGIC), int(BLOCKVALUE.MAGIC), entry.payload, 0, entry.rip)
    for name, value in entry.registers.items():
        struct.pack_into("<Q", text, int(BLOCK.REGS) + 8 * int(getattr(GPR, name)), value)
    struct.pack_into("<I", text, int(BLOCK.RANGES), len(joined))
    for number, (address, size) in enumerate(joined):
        struct.pack_into("<QQ", text, int(BLOCK.RANGE) + 16 * number, address, size)
    return bytes(text)


def join(ranges, gap=0x1000):
    """Return sorted (address, size) ranges with neighbours less than `gap` bytes apart joined."""
    result = []
    for address, size in sorted((address, size) for address, size in ranges if size):
        if result and address <= sum(result[-1]) + gap:
            start, length = result[-1]
            result[-1] = start, max(length, address + size - start)
        else:
            result.append((address, size))
    return result


def scaffold(entry):
    """Return [(address, bytes)] that an Entry relies on without firmware: GDT; page tables in 64-bit mode."""
    second = CODE_64 if entry.payload == PAYLOAD.LINUX64 else CODE_32
    gdt = struct.pack("<4Q", 0, CODE_64, second, DATA_32)
    found = [] if entry.payload is None else [(int(LOW.GDT), gdt)]
    if entry.cr3:
        pdpt, directories = entry.cr3 + 0x1000, entry.cr3 + 0x2000
        tables = struct.pack("<Q", pdpt | PRESENT_WRITABLE).ljust(0x1000, b"\0")
        tables += struct.pack("<4Q", *(directories + 0x1000 * n | PRESENT_WRITABLE for n in range(4))).ljust(
            0x1000, b"\0"
        )
        tables += b"".join(struct.pack("<Q", page | PRESENT_WRITABLE | LARGE_PAGE) for page in range(0, FOUR_GIB, PAGE_2M))
        found.append((entry.cr3, tables))
    return found
