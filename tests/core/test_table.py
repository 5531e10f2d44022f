"""Entries of the block table: rows of instructions, copies, and an empty table."""
import numpy as np
import pytest

from emu.core import table
from emu.core.state import BLOCK

ENTRIES = np.zeros(4, BLOCK)
AT = ENTRIES.ctypes.data
KERNELS = [lambda kernel: kernel, lambda kernel: kernel.py_func]


@pytest.mark.parametrize("which", KERNELS)
def test_rows_are_told_apart(which):
    b = ENTRIES.view(np.recarray)[:1]
    b.rows[:] = 0
    entry, rows = ENTRIES[0], [(n % 16, n * 51 % 2048, n & 1) for n in range(int(table.LIMIT))]
    for n, (length, cost, both) in enumerate(rows):
        which(table.put_row)(entry, np.uint64(n), np.uint64(length | cost << 4 | both << 15))
    assert [(int(which(table.length)(entry, np.uint64(n))), int(which(table.cost)(entry, np.uint64(n))),
             int(which(table.row)(entry, np.uint64(n))) >> 15) for n in range(len(rows))] == rows


@pytest.mark.parametrize("which", KERNELS)
def test_copy_is_whole_and_empty_leaves_what_follows(which):
    ENTRIES.view(np.uint64)[:] = np.arange(1, 65)
    which(table.copy)(np.uint64(AT), np.uint64(AT + 3 * BLOCK.itemsize))
    assert ENTRIES[3] == ENTRIES[0]
    which(table.empty)(np.uint64(AT), np.uint64(1))
    assert ENTRIES["tag"].tolist() == [0, 0, 33, 1]
