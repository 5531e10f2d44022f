"""The processor's time while translated code runs: one word of the engine's state, which each block counts down.

ENV.left has the cycles until the deadline in its upper half and counts instructions down in its lower half, so that a block that
charges itself (`emu.core.head`) subtracts one constant and asks when there is a borrow.  ENV.ran is its entry.  Everything else keeps time
in CPU.cycles, CPU.instructions and CPU.block: what translated code calls `arrive`s first, and `depart`s before it goes on.
A block that fits into what is left may ask all the same, when the budget ends before the deadline.
"""
from emu.bits import LOW_32, U64
from emu.jit import kernel

LEFT_MOST = U64(0x7FFF_FFFF)               # cycles of a budget: fewer than instructions can be counted, as each costs one at least


@kernel
def arrive(c, k, e):
    """Bring the CPU record up to date with translated code of the engine with ENV `e`; returns 1 when it was not, else 0."""
    if k.away == 0:
        return 0
    k.away = 0
    c.cycles = k.end - (e.left >> 32)
    c.instructions += LOW_32 - (e.left & LOW_32)
    c.block = e.ran
    return 1


@kernel
def depart(c, k, e):
    """Let translated code of the engine with ENV `e` count from here, up to CPU.deadline."""
    left = min(c.deadline - c.cycles, LEFT_MOST) if c.deadline > c.cycles else 0
    k.away, k.end = 1, c.cycles + left
    e.left, e.ran = left << 32 | LOW_32, c.block
