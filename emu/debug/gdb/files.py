"""Files that gdb reads through the connection: the image itself, and ELF files with the symbols of assembled programs.

Source: System V ABI, "Object Files"; Debugging with GDB, "Host I/O Packets"
"""
import struct
from collections.abc import Callable
from pathlib import Path

from emu.debug.gdb import dwarf
from emu.debug.gdb.numbers import Refused, hexadecimal, octets
from emu.debug.gdb.packet import escape
from emu.errors import DebugError
from emu.files import read
from emu.image import elf

HEADER_BYTES, SECTION, SYMBOL = 64, 64, 24
PROGBITS, ALLOC, EXECINSTR = 1, 2, 4
KINDS = {".symtab": 2, ".strtab": 3, ".shstrtab": 3}
OPEN_READ, ENOENT, EBADF, EINVAL, EMFILE = 0, 2, 9, 22, 24
MOST_OPEN = 64                                             # files open at a time


def symbol_file(base, code, addresses, lines=(), files=None):
    """Return an ELF64 file (bytes) with `code` as .text at `base`, a function symbol for each name: address, and a line table.

    lines: [(address, bytes, file, line, source)] of the assembler; files: {file: absolute path}.
    """
    names, symbols = bytearray(b"\0"), bytearray(SYMBOL)
    for name, address in sorted(addresses.items(), key=lambda row: row[1]):
        inside = base <= address < base + len(code)
        symbols += struct.pack("<IBBHQQ", len(names), 1 << 4 | (2 if inside else 0), 0, 1 if inside else 0xFFF1, address, 0)
        names += name.encode() + b"\0"
    debug = dwarf.sections(lines, files or {}) if lines else {}
    parts = {".text": code, ".symtab": bytes(symbols), ".strtab": bytes(names), **debug}
    titles = b"\0" + b"".join(name.encode() + b"\0" for name in (*parts, ".shstrtab"))
    parts[".shstrtab"] = titles
    rows, at = [(0,) * 10], HEADER_BYTES
    for name, data in parts.items():
        kind, flags = KINDS.get(name, PROGBITS), ALLOC | EXECINSTR if name == ".text" else 0
        link, info, entry = (3, 1, SYMBOL) if name == ".symtab" else (0, 0, 0)
        title = titles.index(b"\0" + name.encode() + b"\0") + 1
        rows.append((title, kind, flags, base if flags else 0, at, len(data), link, info, 1, entry))
        at += len(data)
    fields = (2, 62, 1, base, 0, at, 0, HEADER_BYTES, 0, 0, SECTION, len(rows), len(parts))
    head = b"\x7fELF\2\1\1" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", *fields)
    return head + b"".join(parts.values()) + b"".join(struct.pack("<IIQQQQIIQQ", *row) for row in rows)


def of_machine(machine):
    """Return {path: bytes}: what gdb may read of a machine's hypervisor and image; the image's path comes last."""
    found: dict[str, bytes] = {}
    image = machine.image
    if image is None:                                      # a snapshot of another process
        return {"hvlab/snapshot.elf": symbol_file(0, b"", machine.symbols.addresses if machine.symbols else {})}
    if machine.partitions:
        found["hvlab/hv.elf"] = _assembled(image)
    for source in [image] if not machine.partitions else [each.image for each in machine.partitions]:
        path = getattr(source, "path", None) or "program"
        if path != "program" and elf.is_elf(data := read(path, error=DebugError)):
            found[str(Path(path).resolve())] = data
        elif len(source.symbols):
            found[f"hvlab/{Path(path).stem}.elf"] = _assembled(source)
    return found or {"hvlab/image.elf": symbol_file(0, b"", {})}              # gdb insists on a file


def _assembled(image):
    base, data = max(((address, bytes(data)) for address, data in image.segments), key=lambda row: len(row[1]))
    symbols = image.symbols
    return symbol_file(base, data, symbols.addresses, symbols.lines, symbols.files)


def _number(digits):
    return hexadecimal(digits.decode("ascii"), "a number")


class Host:
    """gdb's Host I/O on the files of a dictionary {path: bytes}: reading only."""

    def __init__(self, files):
        self.files, self._open, self._next = files, {}, 3

    def answer(self, request):
        """Return the reply to a vFile request (bytes after "vFile:")."""
        what, _, rest = request.partition(b":")
        words = rest.split(b",")
        known: dict[bytes, Callable] = {b"setfs": self._setfs, b"open": self._opened, b"pread": self._read, b"close": self._closed,
                                        b"fstat": self._stat}
        try:
            return known.get(what, self._none)(*words)
        except KeyError:                                   # a file that is not open
            return b"F-1,%x" % EBADF
        except (Refused, UnicodeDecodeError, TypeError):   # TypeError: more or fewer words than it takes
            return b"F-1,%x" % EINVAL

    def _none(self, *_):
        return b""

    def _setfs(self, _):
        return b"F0"

    def _opened(self, path, flags, _mode):
        name = octets(path.decode("ascii"), "a file's name").decode()
        data = self.files.get(name, self.files.get(name.lstrip("/")))
        if data is None or _number(flags) != OPEN_READ:
            return b"F-1,%x" % ENOENT
        if len(self._open) >= MOST_OPEN:
            return b"F-1,%x" % EMFILE
        number, self._next = self._next, self._next + 1
        self._open[number] = data
        return b"F%x" % number

    def _data(self, number):
        return self._open[_number(number)]

    def _read(self, number, size, offset):
        data = self._data(number)[_number(offset):][:min(_number(size), 0x2000)]
        return b"F%x;" % len(data) + escape(data)

    def _stat(self, number):
        size = len(self._data(number))
        stat = struct.pack(">IIIIIIIQQQIII", 0, 0, 0o100444, 1, 0, 0, 0, size, 4096, -(-size // 512), 0, 0, 0)
        return b"F%x;" % len(stat) + escape(stat)

    def _closed(self, number):
        self._data(number)
        del self._open[_number(number)]
        return b"F0"


def range_of(files, path):
    """Return the address of the .text of a symbol file made here; DebugError for another file."""
    data = files.get(path)
    if data is None:
        raise DebugError(f"there is no file {path!r}")
    return struct.unpack_from("<Q", data, 24)[0]
