"""Stock Unicorn with its own MMU, as a Worker: (loop, seconds) -> MIPS."""
import struct
import time
from functools import cache

from measuring import INSTRUCTIONS, MEMORY_BYTES, kernel, serve
from unicorn import UC_ARCH_X86, UC_MODE_64, Uc
from unicorn.x86_const import (
    UC_X86_REG_CR0,
    UC_X86_REG_CR3,
    UC_X86_REG_CR4,
    UC_X86_REG_RCX,
    UC_X86_REG_RDI,
    UC_X86_REG_RSI,
    UC_X86_REG_RSP,
)

PRESENT, LARGE, PAE, PAGING = 3, 0x83, 1 << 5, 1 << 31 | 1
COUNTS = {"alu": 10_000_000, "load": 5_000_000, "store": 2_000_000, "call": 2_000_000, "touch": 100}


def words(values):
    """Return 64-bit words as bytes."""
    return struct.pack(f"<{len(values)}Q", *values)


@cache
def engine_of(loop):
    """Return the engine of a loop, with the measuring kernel and the page tables that its boot code would make."""
    uc, symbols = Uc(UC_ARCH_X86, UC_MODE_64), kernel().symbols
    uc.mem_map(0, MEMORY_BYTES)
    uc.mem_write(kernel().base, kernel().code)
    top, touch = symbols["PML4"], symbols["TOUCH_PD"]
    uc.mem_write(top, words([top + 0x1000 | PRESENT]))
    uc.mem_write(top + 0x1000, words([top + 0x2000 + 0x1000 * n | PRESENT for n in range(4)] + [touch | PRESENT]))
    uc.mem_write(top + 0x2000, words([n << 21 | LARGE for n in range(2048)]))
    uc.mem_write(touch, words([touch + 0x1000 * (n + 1) | PRESENT for n in range(8)]))
    uc.mem_write(touch + 0x1000, words([symbols["TOUCH_MEMORY"] + 0x1000 * n | PRESENT for n in range(4096)]))
    uc.reg_write(UC_X86_REG_CR4, PAE)
    uc.reg_write(UC_X86_REG_CR3, top)
    uc.reg_write(UC_X86_REG_CR0, PAGING)
    return uc


def run(uc, loop):
    """Run a loop once; returns MIPS."""
    symbols = kernel().symbols
    stack = symbols["STACK"] - 8
    uc.mem_write(stack, words([symbols["failed"]]))
    uc.reg_write(UC_X86_REG_RSP, stack)
    uc.reg_write(UC_X86_REG_RSI, symbols["BUFFER"])
    uc.reg_write(UC_X86_REG_RDI, COUNTS[loop])
    uc.reg_write(UC_X86_REG_RCX, 0)
    start = time.perf_counter()
    uc.emu_start(symbols[f"loop_{loop}"], symbols["failed"])
    return COUNTS[loop] * INSTRUCTIONS[loop] / (time.perf_counter() - start) / 1e6


def answer(loop, seconds):
    """Return the best MIPS of about `seconds`."""
    uc = engine_of(loop)
    end, best = time.perf_counter() + seconds, 0.0
    while True:
        best = max(best, run(uc, loop))
        if time.perf_counter() >= end:
            return best


if __name__ == "__main__":
    serve(answer)
