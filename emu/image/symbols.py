"""Names of addresses: from an ELF symbol table, a map file of `nm`, or the assembler."""

import io
from bisect import bisect_right
from functools import cache
from pathlib import Path

from elftools.common.exceptions import DWARFError, ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from emu.errors import ImageError

KINDS = ("STT_FUNC", "STT_OBJECT", "STT_NOTYPE")


class Symbols:
    """Addresses by name and names by address; `lines`: [(address, bytes, file, line, source)] or empty; `files`: {file: whole path}."""

    def __init__(self, addresses=None, lines=(), files=None):
        self.addresses, self.files = dict(addresses or {}), dict(files or {})
        self._sorted = sorted((address, name) for name, address in self.addresses.items())
        self._starts = [address for address, _ in self._sorted]
        self.lines = sorted(lines, key=lambda line: line[0])
        self._line_starts = [line[0] for line in self.lines]

    def __len__(self):
        return len(self.addresses)

    def with_more(self, other):
        """Return Symbols with the names of another as well; where both have a name, this one's address."""
        return Symbols({**other.addresses, **self.addresses}, self.lines, self.files)

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
        """Return whether an address lies between two symbols, less than `size` bytes behind the first."""
        at = bisect_right(self._starts, address)
        return 0 < at < len(self._starts) and address - self._starts[at - 1] < size

    def where(self, address):
        """Return (file, line, source) of the statement at an address, or None."""
        at = bisect_right(self._line_starts, address) - 1
        if at < 0 or address >= self.lines[at][0] + len(self.lines[at][1]):
            return None
        return tuple(self.lines[at][2:])


def from_elf(path, data):
    """Return the Symbols of an ELF file; none when it has no symbol table."""
    found, lines = {}, []
    try:
        file = ELFFile(io.BytesIO(data))
        for section in file.iter_sections():
            if isinstance(section, SymbolTableSection):
                for symbol in section.iter_symbols():
                    if symbol.name and symbol["st_info"]["type"] in KINDS and symbol["st_shndx"] != "SHN_UNDEF":
                        found.setdefault(symbol.name, symbol["st_value"])
        lines = _dwarf_lines(file)
    except (ELFError, UnicodeDecodeError, DWARFError) as error:
        raise ImageError(f"{path}: damaged symbol table or line table: {error}") from error
    return Symbols(found, lines, {line[2]: line[2] for line in lines})


@cache
def _source(path):
    """Return the lines of a source file, none when it is not here."""
    try:
        return Path(path).read_text(errors="replace").splitlines()
    except OSError:
        return []


def _dwarf_lines(file):
    """Return [(address, range as long as the code, file, line, source)] of an ELF file's DWARF line tables."""
    found = []
    if not file.has_dwarf_info():
        return found
    info = file.get_dwarf_info()
    for unit in info.iter_CUs():
        program, folder = info.line_program_for_CU(unit), unit.get_top_DIE().attributes.get("DW_AT_comp_dir")
        if program is None:
            continue
        folder, last = folder.value.decode(errors="replace") if folder else "", None
        for state in (entry.state for entry in program.get_entries() if entry.state is not None):
            if last is not None and state.address > last.address:
                name = _file_name(program, last.file, folder)
                source = _source(name)
                text = source[last.line - 1] if 0 < last.line <= len(source) else ""
                found.append((last.address, range(state.address - last.address), name, last.line, text))
            last = None if state.end_sequence else state
    return found


def _file_name(program, number, folder):
    """Return the path of a file of a line program; before DWARF 5 files and folders count from 1, folder 0 is the unit's."""
    header = program.header
    new = header.version >= 5
    entry = header.file_entry[number if new else number - 1]
    folders = [each.decode(errors="replace") for each in header.include_directory]
    inside = folders[entry.dir_index if new else entry.dir_index - 1] if new or entry.dir_index else folder
    return str(Path(folder) / inside / entry.name.decode(errors="replace"))


def from_map(path):
    """Return the Symbols of a text file with lines `address [type] name`, as `nm` and System.map have them."""
    found = {}
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise ImageError(f"{path}: not a text file of lines `address [type] name`: {error}") from error
    for number, line in enumerate(text.splitlines(), 1):
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
    names = {line[2] for line in assembly.lines}
    files = {name: path for name in names for path in map(str, getattr(assembly, "files", ())) if path == name or path.endswith(f"/{name}")}
    return Symbols(getattr(assembly, "labels", assembly.symbols), assembly.lines, files)
