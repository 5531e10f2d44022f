"""Page walks: named claims, and random tables of every mode against the reference, compiled and as plain Python."""
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.model.memory import steps, walk
from emu.spec.outcome import FAULT, STOP, UNMODELLED
from emu.state import U64
from tests.model.memory.paging_world import World, plain
from tests.reference.paging import AC, FETCH, IMPLICIT, READ, USER, WRITE, Fault, Paging

LA = 0x7F_1234_5678
PAGE = 0x9000
P, RW, US, A, D, PS, G, XD = 1, 2, 4, 0x20, 0x40, 0x80, 0x100, 1 << 63
WP, PSE, PAE, PGE, LA57, SMEP, SMAP, NXE = 1 << 16, 0x10, 0x20, 0x80, 0x1000, 1 << 20, 1 << 21, 0x800


def world(entry, upper=7, la=LA, **changes):
    w = World()
    w.map(la, entry, upper)
    w.e.cr[0] = int(w.e.cr[0]) & ~changes.get("clear0", 0)
    w.e.cr[4] = int(w.e.cr[4]) | changes.get("set4", 0)
    w.e.efer = int(w.e.efer) & ~changes.get("clear_efer", 0)
    return w


def pf(code, la=LA):
    return "exception", 14, code, la


def test_walk_finds_the_byte_and_sets_accessed_flags():
    w = world(PAGE | P | RW | US)
    assert w.translate(LA, READ) == ("ok", 0x9678, READ | FETCH)
    assert w.get(0x4000 + 8 * (LA >> 12 & 511)) == PAGE | P | RW | US | A
    assert all(w.get(0x1000 * n + 8 * (LA >> shift & 511)) & A for n, shift in ((1, 39), (2, 30), (3, 21)))


def test_walk_sets_dirty_only_for_a_write_which_then_needs_no_walk():
    w = world(PAGE | P | RW | US | A)
    assert w.translate(LA, WRITE) == ("ok", 0x9678, READ | WRITE | FETCH)
    assert w.get(0x4000 + 8 * (LA >> 12 & 511)) & D
    assert w.translate(LA, WRITE)[0] == "ok" and w.c.walks == 1


def test_walk_charges_each_entry():
    w = world(PAGE | P | RW | US)
    w.translate(LA, READ)
    assert (w.c.walk_loads, w.c.cycles) == (4, 56)


def test_walk_to_not_present_page_sets_upper_accessed_flags_and_p_clear():
    w = world(PAGE | RW | US)
    assert w.translate(LA, READ | USER) == pf(4)
    assert w.get(0x3000 + 8 * (LA >> 21 & 511)) & A
    assert not w.get(0x4000 + 8 * (LA >> 12 & 511)) & A


def test_walk_write_to_read_only_page_is_denied_to_user():
    assert world(PAGE | P | US, clear0=WP).translate(LA, WRITE | USER) == pf(7)


def test_walk_supervisor_write_to_read_only_page_is_allowed_without_wp():
    assert world(PAGE | P, clear0=WP).translate(LA, WRITE)[0] == "ok"


def test_walk_supervisor_write_to_read_only_page_is_denied_with_wp():
    w = world(PAGE | P)
    assert w.translate(LA, WRITE) == pf(3)
    assert w.get(0x4000 + 8 * (LA >> 12 & 511)) == PAGE | P


def test_walk_rights_are_the_and_of_all_levels():
    assert world(PAGE | P | RW | US, upper=P | US).translate(LA, WRITE | USER) == pf(7)
    assert world(PAGE | P | RW | US, upper=P | RW).translate(LA, READ | USER) == pf(5)


def test_walk_user_access_to_supervisor_page_is_denied():
    assert world(PAGE | P | RW).translate(LA, READ | USER) == pf(5)


def test_walk_implicit_access_at_cpl_3_is_a_supervisor_access():
    assert world(PAGE | P | RW).translate(LA, READ | USER | IMPLICIT)[0] == "ok"


def test_walk_fetch_from_execute_disabled_page_is_denied_with_id_bit():
    assert world(PAGE | P | XD).translate(LA, FETCH) == pf(0x11)


def test_walk_execute_disable_without_nxe_is_reserved():
    assert world(PAGE | P | XD, clear_efer=NXE).translate(LA, READ) == pf(9)


def test_walk_fetch_fault_has_no_id_bit_without_nxe_and_smep():
    assert world(0, clear_efer=NXE).translate(LA, FETCH) == pf(0)
    assert world(0, clear_efer=NXE, set4=SMEP).translate(LA, FETCH) == pf(0x10)


