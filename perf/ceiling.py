"""Two bare engines that stop and start each other, as a Worker: (seconds,) -> round trips a second.

What a world switch costs when nothing is done in it: each engine's one instruction meets the engine's own SVM
intercept, a native hook steps over it by saving and restoring the context, and the engine stops.
Source: Unicorn 2.1.4 `CPUX86State`, `uc_context`; AMD64 Architecture Programmer's Manual 2, "VMCB Layout"
"""
import ctypes
import os
import time

from measuring import serve

from emu.kernel_cache import cache_root

os.environ.setdefault("NUMBA_CACHE_DIR", str(cache_root() / "perf"))

import numpy as np
import unicorn.unicorn_py3.unicorn as binding
from llvmlite import ir
from numba import carray, cfunc, njit, types
from numba.extending import intrinsic
from unicorn import UC_ARCH_X86, UC_MODE_64, Uc
from unicorn.unicorn_const import UC_HOOK_INTR

LIB, U64 = binding.uclib, np.uint64
HEADER, RIP, HFLAGS, INTERCEPT = 40, 128, 176, 5520              # of uc_context, then of the processor state after it
HF_GUEST, EVERYTHING = 1 << 21, (1 << 64) - 1
CODE, LENGTH = b"\x0f\xa2\xeb\xfc", 2                            # cpuid; jmp to it
MEMORY = 1 << 20
ENGINE = np.dtype([("uc", U64), ("context", U64), ("start", U64), ("stop", U64), ("save", U64), ("restore", U64)], align=True)


@intrinsic
def call(typing, function, a, b, c, d, e):
    """Call the C function at an address."""
    def codegen(context, builder, signature, args):
        word = ir.IntType(64)
        return builder.call(builder.inttoptr(args[0], ir.FunctionType(word, [word] * 5).as_pointer()), list(args[1:]))
    return types.uint64(*[types.uint64] * 6), codegen


@intrinsic
def pointer(typing, address):
    """Return a number as a C pointer."""
    def codegen(context, builder, signature, args):
        return builder.inttoptr(args[0], ir.IntType(8).as_pointer())
    return types.voidptr(types.uint64), codegen


@cfunc(types.void(types.voidptr, types.uint32, types.voidptr), cache=True)
def event(uc, number, user):
    """Step over the instruction and stop."""
    s, zero = carray(user, 1, dtype=ENGINE)[0], U64(0)
    call(s.save, s.uc, s.context, zero, zero, zero)
    carray(pointer(s.context + U64(HEADER + RIP)), (1,), np.uint64)[0] += U64(LENGTH)
    call(s.restore, s.uc, s.context, zero, zero, zero)
    call(s.stop, s.uc, zero, zero, zero, zero)


@njit(cache=True)
def ping_pong(a, b, rounds):
    """Let each engine run to its stop, `rounds` times."""
    for _ in range(rounds):
        for side in (a, b):
            rip = carray(pointer(side.context + U64(HEADER + RIP)), (1,), np.uint64)[0]
            call(side.start, side.uc, rip, U64(0), U64(0), U64(0))


class Side:
    """One engine."""

    def __init__(self, base):
        self.uc = uc = Uc(UC_ARCH_X86, UC_MODE_64)
        uc.mem_map(0, MEMORY)
        uc.mem_write(base, CODE)
        uc.ctl_exits_enabled(True)
        self.context = uc.context_save()
        where = ctypes.cast(self.context.context, ctypes.c_void_p).value
        state = where + HEADER
        ctypes.c_uint64.from_address(state + RIP).value = base
        ctypes.c_uint32.from_address(state + HFLAGS).value |= HF_GUEST
        ctypes.c_uint64.from_address(state + INTERCEPT).value = EVERYTHING
        uc.context_restore(self.context)
        names = ("uc_emu_start", "uc_emu_stop", "uc_context_save", "uc_context_restore")
        functions = [ctypes.cast(getattr(LIB, name), ctypes.c_void_p).value for name in names]
        self.record = np.array([(getattr(uc._uch, "value", uc._uch), where, *functions)], ENGINE)
        handle = ctypes.c_size_t()
        error = LIB.uc_hook_add(uc._uch, ctypes.byref(handle), ctypes.c_int(UC_HOOK_INTR), ctypes.c_void_p(event.address),
                                ctypes.c_void_p(self.record.ctypes.data), ctypes.c_uint64(1), ctypes.c_uint64(0))
        if error:
            raise RuntimeError(f"uc_hook_add failed with {error}")


def answer(seconds, sides, rounds=20_000):
    """Return the best rate of about `seconds`."""
    end, best = time.perf_counter() + seconds, 0.0
    while True:
        start = time.perf_counter()
        ping_pong(sides[0].record[0], sides[1].record[0], rounds)
        now = time.perf_counter()
        best = max(best, rounds / (now - start))
        if now >= end:
            return best


def main():
    """Serve with two engines, which are gone before Python takes its modules apart."""
    sides = Side(0x1000), Side(0x2000)
    serve(lambda seconds: answer(seconds, sides))


if __name__ == "__main__":
    main()
