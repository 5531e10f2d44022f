"""Event delivery: random gates, segments and stacks against the reference, and named claims."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.model.cpu import cpl, refresh_hflags, rflags, set_rflags
from emu.model.delivery import interrupt
from emu.spec.outcome import UNMODELLED
from emu.state import U64
from tests.model.system_world import CODE, GDT, IDT, STACK, TSS, World, descriptor_of, plain
from tests.reference import delivery as reference

VALID, ERROR = 1 << 31, 1 << 11
EXTERNAL, NMI, HARD, SOFT, PRIV, SOFT_EXC = 0, 2, 3, 4, 5, 6
NAMES = ("ES", "CS", "SS", "DS", "FS", "GS", "LDTR", "TR", "GDTR", "IDTR")


def mirror(w):
    """Return the reference's State of a World."""
    e, segments = w.e, {}
    for n, name in enumerate(NAMES):
        sel, base, word = (int(x) for x in e.seg[3 * n : 3 * n + 3])
        segments[name] = reference.Segment(sel, base, word & 0xFFFFFFFF, word >> 40 & 255, word >> 52 & 15)
    return reference.State(
        bytearray(w.ram.tobytes()), w.mode, int(cpl(e)), int(e.rip), int(e.regs[4]), int(rflags(e)), segments
    )


def check(w, vector, kind, error, length):
    """Deliver in the model and in the reference and compare everything."""
    model = mirror(w)
    expected = reference.deliver(model, vector, kind, error, length)
    before = mirror(w)
    got = w.deliver(VALID | kind << 8 | vector | (0 if error is None else ERROR), error or 0, length)
    after = mirror(w)
    if expected == "task gate":
        assert got == ("fault", 6) and w.c.stop_a == 2
        assert after == before
    elif expected is not None:
        assert got == ("exception", *expected)
        assert after == before
    else:
        assert got == "delivered"

        assert after == model
    return got


flags = st.builds(
    lambda bits, iopl: bits & 0x254FD5 & ~0x20000 | iopl << 12 | 2, st.integers(0, 0x3FFFFF), st.integers(0, 3)
)
kinds = st.sampled_from([EXTERNAL, NMI, HARD, SOFT, PRIV, SOFT_EXC])
often = st.sampled_from


@st.composite
def legacy_case(draw):
    return dict(
        cpl=draw(often([0, 3, 3, 1])),
        vector=draw(st.integers(0, 40)),
        kind=draw(kinds),
        flags=draw(flags),
        vm=draw(often([False, False, True])),
        error=draw(often([None, None, 0x1234, 0xFFFFFFFF])),
        length=draw(st.integers(0, 3)),
        gate=draw(often([0x8E, 0xEE, 0x8F, 0xEF, 0xE6, 0x87, 0xE7, 0x85, 0xE5, 0x0E, 0x6E, 0xAE, 0xEC, 0xF2])),
        target=draw(often([8, 8, 8, 0x0B, 0x18, 0x1B, 0x38, 0x48, 0x10, 0, 3, 0x60, 0x78, 0xC])),
        custom=draw(often([0x9A, 0x9E, 0xFE, 0xDA, 0x1A, 0xBA, 0x92, 0x89, 0x81, 0x09])),
        custom_limit=draw(often([0xFFFFF, 0x100, 0x1234])),
        offset=draw(often([0x1234, 0x56781234, 0x101])),
        tss=draw(often([0x8B, 0x8B, 0x8B, 0x83])),
        tss_limit=draw(often([0x67, 0x67, 0x67, 9, 8, 5, 4])),
        ss0=draw(often([0x10, 0x10, 0x10, 0, 0x13, 0x40, 0x50, 0x58, 0x68, 0x8])),
        sp0=draw(often([STACK, STACK + 0x801, 8, 0x20, 0xFFFE, 0x1C])),
        stack=draw(often([0x92, 0x96, 0x12, 0x90, 0xB2, 0x93])),
        stack_limit=draw(often([0xFFFF, 0xBFFF, 0x10])),
        rsp=draw(often([STACK, STACK + 3, 0x1000, 6, 0x10])),
        big=draw(st.booleans()),
        idt_limit=draw(often([0xFFF, 0xFFF, 0x47, 0x107])),
        ss_access=draw(often([0x93, 0x93, 0x93, 0x97, 0x13])),
    )