def test_walk_smep_denies_supervisor_fetch_from_user_page_only():
    assert world(PAGE | P | US, set4=SMEP).translate(LA, FETCH) == pf(0x11)
    assert world(PAGE | P, set4=SMEP).translate(LA, FETCH)[0] == "ok"
    assert world(PAGE | P | US, set4=SMEP).translate(LA, FETCH | USER)[0] == "ok"


def test_walk_smap_denies_supervisor_data_access_to_user_page_unless_ac():
    w = world(PAGE | P | RW | US, set4=SMAP)
    assert w.translate(LA, READ) == pf(1)
    assert w.translate(LA, WRITE) == pf(3)
    assert w.translate(LA, READ | AC)[0] == "ok"
    assert w.translate(LA, FETCH)[0] == "ok"


def test_walk_smap_ignores_ac_for_implicit_accesses():
    assert world(PAGE | P | RW | US, set4=SMAP).translate(LA, READ | AC | IMPLICIT) == pf(1)


def test_walk_smap_denies_write_without_wp_too():
    assert world(PAGE | P | US, set4=SMAP, clear0=WP).translate(LA, WRITE) == pf(3)


def test_walk_address_beyond_maxphyaddr_is_reserved():
    assert world(1 << 39 | P).translate(LA, READ) == pf(9)
    assert world(1 << 51 | P).translate(LA, WRITE | USER) == pf(15)


def test_walk_ignored_bits_are_ignored():
    assert world(PAGE | P | 0x7FF0_0000_0000_0E00).translate(LA, READ)[0] == "ok"


def test_walk_ps_in_pml4e_is_reserved():
    assert world(PAGE | P, upper=P | PS).translate(LA, READ) == pf(9)


@pytest.mark.parametrize("shift, table", [(30, 0x2000), (21, 0x3000)])
def test_walk_large_page_keeps_offset_and_checks_low_bits(shift, table):
    w = world(PAGE | P | RW)
    place = table + 8 * (LA >> shift & 511)
    w.put(place, 1 << shift | P | PS | 0x1000)
    assert w.translate(LA, READ)[1] == (1 << shift) + LA % (1 << shift)
    w = world(PAGE | P | RW)
    w.put(place, P | PS | 0x2000)
    assert w.translate(LA, READ) == pf(9)


@pytest.mark.parametrize("bits, set4", [(48, 0), (57, LA57)])
def test_walk_non_canonical_address_is_general_protection(bits, set4):
    w = world(PAGE | P, set4=set4)
    for la in (1 << bits - 1, (1 << 64) - (1 << bits - 1) - 1, 1 << 63):
        assert w.translate(la, READ) == ("exception", 13, 0)
    assert w.translate((1 << 64) - (1 << bits - 1), READ)[1] == 14


def test_walk_without_paging_is_the_identity_and_free():
    w = world(0, clear0=1 << 31)
    w.e.efer = 0
    assert w.translate(0x1_2345_6789, WRITE | USER) == ("ok", 0x2345_6789, 7)
    assert w.c.cycles == 0


def test_walk_32_bit_large_page_needs_pse():
    w = World()
    w.e.efer, w.e.cr[4] = 0, PSE
    w.put(0x1000 + 4 * 5, 0x40_0000 | P | PS, 4)
    assert w.translate(5 << 22 | 0x12345, READ)[:2] == ("ok", 0x41_2345)
    w = World()
    w.e.efer, w.e.cr[4] = 0, 0
    w.put(0x1000 + 4 * 5, 0x2000 | P | PS, 4)
    w.put(0x2000 + 4 * 0x12, 0x7000 | P, 4)
    assert w.translate(5 << 22 | 0x12345, READ)[:2] == ("ok", 0x7345)


def test_walk_pse_36_bits_are_reserved():
    w = World()
    w.e.efer, w.e.cr[4] = 0, PSE
    w.put(0x1000, 0x2000 | P | PS, 4)
    assert w.translate(0, READ) == pf(9, 0)


def test_walk_pae_uses_the_registers_not_memory():
    w = World()
    w.e.efer = NXE
    w.put(0x1000, 0x2001)
    w.put(0x1018, 0x2001)
    assert walk.load_pdptes(w.c, U64(0x1000))
    w.put(0x1000, 0)
    w.put(0x2000, 0x3007)
    w.put(0x3000, PAGE | 7)
    assert w.translate(0, READ)[1] == PAGE
    assert w.translate(1 << 30, READ) == pf(0, 1 << 30)
    assert w.translate(3 << 30, READ)[1] == PAGE


