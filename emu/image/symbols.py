"""Names of addresses: from a map file of `nm`, or the assembler; `emu.image.debuginfo` takes them from ELF files."""

import re
from bisect import bisect_right

from emu.errors import ImageError
from emu.files import plain, text

MAP_LIMIT = 64 << 20                                       # bytes of a map file
HEX = re.compile(r"(0[xX])?[0-9a-fA-F]{1,16}")


def _shown(words):
    return words if not words or words.replace("\t", "").isprintable() else plain(words)


class Symbols:
    """Addresses by name and names by address.

    lines: [(address, bytes, file, line, source)] or empty; files: {file: whole path}; refused: sentences about what an image names
    and was not read.  Names and source text are of others: their control characters come as escapes.
    """

    def __init__(self, addresses=None, lines=(), files=None, refused=()):
        self.addresses = {_shown(name): address for name, address in (addresses or {}).items()}
        self.files, self.refused = {_shown(name): path for name, path in (files or {}).items()}, list(refused)
        self._sorted = sorted((address, name) for name, address in self.addresses.items())
        self._starts = [address for address, _ in self._sorted]
        self.lines = sorted(((at, data, _shown(file), number, _shown(source)) for at, data, file, number, source in lines),
                            key=lambda line: line[0])
        self._line_starts = [line[0] for line in self.lines]

    def __len__(self):
        return len(self.addresses)

    def with_more(self, other):
        """Return Symbols with the names of another as well; where both have a name, this one's address."""
        return Symbols({**other.addresses, **self.addresses}, self.lines, self.files, self.refused)

    def address(self, name):
        """Return the address of a name, or None."""
        return self.addresses.get(name)

    def name(self, address):
        """Return `name` or `name+0x10` of the nearest symbol at or below an address, or its number."""
        at = bisect_right(self._starts, address) - 1
        if at < 0:
            return f"{address:#x}"
        start, name = self._sorted[at]
        return name if start == address else f"{name}+{address - start:#x}"

    def near(self, address, size):
        """Return whether an address lies between two symbols, less than `size` bytes after the first."""
        at = bisect_right(self._starts, address)
        return 0 < at < len(self._starts) and address - self._starts[at - 1] < size

    def where(self, address):
        """Return (file, line, source) of the statement at an address, or None."""
        at = bisect_right(self._line_starts, address) - 1
        if at < 0 or address >= self.lines[at][0] + len(self.lines[at][1]):
            return None
        return tuple(self.lines[at][2:])


def from_map(path):
    """Return the Symbols of a text file with lines `address [type] name`, as `nm` and System.map have them."""
    found = {}
    for number, line in enumerate(text(path, MAP_LIMIT, ImageError).splitlines(), 1):
        words = line.split("#")[0].split()
        if not words or len(words) > 1 and words[0] in "Uw":
            continue
        address = int(words[0], 16) if HEX.fullmatch(words[0]) else None
        if address is None or not 2 <= len(words) <= 3:
            raise ImageError(f"{path}:{number}: must be `address [type] name`, not {line.strip()[:80]!r}")
        found[words[-1]] = address
    return Symbols(found)


def from_assembly(assembly):
    """Return the Symbols and line table of an assembled image (emu.asm)."""
    names = {line[2] for line in assembly.lines}
    files = {name: path for name in names for path in map(str, getattr(assembly, "files", ())) if path == name or path.endswith(f"/{name}")}
    return Symbols(getattr(assembly, "labels", assembly.symbols), assembly.lines, files)
