"""Raw binaries: a boot sector or other 16-bit code, entered in real-address mode as a BIOS enters a boot sector.

Not modelled: BIOS services; an image that calls them meets an empty interrupt table.
"""

from emu.errors import ImageError
from emu.image import entry
from emu.spec.platform import MEMORY

LOAD_ADDRESS = 0x7C00
FIRST_DISK = 0x80


def load(path, data, space, append, modules):
    """Place a raw binary at 0x7C00; returns (kind, Entry)."""
    if append or modules:
        raise ImageError(f"{path}: a raw image takes no command line and no modules")
    if not data:
        raise ImageError(f"{path}: an empty file")
    if LOAD_ADDRESS + len(data) > int(MEMORY.VIDEO):
        most, end = int(MEMORY.VIDEO) - LOAD_ADDRESS, int(MEMORY.VIDEO)
        raise ImageError(f"{path}: a raw image has at most {most} bytes ({LOAD_ADDRESS:#x} to {end:#x}), not {len(data)}")
    space.without_firmware()
    space.put(LOAD_ADDRESS, data, "the image")
    return "raw", entry.real(LOAD_ADDRESS, RDX=FIRST_DISK, RSP=LOAD_ADDRESS)