@pytest.mark.parametrize("bit", [1, 2, 5, 8, 39, 52, 63])
def test_load_pdptes_reserved_bit_is_general_protection_and_loads_nothing(bit):
    w = World()
    w.put(0x1000, 0x2001)
    w.put(0x1010, 1 << bit | 0x2001)
    assert not walk.load_pdptes(w.c, U64(0x1000))
    assert w.fault() == ("exception", 13, 0)
    assert not any(w.c.pdpte)


def test_load_pdptes_not_present_entry_may_hold_anything():
    w = World()
    w.put(0x1008, 0xFFFF_FFFF_FFFF_FFFE)
    assert walk.load_pdptes(w.c, U64(0x1010 & ~0x1F))
    assert w.c.pdpte[1] == 0xFFFF_FFFF_FFFF_FFFE


def test_kind_of_physical_addresses():
    w = World()
    kinds = [walk.KIND._fields[int(walk.kind(w.c, U64(a)))] for a in
             (0, w.ram.nbytes, 0xFEE0_0FFF, 0xFEC0_0000, 0xFFFF_FFFF, 0x1_0000_0000)]
    assert kinds == ["RAM", "NONE", "DEVICE", "DEVICE", "ROM", "NONE"]
    w.c.apic_base = 0xFEE0_0100
    assert walk.kind(w.c, U64(0xFEE0_0000)) == walk.KIND.NONE


@pytest.mark.parametrize("page", [0xFEE0_0000, 0xFEC0_0000])
def test_paging_structure_in_a_device_stops_by_name(page):
    w = World()
    w.map(LA, PAGE | P | RW)
    w.put(0x3000 + 8 * (LA >> 21 & 511), page | P | RW)
    for run in (walk.translate, lambda *given: outside_kernels(walk.translate, *given)):
        w.c.stop = STOP.NONE
        assert run(w.c, U64(LA), U64(READ)) == walk.ALL_ONES
        assert (w.c.fault, w.c.stop, w.c.stop_a) == (FAULT.STOP, STOP.UNMODELLED, UNMODELLED.PAGING)
        assert w.c.stop_b == page + 8 * (LA >> 12 & 511)
    assert not walk.load_pdptes(w.c, U64(page)) and w.c.fault == FAULT.STOP


def test_ept_structure_in_a_device_stops_by_name():
    w = World()
    w.map(LA, PAGE | P | RW)
    w.nest()
    w.c.eptp = U64(0xFEC0_001E)
    assert walk.translate(w.c, U64(LA), U64(READ)) == walk.ALL_ONES
    assert (w.c.fault, w.c.stop_a, w.c.stop_b) == (FAULT.STOP, UNMODELLED.PAGING, 0xFEC0_0000)


def outside_kernels(kernel, *given):
    """Return what a kernel gives in plain Python."""
    with plain():
        return kernel.py_func(*given)


def test_trace_reports_each_entry_and_the_end():
    w = world(PAGE | P | RW)
    shown = steps.trace(w.c, LA, READ)
    assert [s.what for s in shown] == ["PML4E", "PDPTE", "PDE", "PTE", "physical address"]
    assert shown[3].decoded == "P RW ADDRESS=0x9" and shown[4].address == 0x9678
    assert steps.trace(w.c, LA, READ | USER)[-1].what == "page fault"
    assert not w.get(0x1000) & A and w.c.cycles == 0


# ---- random tables --------------------------------------------------------------------------------------
MODES = {"32": (0, 0), "pae": (PAE, 0), "4": (PAE, 0x500), "5": (PAE | LA57, 0x500), "off": (0, 0)}
INDICES = (0, 1, 2, 511)


def odd(r, probability):
    """Return whether something unusual happens; half of the worlds are tame."""
    return r.random() < probability * r.noise


def guest_entry(r, long):
    usual = r.randrange(16) if r.random() < 0.9 else r.randrange(48, 64)
    entry = (r.randrange(64, 1 << 14) if odd(r, 0.2) else usual) << 12
    entry |= (r.randrange(8) if odd(r, 0.3) else 7) | r.choice((0, A, A | D, G | A))
    if r.random() < 0.1:
        low = r.choice((0x1000, 0x2000, 0x20_0000, 0x40_0000, 0x4000_0000)) if odd(r, 0.5) else 0
        entry = PS | entry & 0xFFF | low
    if long and odd(r, 0.1):
        entry |= XD
    if long and odd(r, 0.08):
        entry |= 1 << r.randrange(36, 63)
    return entry if long else entry & 0xFFFF_FFFF


