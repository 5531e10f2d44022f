"""Time while translated code runs: what blocks count down comes back as cycles and instructions."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.core import clock
from emu.core.state import CORE
from emu.state import CPU, ENV, U64

BLOCKS = st.lists(st.tuples(st.integers(1, 40), st.integers(0, 1 << 20)), max_size=12)      # instructions, cycles beyond one for each


def expected(cycles, deadline, blocks):
    """Return (cycles, instructions, index of the last block) after those that fit: nothing of it is packed into a word."""
    instructions, last, end = 0, None, min(deadline, cycles + int(clock.LEFT_MOST))
    for index, (count, more) in enumerate(blocks):
        if cycles + count + more > end:
            break
        cycles, instructions, last = cycles + count + more, instructions + count, index
    return cycles, instructions, last


@pytest.mark.parametrize("which", (lambda kernel: kernel, lambda kernel: kernel.py_func), ids=("compiled", "python"))
@given(cycles=st.integers(0, 1 << 50), ahead=st.one_of(st.integers(0, 1 << 22), st.integers(0, 1 << 40), st.just(-1)), blocks=BLOCKS)
@settings(deadline=None, max_examples=150, derandomize=True)
def test_what_blocks_count_down_comes_back(which, cycles, ahead, blocks):
    c, k, e = (np.zeros(1, kind).view(np.recarray)[0] for kind in (CPU, CORE, ENV))
    deadline = max(0, cycles + ahead) if ahead >= 0 else 0
    c.cycles, c.deadline, c.instructions, c.block = cycles, deadline, 1000, 77
    which(clock.depart)(c, k, e)
    assert k.away == 1 and e.ran == 77
    for index, (count, more) in enumerate(blocks):
        cost = count + more << 32 | count
        if int(e.left) < cost:
            break
        e.left, e.ran = U64(int(e.left) - cost), U64(index)
    assert which(clock.arrive)(c, k, e) == 1 and which(clock.arrive)(c, k, e) == 0
    then, instructions, last = expected(cycles, deadline, blocks)
    assert (int(c.cycles), int(c.instructions), int(c.block)) == (then, 1000 + instructions, 77 if last is None else last)
