"""Our TLB: named claims on what each operation invalidates, and random operations against sets of Python."""
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.model.memory import tlb, walk
from emu.state import TLB_ENTRIES, U64
from tests.model.memory.paging_world import World, plain
from tests.reference.paging import READ, USER, WRITE
from tests.reference.tlb import Tlb

LA, PAGE = 0x7F_1234_5678, 0x9000
P, RW, US, G, PS = 1, 2, 4, 0x100, 0x80
PG, WP, PGE, PSE, PAE, PCIDE, SMEP, SMAP = 1 << 31, 1 << 16, 0x80, 0x10, 0x20, 1 << 17, 1 << 20, 1 << 21
EPT, VPID = 2, 0x20


def world(entry=PAGE | P | RW | US, pcide=False, read=True):
    w = World()
    w.place = w.map(LA, entry)
    if pcide:
        w.e.cr[4] = int(w.e.cr[4]) | PCIDE
    if read:
        w.translate(LA, READ)
    return w


def cached(w, la=LA):
    """Return whether the current space holds a translation of `la`."""
    tlb.select(w.c)
    return tlb.find(w.t, U64(la)) != tlb.NONE


def control(w, register, new):
    old = int(w.e.cr[register])
    w.e.cr[register] = new
    tlb.control_change(w.c, U64(register), U64(old), U64(new))


def test_tlb_holds_a_stale_translation_until_invalidated():
    w = world()
    w.put(w.place, 0xA000 | P | RW | US)
    assert w.translate(LA, READ)[1] == 0x9678
    tlb.invlpg(w.c, U64(LA))
    assert w.translate(LA, READ)[1] == 0xA678


def test_tlb_does_not_hold_not_present_pages():
    w = world(entry=0)
    w.put(w.place, PAGE | P)
    assert w.translate(LA, READ)[0] == "ok"


def test_tlb_stale_rights_are_walked_again_before_a_fault():
    w = world(PAGE | P | US)
    w.put(w.place, PAGE | P | RW | US)
    assert w.translate(LA, WRITE)[0] == "ok" and w.c.walks == 2


def test_tlb_fault_invalidates_the_translation():
    w = world(PAGE | P | US)
    assert w.translate(LA, WRITE | USER)[0] == "exception"
    assert not cached(w)


def test_tlb_rights_follow_wp_smap_and_privilege_without_a_flush():
    w = world(PAGE | P | US | 0x60)
    assert w.translate(LA, WRITE)[0] == "exception"
    w.translate(LA, READ)
    control(w, 0, int(w.e.cr[0]) & ~WP)
    walks = int(w.c.walks)
    assert w.translate(LA, WRITE)[0] == "ok" and w.c.walks == walks
    control(w, 4, int(w.e.cr[4]) | SMAP)
    assert w.translate(LA, READ)[0] == "exception"


@pytest.mark.parametrize("register, bits", [(0, WP), (4, SMAP), (4, SMEP)])
def test_tlb_engine_drops_all_when_rights_rules_change(register, bits):
    w = world()
    flushes = int(w.t.engine_flush)
    control(w, register, int(w.e.cr[register]) ^ bits)
    assert w.t.engine_flush > flushes


def test_mov_cr3_spares_global_pages():
    w = world()
    w.map(LA + 0x1000, 0xA000 | P | G)
    w.translate(LA + 0x1000, READ)
    tlb.mov_cr3(w.c, U64(0))
    assert not cached(w) and cached(w, LA + 0x1000)


def test_global_bit_means_nothing_without_pge():
    w = world(read=False, entry=PAGE | P | G)
    control(w, 4, PAE)
    w.translate(LA, READ)
    tlb.mov_cr3(w.c, U64(0))
    assert not cached(w)


def test_mov_cr3_with_bit_63_invalidates_nothing():
    w = world(pcide=True)
    w.e.cr[3] = 0x1005
    tlb.mov_cr3(w.c, U64(1 << 63))
    assert not cached(w)
    w.e.cr[3] = 0x1000
    tlb.mov_cr3(w.c, U64(1 << 63))
    assert cached(w)


def held_in_pcid_5():
    """Return a world in which PCID 5 holds a translation of LA, and CR3 has PCID 0."""
    w = world(pcide=True)
    w.e.cr[3] = 0x1005
    tlb.mov_cr3(w.c, U64(0))
    w.translate(LA, READ)
    w.e.cr[3] = 0x1000
    return w


def test_mov_cr3_invalidates_the_new_pcid_only():
    w = held_in_pcid_5()
    tlb.mov_cr3(w.c, U64(0))
    assert not cached(w)
    w.e.cr[3] = 0x1005
    tlb.mov_cr3(w.c, U64(1 << 63))
    assert cached(w)


