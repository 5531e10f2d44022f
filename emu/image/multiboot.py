"""Multiboot 1 images: the header, what it asks for, and the boot information as GRUB 2 leaves it.

GRUB passes the arguments only, without the file's name, as command line.  There is no disk, so no boot device is reported.
Not modelled: linear graphics modes, APM, a ROM configuration table, drives.
Source: Multiboot Specification 0.6.96
"""

import os
import struct
from collections import namedtuple

from emu.bits import PAGE_BYTES
from emu.errors import ImageError
from emu.image import elf, entry
from emu.image.space import LOW_END, memory_map
from emu.spec.platform import MEMORY

MULTIBOOT_MAGIC, LOADED = 0x1BAD_B002, 0x2BAD_B002
SEARCH = 8192
PAGE_ALIGN, MEMORY_INFO, VIDEO_MODE, ADDRESS_FIELDS = 1, 2, 4, 1 << 16
SUPPORTED_FLAGS = PAGE_ALIGN | MEMORY_INFO | VIDEO_MODE
TEXT_MODE = 1
LOADER = b"GRUB 2.12 (hvlab)\0"  # the name says what the command line is: kernels take a first word off for others
INFO_BYTES = 116
# Flags of the boot information.
HAS_MEMORY, HAS_COMMAND_LINE, HAS_MODULES, HAS_SECTIONS = 1, 4, 8, 32
HAS_MAP, HAS_LOADER, HAS_FRAMEBUFFER = 64, 512, 4096

Header = namedtuple("Header", "at flags header load load_end bss_end entry mode width height depth")


def find(data):
    """Return the multiboot Header in the first 8192 bytes of a file, or None."""
    for at in range(0, min(len(data), SEARCH) - 11, 4):
        magic, flags, checksum = struct.unpack_from("<3I", data, at)
        if magic == MULTIBOOT_MAGIC and (magic + flags + checksum) & 0xFFFF_FFFF == 0:
            fields = data[at + 12 : at + 48].ljust(36, b"\0")
            return Header(at, flags, *struct.unpack("<9I", fields))
    return None


def check(path, data, header):
    """Raise ImageError when the header asks for what is not there."""
    unknown = header.flags & 0xFFFF & ~SUPPORTED_FLAGS
    if unknown:
        bits = ", ".join(str(bit) for bit in range(16) if unknown >> bit & 1)
        raise ImageError(
            f"{path}: multiboot header flag {bits} is not supported; "
            "0 (page alignment), 1 (memory information), 2 (text mode) and 16 (addresses) are"
        )
    needs = 48 if header.flags & VIDEO_MODE else 32 if header.flags & ADDRESS_FIELDS else 12
    if header.at + needs > len(data):
        raise ImageError(
            f"{path}: truncated: the multiboot header at {header.at:#x} has {needs} bytes, the file {len(data)}"
        )
    if header.flags & VIDEO_MODE and header.mode != TEXT_MODE:
        raise ImageError(
            f"{path}: multiboot header flag 2 asks for video mode type {header.mode} (linear graphics); "
            "only type 1 (text, 80x25) is there"
        )


def _place_by_addresses(path, data, header, space):
    """Place an image by the address fields of its header; returns the entry point."""
    begin = header.at - (header.header - header.load)
    size = (header.load_end - header.load) if header.load_end else len(data) - begin
    if header.header < header.load or begin < 0 or size < 0:
        raise ImageError(
            f"{path}: multiboot addresses: header {header.header:#x}, load {header.load:#x} and load end "
            f"{header.load_end:#x} do not fit a header at offset {header.at:#x}"
        )
    if begin + size > len(data):
        raise ImageError(f"{path}: truncated: multiboot addresses need {begin + size} bytes, the file has {len(data)}")
    total = max(size, header.bss_end - header.load)
    if not header.load <= header.entry < header.load + total:
        raise ImageError(
            f"{path}: multiboot entry address {header.entry:#x} is outside the image at {header.load:#x}.."
            f"{header.load + total:#x}"
        )
    space.put(header.load, data[begin : begin + size], "the image", total)
    return header.entry


def _modules(path, modules, space, floor):
    """Place the modules page-aligned above the image; returns the address and number of the module list."""
    rows = b""
    for file, arguments in modules:
        data = space.read(file, "a module")
        start = space.put_above(floor, data, f"module {file}")
        text = space.put_low(os.fsencode(arguments) + b"\0", f"the arguments of module {file}")
        rows += struct.pack("<4I", start, start + len(data), text, 0)
    return space.put_low(rows, "the module list") if rows else 0


def _section_table(data, header, space):
    """Place the section headers, and the sections that no segment holds; returns num, size, addr, shndx."""
    if header is None or not header.sections:
        return 0, 0, 0, 0
    size = header.shentsize * header.shnum
    table = bytearray(data[header.shoff : header.shoff + size])
    where, word = (12, "<I") if header.bits == 32 else (16, "<Q")
    for number, section in enumerate(header.sections):
        if section.size and not section.address and section.type != elf.SHT_NOBITS:
            text = data[section.offset : section.offset + section.size]
            address = space.put_low(text, f"section {number}")
            struct.pack_into(word, table, number * header.shentsize + where, address)
    return header.shnum, header.shentsize, space.put_low(bytes(table), "the section headers"), header.shstrndx


def _map(memory_bytes):
    return b"".join(struct.pack("<IQQI", 20, address, size, kind) for address, size, kind in memory_map(memory_bytes))


def _information(space, append, sections, modules, module_count):
    """Place the boot information; returns its address."""
    memory = _map(space.memory_bytes)
    text = bytearray(INFO_BYTES)
    flags = HAS_MEMORY | HAS_COMMAND_LINE | HAS_MAP | HAS_LOADER | HAS_FRAMEBUFFER
    flags |= HAS_MODULES if module_count else 0
    flags |= HAS_SECTIONS if sections[0] else 0
    upper = max(0, space.low_bytes - (1 << 20)) >> 10
    command = space.put_low(os.fsencode(append) + b"\0", "the command line")
    struct.pack_into("<12I", text, 0, flags, LOW_END >> 10, upper, 0, command, module_count, modules, *sections, 0)
    struct.pack_into("<2I", text, 44, len(memory), space.put_low(memory, "the memory map"))
    struct.pack_into("<I", text, 64, space.put_low(LOADER, "the loader's name"))
    struct.pack_into("<QIIIBB", text, 88, int(MEMORY.VGA_TEXT), 160, 80, 25, 16, 2)  # 80x25 text
    return space.put_low(bytes(text), "the boot information")


def load(path, data, space, append, modules):
    """Place a multiboot image with its modules and boot information; returns (kind, Entry)."""
    header = find(data)
    check(path, data, header)
    sections = None
    if header.flags & ADDRESS_FIELDS:
        start = _place_by_addresses(path, data, header, space)
    elif elf.is_elf(data):
        sections = elf.read(path, data)
        start = elf.place(path, data, sections, space)
    else:
        raise ImageError(f"{path}: a multiboot header without address fields (flag 16) in a file that is not ELF")
    floor = max(address + size for address, size in space.ranges)
    listed = _modules(path, modules, space, -(-floor // PAGE_BYTES) * PAGE_BYTES)
    info = _information(space, append, _section_table(data, sections, space), listed, len(modules))
    return "multiboot", entry.flat(entry.PAYLOAD.FLAT, start, RAX=LOADED, RBX=info)
