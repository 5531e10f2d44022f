"""The block table's entries (`emu.core.state.BLOCK`): marks of a block's cost, and its instructions.

The stub of `emu.core.native` charges a block whose cost carries no mark; one that has to ask before it runs carries marks above
its cycles, so that it never fits before a deadline, and comes to `emu.core.block.slow`.
"""
from emu.bits import U64, get, layout
from emu.core.state import BLOCK, block_at
from emu.jit import kernel, words

ROW = layout("ROW", 16, "ours: one instruction of BLOCK.rows",
    LENGTH=(3, 0, "bytes"), COST=(14, 4, "cycles"), MODIFIES=(15, 15, "it reads a memory operand and writes it"))
ROW_WORDS = U64(BLOCK["rows"].shape[0])
ROWS = U64(4)                              # in a word
LIMIT = ROW_WORDS * ROWS                   # instructions of a block
WORDS, BYTES = U64(BLOCK.itemsize // 8), U64(BLOCK.itemsize)

BY_MODEL = U64(1 << 62)                    # cycles of a block that the engine must not run: never below a deadline
# Added to the cycles of a block with a breakpoint in it, of one translated with RF set, of one that may end past the limit of CS.
ASKS = U64(1 << 61)
REPEATS = U64(1 << 60)                     # of these, one that begins with a repeated string instruction
CYCLES = REPEATS - U64(1)


@kernel
def row(b, n):
    """Return the ROW of instruction `n` (uint64) of a block."""
    return b.rows[n // ROWS] >> n % ROWS * 16 & 0xFFFF


@kernel
def length(b, n):
    """Return the length of instruction `n` of a block."""
    return row(b, n) & ROW.LENGTH


@kernel
def cost(b, n):
    """Return the cycles of instruction `n` of a block."""
    return get(row(b, n), ROW.COST)


@kernel
def put_row(b, n, value):
    """Set the ROW of instruction `n`, which was 0."""
    b.rows[n // ROWS] |= value << n % ROWS * 16


@kernel
def empty(table, mask):
    """Forget all blocks of the table at a host address; mask: its last index."""
    for i in range(mask + 1):
        block_at(table + U64(i) * BYTES)[0].tag = 0


@kernel
def copy(source, target):
    """Copy an entry between host addresses."""
    old, new = words(source, WORDS), words(target, WORDS)
    for i in range(WORDS):
        new[U64(i)] = old[U64(i)]
