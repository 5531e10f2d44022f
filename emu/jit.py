"""The two decorators all compiled code uses.

`kernel` makes a function callable from kernels and Python; `entry` makes a C function whose address
travels in a record.  What they compile is kept by `emu.kernel_cache`; the compiler (`emu.compiler`, which is numba) is imported
when an entry is not there as machine code, or when Python calls a kernel.

Both make the integer literals of the function unsigned, 64 bits wide, compiled and in plain Python alike: `value >> 12` and
`entry & 1 == 0` mean what the manual means.  A literal is a number modulo 2**64, so -1 is all ones.  Not touched: `True` and
`False`, default values, and the module's own constants, which must be `np.uint64` (`emu.bits.U64`) themselves.
"""
import contextlib
import ctypes
import dis
import sys
import threading
from functools import update_wrapper
from types import CodeType

import numpy as np

from emu import object_code
from emu.kernel_cache import is_as_read, object_path, read_sealed, write_sealed

# ---- literals ---------------------------------------------------------------------------------------------
#
# To numba a literal is signed: `value >> 12` would be a signed shift, and `value - 1` of a uint64 is a float.  The numbers
# are replaced in the code object, before numba sees it: plain Python, which tests and people step through, runs the same code.
# CPython computes with literals alone first, in its own integers: `~15 >> 4` is all ones (see docs/design/compile.md).
WORD_MASK = (1 << 64) - 1
_SMALL, _CONSTANT = dis.opmap.get("LOAD_SMALL_INT"), dis.opmap["LOAD_CONST"]


def _unsigned(constant):
    """Return a constant with its integers as uint64, modulo 2**64: CPython makes -2 of `~1`, and a tuple of `a, b = 0, 0`."""
    if type(constant) is tuple:
        return tuple(_unsigned(each) for each in constant)
    if isinstance(constant, CodeType):
        return unsigned(constant)
    return np.uint64(constant & WORD_MASK) if type(constant) is int else constant


def unsigned(code):
    """Return a code object whose integer literals are uint64.

    From Python 3.14 those below 256 stand in the instruction; they become constants like the others.
    """
    constants, places = [_unsigned(each) for each in code.co_consts], {}
    text = bytearray(code.co_code)
    for at in range(0, len(text), 2) if _SMALL else ():
        if text[at] == _SMALL:
            number = text[at + 1]
            if number not in places:
                places[number] = len(constants)
                constants.append(np.uint64(number))
            text[at:at + 2] = _CONSTANT, places[number]    # a ValueError past 256 constants: no kernel has so many
    return code.replace(co_code=bytes(text), co_consts=tuple(constants))


# ---- the compiler, when it is needed ------------------------------------------------------------------------
_waiting = []                                             # what it is to know when it comes
_lock = threading.RLock()


def _compiler():
    from emu import compiler
    with _lock:
        while _waiting:
            _waiting.pop(0)(compiler)
    return compiler


class Intrinsic:
    """What a kernel calls by name and numba expands in place; Python cannot call it."""

    def __init__(self, define):
        update_wrapper(self, define)
        _waiting.append(lambda compiler: compiler.register_intrinsic(self, define))

    def __call__(self, *_):
        raise NotImplementedError(f"{self.__name__} is for kernels alone")


def stands_for(function):
    """Decorate what returns, for types of arguments, the form of a plain function that kernels call: numba's `overload`, when it comes."""
    def decorated(make):
        _waiting.append(lambda compiler: compiler.overload(function)(make))
        return make
    return decorated


# ---- kernels and entries ------------------------------------------------------------------------------------
class _Thread(threading.local):
    depth = 0                                              # how many `Kernel.plain` this thread is in


_plainly = _Thread()


