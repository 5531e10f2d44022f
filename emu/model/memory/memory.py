"""Physical memory as the model's own accesses see it: RAM, ROM, and nothing.

Device pages (local APIC, I/O APIC) are not reached here.  Operands of instructions in them are accesses to the device
(`emu.model.memory.linear`), descriptor tables, stacks of events, paging structures and code stop the machine by name; regions,
bitmaps and lists of VMX that lie in them read as all ones, as unassigned addresses do.
"""
from emu.bits import ALL_ONES, PAGE_SHIFT, U64, layout
from emu.jit import kernel, words
from emu.model.fault import unmodelled
from emu.model.observe import breakpoint, monitor
from emu.model.ram import gated, is_ram, top
from emu.spec.apic import APICBASE
from emu.spec.outcome import UNMODELLED
from emu.spec.platform import MEMORY
from emu.state import STALE_PAGES, machine_at

PAGE = layout("PAGE", 64, "ours: one ledger word for each page of RAM",
    CODE=(15, 0, "engines that hold translated code of this page"),
    WRITABLE=(31, 16, "engines whose TLB may map this page writable"),
    DIRTY=(32, 32, "written since the last snapshot"),
    MIXED=(34, 34, "written and executed by turns: the engine checks each store"))

STALE_PAGES = U64(STALE_PAGES)


@kernel
def _mask(size):
    return ALL_ONES if size >= 8 else (1 << size * 8) - 1


@kernel
def _word(m, address):
    """Return the aligned word that holds byte `address`; all ones where nothing answers."""
    address = gated(m, address)
    if is_ram(m, address):
        return words(m.ram, top(m) >> 3)[address >> 3]
    offset = address - m.rom_base
    if offset < m.rom_bytes:
        return words(m.rom, m.rom_bytes >> 3)[offset >> 3]
    return ALL_ONES


@kernel
def load(m, address, size):
    """Return `size` (1..8) bytes at physical `address` of MACHINE record `m`, zero-extended (uint64)."""
    shift = (address & 7) * 8
    value = _word(m, address) >> shift
    if shift + size * 8 > 64:
        value |= _word(m, (address | 7) + 1) << (64 - shift)
    return value & _mask(size)


@kernel
def touch(m, address):
    """Note in the ledger that the page at physical `address` (RAM) is written by the model."""
    if m.monitors:
        monitor.stored(m, ALL_ONES, address & ~7, 8)
    ledger = words(m.ledger, top(m) >> PAGE_SHIFT)
    page = address >> PAGE_SHIFT
    state = ledger[page]
    if state & PAGE.CODE:
        if m.stale_count < STALE_PAGES:
            m.stale[m.stale_count] = page
        m.stale_count += 1
    ledger[page] = state | PAGE.DIRTY


@kernel
def _store_word(m, address, value, mask):
    address = gated(m, address)
    if is_ram(m, address):
        touch(m, address)
        ram = words(m.ram, top(m) >> 3)
        ram[address >> 3] = ram[address >> 3] & ~mask | value & mask


@kernel
def store(m, address, size, value):
    """Write the low `size` (1..8) bytes of `value` at physical `address`; ROM and nothing ignore it."""
    shift = (address & 7) * 8
    mask = _mask(size)
    _store_word(m, address, value << shift, mask << shift)
    if shift + size * 8 > 64:
        _store_word(m, (address | 7) + 1, value >> (64 - shift), mask >> (64 - shift))
    if m.debug:
        breakpoint.stored(m, gated(m, address), size)


@kernel
def machine_of(c):
    """Return the MACHINE record of a CPU record."""
    return machine_at(c.machine)[0]


@kernel
def device(c, address):
    """Return whether physical `address` lies in a device's page: the I/O APIC's, or this processor's local APIC's."""
    page = address >> PAGE_SHIFT
    if page == MEMORY.IOAPIC >> PAGE_SHIFT:
        return True
    return page == (c.apic_base & APICBASE.BASE) >> PAGE_SHIFT and c.apic_base & (APICBASE.EN | APICBASE.EXTD) == APICBASE.EN


@kernel
def paging_in_device(c, address):
    """Stop the machine, with `c.fault` set, when a paging structure at physical `address` is in a device's page; returns whether."""
    if not device(c, address):
        return False
    unmodelled(c, UNMODELLED.PAGING, address, 0)
    return True
