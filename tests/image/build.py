"""Build image files for tests: with gcc and ld, or byte by byte."""

import struct
import subprocess

MULTIBOOT = """
        .section .multiboot, "a"
        .balign 4
        .long   0x1BADB002, {flags}, -(0x1BADB002 + {flags})
"""
PROGRAM = """
        .text
        .globl  _start, helper
        .type   helper, @function
_start: hlt
helper: ret
        .data
value:  .long   0x12345678
        .bss
        .space  0x3000
"""
LINK = """
ENTRY(_start)
PHDRS {{ all PT_LOAD; }}
SECTIONS {{
  . = {virtual};
  .text : AT({physical}) {{ KEEP(*(.multiboot)) *(.text) *(.data) }} :all
  .bss : {{ *(.bss) }} :all
}}
"""


def elf(folder, bits=64, flags=None, virtual=0x100000, physical=None, options=()):
    """Return the path of a linked executable; flags: of a multiboot header, none without."""
    source, script, target = folder / "image.S", folder / "image.ld", folder / "image.elf"
    source.write_text((MULTIBOOT.format(flags=flags) if flags is not None else "") + PROGRAM)
    script.write_text(LINK.format(virtual=virtual, physical=physical if physical is not None else virtual))
    emulation = {32: "elf_i386", 64: "elf_x86_64"}[bits]
    subprocess.run(["gcc", f"-m{bits}", "-c", "-o", folder / "image.o", source], check=True)
    subprocess.run(
        [
            "ld",
            "-m",
            emulation,
            "-static",
            "-nostdlib",
            "-z",
            "noexecstack",
            "--no-warn-rwx-segments",
            "--build-id=none",
            *options,
            "-T",
            script,
            "-o",
            target,
            folder / "image.o",
        ],
        check=True,
    )
    return target


def by_addresses(
    folder, load=0x200000, header=0x200000, load_end=0, bss_end=0x208000, entry=0x200020, flags=1 << 16, cut=None
):
    """Return the path of a flat multiboot image with address fields."""
    text = struct.pack(
        "<8I", 0x1BADB002, flags, -(0x1BADB002 + flags) & 0xFFFF_FFFF, header, load, load_end, bss_end, entry
    )
    path = folder / "flat"
    path.write_bytes((text + b"\xf4" * 64)[:cut])
    return path


def linux(
    folder, version=0x20F, loadflags=1, xloadflags=0, kernel=b"\xf4" * 1000, init_size=0x10000, start=0x100000, cut=None
):
    """Return the path of a bzImage with two setup sectors."""
    text = bytearray(3 * 512)
    text[0x1F1] = 2
    text[0x1FE:0x200], text[0x201], text[0x202:0x206] = b"\x55\xaa", 0x66, b"HdrS"
    struct.pack_into("<H", text, 0x206, version)
    text[0x211] = loadflags
    struct.pack_into("<I", text, 0x214, start)
    struct.pack_into("<I", text, 0x22C, 0x7FFF_FFFF)
    struct.pack_into("<HI", text, 0x236, xloadflags, 255)
    struct.pack_into("<I", text, 0x260, init_size)
    path = folder / "bzImage"
    path.write_bytes((bytes(text) + kernel)[:cut])
    return path