def test_global_page_is_found_in_every_pcid():
    w = world(PAGE | P | G, pcide=True)
    w.e.cr[3] = 0x1005
    assert cached(w)


@pytest.mark.parametrize("register, change, spared", [
    (4, PGE, False), (4, PSE, False), (4, SMEP, False), (4, SMAP, True), (0, WP, True), (0, PG, False)])
def test_control_register_changes(register, change, spared):
    w = world()
    control(w, register, int(w.e.cr[register]) ^ change)
    control(w, register, int(w.e.cr[register]) ^ change)
    assert cached(w) == spared


def test_clearing_pcide_invalidates_every_pcid():
    w = held_in_pcid_5()
    control(w, 4, int(w.e.cr[4]) & ~PCIDE)
    assert not cached(w)
    control(w, 4, int(w.e.cr[4]) | PCIDE)
    w.e.cr[3] = 0x1005
    assert not cached(w)


def test_invlpg_invalidates_global_and_large_pages():
    w = world(PAGE | P | G)
    tlb.invlpg(w.c, U64(LA & ~0xFFF))
    assert not cached(w)
    w.put(0x3000 + 8 * (LA >> 21 & 511), 0x20_0000 | P | PS)
    w.translate(LA, READ)
    assert cached(w, LA ^ 0x10_0000)
    tlb.invlpg(w.c, U64(LA ^ 0x10_0000))
    assert not cached(w)


@pytest.mark.parametrize("size", ["4 KiB", "2 MiB"])
def test_invlpg_has_the_engine_drop_one_page_or_for_a_large_one_all(size):
    """The engine keeps each 4 KiB of a large page by itself, and INVLPG anywhere in the large page ends them all."""
    w = world(read=size == "4 KiB")
    if size == "2 MiB":
        w.put(0x3000 + 8 * (LA >> 21 & 511), 0x20_0000 | P | PS)
        w.translate(LA, READ)
    flushes, pages = int(w.t.engine_flush), int(w.t.engine_pages)
    tlb.invlpg(w.c, U64(LA))
    dropped = int(w.t.engine_flush) - flushes, [int(page) for page in w.t.engine_page[pages:int(w.t.engine_pages)]]
    assert dropped[0] == 1 if size == "2 MiB" else dropped[0] == 0 and LA & ~0xFFF in dropped[1]


def test_large_page_needs_one_walk():
    w = world(read=False)
    w.put(0x3000 + 8 * (LA >> 21 & 511), 0x20_0000 | P | PS)
    for n in range(8):
        w.translate((LA & ~0x1F_FFFF) + n * 0x4_0000, READ)
    assert w.c.walks == 1


def test_invlpg_of_a_guest_page_in_pieces_invalidates_all_of_them():
    w = world(read=False)
    w.nest()
    w.put(0x3000 + 8 * (LA >> 21 & 511), P | PS)
    base = LA & ~0x1F_FFFF
    for n in range(4):
        assert w.translate(base + n * 0x1000, READ)[1] == n * 0x1000
    assert w.c.walks == 4
    tlb.invlpg(w.c, U64(base))
    assert not any(cached(w, base + n * 0x1000) for n in range(4))


@pytest.mark.parametrize("kind, spared, global_spared", [
    (0, False, True), (1, False, True), (2, False, False), (3, False, True)])
def test_invpcid(kind, spared, global_spared):
    w = world(pcide=True)
    w.map(LA + 0x1000, 0xA000 | P | G)
    w.translate(LA + 0x1000, READ)
    w.e.cr[3] = 0x1005
    tlb.mov_cr3(w.c, U64(0))
    w.translate(LA, READ)
    tlb.invpcid(w.c, U64(kind), U64(5), U64(LA))
    assert cached(w) == spared and cached(w, LA + 0x1000) == global_spared
    w.e.cr[3] = 0x1000
    assert cached(w) == (kind in (0, 1))


def guest(w, vpid=1, eptp=0x2_001E):
    w.nest(eptp=eptp)
    w.c.proc2, w.c.vpid = EPT | VPID, vpid
    tlb.select(w.c)
    return w


def test_transitions_without_vpid_invalidate_both_worlds():
    w = world()
    w.nest()
    tlb.vm_transition(w.c)
    tlb.select(w.c)
    w.translate(LA, READ)
    assert cached(w)
    tlb.vm_transition(w.c)
    assert not cached(w)
    w.c.vmx_mode, w.c.tlb = 1, w.c.root_tlb
    assert not cached(w)


def test_transitions_with_vpid_invalidate_nothing():
    w = guest(world())
    tlb.vm_transition(w.c)
    w.translate(LA, READ)
    tlb.vm_transition(w.c)
    assert cached(w)
    w.c.vmx_mode, w.c.tlb = 1, w.c.root_tlb
    assert cached(w)