def fill_guest(w, r, long):
    for page in range(16):
        for index in range(8) if r.random() < 0.1 else INDICES:
            w.put(page * 4096 + index * 8, guest_entry(r, long)) if long else \
                w.put(page * 4096 + (index * 4 if index < 511 else 4092), guest_entry(r, long), 4)


def random_world(seed, mode):
    r, w = random.Random(seed), World()
    r.noise = r.choice((0.1, 1))
    cr4, efer = MODES[mode]
    w.e.cr[4] = cr4 | r.choice((0, PGE)) | r.choice((0, SMEP)) | r.choice((0, SMAP)) | r.choice((0, PSE, PSE))
    w.e.cr[0] = 1 | (0 if mode == "off" else 1 << 31) | r.choice((0, WP))
    w.e.efer = efer | r.choice((0, NXE, NXE))
    w.e.cr[3] = r.randrange(16) << 12
    for i in range(4):
        w.c.pdpte[i] = r.randrange(16) << 12 | (not odd(r, 0.3))
    fill_guest(w, r, mode not in ("32", "off"))
    return r, w


def reference(w):
    p = Paging(bytearray(w.ram.tobytes()))
    p.cr0, p.cr3, p.cr4, p.efer = (int(x) for x in (w.e.cr[0], w.e.cr[3], w.e.cr[4], w.e.efer))
    p.pdpte = [int(x) for x in w.c.pdpte]
    if w.c.vmx_mode == 2 and int(w.c.proc2) & 2:
        p.eptp = int(w.c.eptp)
    return p


def random_la(r, mode):
    if mode == "off":
        return r.randrange(1 << 21)
    if mode == "32":
        return r.choice((0, 1, 2, 1023)) << 22 | r.choice((0, 1, 2, 1023)) << 12 | r.randrange(4096)
    la = sum(r.choice(INDICES) << shift for shift in (48, 39, 30, 21, 12)) | r.randrange(4096)
    if mode == "pae":
        return la % (1 << 32)
    bits = 57 if mode == "5" else 48
    la %= 1 << bits
    return la | ((1 << 64) - (1 << bits) if la >> bits - 1 else 0)


def random_access(r):
    return r.choice((READ, WRITE, FETCH, READ | WRITE)) | r.choice((0, USER, AC, IMPLICIT, USER | IMPLICIT))


def compare(r, w, mode, count):
    """Make `count` random accesses; outcome, memory, and the loads of each fresh walk must be the reference's."""
    places = [random_la(r, mode) for _ in range(3)]
    for _ in range(count):
        w.e.cr[0] = int(w.e.cr[0]) ^ r.choice((0, 0, WP))
        p, la, access = reference(w), r.choice(places), random_access(r)
        walks, loads, hits = int(w.c.walks), int(w.c.walk_loads), int(w.t.hits)
        try:
            expected = ("ok", *p.translate(la, access))
        except Fault as fault:
            expected = fault.args
        outcome = w.translate(la, access)
        if w.c.walks == walks and expected[0] == "ok":      # a hit may not know that an alias has set the dirty flag
            assert outcome == expected or (access & WRITE == 0 and outcome == (*expected[:2], expected[2] & ~WRITE))
        else:
            assert outcome == expected
        assert w.ram.tobytes() == bytes(p.memory)
        if w.c.walks != walks:
            assert w.c.walk_loads - loads == p.loads
        else:
            assert w.t.hits == hits + 1 or p.loads == 0
            assert w.c.walk_loads == loads


@pytest.mark.parametrize("mode", MODES)
@settings(deadline=None, max_examples=50, derandomize=True)
@given(seed=st.integers(0, 1 << 32))
def test_walk_agrees_with_reference(mode, seed):
    compare(*random_world(seed, mode), mode, 12)


@pytest.mark.parametrize("mode", MODES)
@settings(deadline=None, max_examples=12, derandomize=True)
@given(seed=st.integers(0, 1 << 32))
def test_walk_as_plain_python_agrees_with_reference(mode, seed):
    with plain():
        compare(*random_world(seed, mode), mode, 8)
