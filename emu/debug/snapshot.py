"""Snapshots of a whole machine, and the way back to one: copy-on-write by page, through the ledger of written pages.

A snapshot holds the records of processors and devices as bytes, and for each page of RAM a place in a store that all
snapshots of a machine share.  Taking one copies only pages written since the last; going back copies only pages that differ.
What the engines derived (translations, their TLBs) is dropped where it may be wrong, and made again.
"""
import numpy as np

from emu.errors import DebugError
from emu.model.memory import PAGE
from emu.spec.outcome import MODE
from emu.state import ALL_ONES

PAGE_BYTES = 4096
ZERO_PAGE = 0                                              # place in the store of a page of zeros
DIRTY, CODE = np.uint64(int(PAGE.DIRTY)), np.uint64(int(PAGE.CODE))
# Of MACHINE: what belongs to whoever watches the machine, not to the machine.
KEPT = ("debug", "exit_ring", "trace_count", "disturb", "stale_count", "stale", "mark_count", "mark", "marks_changed")
FIRST_PLACES, MANY_STALE = 1024, 65


class Store:
    """Pages by place, counted: a place is free again when no snapshot holds it."""

    def __init__(self):
        self.data = np.zeros((FIRST_PLACES, PAGE_BYTES), np.uint8)
        self.count = np.zeros(FIRST_PLACES, np.int64)
        self.count[ZERO_PAGE] = 1                          # never free
        self._free = np.arange(FIRST_PLACES - 1, ZERO_PAGE, -1)
        self._free_count = FIRST_PLACES - 1

    @property
    def bytes(self):
        """Return how many bytes of pages the store holds."""
        return (len(self.count) - 1 - self._free_count) * PAGE_BYTES

    def put(self, pages):
        """Keep copies of pages (uint8[n, 4096]); returns their places."""
        while self._free_count < len(pages):
            self._grow()
        self._free_count -= len(pages)
        places = self._free[self._free_count:self._free_count + len(pages)].copy()
        self.data[places] = pages
        return places

    def _grow(self):
        old = len(self.count)
        data = np.zeros((old * 2, PAGE_BYTES), np.uint8)
        data[:old] = self.data
        free = np.zeros(old * 2, np.int64)
        free[:self._free_count] = self._free[:self._free_count]
        free[self._free_count:self._free_count + old] = np.arange(old * 2 - 1, old - 1, -1)
        self.data, self._free, self._free_count = data, free, self._free_count + old
        self.count = np.concatenate([self.count, np.zeros(old, np.int64)])

    def hold(self, index):
        """Count one more holder of each place of a snapshot's index."""
        self.count[index] += 1
        self.count[ZERO_PAGE] = 1

    def drop(self, index):
        """Count one holder less; places without any are free."""
        self.count[index] -= 1
        self.count[ZERO_PAGE] = 1
        free = np.unique(index[self.count[index] == 0])
        self._free[self._free_count:self._free_count + len(free)] = free
        self._free_count += len(free)


class Snapshot:
    """A moment of a machine: `records` {name: array}, `index` int64[pages], places of the store; `cycles` and `instructions` of it."""

    def __init__(self, store, records, index, cycles, instructions):
        self.store, self.records, self.index, self.cycles, self.instructions = store, records, index, cycles, instructions

    def release(self):
        """Give its pages back; the snapshot cannot be restored any more."""
        if self.index is not None:
            self.store.drop(self.index)
            self.index = None

    def page(self, number):
        """Return the bytes of page `number` of RAM."""
        return self.store.data[self.index[number]].tobytes()


def position(machine):
    """Return the sum of all processors' clocks: it grows with everything that happens."""
    return sum(int(c.cycles) for c in machine.cpu)