def test_vpid_and_ept_root_separate_translations_and_keep_them():
    w = guest(world())
    w.translate(LA, READ)
    w.c.vpid = 2
    assert not cached(w)
    w.c.vpid, w.c.eptp = 1, 0x3_001E
    assert not cached(w)
    w.c.eptp = 0x2_001E
    assert cached(w)


@pytest.mark.parametrize("kind, eptp, spared", [(1, 0x2_001E, False), (1, 0x3_001E, True), (2, 0, False)])
def test_invept(kind, eptp, spared):
    w = guest(world())
    w.translate(LA, READ)
    tlb.invept(w.c, U64(kind), U64(eptp))
    assert cached(w) == spared


def test_invept_spares_linear_mappings_and_invvpid_guest_physical_ones():
    w = guest(world())
    w.c.proc2 = VPID
    tlb.select(w.c)
    w.translate(LA, READ)
    tlb.invept(w.c, U64(2), U64(0))
    assert cached(w)
    w = guest(World())
    w.e.cr[0], w.e.efer = 1, 0
    tlb.select(w.c)
    w.translate(0x5000, READ)
    tlb.invvpid(w.c, U64(2), U64(0), U64(0))
    tlb.flush_all(w.c)
    assert cached(w, 0x5000)
    tlb.invept(w.c, U64(1), U64(0x2_001E))
    assert not cached(w, 0x5000)


@pytest.mark.parametrize("kind, vpid, spared, global_spared", [
    (0, 1, False, True), (0, 2, True, True), (1, 1, False, False), (1, 2, True, True), (2, 0, False, False),
    (3, 1, False, True)])
def test_invvpid(kind, vpid, spared, global_spared):
    w = guest(world())
    w.map(LA + 0x1000, 0xA000 | P | G)
    w.translate(LA, READ), w.translate(LA + 0x1000, READ)
    tlb.invvpid(w.c, U64(kind), U64(vpid), U64(LA))
    assert cached(w) == spared and cached(w, LA + 0x1000) == global_spared