def build_legacy(k):
    w = World("protected", 3 if k["vm"] else k["cpl"])
    e, level = w.e, 3 if k["vm"] else k["cpl"]
    w.put(GDT + 0x48, descriptor_of(0, k["custom_limit"], k["custom"], 4))
    w.put(GDT + 0x50, descriptor_of(0x1000, k["stack_limit"], k["stack"], 4))
    w.put(GDT + 0x58, descriptor_of(0x2000, k["stack_limit"], k["stack"], 0))
    w.gate32(k["vector"], k["offset"], k["target"], k["gate"])
    w.put(TSS + 4, k["sp0"], 4)
    w.put(TSS + 8, k["ss0"], 4)
    if k["tss"] == 0x83:
        w.put(TSS + 2, k["sp0"] & 0xFFFF, 2)
        w.put(TSS + 4, k["ss0"], 2)
    w.segment("TR", 0x50, TSS, k["tss_limit"], k["tss"])
    w.segment("IDTR", 0, IDT, k["idt_limit"], 0)
    if k["vm"]:
        for name, value in (("GS", 0x111), ("FS", 0x222), ("DS", 0x333), ("ES", 0x444), ("SS", 0x100), ("CS", 0x200)):
            w.segment(name, value, value * 16, 0xFFFF, 0xF3)
    else:
        rights = k["ss_access"] | level << 5 | (0x4000 if k["big"] else 0)
        w.segment("SS", 0x10 | level, 0x800, 0xFFFF if k["ss_access"] != 0x97 else 0x20, rights)
    e.regs[4] = k["rsp"]
    set_rflags(e, U64(k["flags"] | (0x20000 if k["vm"] else 0)))
    refresh_hflags(e, U64(level))
    return w


@given(legacy_case())
@settings(deadline=None, max_examples=150, derandomize=True)
def test_delivery_in_protected_mode_is_the_references(k):
    check(build_legacy(k), k["vector"], k["kind"], k["error"], k["length"])


@given(legacy_case())
@settings(deadline=None, max_examples=25, derandomize=True)
def test_delivery_in_protected_mode_as_plain_python(k):
    with plain():
        check(build_legacy(k), k["vector"], k["kind"], k["error"], k["length"])


@st.composite
def long_case(draw):
    return dict(
        cpl=draw(often([0, 3])),
        vector=draw(st.integers(0, 40)),
        kind=draw(kinds),
        flags=draw(flags),
        error=draw(often([None, None, 0x1234])),
        length=draw(st.integers(0, 3)),
        gate=draw(often([0x8E, 0xEE, 0x8F, 0xEF, 0xE6, 0x85, 0x0E, 0x6E])),
        ist=draw(often([0, 0, 0, 1, 7])),
        target=draw(often([0x28, 0x28, 0x28, 0x2B, 0x30, 0x48, 8, 0, 0x60, 0xC])),
        custom=draw(often([0x9A, 0x9E, 0xFE, 0x1A, 0x92])),
        custom_flags=draw(often([2, 2, 6, 4])),
        offset=draw(often([0x1234, 0x7FFF_5678_1234, 0xFFFF_8000_0000_0000, 0x8000_0000_0000])),
        tss_limit=draw(often([0x67, 0x67, 0x67, 0x1B, 10])),
        idt_limit=draw(often([0xFFF, 0xFFF, 0x8F, 0x8E])),
        rsp0=draw(often([STACK, STACK + 7, 0x8000_0000_0010, 0xFFFF_8000_0000_0000])),
        rsp=draw(often([STACK, STACK + 0x1F, 0x1_0000_0000_0000, STACK - 0xF98])),
    )


