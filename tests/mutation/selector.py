"""The switch that every planted error asks: a number at a fixed address, so that compiled kernels are the same for all mutants.

A kernel that is rewritten with `chosen(17)` is compiled once.  The process that runs with HVLAB_MUTANT=17 has the error of
number 17, one that runs without it has none.  After the number lies one byte per mutant, set where a mutant's place was
reached: HVLAB_MUTANT_FILE names a file for both, which a process shares with those it starts.
"""
import ctypes
import mmap
import os

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

ADDRESS, ROOM = 0x2000_0000_0000, 4096
FLAGS = ADDRESS + 8
LAST = ROOM - 9                                            # the highest number of a mutant
FIXED_NOREPLACE = 0x100000
_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype, _libc.mmap.argtypes = ctypes.c_size_t, [ctypes.c_size_t] * 2 + [ctypes.c_int] * 3 + [ctypes.c_long]


def _map():
    """Map the page at its address; returns it as a ctypes array."""
    path = os.environ.get("HVLAB_MUTANT_FILE")
    shared = os.open(path, os.O_RDWR) if path else -1
    flags = FIXED_NOREPLACE | (mmap.MAP_SHARED if path else mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if _libc.mmap(ADDRESS, ROOM, mmap.PROT_READ | mmap.PROT_WRITE, flags, shared, 0) != ADDRESS:
        raise OSError(ctypes.get_errno(), "the page of the selector cannot be mapped")
    return (ctypes.c_ubyte * ROOM).from_address(ADDRESS)


_page = _map()
_number = ctypes.c_uint64.from_address(ADDRESS)


def choose(number):
    """Let the mutant of this number be the one that runs; 0: none."""
    _number.value = number


def reached():
    """Return the numbers of the mutants whose places were reached since the last call."""
    found = [number for number in range(1, LAST + 1) if _page[8 + number]]
    ctypes.memset(FLAGS, 0, ROOM - 8)
    return found


def chosen(number):
    """Return whether the mutant of this number runs, and note that its place was reached; in kernels and Python."""
    _page[8 + number] = 1
    return _number.value == number


def returned(number, value):
    """Return `value`, or another one of its type when the mutant of this number runs; only numbers and truths differ."""
    if isinstance(value, bool | np.bool_):
        return not value if chosen(number) else value
    if isinstance(value, int | np.integer):
        return type(value)(int(value) ^ 1) if chosen(number) else value
    return value


@intrinsic
def _chosen(typing, number):
    def codegen(context, builder, signature, args):
        flag = builder.inttoptr(builder.add(args[0], ir.Constant(ir.IntType(64), FLAGS)), ir.IntType(8).as_pointer())
        builder.store(ir.Constant(ir.IntType(8), 1), flag)
        word = builder.inttoptr(ir.Constant(ir.IntType(64), ADDRESS), ir.IntType(64).as_pointer())
        return builder.icmp_unsigned("==", builder.load(word), args[0])
    return types.boolean(types.int64), codegen


@overload(chosen)
def _compiled_chosen(number):
    return lambda number: _chosen(number)


@overload(returned)
def _compiled_returned(number, value):
    if isinstance(value, types.Boolean):
        return lambda number, value: (not value) if chosen(number) else value
    if isinstance(value, types.Integer):
        one = np.uint64(1) if not value.signed else 1
        return lambda number, value: (value ^ one) if chosen(number) else value
    return lambda number, value: value


choose(int(os.environ.get("HVLAB_MUTANT", "0")))
