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