def build_long(k):
    w = World("long", k["cpl"])
    w.put(GDT + 0x48, descriptor_of(0x12345, 0xFFFFF, k["custom"], k["custom_flags"] | 8))
    w.gate64(k["vector"], k["offset"], k["target"], k["gate"], k["ist"])
    w.put(TSS + 4, k["rsp0"])
    for n in range(1, 8):
        w.put(TSS + 28 + 8 * n, STACK - 0x100 * n + n)
    w.segment("TR", 0x50, TSS, k["tss_limit"], 0x8B)
    w.segment("IDTR", 0, IDT, k["idt_limit"], 0)
    w.e.regs[4] = k["rsp"]
    set_rflags(w.e, U64(k["flags"]))
    return w


@given(long_case())
@settings(deadline=None, max_examples=120, derandomize=True)
def test_delivery_in_long_mode_is_the_references(k):
    check(build_long(k), k["vector"], k["kind"], k["error"], k["length"])


@given(long_case())
@settings(deadline=None, max_examples=20, derandomize=True)
def test_delivery_in_long_mode_as_plain_python(k):
    with plain():
        check(build_long({**k, "rsp0": STACK}), k["vector"], k["kind"], k["error"], k["length"])


real_case = st.fixed_dictionaries(
    dict(
        vector=st.integers(0, 255),
        kind=kinds,
        flags=flags,
        length=st.integers(0, 3),
        pointer=st.integers(0, 0xFFFFFFFF),
        rsp=often([0x1000, 0, 1, 2, 4, 5, 6, 0x12340006]),
        limit=often([0x3FF, 0x3FF, 0x7F]),
        ss_limit=often([0xFFFF, 0xFFF]),
    )
)


def build_real(k):
    w = World("real")
    w.put(IDT + 4 * k["vector"], k["pointer"], 4)
    w.segment("IDTR", 0, IDT, k["limit"], 0)
    w.segment("SS", 0x123, 0x1230, k["ss_limit"], 0x93)
    w.segment("CS", 0x456, 0x4560, 0xFFFF, 0x93)
    w.e.regs[4] = k["rsp"]
    set_rflags(w.e, U64(k["flags"]))
    return w


@given(real_case)
@settings(deadline=None, max_examples=40, derandomize=True)
def test_delivery_in_real_mode_is_the_references(k):
    check(build_real(k), k["vector"], k["kind"], None, k["length"])
    with plain():
        check(build_real(k), k["vector"], k["kind"], None, k["length"])


def test_combine_is_the_references_for_every_pair():
    for first in range(32):
        for second in range(32):
            expected = reference.combine(first, second)
            got = int(interrupt.combine(U64(VALID | HARD << 8 | first), U64(second)))
            assert got == (int(interrupt.TRIPLE) if expected == "triple" else expected)
            assert interrupt.combine(U64(VALID | EXTERNAL << 8 | first), U64(second)) == second
            assert interrupt.combine.py_func(U64(first), U64(second)) == got


# ---- named claims -----------------------------------------------------------------------------------------
def test_int_n_pushes_the_next_rip_and_a_fault_its_own():
    for kind, expected in (
        (SOFT, CODE + 2),
        (SOFT_EXC, CODE + 2),
        (PRIV, CODE + 2),
        (HARD, CODE),
        (EXTERNAL, CODE),
        (NMI, CODE),
    ):
        w = World("long")
        w.gate64(0x20)
        assert w.deliver(VALID | kind << 8 | 0x20, 0, 2) == "delivered"
        assert w.get(STACK - 40) == expected


