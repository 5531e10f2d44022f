"""Object files of compiled code, loaded without the compiler that made them: a warm start needs neither numba nor llvmlite.

numba compiles for a large address space, and so are our stubs: their ELF files hold absolute 64-bit addresses to fill in, and nothing
else.  A file that asks for more is refused with ValueError, and whoever loads it compiles again.  Unwind tables are left out.

Source: System V ABI, AMD64 supplement, "Object Files"
"""
import ctypes
import mmap
import os
import struct
import sys
from functools import cache

_HEADER, _SECTION = struct.Struct("<16sHHIQQQIHHHHHH"), struct.Struct("<IIQQQQIIQQ")
_SYMBOL, _RELOCATION = struct.Struct("<IBBHQQ"), struct.Struct("<QQq")
_MACHINE, _RELOCATABLE = 62, 1
_SYMTAB, _RELOCATIONS, _NOBITS, _UNWIND = 2, 4, 8, 0x7000_0001    # types of sections
_WRITE, _ALLOC = 1, 2                                      # their flags
_UNDEFINED, _ABSOLUTE, _COMMON = 0, 0xFFF1, 0xFFF2         # sections of symbols that are in none
_FUNCTION, _ADDRESS_64 = 2, 1                              # type of symbol, of relocation
_READ_EXECUTE = mmap.PROT_READ | mmap.PROT_EXEC
# What compiled code would call to raise, and its C function to report it: kernels raise nothing.  Of numba's and Python's other
# functions none is known here.
_RAISING = ("numba_gil_ensure", "numba_gil_release", "numba_unpickle", "numba_do_raise", "numba_runtime_build_excinfo_struct",
            "NRT_Free", "NRT_MemInfo_call_dtor")
_REPORTING = ("PyErr_Clear", "PyErr_SetString", "PyErr_SetNone", "PyErr_WriteUnraisable", "PyExc_SystemError", "PyExc_StopIteration",
              "PyExc_RuntimeError", "PyUnicode_FromString", "PyBytes_FromStringAndSize", "Py_DecRef")
_NOT_OURS = ("numba_", "NRT_", "Py", "_Py")
_COUNTS = ("NRT_incref", "NRT_decref")
_libc = ctypes.CDLL(None)
_memory = []                                               # loaded code lives as long as the process


@ctypes.CFUNCTYPE(None)
def _raised():
    os.write(2, b"hvlab: an error of hvlab itself: compiled code raised an exception\n")
    os.abort()


def _address(function):
    return ctypes.cast(function, ctypes.c_void_p).value


