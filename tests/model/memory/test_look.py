"""Reading memory as a debugger does: what an access would find, and nothing that remembers it; compiled and as plain Python."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.model.memory import look, walk
from emu.spec.outcome import FAULT
from emu.state import ALL_ONES, U64
from tests.model.memory.paging_world import World, plain
from tests.model.memory.test_walk import MODES, random_access, random_la, random_world

LA, PAGE, CODE = 0x7F_1234_5FFD, 0x9000, 0xA000
P, RW, US, A, D = 1, 2, 4, 0x20, 0x40
READ, WRITE, FETCH, USER = 1, 2, 4, 8
NESTED = ("off", "32", "4")


def everything(w):
    """Return all bytes that a look could change."""
    return b"".join(part.tobytes() for part in (w.ram, w.ledger, w.cpus, w.envs, w.machines, w.root, w.guest))


def looked(w, la, access):
    """Look; the world must be what it was.  Returns the physical address, None for none."""
    before = everything(w)
    place = look.physical(w.c, U64(la), U64(access))
    assert everything(w) == before
    return None if place == ALL_ONES else int(place)


def agrees(seed, mode, eptp_flags):
    """Compare looks with accesses in a random world; each access leaves flags and translations for the next look."""
    r, w = random_world(seed, mode)
    if eptp_flags is not None:
        w.nest(rights=r.choice((7, 7, 3, 5)), flags=eptp_flags)
    places = [random_la(r, mode) for _ in range(4)]
    for _ in range(12):
        la, access = r.choice(places), random_access(r)
        found = looked(w, la, access)
        pa = walk.translate(w.c, U64(la), U64(access))
        if w.c.fault == FAULT.NONE:
            assert found == pa
        elif w.c.fault != FAULT.EPT_VIOLATION or not int(w.c.fault_qualification) & WRITE:
            assert found is None                           # else perhaps an A flag that EPT would not let the walk set


@pytest.mark.parametrize("mode", MODES)
@settings(deadline=None, max_examples=60, derandomize=True)
@given(seed=st.integers(0, 1 << 32))
def test_a_look_finds_what_an_access_would(mode, seed):
    agrees(seed, mode, None)


@pytest.mark.parametrize("mode", NESTED)
@pytest.mark.parametrize("flags", [0, 0x40])
@settings(deadline=None, max_examples=30, derandomize=True)
@given(seed=st.integers(0, 1 << 32))
def test_a_look_through_ept_finds_what_an_access_would(mode, flags, seed):
    agrees(seed, mode, flags)


@pytest.mark.parametrize("mode", MODES)
def test_a_look_in_plain_python(mode):
    with plain():
        for seed in range(8):
            agrees(seed, mode, 0x40 if mode in NESTED and seed & 1 else None)


def test_a_look_leaves_the_record_of_a_fault():
    w = World()
    w.map(LA, PAGE | P | RW | US)
    w.c.fault, w.c.fault_vector, w.c.fault_error, w.c.fault_address, w.c.fault_gpa, w.c.fault_qualification = 2, 3, 5, 7, 11, 13
    assert looked(w, LA, READ) == PAGE | 0xFFD
    assert looked(w, LA + 3, READ) is None
    assert looked(w, 1 << 63, READ) is None


def test_code_is_copied_up_to_what_cannot_be_fetched():
    w, code = World(), np.zeros(16, np.uint8)
    w.e.seg[5] = 1 << 53                                   # CS.L: 64-bit code
    w.map(LA, PAGE | P | US)
    w.put(PAGE | 0xFFD, 0x333231, 3)
    for run in (look.code, look.code.py_func):
        assert int(run(w.c, U64(LA), code)) == 3
        assert bytes(code[:3]) == b"123"
    w.map(LA + 3, CODE | P | US)
    w.put(CODE, 0x34, 1)
    assert int(look.code(w.c, U64(LA), code)) == 15 and bytes(code[:4]) == b"1234"
    assert int(look.load(w.c, U64(LA), U64(4), U64(READ))) == 0x34333231
    w.e.hflags = 3                                         # of a page that is the supervisor's, at CPL 3
    w.map(LA + 3, CODE | P)
    assert int(look.code(w.c, U64(LA), code)) == 3