def test_int1_needs_no_gate_privilege_but_int3_does():
    w = World("long", 3)
    w.put(TSS + 4, STACK)
    w.gate64(1)
    w.gate64(3)
    assert w.deliver(VALID | SOFT_EXC << 8 | 3, 0, 1) == ("exception", 13, 3 * 8 + 2)
    assert w.deliver(VALID | PRIV << 8 | 1, 0, 1) == "delivered"


def test_error_code_has_ext_for_hardware_events_only():
    w = World("long")
    assert w.deliver(VALID | EXTERNAL << 8 | 0x30) == ("exception", 13, 0x30 * 8 + 3)
    assert w.deliver(VALID | SOFT << 8 | 0x30) == ("exception", 13, 0x30 * 8 + 2)


def test_task_gate_stops_the_machine_by_name():
    w = World("protected")
    w.gate32(8, 0, 0x50, 0x85)
    w.put(GDT + 0x50, descriptor_of(TSS, 0x67, 0x89, 0))
    assert w.deliver(VALID | HARD << 8 | ERROR | 8) == ("fault", 6)
    assert (w.c.stop_a, w.c.stop_b) == (2, 8)


def test_stack_page_fault_changes_nothing():
    w = World("long")
    w.gate64(0x21)
    w.e.regs[4] = 0x4000_0000_0010  # not mapped below
    before = mirror(w)
    assert w.deliver(VALID | EXTERNAL << 8 | 0x21) == ("exception", 14, 2, 0x4000_0000_0010 - 8)
    assert mirror(w) == before and w.c.delivered[0x21] == 0


def test_frame_across_two_pages_is_whole_or_not_at_all():
    w = World("long", 0)
    w.gate64(0x21)
    w.put(0x2000, 0x3007)  # 4 KiB pages: 0xB000 missing, 0xC000 present
    w.put(0x3000, 0x4007)
    for page in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12):
        w.put(0x4000 + 8 * page, page << 12 | 7)
    w.e.regs[4] = 0xC010
    ram = w.ram[0xC000 >> 3 : 0xC020 >> 3].copy()
    assert w.deliver(VALID | EXTERNAL << 8 | 0x21)[:2] == ("exception", 14)
    assert (w.ram[0xC000 >> 3 : 0xC020 >> 3] == ram).all()
    w.put(0x4000 + 8 * 11, 11 << 12 | 7)
    assert w.deliver(VALID | EXTERNAL << 8 | 0x21) == "delivered"
    assert w.get(0xC008) == 0x10 and w.get(0xC010 - 40) == CODE


def test_delivery_to_user_handler_needs_user_stack():
    w = World("long", 3)
    w.gate64(0x40, selector=0x33, access=0xEE)
    w.put(0x2000, 0x83)  # supervisor pages
    w.e.cr[3] = 0x1000
    assert w.deliver(VALID | SOFT << 8 | 0x40, 0, 2) == ("exception", 14, 7, STACK - 8)


def test_delivery_wakes_counts_and_ends_the_shadow():
    w = World("long")
    w.gate64(0x22)
    w.c.activity, w.c.interruptibility = 1, 0xB
    assert w.deliver(VALID | EXTERNAL << 8 | 0x22) == "delivered"
    assert (w.c.activity, w.c.interruptibility, w.c.delivered[0x22], w.c.cycles) == (0, 8, 1, 80 + 28)


def test_virtual_8086_int_n_without_iopl_3_is_general_protection():
    w = World("protected", 3)
    w.e.eflags = 0x20002
    w.gate32(0x21, access=0xEE)
    assert w.deliver(VALID | SOFT << 8 | 0x21, 0, 2) == ("exception", 13, 0)


@pytest.mark.parametrize("vector, expected", [(14, True), (13, True), (6, True), (1, False), (8, False), (18, False)])
def test_prepare_sets_rf_for_faults(vector, expected):
    w = World("long")
    interrupt.prepare(w.c, U64(VALID | HARD << 8 | vector))
    assert bool(w.e.eflags & 0x10000) == expected


