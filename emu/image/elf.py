"""ELF32 and ELF64 static executables, placed at their physical addresses.

A plain ELF64 image starts in 64-bit mode (PAYLOAD.LONG), a plain ELF32 image in flat 32-bit mode.
Not supported, and refused: shared objects, position-independent and dynamic executables, other processors.
Source: System V ABI, "Object Files"
"""

import struct
from collections import namedtuple

from emu.errors import ImageError
from emu.image import entry

PT_LOAD, PT_DYNAMIC, PT_INTERP = 1, 2, 3
SHT_NOBITS = 8
SEGMENTS_MOST, SECTIONS_MOST = 1024, 4096                  # of an executable; the work grows with the square of them
MACHINES = {3: "i386", 62: "x86-64"}
TYPES = {0: "no type", 1: "relocatable object", 3: "shared object or position-independent executable", 4: "core dump"}

Segment = namedtuple("Segment", "type offset virtual physical filesz memsz")
Section = namedtuple("Section", "name type flags address offset size at")
Header = namedtuple("Header", "bits entry machine segments sections shoff shnum shentsize shstrndx")
WITH_HEADERS = "; it begins with the headers of the file: link with -Wl,-n (ld -n), which leaves them out, or higher"
_EHDR = {32: struct.Struct("<HHIIIIIHHHHHH"), 64: struct.Struct("<HHIQQQIHHHHHH")}
_PHDR = {32: struct.Struct("<8I"), 64: struct.Struct("<IIQQQQQQ")}
_SHDR = {32: struct.Struct("<10I"), 64: struct.Struct("<IIQQQQIIQQ")}


def is_elf(data):
    """Return whether the file begins as an ELF file does."""
    return data[:4] == b"\x7fELF"


def _unpack(path, data, layout, at, what):
    if at < 0 or at + layout.size > len(data):
        raise ImageError(f"{path}: truncated: {what} at {at:#x} needs {layout.size} bytes, the file has {len(data)}")
    return layout.unpack_from(data, at)


def _segment(bits, row):
    if bits == 32:
        kind, offset, virtual, physical, filesz, memsz, _, _ = row
    else:
        kind, _, offset, virtual, physical, filesz, memsz, _ = row
    return Segment(kind, offset, virtual, physical, filesz, memsz)


def read(path, data):
    """Return the Header of an ELF executable for this machine; raises ImageError for anything else."""
    if len(data) < 16:
        raise ImageError(f"{path}: truncated: an ELF identification has 16 bytes, the file has {len(data)}")
    if data[4] not in (1, 2) or data[5] != 1:
        raise ImageError(
            f"{path}: ELF class {data[4]} with byte order {data[5]}: must be class 1 or 2, little-endian (1)"
        )
    bits = 32 * data[4]
    kind, machine, _, start, phoff, shoff, _, _, phsize, phnum, shsize, shnum, shstrndx = _unpack(
        path, data, _EHDR[bits], 16, "the ELF header"
    )
    if machine not in MACHINES or kind != 2:
        what = (
            f"ELF machine {machine}" if machine not in MACHINES else f"ELF type {kind} ({TYPES.get(kind, 'unknown')})"
        )
        raise ImageError(f"{path}: {what}: must be a static executable (type 2) for i386 or x86-64")
    if bits == 64 and machine == 3:
        raise ImageError(f"{path}: ELF class 64 for machine i386")
    if phnum == 0 or phsize != _PHDR[bits].size:
        raise ImageError(
            f"{path}: {phnum} program headers of {phsize} bytes: must be at least one, of {_PHDR[bits].size}"
        )
    if phnum > SEGMENTS_MOST or shnum > SECTIONS_MOST:
        raise ImageError(f"{path}: {phnum:,} program headers and {shnum:,} section headers: at most {SEGMENTS_MOST:,} and "
                         f"{SECTIONS_MOST:,} are read")
    segments = [
        _segment(bits, _unpack(path, data, _PHDR[bits], phoff + n * phsize, f"program header {n}"))
        for n in range(phnum)
    ]
    if any(segment.type in (PT_DYNAMIC, PT_INTERP) for segment in segments):
        raise ImageError(f"{path}: a dynamically linked executable: must be static")
    sections = _sections(path, data, bits, shoff, shnum, shsize) if shoff and shsize == _SHDR[bits].size else []
    return Header(
        bits,
        start,
        machine,
        [s for s in segments if s.type == PT_LOAD],
        sections,
        shoff,
        len(sections),
        shsize,
        shstrndx,
    )


def _sections(path, data, bits, shoff, shnum, shsize):
    rows = [_unpack(path, data, _SHDR[bits], shoff + n * shsize, f"section header {n}") for n in range(shnum)]
    return [Section(*row[:6], shoff + n * shsize) for n, row in enumerate(rows)]


def place(path, data, header, space):
    """Place the loadable segments in memory and return the physical address of the entry point.

    The entry point is a virtual address, as GRUB 2 takes it; one that lies in no segment by its virtual addresses is a physical
    address, as GRUB Legacy takes it.
    """
    if not header.segments:
        raise ImageError(f"{path}: no loadable segment")
    start = None
    for number, s in enumerate(header.segments):
        if s.offset + s.filesz > len(data):
            raise ImageError(
                f"{path}: truncated: segment {number} ends at {s.offset + s.filesz:#x}, the file at {len(data):#x}"
            )
        if s.filesz > s.memsz:
            raise ImageError(f"{path}: segment {number} has {s.filesz:#x} bytes in the file but {s.memsz:#x} in memory")
        advice = WITH_HEADERS if s.offset == 0 else ""
        space.put(s.physical, data[s.offset : s.offset + s.filesz], f"segment {number}", s.memsz, advice)
    for s in header.segments:
        if start is None and s.virtual <= header.entry < s.virtual + s.memsz:
            start = header.entry - s.virtual + s.physical
    if start is None and any(s.physical <= header.entry < s.physical + s.memsz for s in header.segments):
        start = header.entry
    if start is None:
        raise ImageError(f"{path}: entry point {header.entry:#x} is in no loadable segment")
    return start


def load(path, data, space, append, modules):
    """Place a plain ELF executable; returns (kind, Entry)."""
    if append or modules:
        raise ImageError(
            f"{path}: a plain ELF image takes no command line and no modules; multiboot and Linux images do"
        )
    header = read(path, data)
    start = place(path, data, header, space)
    if header.machine == 62:
        return "elf64", entry.long(entry.PAYLOAD.LONG, start)
    return "elf32", entry.flat(entry.PAYLOAD.FLAT, start)
