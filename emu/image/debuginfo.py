"""Symbols and lines of ELF files, which somebody else may have made to do harm.

What a file claims is bounded before it is believed: sizes of compressed sections, how much of a line table is read, which source
files are opened (regular ones, below SOURCE_LIMIT).  A table that cannot be understood ends in an ImageError; what is merely
left out is said in `Symbols.refused`.
Not supported: debug information in a file of its own (.gnu_debuglink), split DWARF, sections compressed in the old way (.zdebug).
Source: System V ABI, "Symbol Table"; DWARF 5, "Line Number Information"
"""
import io
from pathlib import Path

from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from emu.bits import ADDRESSES
from emu.errors import ConfigError, ImageError
from emu.files import read
from emu.image.symbols import Symbols

KINDS = ("STT_FUNC", "STT_OBJECT", "STT_NOTYPE")
SECTION_LIMIT = 256 << 20                                  # bytes of a debug section, unpacked
LINE_TABLES_LIMIT = 64 << 20                               # bytes of all line tables: above it reading them takes minutes
STATEMENTS_LIMIT = 2_000_000                               # statements
SOURCE_LIMIT = 4 << 20                                     # bytes of a source file
FILES_NAMED = 3                                            # refused source files that are named one by one


def from_elf(path, data):
    """Return the Symbols of an ELF file (bytes); none when it has no symbol table.  Raises ImageError when a table is damaged."""
    try:
        file = ELFFile(io.BytesIO(data))
        found = _names(file)
        reason = _too_large(file)
        sources = _Sources()
        lines = [] if reason else _lines(file, sources)
    except Exception as error:                             # the parsers assume a sound file, and raise anything for others
        raise ImageError(f"{path}: damaged symbol table or line table: {type(error).__name__}: {error}"[:300]) from error
    refused = [f"{path}: source lines are not known: {reason}"] if reason else sources.refused(path)
    return Symbols(found, lines, {line[2]: line[2] for line in lines}, refused)


def _names(file):
    found = {}
    for section in file.iter_sections():
        if isinstance(section, SymbolTableSection):
            for symbol in section.iter_symbols():
                if symbol.name and symbol["st_info"]["type"] in KINDS and symbol["st_shndx"] != "SHN_UNDEF":
                    found.setdefault(symbol.name, symbol["st_value"])
    return found


def _too_large(file):
    """Return why the debug sections are not read, "" when they can be."""
    tables = 0
    for section in file.iter_sections():
        if section.name.startswith(".zdebug"):
            return f"section {section.name} is compressed in the old way, which is not read; link with -gz=zlib"
        if not section.name.startswith(".debug"):
            continue
        size = section.data_size
        if section["sh_flags"] & SH_FLAGS.SHF_COMPRESSED and size <= SECTION_LIMIT and len(section.data()) != size:
            raise ValueError(f"section {section.name} does not unpack to {size:,} bytes")
        if size > SECTION_LIMIT:
            return f"section {section.name} has {size:,} bytes or more, at most {SECTION_LIMIT:,} are read"
        tables += size if section.name.endswith("debug_line") else 0
    return f"its line tables have {tables:,} bytes, at most {LINE_TABLES_LIMIT:,} are read" if tables > LINE_TABLES_LIMIT else ""


class _Sources:
    """Source files by path, each read once; those that are not read are remembered."""

    def __init__(self):
        self.known, self.reasons = {}, {}

    def line(self, path, number):
        """Return the text of a line, "" when the file or the line is not there."""
        if path not in self.known:
            self.known[path] = self._read(path)
        lines = self.known[path]
        return lines[number - 1] if 0 < number <= len(lines) else ""

    def _read(self, path):
        try:
            return read(path, SOURCE_LIMIT).decode(errors="replace").splitlines()
        except ConfigError as error:
            if not isinstance(error.__cause__, FileNotFoundError | NotADirectoryError):       # usual: the image was built elsewhere
                self.reasons[path] = str(error)
            return []

    def refused(self, image):
        """Return sentences about the files that an image names and that were not read."""
        said = [f"{image}: source file {reason}" for reason in list(self.reasons.values())[:FILES_NAMED]]
        more = len(self.reasons) - len(said)
        return [*said, f"{image}: {more:,} more source files cannot be read"] if more else said


def _lines(file, sources):
    """Return [(address, range as long as the code, file, line, source)] of the DWARF line tables."""
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
            if last is not None and last.address < state.address < ADDRESSES:
                name = _file_name(program, last.file, folder)
                found.append((last.address, range(min(state.address - last.address, (1 << 63) - 1)), name, last.line,
                              sources.line(name, last.line)))
                if len(found) > STATEMENTS_LIMIT:
                    raise ValueError(f"more than {STATEMENTS_LIMIT:,} statements")
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
