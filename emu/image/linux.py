"""Images of the Linux x86 boot protocol (bzImage), version 2.06 and later: zero page, command line, initial RAM disk.

Entered at the 64-bit entry point when the image has one, else at the 32-bit one; its 16-bit part does not run.
Not modelled: EFI handover, setup_data, kernels that need decompression memory beyond RAM (refused).
Source: Linux kernel documentation, "The Linux/x86 Boot Protocol"
"""

import os
import struct

from emu.bits import PAGE_BYTES
from emu.errors import ImageError
from emu.image import entry
from emu.image.space import memory_map

SETUP_HEADER, SECTOR_BYTES = 0x1F1, 512
OLDEST, XLOADFLAGS_SINCE, PREFERRED_SINCE = 0x206, 0x20C, 0x20A
LOADED_HIGH, KERNEL_64 = 1, 1
# Offsets in the setup header and the zero page.
SETUP_SECTS, BOOT_FLAG, JUMP_LENGTH, HEADER_MAGIC, PROTOCOL, LOADER_TYPE, LOADFLAGS = (
    0x1F1,
    0x1FE,
    0x201,
    0x202,
    0x206,
    0x210,
    0x211,
)
CODE32_START, RAMDISK_IMAGE, RAMDISK_SIZE, COMMAND_LINE, INITRD_MAX = 0x214, 0x218, 0x21C, 0x228, 0x22C
XLOADFLAGS, COMMAND_LINE_SIZE, INIT_SIZE, VID_MODE = 0x236, 0x238, 0x260, 0x1FA
E820_COUNT, E820_TABLE, ALT_MEMORY_K = 0x1E8, 0x2D0, 0x1E0
# screen_info: 80x25 colour text, 16-line font.
SCREEN = {0x06: 3, 0x07: 80, 0x0E: 25, 0x0F: 1, 0x10: 16}


def is_linux(data):
    """Return whether the file has a Linux setup header."""
    return data[BOOT_FLAG : BOOT_FLAG + 2] == b"\x55\xaa" and data[HEADER_MAGIC : HEADER_MAGIC + 4] == b"HdrS"


def _get(data, at, form):
    return struct.unpack_from("<" + form, data, at)[0]


def _check(path, data):
    """Return (version, offset of the protected-mode kernel), or raise ImageError."""
    if len(data) < INIT_SIZE + 4:
        raise ImageError(
            f"{path}: truncated: a Linux setup header ends at {INIT_SIZE + 4:#x}, the file has {len(data)} bytes"
        )
    version = _get(data, PROTOCOL, "H")
    if version < OLDEST:
        raise ImageError(f"{path}: Linux boot protocol {version >> 8}.{version & 0xFF:02}: must be 2.06 or later")
    if not data[LOADFLAGS] & LOADED_HIGH:
        raise ImageError(f"{path}: a zImage, loaded below 1 MiB: must be a bzImage (loadflags bit 0)")
    begin = ((data[SETUP_SECTS] or 4) + 1) * SECTOR_BYTES
    if begin >= len(data):
        raise ImageError(f"{path}: truncated: the kernel begins at {begin:#x}, the file has {len(data)} bytes")
    return version, begin


def _zero_page(data, space, command, initrd):
    """Return the zero page: the setup header of the file, the screen, the memory map, what the loader fills in."""
    end = HEADER_MAGIC + data[JUMP_LENGTH]
    page = bytearray(PAGE_BYTES)
    page[SETUP_HEADER:end] = data[SETUP_HEADER:end]
    for at, value in SCREEN.items():
        page[at] = value
    rows = memory_map(space.memory_bytes)
    page[LOADER_TYPE], page[E820_COUNT] = 0xFF, len(rows)
    for number, row in enumerate(rows):
        struct.pack_into("<QQI", page, E820_TABLE + 20 * number, *row)
    struct.pack_into("<I", page, ALT_MEMORY_K, max(0, space.low_bytes - (1 << 20)) >> 10)
    struct.pack_into("<H", page, VID_MODE, 0xFFFF)
    struct.pack_into("<I", page, COMMAND_LINE, command)
    for field, value in zip((RAMDISK_IMAGE, RAMDISK_SIZE), initrd, strict=True):
        struct.pack_into("<I", page, field, value)
    return bytes(page)


def load(path, data, space, append, modules):
    """Place a Linux image, its zero page, command line and initial RAM disk; returns (kind, Entry)."""
    version, begin = _check(path, data)
    if len(modules) > 1:
        raise ImageError(f"{path}: a Linux image takes one module, the initial RAM disk, not {len(modules)}")
    limit = _get(data, COMMAND_LINE_SIZE, "I")
    if len(os.fsencode(append)) > limit:
        raise ImageError(f"{path}: the command line has {len(os.fsencode(append))} bytes, this kernel takes {limit}")
    start = _get(data, CODE32_START, "I")
    size = max(len(data) - begin, _get(data, INIT_SIZE, "I") if version >= PREFERRED_SINCE else 0)
    space.put(start, data[begin:], "the kernel", size)
    initrd = 0, 0
    for file, _ in modules:
        disk = space.read(file, "the initial RAM disk")
        initrd = space.put_high(disk, f"initial RAM disk {file}", _get(data, INITRD_MAX, "I") + 1), len(disk)
    command = space.put_low(os.fsencode(append) + b"\0", "the command line")
    zero = space.put_low(_zero_page(data, space, command, initrd), "the zero page", PAGE_BYTES)
    if version >= XLOADFLAGS_SINCE and _get(data, XLOADFLAGS, "H") & KERNEL_64:
        return "linux", entry.long(entry.PAYLOAD.LINUX64, start + 0x200, RSI=zero)
    return "linux", entry.flat(entry.PAYLOAD.LINUX, start, RSI=zero)
