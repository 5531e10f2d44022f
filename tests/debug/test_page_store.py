"""The kernels of `emu.debug.history.page_store`, compiled and interpreted, against plain Python; the store against a dictionary."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.debug.history import page_store
from emu.debug.history.page_store import COPIED, SAME, ZEROS, PageStore

PAGE = 4096
U64 = np.uint64
# Near-equal pages differ in one byte at one end.
CONTENTS = [b"", b"\0" * 4095 + b"\1", b"\1", b"\1" * 4096, b"\1" * 4095 + b"\2", b"\2" + b"\1" * 4095]
PAGES = st.sampled_from(CONTENTS).map(lambda content: content.ljust(PAGE, b"\0"))


def array(rows):
    return np.frombuffer(b"".join(rows), np.uint8).reshape(-1, PAGE).copy()


def rows(memory):
    return U64(memory.ctypes.data) + np.arange(len(memory), dtype=U64) * U64(PAGE)


@pytest.mark.parametrize("keep", [page_store.keep, page_store.keep.py_func], ids=["compiled", "interpreted"])
@settings(max_examples=40, deadline=None)
@given(pairs=st.lists(st.tuples(PAGES, PAGES, st.booleans()), min_size=1, max_size=6))
def test_keep(keep, pairs):
    now, before = array([a for a, _, _ in pairs]), array([b for _, b, _ in pairs])
    olds, free = rows(before), np.full((len(pairs), PAGE), 0x77, np.uint8)
    for n, (_, _, nothing) in enumerate(pairs):
        if nothing:
            olds[n] = 0
    found = np.full(len(pairs), 99, U64)
    count = int(keep(rows(now), olds, rows(free), found))
    copied = 0
    for n, (a, b, nothing) in enumerate(pairs):
        old = bytes(PAGE) if nothing else b
        if a == old:
            want = SAME if any(a) or nothing else ZEROS     # a page of zeros needs no place
        elif not any(a):
            want = ZEROS
        else:
            want = COPIED + U64(copied)
            assert free[copied].tobytes() == a
            copied += 1
        assert found[n] == want
    assert count == copied
    assert (free[copied:] == 0x77).all()


@pytest.mark.parametrize("put", [page_store.put, page_store.put.py_func], ids=["compiled", "interpreted"])
@settings(max_examples=40, deadline=None)
@given(pairs=st.lists(st.tuples(PAGES, PAGES, st.booleans()), min_size=1, max_size=6))
def test_put(put, pairs):
    wanted, target = array([a for a, _, _ in pairs]), array([b for _, b, _ in pairs])
    sources, changed = rows(wanted), np.zeros(len(pairs), np.bool_)
    for n, (_, _, nothing) in enumerate(pairs):
        if nothing:
            sources[n] = 0
    put(sources, rows(target), changed)
    for n, (a, b, nothing) in enumerate(pairs):
        want = bytes(PAGE) if nothing else a
        assert target[n].tobytes() == want and changed[n] == (want != b)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.one_of(st.lists(st.tuples(st.integers(0, 5), PAGES), max_size=5), st.integers(0, 9)), max_size=12))
def test_store_keeps_what_tables_say(steps):
    """Each list is pages written before another table is made; each number drops a table."""
    store, memory = PageStore(), np.zeros((6, PAGE), np.uint8)
    tables, table = [], np.zeros(6, np.uint32)
    for step in steps:
        if isinstance(step, int):
            if tables:
                store.release(tables.pop(step % len(tables))[0])
        else:
            for page, content in step:
                memory[page] = np.frombuffer(content, np.uint8)
            table = store.keep(rows(memory), tables[-1][0] if tables else np.zeros(6, np.uint32))
            store.hold(table)
            tables.append((table, memory.copy()))
        for places, content in tables:
            assert [store.page(place) for place in places] == [page.tobytes() for page in content]
        assert store.used == len({place for places, _ in tables for place in places if place})


def test_many_pages_span_slabs():
    count = 3 * page_store.SLAB + 5
    memory = np.arange(1, count * PAGE // 8 + 1, dtype=U64).view(np.uint8).reshape(count, PAGE)
    store = PageStore()
    table = store.keep(rows(memory), np.zeros(count, np.uint32))
    store.hold(table)
    assert store.used == count and (store.pages(table) == memory).all()
    assert store.page(table[-1]) == memory[-1].tobytes()