def test_prepare_writes_cr2_for_a_page_fault_only():
    w = World("long")
    w.c.fault_address = 0x1234
    interrupt.prepare(w.c, U64(VALID | HARD << 8 | 13))
    assert w.e.cr[2] == 0
    interrupt.prepare(w.c, U64(VALID | HARD << 8 | 14))
    assert w.e.cr[2] == 0x1234


def test_prepare_moves_debug_causes_to_dr6_and_clears_gd():
    w = World("long")
    w.e.dr[6], w.e.dr[7], w.c.pending_debug = 0xFFFF_0FF3, 0x2400, 0x2000
    interrupt.prepare(w.c, U64(VALID | HARD << 8 | 1))
    assert (w.e.dr[6], w.e.dr[7], w.c.pending_debug) == (0xFFFF_2FF0, 0x400, 0)
    assert w.e.eflags & 0x10000


def test_prepare_blocks_nmi():
    w = World("long")
    interrupt.prepare(w.c, U64(VALID | NMI << 8 | 2))
    assert w.c.interruptibility == 8


@pytest.mark.parametrize("size", [2, 4, 8], ids=["real", "protected", "long"])
def test_event_whose_stack_is_in_a_device_stops_and_changes_nothing(size):
    w = World({2: "real", 4: "protected", 8: "long"}[size])
    if size == 2:
        w.put(IDT + 4 * 0x20, 0x0000_1234, 4)
    else:
        (w.gate32 if size == 4 else w.gate64)(0x20)
    if size == 8:
        w.put(0x2000 + 8 * 3, 0xC000_00E7)
        w.e.regs[4] = 0xFEE0_0800
    else:
        w.segment("SS", 0x10, 0xFEE0_0000, 0xFFFF, 0x4093)
        w.e.regs[4] = 0x800
    before = mirror(w)
    assert w.deliver(VALID | EXTERNAL << 8 | 0x20) == ("fault", 6)
    assert (w.c.stop_a, mirror(w)) == (UNMODELLED.TABLE, before)


@pytest.mark.parametrize("limit,delivered", [(0x83, True), (0x82, False), (0x80, False), (0x7F, False)])
def test_entry_beyond_the_limit_of_the_real_mode_table_is_general_protection(limit, delivered):
    w = World("real")
    w.put(IDT + 0x80, 0x0123_4567, 4)
    w.segment("IDTR", 0, IDT, limit, 0)
    assert w.deliver(VALID | EXTERNAL << 8 | 0x20) == ("delivered" if delivered else ("exception", 13, 0))
    assert (int(w.e.rip), int(w.e.seg[4])) == ((0x4567, 0x1230) if delivered else (CODE, 0))


@pytest.mark.parametrize("mode", ["real", "protected", "long"])
@pytest.mark.parametrize("error", [None, 0x1234])
def test_frame_across_a_page_border_is_stored_whole(mode, error):
    offsets = range(0, 64, 2) if mode == "real" else range(0, 64, 4)
    for offset in offsets:
        w = World(mode)
        if mode == "real":
            w.put(IDT + 4 * 13, 0x0123_4567, 4)
        else:
            (w.gate32 if mode == "protected" else w.gate64)(13)
        w.e.regs[4] = 0xC000 + offset
        assert check(w, 13, HARD, None if mode == "real" else error, 0) == "delivered"


@pytest.mark.parametrize("rsp", [0x4000_0010, 0x4000_0020, 0x4000_0028])
def test_frame_whose_first_slots_are_not_mapped_faults_and_changes_nothing(rsp):
    """One gigabyte is mapped: the highest slot, which is pushed first, faults, as a write."""
    w = World("long")
    w.gate64(0x20)
    w.e.regs[4] = rsp
    before = mirror(w)
    assert w.deliver(VALID | EXTERNAL << 8 | 0x20) == ("exception", 14, 2, (rsp & ~15) - 8)
    assert mirror(w) == before
