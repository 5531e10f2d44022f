"""EPT: named claims on violations, misconfigurations and flags; nested random tables against the reference."""
import collections

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.model.memory import steps, walk
from emu.state import U64
from tests.model.memory import test_walk
from tests.model.memory.paging_world import World, plain
from tests.reference.paging import FETCH, READ, USER, WRITE, Fault

odd = test_walk.odd
LA, PAGE = 0x7F_1234_5678, 0x9000
P, RW, US, A, D = 1, 2, 4, 0x20, 0x40
AD = 0x40                                    # EPTP
EA, ED = 0x100, 0x200                        # EPT entry flags
LEAF = 0x2_3000 + 8 * 9                      # EPTE of guest page 9, where LA lies
TABLE = 0x2_3000 + 8 * 4                     # EPTE of guest page 4, the page table of LA
R, W, X = 1, 2, 4
VALID, FINAL = 0x80, 0x100


def world(entry=PAGE | P | RW | US, **changes):
    w = World()
    w.map(LA, entry)
    w.nest(**changes)
    return w


def set_rights(w, place, rights):
    w.put(place, w.get(place) & ~7 | rights)


def test_ept_nested_walk_reads_24_entries():
    w = world()
    assert w.translate(LA, READ) == ("ok", 0x9678, READ | FETCH)
    assert (w.c.walk_loads, w.c.walks, w.c.cycles) == (24, 1, 24 * 14)


def test_ept_is_not_used_in_root_operation():
    w = world()
    w.c.vmx_mode = 1
    w.put(LEAF, 0)
    assert w.translate(LA, READ)[0] == "ok" and w.c.walk_loads == 4


def test_ept_translates_the_final_page():
    w = world()
    w.put(LEAF, 0x15000 | 0x37)
    assert w.translate(LA, READ)[1] == 0x15678


@pytest.mark.parametrize("rights, access", [
    (R, WRITE), (R, FETCH), (R | W, FETCH), (R | X, WRITE), (X, READ), (X, WRITE)])
def test_ept_violation_of_the_final_access(rights, access):
    w = world()
    set_rights(w, LEAF, rights)
    assert w.translate(LA, access) == ("violation", VALID | FINAL | rights << 3 | access, 0x9678, LA)


def test_ept_violation_of_a_read_modify_write_reports_both():
    w = world()
    set_rights(w, LEAF, R)
    assert w.translate(LA, READ | WRITE)[1] == VALID | FINAL | R << 3 | 3


def test_ept_violation_rights_are_the_and_of_all_levels():
    w = world()
    set_rights(w, 0x2_2000, R | X)
    set_rights(w, LEAF, R | W)
    w.put(0x4000 + 8 * (LA >> 12 & 511), PAGE | P | RW | US | A | D)
    for n, shift in ((1, 39), (2, 30), (3, 21)):
        place = 0x1000 * n + 8 * (LA >> shift & 511)
        w.put(place, w.get(place) | A)
    assert w.translate(LA, WRITE)[1] == VALID | FINAL | R << 3 | WRITE


def test_ept_violation_of_a_not_present_entry_has_no_rights():
    w = world()
    w.put(LEAF, 0x9000 | 0x30)
    assert w.translate(LA, READ) == ("violation", VALID | FINAL | READ, 0x9678, LA)


def test_ept_violation_during_the_guest_walk_reports_the_entry():
    w = world()
    w.put(TABLE, 0)
    assert w.translate(LA, FETCH) == ("violation", VALID | READ, 0x4000 + 8 * (LA >> 12 & 511), LA)


def test_ept_guest_accessed_flag_needs_write_and_is_reported_as_read_and_write():
    w = world()
    set_rights(w, TABLE, R)
    assert w.translate(LA, READ) == ("violation", VALID | R << 3 | READ | WRITE, 0x4000 + 8 * (LA >> 12 & 511), LA)
    w.put(0x4000 + 8 * (LA >> 12 & 511), PAGE | P | RW | US | A)
    assert w.translate(LA, READ)[0] == "ok"
    assert w.translate(LA, WRITE)[1] == VALID | R << 3 | READ | WRITE


def test_ept_with_flags_every_guest_entry_access_counts_as_write():
    w = world(PAGE | P | RW | US | A, flags=AD)
    set_rights(w, TABLE, R)
    assert w.translate(LA, READ) == ("violation", VALID | R << 3 | READ | WRITE, 0x4000 + 8 * (LA >> 12 & 511), LA)