class Kernel:
    """A kernel: numba's dispatcher, made when it is asked for.  `py_func` is the plain function."""

    def __init__(self, function):
        self.py_func, self._made = function, None
        update_wrapper(self, function)

    @property
    def compiled(self):
        """The dispatcher."""
        if self._made is None:
            with _lock:
                self._made = self._made or _compiler().dispatcher(self.py_func)
        return self._made

    def __call__(self, *args):
        """Call the compiled kernel."""
        return self.py_func(*args) if _plainly.depth else (self._made or self.compiled)(*args)

    def plain(self, *args):
        """Call it, and what it calls, as plain Python where numba would have to be imported for it: for what a start does once."""
        if "numba" in sys.modules:
            return self(*args)
        _plainly.depth += 1
        try:
            with np.errstate(over="ignore"):
                return self.py_func(*args)
        finally:
            _plainly.depth -= 1

    @property
    def _numba_type_(self):
        return self.compiled._numba_type_

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.compiled, name)


def _of(data):
    """Return (address, functions) of the C function in an object file of numba, which gives its name a prefix."""
    code = object_code.Code(data)
    return code.address("cfunc."), code.functions


class Entry:
    """A C function: its `address`, and rows (name, address, bytes) of all functions of its object file.

    What cannot be loaded without numba is loaded by numba: then the row is of the C function alone, of 0 bytes.
    """

    def __init__(self, function, signature):
        self._pyfunc, self._signature = function, signature
        update_wrapper(self, function)
        self.address, self.functions = self._loaded() or self._compiled()

    def _loaded(self):
        """Return the machine code, None when it is not in the cache."""
        path = object_path(self._pyfunc, self._signature)
        data = read_sealed(path) if path and is_as_read(self._pyfunc.__code__.co_filename) else None
        with contextlib.suppress(ValueError):
            return _of(data) if data else None

    def _compiled(self):
        compiler, path = _compiler(), object_path(self._pyfunc, self._signature)
        made = compiler.c_function(self._pyfunc, self._signature)
        data = bytes(compiler.object_of(made))
        try:
            found = _of(data)
        except ValueError:                                 # it calls what numba alone has
            self._made = made                              # which its code lives as long as
            return made.address, [(made.native_name, made.address, 0)]
        if path and not compiler.holds_addresses(made) and is_as_read(self._pyfunc.__code__.co_filename):
            write_sealed(path, data)
        return found

    @property
    def ctypes(self):
        """The function, to be called from Python: it takes words and returns one."""
        words = self._pyfunc.__code__.co_argcount + 1
        return ctypes.CFUNCTYPE(*[ctypes.c_uint64] * words)(self.address)


def kernel(function):
    """Compile a model function; it depends on its arguments alone and raises nothing.  Its integer literals are uint64."""
    function.__code__ = unsigned(function.__code__)
    return Kernel(function)


def entry(signature):
    """Compile a C function with this numba signature; its `.address` travels in a record.  Its integer literals are uint64."""
    def compiled(function):
        function.__code__ = unsigned(function.__code__)
        return Entry(function, signature)
    return compiled


def viewer(dtype, count=1):
    """Return a function that views `count` elements of `dtype` at a host address (uint64), in kernels and Python.

    The view shares the memory; whoever put the address into a record keeps the memory alive.
    """
    def view(address):
        memory = (ctypes.c_char * (dtype.itemsize * count)).from_address(int(address))
        return np.frombuffer(memory, dtype=dtype)

    _waiting.append(lambda compiler: compiler.register_viewer(view, dtype, count))
    return view


def words(address, count):
    """View `count` uint64 words at a host address, in kernels and Python."""
    return np.frombuffer((ctypes.c_char * (8 * int(count))).from_address(int(address)), dtype=np.uint64)


def octets(address, count):
    """View `count` bytes at a host address, in kernels and Python."""
    return np.frombuffer((ctypes.c_char * int(count)).from_address(int(address)), dtype=np.uint8)


_waiting += [lambda compiler: compiler.register_array(words, np.uint64), lambda compiler: compiler.register_array(octets, np.uint8)]
