"""The disk that a boot loader reads a kernel from.  Layout: firmware/root/README.md, "Disk of a kernel"."""
import struct

from emu.errors import ConfigError
from emu.spec.firmware import PAYLOAD
from emu.spec.root import VDISK

MAGIC = b"HVDISK02"
SECTOR = int(VDISK.SECTOR)
LOWEST_LOAD = 0x1_0000                                    # the loader and its tables lie below
PIECES_LIMIT = 28


def kernel_disk(image):
    """Return the bytes of a disk with an Image as its kernel: 64-bit code, or Linux with its initial RAM disk."""
    if not image.segments:
        raise ConfigError(f"{image.path}: there is nothing in it to load")
    if image.entry.payload not in (int(PAYLOAD.LONG), int(PAYLOAD.LINUX64)):
        raise ConfigError(f"{image.path}: a virtual machine's kernel is entered in 64-bit mode: ELF64, raw or assembled code, or a Linux "
                          f"kernel with a 64-bit entry; this is {image.kind}")
    pieces = sorted(image.segments)
    if pieces[0][0] < LOWEST_LOAD:
        raise ConfigError(f"{image.path}: a kernel on a disk lies from {LOWEST_LOAD:#x} on, this one begins at {pieces[0][0]:#x}")
    if len(pieces) > PIECES_LIMIT:
        raise ConfigError(f"{image.path}: a kernel on a disk has at most {PIECES_LIMIT} pieces, this one has {len(pieces)}")
    rows, body = b"", b""
    for address, data in pieces:
        rows += struct.pack("<IIQ", 1 + len(body) // SECTOR, -(-len(data) // SECTOR), address)
        body += data.ljust(-(-len(data) // SECTOR) * SECTOR, b"\0")
    argument = image.entry.registers.get("RSI", 0)
    head = (struct.pack("<8sQQQ", MAGIC, image.entry.rip, argument, len(pieces)) + rows).ljust(SECTOR, b"\0")
    return head + body