def test_ept_flags_are_set_only_when_enabled():
    w = world()
    w.translate(LA, WRITE)
    assert not w.get(LEAF) & (EA | ED)
    w = world(flags=AD)
    w.translate(LA, READ)
    assert w.get(LEAF) & (EA | ED) == EA
    assert w.get(TABLE) & (EA | ED) == EA | ED
    assert w.get(0x2_0000) & (EA | ED) == EA
    w.translate(LA, WRITE)
    assert w.get(LEAF) & (EA | ED) == EA | ED


def test_ept_write_right_is_given_only_when_both_dirty_flags_are_set():
    w = world(PAGE | P | RW | US | A | D, flags=AD)
    assert w.translate(LA, READ)[2] == READ | FETCH
    assert w.translate(LA, WRITE)[2] == READ | WRITE | FETCH


def test_ept_execute_only_page_can_be_fetched():
    w = world()
    set_rights(w, LEAF, X)
    assert w.translate(LA, FETCH) == ("ok", 0x9678, FETCH)


def test_ept_guest_fault_comes_before_the_final_access():
    w = world(PAGE | P)
    w.put(LEAF, 0)
    assert w.translate(LA, READ | USER) == ("exception", 14, 5, LA)


@pytest.mark.parametrize("place, bits", [
    (LEAF, 0x9032), (LEAF, 0x9036), (LEAF, 0x9007 | 2 << 3), (LEAF, 0x9007 | 3 << 3), (LEAF, 0x9007 | 7 << 3),
    (LEAF, 1 << 39 | 0x9037), (LEAF, 1 << 51 | 0x9037),
    (0x2_0000, 0x2_1007 | 0x80), (0x2_0000, 0x2_1007 | 8), (0x2_1000, 0x2_2007 | 0x40), (0x2_2000, 0x2_3007 | 0x10),
    (0x2_2000, 0x1000 | 0xB7), (0x2_1000, 0x20_0000 | 0xB7), (0x2_2000, 0x97), (0x2_2000, 0x2_3002),
])
def test_ept_misconfigurations(place, bits):
    w = World()
    w.nest()
    w.e.cr[0], w.e.efer = 1, 0                   # unrestricted guest without paging
    w.put(place, bits)
    assert w.translate(0x9678, READ) == ("misconfiguration", 0x9678)


@pytest.mark.parametrize("bits", [0x9007, 0x900F, 0x9027, 0x902F, 0x9037, 0x9077, 0x90B7, 0xFFF0_0000_0000_9C37])
def test_ept_well_formed_leaves(bits):
    w = World()
    w.nest()
    w.e.cr[0], w.e.efer = 1, 0
    w.put(LEAF, bits)
    assert w.translate(0x9678, READ)[:2] == ("ok", 0x9678)


@pytest.mark.parametrize("place, shift", [(0x2_2000, 21), (0x2_1000, 30)])
def test_ept_large_pages(place, shift):
    w = World()
    w.nest()
    w.e.cr[0], w.e.efer = 1, 0
    w.put(place, 1 << shift | 0xB7)
    assert w.translate(0x1F_FABC, READ)[:2] == ("ok", (1 << shift) + 0x1F_FABC)
    assert w.translate(0x1F_0ABC, READ)[:2] == ("ok", (1 << shift) + 0x1F_0ABC)
    assert w.c.walks == 1


def test_ept_without_guest_paging_translates_only_the_address():
    w = World()
    w.nest()
    w.e.cr[0], w.e.efer = 1, 0
    assert w.translate(0x9678, WRITE | USER) == ("ok", 0x9678, 7)
    assert w.c.walk_loads == 4
    w.put(LEAF, 0x9035)
    w.c.guest_tlb, w.c.tlb = w.c.root_tlb, w.c.root_tlb
    assert w.translate(0x9678, WRITE) == ("violation", VALID | FINAL | 5 << 3 | WRITE, 0x9678, 0x9678)


def test_physical_access_has_no_linear_address():
    w = World()
    w.nest()
    assert walk.physical(w.c, U64(0x9678), U64(WRITE)) == 0x9678
    set_rights(w, LEAF, R)
    walk.physical(w.c, U64(0x9678), U64(WRITE))
    assert w.fault() == ("violation", R << 3 | WRITE, 0x9678, 0)