@cache
def _counting():
    """Return the address of what counts references to an array: a view, which is all that kernels have, owns nothing (a null pointer)."""
    code = mmap.mmap(-1, mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    _memory.append(code)
    # test %rdi, %rdi; jne .+3; ret; movabs $_raised, %rax; jmp *%rax
    code.write(bytes.fromhex("4885ff 7501 c3 48b8") + struct.pack("<Q", _address(_raised)) + bytes.fromhex("ffe0"))
    at = _address(ctypes.byref(ctypes.c_char.from_buffer(code)))
    _make_executable(at, mmap.PAGESIZE)
    return at


def _make_executable(address, count):
    if _libc.mprotect(ctypes.c_void_p(address), ctypes.c_size_t(count), _READ_EXECUTE):
        raise ValueError("memory cannot be made executable")


def _outside(name):
    """Return the address of a function of the C library, or of Python that reports an error; ValueError when there is none."""
    if name in _COUNTS:
        return _counting()
    if name in _RAISING:
        return _address(_raised)
    if name.startswith(_NOT_OURS) and name not in _REPORTING:
        raise ValueError(f"{name} is not to be had without numba")
    try:
        return _address(getattr(_libc, name))
    except AttributeError:
        raise ValueError(f"nothing is called {name}") from None


class Code:
    """Code that was loaded; `functions` are rows (name, address, bytes)."""

    def __init__(self, data, symbols=None):
        """Load an object file; symbols: addresses by name of what it does not define.  Raises ValueError where it cannot be loaded."""
        try:
            self._sections(memoryview(data))
            self._place()
            self._name(symbols or {})
            self._relocate()
        except (struct.error, IndexError, OverflowError) as error:
            raise ValueError(f"not a whole object file: {error}") from error
        code = self._data_at - self._begin                 # all but what is written later
        if code:
            _make_executable(self._begin, code)

    def address(self, lead):
        """Return the address of the one function whose name begins so."""
        found = [at for name, at, _ in self.functions if name.startswith(lead)]
        if len(found) != 1:
            raise ValueError(f"{len(found)} functions begin with {lead}")
        return found[0]

    def _sections(self, data):
        magic, kind, machine, _, _, _, at, _, _, _, _, _, count, _ = _HEADER.unpack_from(data)
        if (magic[:6], kind, machine, sys.byteorder) != (b"\x7fELF\2\1", _RELOCATABLE, _MACHINE, "little"):
            raise ValueError("not an object file of x86-64")
        self._data = data
        self._rows = [_SECTION.unpack_from(data, at + number * _SECTION.size) for number in range(count)]

    def _bytes(self, row):
        if row[4] + row[5] > len(self._data):
            raise ValueError("a section is cut off")
        return self._data[row[4]:row[4] + row[5]]

    def _place(self):
        """Give each section its address: what is only read or executed first, from a new page on what is written."""
        offset, self._at = 0, {}
        needed = [(number, row) for number, row in enumerate(self._rows) if row[2] & _ALLOC and row[5] and row[1] != _UNWIND]
        for written in (0, _WRITE):
            for number, row in needed:
                if row[2] & _WRITE == written:
                    offset = -(-offset // max(row[8], 1)) * max(row[8], 1)
                    self._at[number], offset = offset, offset + row[5]
            offset = -(-offset // mmap.PAGESIZE) * mmap.PAGESIZE
            if not written:
                data_at = offset
        self._common = offset
        names = next((row for row in self._rows if row[1] == _SYMTAB), None)
        if names is None:
            raise ValueError("no symbols")
        self._symbols = list(_SYMBOL.iter_unpack(self._bytes(names)))
        self._strings = bytes(self._bytes(self._rows[names[6]]))
        common = sum(size + 16 for *_, section, _, size in self._symbols if section == _COMMON)
        memory = mmap.mmap(-1, max(offset + common, mmap.PAGESIZE), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        _memory.append(memory)
        self._mapped = memory
        self._begin = _address(ctypes.byref(ctypes.c_char.from_buffer(memory)))
        self._data_at = self._begin + data_at
        for number, place in self._at.items():
            if self._rows[number][1] != _NOBITS:
                memory[place:place + self._rows[number][5]] = self._bytes(self._rows[number])

    def _name(self, given):
        """Find the address of every symbol."""
        self.functions, self._addresses, common = [], [], self._begin + self._common
        for name, info, _, section, value, size in self._symbols:
            text = self._strings[name:self._strings.index(0, name)].decode()
            if section == _UNDEFINED:
                at = 0 if not text else given[text] if text in given else _outside(text)
            elif section == _COMMON:
                at = -(-common // 16) * 16
                common = at + size
            elif section == _ABSOLUTE:
                at = value
            else:
                at = self._begin + self._at.get(section, 0) + value
            self._addresses.append(at)
            if info & 15 == _FUNCTION and section != _UNDEFINED:
                self.functions.append((text, at, size))

    def _relocate(self):
        """Fill in addresses."""
        for row in self._rows:
            if row[1] == _RELOCATIONS and row[7] in self._at:
                start, size = self._at[row[7]], self._rows[row[7]][5]
                for offset, info, addend in _RELOCATION.iter_unpack(self._bytes(row)):
                    if info & 0xFFFF_FFFF != _ADDRESS_64 or offset + 8 > size:
                        raise ValueError(f"relocation {info & 0xFFFF_FFFF} is none of ours")
                    struct.pack_into("<Q", self._mapped, start + offset, self._addresses[info >> 32] + addend & 0xFFFF_FFFF_FFFF_FFFF)
