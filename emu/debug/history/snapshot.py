"""Snapshots of a whole machine in memory: take one, go back to it any number of times.

    before = take(machine)
    machine.run(max_cycles=...)
    restore(machine, before)

A run that goes on from a restored snapshot is the run that went on from where it was taken, to the bit.  Taking changes
nothing in it.  A page of memory costs room once, however many snapshots hold it: `take` reads only pages that
the page ledger marks DIRTY, `restore` copies only those and the ones in which the two snapshots differ.
What the execution engines derived is dropped or known to be right: their TLBs go (so that the next write to a page is
noticed), translations of pages that change go through the list of stale pages, as when the model writes to code.
"""
import weakref
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from emu.bits import ALL_ONES, PAGE_BYTES, PAGE_SHIFT, U64
from emu.debug.history import parts
from emu.debug.history.page_store import PageStore, put
from emu.errors import SnapshotError
from emu.machine.failure import symbols_of
from emu.machine.host import host
from emu.model.memory.memory import PAGE as LEDGER
from emu.model.observe import breakpoint
from emu.spec.cpu import DR7_ENABLES
from emu.state import STALE_PAGES

SEEN = LEDGER.DIRTY | LEDGER.WRITABLE                      # no more true of any page after a snapshot


@dataclass(frozen=True)
class About:
    """What a snapshot knows besides the machine's state.

    cycles, instructions: of each processor; inputs: the machine's, of which the first `fed` had been delivered;
    partitions: names of those that were loaded; symbols: emu.image Symbols, or None; placed: what the machine started with;
    resets: how often a guest's reset had started it again; guest: the Symbols of the image that all its partitions run, or None.
    """

    cycles: tuple
    instructions: tuple
    inputs: tuple = ()
    fed: int = 0
    partitions: tuple = ()
    symbols: Any = None
    placed: Any = None
    resets: int = 0
    guest: Any = None


@dataclass(frozen=True)
class Known:
    """An image of which only the Symbols are known."""

    symbols: Any


@dataclass(frozen=True)
class Named:
    """A partition of which only the name is known, and perhaps the names and source lines of its image."""

    name: str
    image: Known | None = None


class Snapshot:
    """The state of a machine at an instruction boundary.  Immutable; its memory is shared with other snapshots.

    config: the machine's Config; about: About.
    """

    def __init__(self, config, store, table, about):
        self.config, self.store, self.table, self.about = config, store, table, about
        store.hold(table)
        weakref.finalize(self, store.release, table)

    @property
    def now(self):
        """Return the largest clock of a processor, in cycles."""
        return max(self.about.cycles)

    @property
    def position(self):
        """Return the sum of all processors' clocks, as `position` does of a machine."""
        return sum(self.about.cycles)

    @property
    def ram_pages(self):
        """Return how many pages of RAM the machine has; the table goes on with the pages of `emu.debug.history.parts`."""
        return self.config.top >> int(PAGE_SHIFT)

    def state(self):
        """Return the pages of the parts as bytes (uint8[n]), laid out by `parts.offsets`."""
        rows = np.zeros((len(self.table) - self.ram_pages, PAGE_BYTES), np.uint8)
        places = self.table[self.ram_pages:]
        put(self.store.addresses(places), rows_of(rows), np.empty(len(rows), np.bool_))
        return rows.reshape(-1)

    def page(self, number):
        """Return page `number` of RAM as bytes."""
        return self.store.page(self.table[number])

    def differs(self, other):
        """Return the numbers of RAM pages whose contents differ from another Snapshot's (int64[n])."""
        mine, theirs = self.table[:self.ram_pages], other.table[:self.ram_pages]
        if self.store is other.store:
            return np.flatnonzero(mine != theirs)
        return np.array([n for n in np.flatnonzero((mine != 0) | (theirs != 0)) if self.page(n) != other.page(n)], np.int64)


def position(machine):
    """Return the sum of all processors' clocks: it grows with everything that happens."""
    return sum(machine.clocks)


def rows_of(rows):
    """Return the host address of each page of uint8[n, 4096]."""
    return U64(rows.ctypes.data) + np.arange(len(rows), dtype=np.uint64) * U64(PAGE_BYTES)


def _ram(machine, pages):
    return U64(machine.ram.ctypes.data) + pages.astype(np.uint64) * U64(PAGE_BYTES)


def _dirty(machine):
    """Return the numbers of RAM pages that may differ from `machine.base` (int64[n]), in order."""
    return np.flatnonzero(machine.ledger & LEDGER.DIRTY)


