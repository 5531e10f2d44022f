"""Call compiled code by its address, so that a caller is compiled without what it calls.

The port router reaches every device; a kernel that called it directly would contain all of them.
"""
import ctypes

import numpy as np

from emu.jit import Intrinsic, stands_for

_C_FUNCTION = ctypes.CFUNCTYPE(*[ctypes.c_uint64] * 5)


@Intrinsic
def _call(typing, address, a, b, c, d):
    from llvmlite import ir
    from numba import types

    def codegen(context, builder, signature, args):
        word = ir.IntType(64)
        function = builder.inttoptr(args[0], ir.FunctionType(word, [word] * 4).as_pointer())
        return builder.call(function, args[1:])
    return types.uint64(*[types.uint64] * 5), codegen


def call(address, a, b, c, d):
    """Call `uint64 f(uint64, uint64, uint64, uint64)` at a host address (all uint64)."""
    return np.uint64(_C_FUNCTION(int(address))(int(a), int(b), int(c), int(d)))


@stands_for(call)
def _compiled(address, a, b, c, d):
    return lambda address, a, b, c, d: _call(address, a, b, c, d)
