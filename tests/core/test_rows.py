"""Entries of blocks: rows of instructions, copies, the list that they are in."""
import numpy as np
import pytest

from emu.core import rows
from emu.core.state import BLOCK

ENTRIES = np.zeros(4, BLOCK)
AT = ENTRIES.ctypes.data
KERNELS = [lambda kernel: kernel, lambda kernel: kernel.py_func]


@pytest.mark.parametrize("which", KERNELS)
def test_rows_are_told_apart(which):
    b = ENTRIES.view(np.recarray)[:1]
    b.rows[:] = 0
    entry, given = ENTRIES[0], [(n % 16, n * 51 % 2048, n & 1) for n in range(int(rows.LIMIT))]
    for n, (length, cost, both) in enumerate(given):
        which(rows.put_row)(entry, np.uint64(n), np.uint64(length | cost << 4 | both << 15))
    assert [(int(which(rows.length)(entry, np.uint64(n))), int(which(rows.cost)(entry, np.uint64(n))),
             int(which(rows.row)(entry, np.uint64(n))) >> 15) for n in range(len(given))] == given


@pytest.mark.parametrize("which", KERNELS)
@pytest.mark.parametrize("mode, pc", [(64, 0x7FFF_FFFF_F000), (32, 0xFFFF_FFF8), (16, 0x1000)])
def test_place_of_an_instruction_in_a_block(which, mode, pc):
    """Lengths 3, 5, 2; outside 64-bit mode addresses go on at 0 after 4 GiB."""
    b, mask = ENTRIES[1], (1 << 64) - 1 if mode == 64 else 0xFFFF_FFFF
    b["rows"], b["pc"], b["count"], b["mode"] = 0, pc, 3, mode
    for n, (length, cost) in enumerate([(3, 10), (5, 20), (2, 40)]):
        which(rows.put_row)(b, np.uint64(n), np.uint64(length | cost << 4))
    with np.errstate(over="ignore"):
        found = [tuple(int(each) for each in which(rows.until)(b, np.uint64(pc + offset & mask))) for offset in (0, 1, 3, 8, 10, 12)]
    assert found == [(0, 0, 0, 0), (1, 3, 10, 1), (1, 3, 10, 3), (2, 8, 30, 8), (3, 10, 70, 10), (3, 10, 70, 12)]


@pytest.mark.parametrize("which", KERNELS)
def test_copy_is_whole(which):
    ENTRIES.view(np.uint64)[:] = np.arange(1, 65)
    which(rows.copy)(np.uint64(AT), np.uint64(AT + 3 * BLOCK.itemsize))
    assert ENTRIES[3] == ENTRIES[0]


@pytest.mark.parametrize("which", KERNELS)
def test_list_holds_a_block_once(which):
    ENTRIES["next"], first = 0, rows.LAST
    for n in (2, 0, 2):
        first = np.uint64(which(rows.listed)(np.uint64(first), np.uint64(AT + n * BLOCK.itemsize)))
    assert first == AT and ENTRIES["next"].tolist() == [AT + 2 * BLOCK.itemsize, 0, int(rows.LAST), 0]