def _forget_seen(machine):
    """Have every engine look up every page again: the next write to each is then marked.

    The pages of current VMCSs stay marked: VM exits write them without a mark (`emu.model.vmx.exit`).
    """
    machine.ledger &= ~SEEN
    for c, unit in zip(machine.cpu, machine.processors, strict=True):
        unit.core[0].flush_seen[:] = ALL_ONES
        if c.vmcs != c.spare_vmcs:
            machine.ledger[c.vmcs_pointer >> PAGE_SHIFT] |= LEDGER.DIRTY


def _check_idle(machine):
    if any(unit.core[0].depth for unit in machine.processors):
        raise SnapshotError("a machine that is running has no snapshot: pause it first")


# ---- take ------------------------------------------------------------------------------------------------------------
def take(machine):
    """Return a Snapshot of a machine that is between two calls of `run` or `advance`, or in a callback between slices."""
    _check_idle(machine)
    ram_pages, base, rows = len(machine.ledger), machine.base, parts.read(machine).reshape(-1, PAGE_BYTES)
    if base is None:
        store, table = PageStore(), np.zeros(ram_pages + len(rows), np.uint32)
    else:
        store, table = base.store, base.table.copy()
    dirty = _dirty(machine)
    table[dirty] = store.keep(_ram(machine, dirty), table[dirty])
    table[ram_pages:] = store.keep(rows_of(rows), table[ram_pages:])
    made = Snapshot(machine.config, store, table, About(
        tuple(machine.clocks), tuple(host(c).instructions for c in machine.cpu),
        tuple(machine.inputs.log), machine.inputs.done, tuple(p.name for p in machine.partitions), machine.symbols, machine.placed,
        machine.resets, symbols_of(machine, 1) if machine.partitions else None))
    _forget_seen(machine)
    machine.base = made
    return made


# ---- restore ---------------------------------------------------------------------------------------------------------
def check_config(machine, config):
    """Raise SnapshotError when a machine is not made as a snapshot's was."""
    for field in fields(config):
        mine, theirs = getattr(machine.config, field.name), getattr(config, field.name)
        if mine != theirs:
            raise SnapshotError(f"the snapshot is of a machine with {field.name} = {theirs}, this one has {mine}")


def restore(machine, snapshot, again=True):
    """Bring a machine back to a Snapshot; its engines keep what stays true.

    again: whether console output that now comes once more is handed on once more.
    The machine may be another one than the snapshot's, if it is made alike.  Raises SnapshotError when it is not.
    """
    _check_idle(machine)
    check_config(machine, snapshot.config)
    base, ram_pages = machine.base, len(machine.ledger)
    wanted = snapshot.table[:ram_pages]
    if base is not None and base.store is snapshot.store:
        away = base.table[:ram_pages] != wanted
    else:
        away = wanted != 0 if base is None else (wanted != 0) | (base.table[:ram_pages] != 0)
    away[_dirty(machine)] = True
    pages = np.flatnonzero(away)
    changed = np.empty(len(pages), np.bool_)
    put(snapshot.store.addresses(wanted[pages]), _ram(machine, pages), changed)
    _make_stale(machine, pages[changed])
    parts.write(machine, snapshot.state())
    _forget_seen(machine)
    _settle(machine)
    _take_over(machine, snapshot.about)
    if again:
        machine.forget_output()
    machine.base = snapshot


def _take_over(machine, about):
    """Go back in the list of inputs: those that came later come again.  Learn names that the machine does not have."""
    if machine.inputs.log[:about.fed] != list(about.inputs[:about.fed]) or len(machine.inputs.log) < len(about.inputs):
        machine.inputs.log = list(about.inputs)
    machine.inputs.done, machine.resets = about.fed, about.resets
    if tuple(p.name for p in machine.partitions) != about.partitions:
        image = Known(about.guest) if about.guest else None
        machine.partitions = [Named(name, image) for name in about.partitions]
    machine.symbols = machine.symbols or about.symbols
    machine.placed = about.placed or machine.placed


def _make_stale(machine, pages):
    """Have the translated code of pages that changed dropped before anything runs."""
    m, coded = machine.record[0], pages[(machine.ledger[pages] & LEDGER.CODE) != 0]
    count = int(m.stale_count)
    if count + len(coded) <= STALE_PAGES:
        m.stale[count:count + len(coded)] = coded
    m.stale_count = count + len(coded)


def _settle(machine):
    """Bring what engines hold besides code and TLBs into line with the records."""
    for unit in machine.processors:
        for engine in unit.engines:
            engine.ask_for_any_block()
    for c, unit in zip(machine.cpu, machine.processors, strict=True):
        e = unit.engines[0 if c.env == c.root_env else 1].env[0]
        if e.dr[7] & DR7_ENABLES:
            breakpoint.arm(c, e)

