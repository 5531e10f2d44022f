"""The disk that a boot loader reads a kernel from.  Layout: firmware/root/README.md, "Disk of a kernel"."""
import struct

from emu.errors import ConfigError
from emu.spec.root import VDISK

MAGIC = b"HVDISK01"
SECTOR = int(VDISK.SECTOR)
LOWEST = 0x1_0000                                         # the loader and its tables lie below


def kernel_disk(image, size=0):
    """Return the bytes of a disk, at least `size`, with an Image as its kernel: 64-bit code, loaded where the image lies."""
    if not image.segments:
        raise ConfigError(f"{image.path}: there is nothing in it to load")
    first = min(address for address, _ in image.segments)
    last = max(address + len(data) for address, data in image.segments)
    if first < LOWEST:
        raise ConfigError(f"{image.path}: a kernel on a disk lies from {LOWEST:#x} on, this one begins at {first:#x}")
    length = -(-(last - first) // SECTOR) * SECTOR
    body = bytearray(length)
    for address, data in image.segments:
        body[address - first:address - first + len(data)] = data
    head = struct.pack("<8sIIQQ", MAGIC, 1, length // SECTOR, first, image.entry.rip).ljust(SECTOR, b"\0")
    return (head + bytes(body)).ljust(size, b"\0")
