"""Names of addresses: from an ELF symbol table, a map file of `nm`, or the assembler."""

import io
from bisect import bisect_right

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from emu.errors import ImageError

KINDS = ("STT_FUNC", "STT_OBJECT", "STT_NOTYPE")


class Symbols:
    """Addresses by name and names by address; `lines` is the assembler's line table or empty."""

    def __init__(self, addresses=None, lines=()):
        self.addresses = dict(addresses or {})
        self._sorted = sorted((address, name) for name, address in self.addresses.items())
        self._starts = [address for address, _ in self._sorted]
        self.lines = sorted(lines, key=lambda line: line[0])
        self._line_starts = [line[0] for line in self.lines]

    def __len__(self):
        return len(self.addresses)

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

    def where(self, address):
        """Return (file, line, source) of the statement at an address, or None."""
        at = bisect_right(self._line_starts, address) - 1
        if at < 0 or address >= self.lines[at][0] + len(self.lines[at][1]):
            return None
        return tuple(self.lines[at][2:])


def from_elf(path, data):
    """Return the Symbols of an ELF file; none when it has no symbol table."""
    found = {}
    try:
        for section in ELFFile(io.BytesIO(data)).iter_sections():
            if isinstance(section, SymbolTableSection):
                for symbol in section.iter_symbols():
                    if symbol.name and symbol["st_info"]["type"] in KINDS and symbol["st_shndx"] != "SHN_UNDEF":
                        found.setdefault(symbol.name, symbol["st_value"])
    except (ELFError, UnicodeDecodeError) as error:
        raise ImageError(f"{path}: damaged symbol table: {error}") from error
    return Symbols(found)


def from_map(path):
    """Return the Symbols of a text file with lines `address [type] name`, as `nm` and System.map have them."""
    found = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        words = line.split("#")[0].split()
        if not words or len(words) > 1 and words[0] in "Uw":
            continue
        try:
            found[words[-1]] = int(words[0], 16)
        except ValueError:
            words = words[:1]
        if not 2 <= len(words) <= 3:
            raise ImageError(f"{path}:{number}: must be `address [type] name`, not {line.strip()!r}")
    return Symbols(found)


def from_assembly(assembly):
    """Return the Symbols and line table of an assembled image (emu.asm)."""
    return Symbols(getattr(assembly, "labels", assembly.symbols), assembly.lines)
