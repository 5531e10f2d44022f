"""The two decorators all compiled code uses, and a cache that notices changed constants.

`kernel` makes a function callable from kernels and Python; `entry` makes a C function whose address
travels in a record.  numba's own cache looks at one file's time stamp only; here each file's cache
folder is keyed by the text of the file and of everything in `emu` that it imports, so a changed table
recompiles what depends on it and nothing else.
"""
import ast
import ctypes
import hashlib
import os
from functools import lru_cache
from pathlib import Path

import numba
import numpy as np
from numba import carray, types
from numba.core import caching, cgutils
from numba.extending import intrinsic, overload

ROOT = Path(__file__).resolve().parent
FLAGS = dict(cache=True, nogil=False, error_model="numpy", boundscheck=False)


def cache_root():
    """Return the folder that holds compiled kernels (XDG_CACHE_HOME or ~/.cache)."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(base) / "hvlab"


def _source_of(module):
    path = ROOT.parent / Path(*module.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


@lru_cache(maxsize=None)
def _imports(path):
    names = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "emu":
            names += [node.module] + [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names += [alias.name for alias in node.names if alias.name.split(".")[0] == "emu"]
    return [found for found in map(_source_of, names) if found]


@lru_cache(maxsize=None)
def closure_key(path):
    """Return a hash of the file and of every `emu` file it imports, directly or not."""
    todo, seen = [Path(path)], set()
    while todo:
        here = todo.pop()
        if here not in seen:
            seen.add(here)
            todo += _imports(here)
    digest = hashlib.sha256(f"{numba.__version__} {sorted(FLAGS.items())}".encode())
    for here in sorted(seen):
        digest.update(here.read_bytes())
    return digest.hexdigest()[:20]


class _Locator(caching._CacheLocator):
    """Place a file's compiled kernels in a folder keyed by what they depend on."""

    def __init__(self, py_func, py_file):
        self._py_file, self._line = py_file, py_func.__code__.co_firstlineno

    def get_cache_path(self):
        return str(cache_root() / f"{Path(self._py_file).stem}-{closure_key(self._py_file)}")

    def get_source_stamp(self):
        return closure_key(self._py_file)

    def get_disambiguator(self):
        return str(self._line)

    @classmethod
    def from_function(cls, py_func, py_file):
        return cls(py_func, py_file) if Path(py_file).is_relative_to(ROOT) else None


caching.CacheImpl._locator_classes.insert(0, _Locator)


def kernel(function):
    """Compile a model function; it depends on its arguments alone and raises nothing."""
    return numba.njit(**FLAGS)(function)


def entry(signature):
    """Compile a C function with this numba signature; its `.address` travels in a record."""
    return numba.cfunc(signature, cache=True, error_model="numpy")


@intrinsic
def _pointer(typing, address):
    def codegen(context, builder, signature, args):
        return builder.inttoptr(args[0], cgutils.voidptr_t)
    return types.voidptr(types.uint64), codegen


def viewer(dtype, count=1):
    """Return a function that views `count` elements of `dtype` at a host address (uint64), in kernels and Python.

    The view shares the memory; whoever put the address into a record keeps the memory alive.
    """
    def view(address):
        memory = (ctypes.c_char * (dtype.itemsize * count)).from_address(int(address))
        return np.frombuffer(memory, dtype=dtype)

    @overload(view)
    def compiled(address):
        return lambda address: carray(_pointer(address), count, dtype)

    return view


def words(address, count):
    """View `count` uint64 words at a host address, in kernels and Python."""
    return np.frombuffer((ctypes.c_char * (8 * int(count))).from_address(int(address)), dtype=np.uint64)


@overload(words)
def _words(address, count):
    return lambda address, count: carray(_pointer(address), (count,), np.uint64)


def octets(address, count):
    """View `count` bytes at a host address, in kernels and Python."""
    return np.frombuffer((ctypes.c_char * int(count)).from_address(int(address)), dtype=np.uint8)


@overload(octets)
def _octets(address, count):
    return lambda address, count: carray(_pointer(address), (count,), np.uint8)
