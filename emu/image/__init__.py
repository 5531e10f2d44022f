"""Image files: what kind they are, where their bytes go, how they are entered.

    image = load("kernel.elf", 256 << 20, "console=ttyS0", ["initrd.img,quiet"])
    image.segments, image.entry, image.symbols, image.kind
"""

from dataclasses import dataclass, field
from pathlib import Path

from emu import files
from emu.bits import PAGE_BYTES
from emu.errors import ConfigError, ImageError
from emu.image import elf, entry, linux, multiboot, packed, raw
from emu.image.debuginfo import from_elf
from emu.image.entry import Entry
from emu.image.space import HIGH_START, Space
from emu.image.symbols import Symbols, from_assembly

__all__ = ["Entry", "Image", "ImageError", "Symbols", "load", "of_assembly"]
RAW_LIMIT = 1 << 20                                        # bytes of a .bin that are read: it takes fewer
KINDS = "ELF32 or ELF64 executable, multiboot-1 image, Linux bzImage, raw .bin (the first three also packed by gzip or xz)"


@dataclass(frozen=True, kw_only=True)
class Image:
    """An image placed in guest-physical memory.

    segments: [(address, bytes)], memory besides is zero; ranges: [(address, size)] that the image occupies, zeros
    included, neighbours joined; memory_bytes: of the memory it was placed in; entry: Entry; symbols: Symbols;
    kind: elf32, elf64, multiboot, linux, raw, assembly.
    """

    segments: list
    ranges: list
    memory_bytes: int
    entry: Entry
    symbols: Symbols = field(default_factory=Symbols)
    kind: str
    path: str = ""

    def block(self):
        """Return the boot block for the firmware (bytes at LOW.BLOCK); raises ImageError for an image that lies in too many places."""
        if len(self.ranges) > entry.RANGES_MOST:
            raise ImageError(f"{self.path}: it lies in {len(self.ranges):,} places of memory, with gaps between: at most "
                             f"{entry.RANGES_MOST} are loaded on the bare machine")
        return entry.block(self.entry, self.ranges)

    def scaffold(self):
        """Return [(address, bytes)] to place besides the segments when no firmware runs first."""
        return entry.scaffold(self.entry)


def module(text):
    """Return (Path, arguments) of `FILE[,ARGS]`."""
    name, _, arguments = str(text).partition(",")
    path = Path(name)
    if name == "-":
        raise ImageError("module -: - is not standard input here: give the name of a file (./- has that name)")
    if Path(text).is_file():                                # a file whose own name has a comma in it
        path, arguments = Path(text), ""
    if not path.is_file():
        raise ImageError(f"module {name}: no such file")
    return path, arguments


def _loader(path, data):
    """Return the loader module for a file."""
    if multiboot.find(data):
        return multiboot
    if elf.is_elf(data):
        return elf
    if linux.is_linux(data):
        return linux
    if path.suffix == ".bin":
        return raw
    raise ImageError(f"{path}: begins with {data[:4].hex(' ') or 'nothing'}: must be an {KINDS}")


def _whole(path):
    """Return the bytes of an image file; one that is not an image, or is too long for its kind, is read only as far as that shows."""
    head = files.read(path, error=ImageError, most=multiboot.SEARCH)
    if packed.is_packed(path, head):
        return files.read(path, error=ImageError)
    limit = RAW_LIMIT if _loader(path, head) is raw else files.FILE_LIMIT
    return files.read(path, limit, ImageError)


def load(path, memory_bytes, append=None, modules=()):
    """Read an image file and place it in `memory_bytes` of guest-physical memory.

    append: command line; modules: `FILE[,ARGS]` each.
    Returns an Image.  Raises ImageError: no such file, truncated, foreign, unsupported, or not enough memory.
    """
    path = Path(path)
    if memory_bytes <= 0 or memory_bytes % PAGE_BYTES:
        raise ConfigError(f"memory_bytes must be a positive multiple of {PAGE_BYTES}, not {memory_bytes}")
    data = packed.unpack(path, _whole(path))
    loader, space = _loader(path, data), Space(path, memory_bytes)
    kind, start = loader.load(path, data, space, append or "", [module(each) for each in modules])
    symbols = from_elf(path, data) if elf.is_elf(data) else Symbols()
    return Image(
        segments=space.segments,
        ranges=entry.join(space.ranges),
        memory_bytes=memory_bytes,
        entry=start,
        symbols=symbols,
        kind=kind,
        path=str(path),
    )


def of_assembly(assembly, memory_bytes, bits=64, path="assembly"):
    """Return an Image of an assembled program (emu.asm), entered at its `start`.

    bits: 64, 32, or 16 for real mode; path: what a message calls the program.
    """
    space = Space(path, memory_bytes)
    space.put(assembly.base, assembly.code, "the program", advice=f"; begin it with `.org {HIGH_START:#x}`, or another free address")
    start = {
        64: lambda rip: entry.long(entry.PAYLOAD.LONG, rip),
        32: lambda rip: entry.flat(entry.PAYLOAD.FLAT, rip),
        16: entry.real,
    }[bits](assembly.entry)
    return Image(
        segments=space.segments,
        ranges=entry.join(space.ranges),
        memory_bytes=memory_bytes,
        entry=start,
        symbols=from_assembly(assembly),
        kind="assembly",
    )
