"""Pages that snapshots share: each content of a page is kept once for as long as some snapshot has it.

A place is a number; place 0 is the page of zeros, which takes no room.  A table says for each page in which place its
content is; a snapshot owns one and gives it back when it goes.
"""
import mmap

import numpy as np

from emu.bits import PAGE_BYTES, U64
from emu.jit import kernel, words

SLAB_SHIFT = 8                                             # 256 pages, 1 MiB, are asked from the host at a time
SLAB = 1 << SLAB_SHIFT
PAGE_WORDS = U64(PAGE_BYTES // 8)
SAME, ZEROS, COPIED = U64(0), U64(1), U64(2)              # what `keep` found a page to be


@kernel
def _same(a, b):
    """Return whether two pages (uint64[512]) are equal."""
    for i in range(PAGE_WORDS):
        if a[U64(i)] != b[U64(i)]:
            return False
    return True


@kernel
def _empty(a):
    """Return whether a page is all zeros."""
    for i in range(PAGE_WORDS):
        if a[U64(i)]:
            return False
    return True


@kernel
def keep(sources, olds, places, found):
    """Copy each page that is neither what it was nor zeros to the next free place.

    sources: uint64[n], host addresses of pages; olds: uint64[n], of their contents before, 0 for zeros; places: uint64[n], host
    addresses of free pages; found: uint64[n], set to SAME, ZEROS or COPIED + index in `places`.
    Returns how many were copied.
    """
    count = 0
    for j in range(len(sources)):
        i = U64(j)
        page = words(sources[i], PAGE_WORDS)
        if _empty(page):
            found[i] = ZEROS if olds[i] else SAME
        elif olds[i] and _same(page, words(olds[i], PAGE_WORDS)):
            found[i] = SAME
        else:
            words(places[count], PAGE_WORDS)[:] = page
            found[i] = COPIED + count
            count += 1
    return count


@kernel
def put(sources, targets, changed):
    """Make each page of `targets` what it is in `sources`; both uint64[n], host addresses, source 0 for zeros.

    changed: bool[n], set to whether the page was another one before.
    """
    for j in range(len(sources)):
        i = U64(j)
        page = words(targets[i], PAGE_WORDS)
        if sources[i]:
            changed[i] = not _same(page, words(sources[i], PAGE_WORDS))
            if changed[i]:
                page[:] = words(sources[i], PAGE_WORDS)
        else:
            changed[i] = not _empty(page)
            if changed[i]:
                page[:] = 0


class PageStore:
    """Places for pages, counted by how many tables refer to each."""

    def __init__(self):
        self._slabs = []
        self._starts = np.zeros(1, np.uint64)              # host addresses of slabs
        self._users = np.zeros(1, np.uint32)               # of each place; 0 is never free
        self._free = np.zeros(0, np.uint32)                # free places, the next one last
        self._next = 1                                     # places from here on were never used
        self._gone = []                                    # tables whose owner went, perhaps in the middle of something here

    @property
    def used(self):
        """Return how many places hold a page."""
        self._collect()
        return self._next - 1 - len(self._free)

    def addresses(self, places):
        """Return the host address of each place (uint64[n]), 0 for place 0."""
        found = self._starts[places >> SLAB_SHIFT] + (places & SLAB - 1).astype(np.uint64) * U64(PAGE_BYTES)
        found[places == 0] = 0
        return found

    def take(self, count):
        """Return `count` free places (uint32[n])."""
        self._collect()
        old = min(count, len(self._free))
        found = [self._free[len(self._free) - old:]]
        self._free = self._free[:len(self._free) - old]
        if old < count:
            found.append(np.arange(self._next, self._next + count - old, dtype=np.uint32))
            self._next += count - old
            while len(self._slabs) << SLAB_SHIFT < self._next:
                self._slabs.append(np.frombuffer(mmap.mmap(-1, SLAB * PAGE_BYTES), np.uint8))
            self._starts = np.array([slab.ctypes.data for slab in self._slabs], np.uint64)
            if len(self._users) < self._next:
                self._users = np.concatenate([self._users, np.zeros(max(self._next, len(self._users)), np.uint32)])
        return np.concatenate(found)

    def give_back(self, places):
        """Take places back that no table came to refer to."""
        self._free = np.concatenate([self._free, places])

    def hold(self, table):
        """Count one more user of each place in a table; each place but 0 stands in it once."""
        self._users[table] += np.uint32(1)

    def release(self, table):
        """Count one user less of each place in a table; places without one become free, at the next use of the store."""
        self._gone.append(table)

    def _collect(self):
        while self._gone:
            table = self._gone.pop()
            self._users[table] -= np.uint32(1)
            self.give_back(table[(self._users[table] == 0) & (table != 0)])

    def keep(self, sources, table):
        """Bring a table up to date with the pages at `sources` (uint64[n], host addresses); returns the new table (uint32[n])."""
        places, found = self.take(len(sources)), np.empty(len(sources), np.uint64)
        count = int(keep(sources, self.addresses(table), self.addresses(places), found))
        self.give_back(places[count:])
        table = table.copy()
        table[found == ZEROS] = 0
        copied = found >= COPIED
        table[copied] = places[(found[copied] - COPIED).astype(np.int64)]
        return table

    def page(self, place):
        """Return the bytes of a place."""
        if place == 0:
            return bytes(PAGE_BYTES)
        at = int(place & SLAB - 1) * PAGE_BYTES
        return self._slabs[int(place) >> SLAB_SHIFT][at:at + PAGE_BYTES].tobytes()

    def pages(self, places):
        """Return the pages of places, none of them 0, as uint8[n, 4096]."""
        found = np.empty((len(places), PAGE_BYTES), np.uint8)
        changed = np.empty(len(places), np.bool_)
        put(self.addresses(places), found.ctypes.data + np.arange(len(places), dtype=np.uint64) * U64(PAGE_BYTES), changed)
        return found