def test_load_pdptes_through_ept_is_a_plain_read():
    w = World()
    w.nest(flags=AD)
    w.put(LEAF, 0xA000 | 0x30 | R)
    w.put(0xA020, 0x5001)
    assert walk.load_pdptes(w.c, U64(0x9020)) and w.c.pdpte[0] == 0x5001
    assert w.get(LEAF) & (EA | ED) == EA
    w.put(LEAF, 0)
    assert not walk.load_pdptes(w.c, U64(0x9020))
    assert w.fault() == ("violation", READ, 0x9020, 0)


def test_trace_of_a_nested_walk_has_24_entries():
    w = world()
    shown = steps.trace(w.c, LA, READ)
    assert len(shown) == 25 and shown[-1].address == 0x9678
    assert [s.what for s in shown[:5]] == ["EPML4E", "EPDPTE", "EPDE", "EPTE", "PML4E"]
    set_rights(w, LEAF, R)
    assert steps.trace(w.c, LA, WRITE)[-1].what == "EPT violation"


# ---- random nested tables -------------------------------------------------------------------------------
def ept_leaf(r, base):
    entry = base | (r.randrange(8) if odd(r, 0.15) else 7) | r.choice((0, 0, EA, ED | EA))
    entry |= r.randrange(16) << 3 if odd(r, 0.1) else 0x30
    if odd(r, 0.03):
        entry |= 1 << r.randrange(38, 64)
    return entry


def ept_table(r, base):
    entry = base | (r.randrange(8) if odd(r, 0.08) else 7) | r.choice((0, EA))
    if odd(r, 0.02):
        entry |= 1 << r.randrange(3, 8)
    return entry


def nest(r, w):
    """Put random EPT tables at pages 16..; guest-physical pages below 16 mostly stay where they are."""
    w.nest(flags=r.choice((0, AD)))
    w.c.eptp = 0x1_001E | int(w.c.eptp) & AD
    w.put(0x1_0000, ept_table(r, 0x1_1000))
    for index in range(4):
        w.put(0x1_1000 + 8 * index, ept_leaf(r, 0x80) if odd(r, 0.15) else ept_table(r, 0x1_2000))
        bad = 0x1000 if odd(r, 0.3) else 0
        w.put(0x1_2000 + 8 * index, ept_leaf(r, 0x80 | bad) if r.random() < 0.15 else ept_table(r, 0x1_3000))
    for index in range(512):
        w.put(0x1_3000 + 8 * index, ept_leaf(r, (r.randrange(16) if odd(r, 0.1) else index % 16) << 12))
    for index in range(48, 64):
        w.put(0x1_3000 + 8 * index, index << 12 | r.choice((0, 1, 3, 4, 5, 7)) | 0x30)


@pytest.mark.parametrize("mode", test_walk.MODES)
@settings(deadline=None, max_examples=50, derandomize=True)
@given(seed=st.integers(0, 1 << 32))
def test_nested_walk_agrees_with_reference(mode, seed):
    r, w = test_walk.random_world(seed, mode)
    nest(r, w)
    test_walk.compare(r, w, mode, 10)


@pytest.mark.parametrize("mode", ["off", "4", "pae"])
@settings(deadline=None, max_examples=6, derandomize=True)
@given(seed=st.integers(0, 1 << 32))
def test_nested_walk_as_plain_python_agrees_with_reference(mode, seed):
    r, w = test_walk.random_world(seed, mode)
    nest(r, w)
    with plain():
        test_walk.compare(r, w, mode, 6)


def test_random_tables_reach_every_outcome():
    seen = collections.Counter()
    for seed in range(300):
        r, w = test_walk.random_world(seed, "4")
        nest(r, w)
        try:
            test_walk.reference(w).translate(test_walk.random_la(r, "4"), test_walk.random_access(r))
            seen["ok"] += 1
        except Fault as fault:
            seen[fault.args[0], fault.args[1] & 0x100 if fault.args[0] == "violation" else 0] += 1
    assert {"ok", ("exception", 0), ("violation", 0), ("violation", 0x100), ("misconfiguration", 0)} <= set(seen)
    assert min(seen.values()) >= 5
