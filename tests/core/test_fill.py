"""What the engine asks for: which byte of an access is translated first."""
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.core import fill
from emu.model import cpu
from emu.model.memory import walk
from emu.state import ENV, U64

BOUNDARIES = (1 << 47, 1 << 56, -(1 << 47), -(1 << 56), 0x5000)


def expected(address, size, width):
    """Return the last byte's address when the access goes on to a page where it is not canonical, else the first's."""
    last = (address + size - 1) % 2**64
    half = 1 << width - 1
    return address if size < 2 or address // 4096 == last // 4096 or last < half or last >= 2**64 - half else last


@given(boundary=st.sampled_from(BOUNDARIES), near=st.integers(-20, 20), size=st.sampled_from((0, 1, 2, 4, 8)), wide=st.booleans())
@settings(deadline=None, max_examples=300, derandomize=True)
def test_byte_to_translate_first(boundary, near, size, wide):
    address, e = (boundary + near) % 2**64, np.zeros(1, ENV)[0]
    e.cr[4] = 1 << 12 if wide else 0
    wanted = expected(address, size, 57 if wide else 48)
    assert fill.first_asked(e, U64(address), U64(size)) == wanted
    with np.errstate(over="ignore"):
        assert fill.first_asked.py_func(e, U64(address), U64(size)) == wanted


@given(address=st.one_of(st.integers(0, 2**64 - 1),
                         st.builds(lambda at, near: (at + near) % 2**64, st.sampled_from(BOUNDARIES), st.integers(-3, 3))))
@settings(deadline=None, max_examples=300, derandomize=True)
def test_canonical_for_the_processor_and_for_the_paging_mode(address):
    def canonical(width):
        return address < 1 << width - 1 or address >= 2**64 - (1 << width - 1)
    with np.errstate(over="ignore"):
        for run in (lambda f: f, lambda f: f.py_func):
            assert run(cpu.cpu_canonical)(U64(address)) == canonical(57)
            assert run(cpu.paging_canonical)(U64(0), U64(address)) == canonical(48)
            assert run(cpu.paging_canonical)(U64(1 << 12), U64(address)) == canonical(57)
    e = np.zeros(1, ENV)[0]
    assert walk.canonical(e, U64(address)) == canonical(48)
