"""A block's entry (`emu.core.state.BLOCK`), which lies in front of its code: marks of its cost, and its instructions.

The stub of `emu.core.native` charges a block whose cost carries no mark; one that has to ask before it runs carries marks above
its cycles, so that it never fits before a deadline, and comes to `emu.core.block.slow`.  So does one that nobody has examined yet.
"""
from emu.bits import LOW_32, U64, get, layout
from emu.core.state import BLOCK, block_at
from emu.jit import kernel, words

ROW = layout("ROW", 16, "ours: one instruction of BLOCK.rows",
    LENGTH=(3, 0, "bytes"), COST=(14, 4, "cycles"), MODIFIES=(15, 15, "it reads a memory operand and writes it"))
ROW_WORDS = U64(BLOCK["rows"].shape[0])
ROWS_A_WORD = U64(4)                              # in a word
LIMIT = ROW_WORDS * ROWS_A_WORD                   # instructions of a block
ENTRY_WORDS = U64(BLOCK.itemsize // 8)

NEW = U64(1 << 63)                         # cost of a block that nobody has examined, or that must be examined again
BY_MODEL = U64(1 << 62)                    # cycles of a block that the engine must not run: never below a deadline
# Added to the cycles of a block with a breakpoint in it, of one translated with RF set, of one that may end past the limit of CS.
ASKS = U64(1 << 61)
REPEATS = U64(1 << 60)                     # of these, one that begins with a repeated string instruction
CYCLES = REPEATS - U64(1)
LAST = U64(1)                              # BLOCK.next of the last entry of the list; 0: not in the list


@kernel
def row(b, n):
    """Return the ROW of instruction `n` (uint64) of a block."""
    return b.rows[n // ROWS_A_WORD] >> n % ROWS_A_WORD * 16 & 0xFFFF


@kernel
def length(b, n):
    """Return the length of instruction `n` of a block."""
    return row(b, n) & ROW.LENGTH


@kernel
def cost(b, n):
    """Return the cycles of instruction `n` of a block."""
    return get(row(b, n), ROW.COST)


@kernel
def until(b, la):
    """Return (n, bytes to it, cycles of those before it, bytes to `la`) of the first instruction not before linear `la`, in a block.

    n: b.count when all begin before it.  It begins at `la` when the bytes are the same.
    """
    offset, number, begin, cycles = la - b.pc, 0, 0, 0
    if U64(b.mode) != 64:
        offset &= LOW_32
    while number < b.count and begin < offset:
        here = row(b, number)
        begin += here & ROW.LENGTH
        cycles += get(here, ROW.COST)
        number += 1
    return number, begin, cycles, offset


@kernel
def put_row(b, n, value):
    """Set the ROW of instruction `n`, which was 0."""
    b.rows[n // ROWS_A_WORD] |= value << n % ROWS_A_WORD * 16


@kernel
def last_start(b):
    """Return how many bytes of the block come before its last instruction."""
    return U64(b.length) - length(b, U64(b.count) - 1) if b.count else U64(b.length)


@kernel
def listed(first, slot):
    """Put the entry at host address `slot` in front of the list that begins at `first`; returns where the list begins now."""
    b = block_at(slot)[0]
    if b.next:
        return first
    b.next = first
    return slot


@kernel
def copy(source, target):
    """Copy an entry between host addresses."""
    old, new = words(source, ENTRY_WORDS), words(target, ENTRY_WORDS)
    for i in range(ENTRY_WORDS):
        new[U64(i)] = old[U64(i)]