def records_of(machine):
    """Return {name: array} of all records that hold a machine's state; they are views, not copies."""
    found = {"machine": machine.record, "rom": machine.rom}
    for n, unit in enumerate(machine.processors):
        found |= {f"cpu{n}": unit.record, f"cpu{n}.apic": unit.apic, f"cpu{n}.spare": unit.spare, f"cpu{n}.failed": unit.failed,
                  f"cpu{n}.far": unit.far, f"cpu{n}.insn": unit.insn}
        for world, name in enumerate(("root", "guest")):
            found |= {f"cpu{n}.{name}": unit.engines[world].env, f"cpu{n}.{name}_tlb": unit.tlbs[world]}
    return found | {f"board.{name}": array for name, array in machine.board.records().items()}


class Keeper:
    """Takes and restores the snapshots of one machine; `base` is the one that memory was last equal to, but for dirty pages."""

    def __init__(self, machine):
        self.machine, self.store = machine, Store()
        self.pages = machine.ram.reshape(-1, PAGE_BYTES)
        self._index = np.zeros(len(self.pages), np.int64)  # pages as they were when none was dirty
        self.records = records_of(machine)

    def _dirty(self):
        return np.flatnonzero(self.machine.ledger & DIRTY)

    def _settle(self):
        """Make every page clean, and let the engines ask before they write one; pages that kernels write unasked stay dirty."""
        machine = self.machine
        machine.ledger &= ~DIRTY
        for c, unit in zip(machine.cpu, machine.processors, strict=True):
            if c.vmx_mode != MODE.BARE and c.vmcs_pointer != ALL_ONES:
                machine.ledger[int(c.vmcs_pointer) // PAGE_BYTES] |= DIRTY
            for tlb in unit.tlbs:
                tlb[0].engine_flush += 1

    def _base(self, index):
        """Note which pages memory is equal to; the places are held, whatever becomes of the snapshot."""
        self.store.hold(index)
        self.store.drop(self._index)
        self._index = index

    def take(self):
        """Return a Snapshot of the machine as it is: paused, between two instructions."""
        dirty = self._dirty()
        fresh = dirty[self.pages[dirty].any(axis=1)] if len(dirty) else dirty
        index = self._index.copy()
        index[dirty] = ZERO_PAGE
        index[fresh] = self.store.put(self.pages[fresh])
        self.store.hold(index)
        self._settle()
        self._base(index)
        records = {name: array.copy() for name, array in self.records.items()}
        records |= {f"cpu{n}.owner": unit.core["owner"].copy() for n, unit in enumerate(self.machine.processors)}
        return Snapshot(self.store, records, index, position(self.machine), sum(int(c.instructions) for c in self.machine.cpu))

    def restore(self, snapshot):
        """Bring the machine back to a snapshot; console output that was shown is not shown again."""
        if snapshot.store is not self.store or snapshot.index is None:
            raise DebugError("this snapshot is of another machine, or was released")
        machine = self.machine
        different = snapshot.index != self._index
        different[self._dirty()] = True
        changed = np.flatnonzero(different)
        self.pages[changed] = self.store.data[snapshot.index[changed]]
        m = machine.record[0]
        kept = {name: np.copy(machine.record[name]) for name in KEPT}
        flushes = [int(tlb[0].engine_flush) for unit in machine.processors for tlb in unit.tlbs]
        for name, array in self.records.items():
            array[:] = snapshot.records[name]
        for name, value in kept.items():
            machine.record[name] = value
        for n, unit in enumerate(machine.processors):
            unit.core["owner"] = snapshot.records[f"cpu{n}.owner"]
            for world, tlb in enumerate(unit.tlbs):
                tlb[0].engine_flush = max(flushes[2 * n + world], int(tlb[0].engine_flush)) + 1
        self._forget_code(m, changed[(machine.ledger[changed] & CODE) != 0])
        self._base(snapshot.index)
        self._settle()

    def _forget_code(self, m, pages):
        """Have the engines drop what they translated from pages that changed."""
        if int(m.stale_count) + len(pages) < MANY_STALE:
            for page in pages:
                m.stale[int(m.stale_count)] = page
                m.stale_count += 1
        else:
            m.stale_count = MANY_STALE
