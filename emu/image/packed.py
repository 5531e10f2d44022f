"""Packed images: gzip and xz, unpacked as GRUB does before it reads the kernel.

Modules and initial RAM disks are placed as they are: what they hold is the kernel's business.
"""

import lzma
import zlib

from emu.errors import ImageError

UNPACKED_LIMIT = 1 << 30  # bytes that a packed image may unpack to: more than any kernel with its debug information has
GZIP, XZ, ZSTD = b"\x1f\x8b\x08", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd"
XZ_MEMORY = 256 << 20


def _inflate(path, unpacker, data, failures):
    """Return all that a decompressor object makes of the data; raises ImageError when that is more than UNPACKED_LIMIT, or damaged."""
    try:
        found = unpacker.decompress(data, UNPACKED_LIMIT + 1)
    except failures as error:
        raise ImageError(f"{path}: a packed image that cannot be unpacked: {error}") from error
    if len(found) > UNPACKED_LIMIT:
        raise ImageError(f"{path}: a packed image of more than {UNPACKED_LIMIT >> 20} MiB")
    if not unpacker.eof:
        raise ImageError(f"{path}: truncated: the packed image does not end in the file")
    return found


def is_packed(path, head):
    """Return whether a file that begins so is packed; raises ImageError when that is not done here."""
    if head.startswith(ZSTD):
        raise ImageError(f"{path}: packed with zstd: must be unpacked first (gzip and xz are unpacked here)")
    return head.startswith((GZIP, XZ))


def unpack(path, data):
    """Return the bytes of an image file, unpacked when it is packed."""
    if data.startswith(GZIP):
        return _inflate(path, zlib.decompressobj(wbits=31), data, zlib.error)
    if data.startswith(XZ):
        return _inflate(path, lzma.LZMADecompressor(memlimit=XZ_MEMORY), data, lzma.LZMAError)
    return data