def test_capacity_empties_the_table_and_the_engines_own():
    w = world(read=False)
    tlb.select(w.c)
    flushes = int(w.t.engine_flush)
    for n in range(TLB_ENTRIES * 3 // 4):
        tlb.fill(w.t, U64(n << 12), U64(0))
    assert w.t.used == TLB_ENTRIES * 3 // 4 and w.t.engine_flush == flushes
    tlb.fill(w.t, U64(1 << 40), U64(0))
    assert w.t.used == 1 and w.t.engine_flush == flushes + 1 and cached(w, 1 << 40)
    assert not cached(w, 0)


def test_many_spaces_and_asids_are_survived():
    w = world(pcide=True)
    for n in range(3000):
        w.e.cr[3] = 0x1000 | n & 0xFFF
        tlb.mov_cr3(w.c, U64(0))
        assert w.translate(LA, READ)[1] == 0x9678
    assert w.t.space_count <= len(w.t.space_key)
    w.t.next_asid = tlb.LAST_ASID - U64(1)
    for _ in range(8):
        tlb.mov_cr3(w.c, U64(0))
        assert not cached(w) and w.translate(LA, READ)[1] == 0x9678 and cached(w)


def test_engine_drops_a_page_that_loses_rights_but_not_one_that_gains():
    w = world()
    assert w.t.engine_pages == 0
    w.translate(LA, WRITE)
    assert w.t.engine_pages == 0
    w.put(w.place, PAGE | P | RW)
    assert w.translate(LA, READ | USER)[0] == "ok"
    w.put(w.place, PAGE | P | 0x60)
    tlb.invlpg(w.c, U64(LA))
    assert (w.t.engine_pages, w.t.engine_page[0]) == (1, LA & ~0xFFF)
    w.translate(LA, READ)
    w.put(w.place, 0)
    assert w.translate(LA, WRITE)[0] == "exception" and w.t.engine_pages == 2


def test_engine_pages_overflow_into_a_flush():
    w = world()
    w.t.engine_pages = 0
    flushes = int(w.t.engine_flush)
    for n in range(64):
        tlb.invlpg(w.c, U64(LA + n * 4096))
    assert w.t.engine_page[63] == (LA & ~0xFFF) + 63 * 4096 and w.t.engine_flush == flushes
    tlb.invlpg(w.c, U64(LA))
    assert w.t.engine_flush > flushes


# ---- random operations ----------------------------------------------------------------------------------
SPACES = [(vpid, root, pcid) for vpid in (0, 1, 2) for root in (None, 0x2_0000, 0x3_0000) for pcid in (0, 5)]
PHYSICAL = [(None, 0x2_0000, 0), (None, 0x3_0000, 0)]
PAGES_LOOKED_AT = [page << 12 for page in (0, 1, 0x200, 0x201, 0x400)]


def enter(w, space):
    """Put the processor into a space: non-root, with VPID unless it is 0."""
    vpid, root, pcid = space
    w.c.vmx_mode, w.c.tlb, w.c.vpid = 2, w.c.guest_tlb, vpid or 0
    w.c.proc2 = (VPID if vpid else 0) | (EPT if root else 0)
    w.c.eptp = (root or 0) | 0x1E
    w.e.cr[0] = 1 if vpid is None else PG | 1
    w.e.cr[3], w.e.cr[4] = 0x1000 | pcid, PAE | PGE | PCIDE
    tlb.select(w.c)


def fill(w, model, r, space, serial):
    la, shared, size = r.choice(PAGES_LOOKED_AT), r.random() < 0.3, r.choice((0, 0, 1))
    piece = size == 0 and r.random() < 0.1
    if model.find(space, la):
        return                                      # a fill follows a miss
    word = serial << 12 | (G if shared else 0) | size << 52 | piece << 58
    tlb.fill(w.t, U64(la), U64(word))
    model.fill(space, shared, la, (4096, 1 << 21)[size], word, piece)


def invalidate(w, model, r, space):
    """Do one random invalidation in the kernels and in the model."""
    vpid, pcid, la = space[0] or 0, space[2], r.choice(PAGES_LOOKED_AT)
    other, kind = r.choice((0, 1, 2)), r.randrange(4)
    op = r.choice(("invlpg", "invpcid", "cr3", "all", "invept", "invvpid", "transition"))
    if op == "invlpg":
        tlb.invlpg(w.c, U64(la))
        model.remove_address(la, lambda v, p: v == vpid and p in (pcid, "global"))
    elif op == "invpcid":
        target = r.choice((0, 5))
        tlb.invpcid(w.c, U64(kind), U64(target), U64(la))
        if kind == 0:
            model.remove_address(la, lambda v, p: v == vpid and p == target)
        else:
            model.remove(lambda v, root, p, *_: v == vpid and ((kind == 1 and p == target) or kind == 2
                                                               or (kind == 3 and p != "global")))
    elif op == "cr3":
        tlb.mov_cr3(w.c, U64(0))
        model.remove(lambda v, root, p, *_: v == vpid and p == pcid)
    elif op == "all":
        tlb.flush_all(w.c)
        model.remove(lambda v, *_: v == vpid)
    elif op == "invept":
        root = r.choice((0x2_0000, 0x3_0000))
        tlb.invept(w.c, U64(1 + kind % 2), U64(root | 0x5E))
        model.remove(lambda v, at, *_: at == root if kind % 2 == 0 else at is not None)
    elif op == "invvpid":
        other = other or 1
        tlb.invvpid(w.c, U64(kind), U64(other), U64(la))
        if kind == 0:
            model.remove_address(la, lambda v, p: v == other)
        else:
            model.remove(lambda v, root, p, *_: bool(v) if kind == 2 else v == other and (kind == 1 or p != "global"))
    else:
        tlb.vm_transition(w.c)
        if space[0] in (0, None):
            model.remove(lambda v, *_: v == 0)


def scenario(seed, count):
    r, w, model = random.Random(seed), World(), Tlb()
    spaces = r.sample(SPACES, 3) + [r.choice(PHYSICAL)]
    for serial in range(1, count):
        space = r.choice(spaces)
        enter(w, space)
        for _ in range(4):
            fill(w, model, r, space, serial)
        if r.random() < 0.7:
            invalidate(w, model, r, space)
            model.pieces = {owner for owner in model.pieces if any(e[:3] == owner for e in model.entries)}
        for space in spaces:
            enter(w, space)
            for la in PAGES_LOOKED_AT:
                at = tlb.find(w.t, U64(la))
                expected = model.find(space, la)
                assert (at == tlb.NONE) == (not expected)
                assert at == tlb.NONE or int(w.t.word[int(at) + 1]) in expected


@settings(deadline=None, max_examples=50, derandomize=True)
@given(seed=st.integers(0, 1 << 32))
def test_tlb_agrees_with_reference(seed):
    scenario(seed, 30)


@settings(deadline=None, max_examples=5, derandomize=True)
@given(seed=st.integers(0, 1 << 32))
def test_tlb_as_plain_python_agrees_with_reference(seed):
    with plain():
        scenario(seed, 12)


def test_hit_costs_nothing():
    w = world()
    cycles, loads = int(w.c.cycles), int(w.c.walk_loads)
    w.translate(LA, READ)
    assert (w.c.cycles, w.c.walk_loads, w.t.hits) == (cycles, loads, 1)
    assert walk.rights(w.e, w.t.word[int(tlb.find(w.t, U64(LA))) + 1], U64(READ)) == w.c.walk_rights
