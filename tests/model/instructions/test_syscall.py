"""Fast system calls: SYSCALL and SYSRET against the reference, and named claims."""

from hypothesis import given, settings
from hypothesis import strategies as st

from emu.model.cpu import attributes, cpl, rflags, set_rflags
from emu.state import U64
from tests.model.system_world import CODE, FAULT, GP, JUMP, NEXT, UD, World, plain
from tests.reference import system as reference

addresses = st.sampled_from(
    [0x1234, 0x7FFF_FFFF_FFFF, 0x8000_0000_0000, 0xFFFF_8000_0000_0000, 0xFFFF_FFFF_8123_4567]
)
state = st.fixed_dictionaries(
    dict(
        sce=st.booleans(),
        star=st.integers(0, (1 << 64) - 1),
        lstar=addresses,
        fmask=st.integers(0, 0xFFFFFFFF),
        rip=st.just(CODE),
        flags=st.integers(0, 0x3FFFFF).map(lambda v: v & 0x257FD5 & ~0x20000 | 2),
        rcx=addresses,
        r11=st.integers(0, (1 << 64) - 1),
    )
)


def world(s, level=0):
    w = World("long", level)
    e = w.e
    e.efer = 0xD00 | s["sce"]
    e.star, e.lstar, e.fmask = s["star"], s["lstar"], s["fmask"]
    set_rflags(e, U64(s["flags"]))
    w.set(RCX=s["rcx"], R11=s["r11"])
    return w


def seen(w, *names):
    e = w.e
    everything = dict(
        rip=int(e.rip),
        rcx=w.register("RCX"),
        r11=w.register("R11"),
        flags=int(rflags(e)),
        cs=int(e.seg[3]) & 0xFFFF,
        ss=int(e.seg[6]) & 0xFFFF,
        cpl=int(cpl(e)),
    )
    return {name: everything[name] for name in names}


def check(s):
    w = world(s, 3)
    expected, got = reference.syscall(s), w.execute("SYSCALL", length=2)
    if expected == "ud":
        assert got == FAULT and w.fault() == UD
    else:
        assert got == JUMP and seen(w, *expected) == expected
        assert int(attributes(w.e, U64(1))) == 0xA09B00
    for wide in (True, False):
        w = world(s, 0)
        expected, got = reference.sysret(s, wide), w.execute("SYSRET", operand_size=8 if wide else 4)
        if isinstance(expected, str):
            assert got == FAULT and w.fault() == (UD if expected == "ud" else GP)
        else:
            assert got == JUMP and seen(w, *expected) == expected
            assert int(attributes(w.e, U64(1))) == (0xA0FB00 if wide else 0xC0FB00)


@given(state)
@settings(deadline=None, max_examples=100, derandomize=True)
def test_syscall_and_sysret_are_the_references(s):
    check(s)


@given(state)
@settings(deadline=None, max_examples=20, derandomize=True)
def test_syscall_and_sysret_as_plain_python(s):
    with plain():
        check(s)


def test_syscall_outside_64_bit_mode_is_undefined():
    w = World("protected")
    w.e.efer = 1
    assert w.execute("SYSCALL") == FAULT and w.fault() == UD
    assert w.execute("SYSRET") == FAULT and w.fault() == UD


def test_sysret_at_user_level_is_general_protection():
    w = World("long", 3)
    assert w.execute("SYSRET", operand_size=8) == FAULT and w.fault() == GP


def test_sysenter_loads_flat_segments_and_clears_if():
    w = World("protected", 3)
    w.e.sysenter_cs, w.e.sysenter_esp, w.e.sysenter_eip, w.e.eflags = 0x0B, 0x1_0000_2000, 0x1_0000_3000, 0x202
    assert w.execute("SYSENTER") == JUMP
    assert seen(w, "cs", "ss", "cpl", "rip") == dict(cs=8, ss=0x10, cpl=0, rip=0x3000)
    assert (w.e.regs[4], w.e.eflags & 0x200) == (0x2000, 0)


def test_sysenter_with_null_segment_or_in_real_mode_is_general_protection():
    w = World("protected", 3)
    w.e.sysenter_cs = 3
    assert w.execute("SYSENTER") == FAULT and w.fault() == GP
    assert w.execute("SYSEXIT") == FAULT and w.fault() == GP
    w = World("real")
    w.e.sysenter_cs = 8
    assert w.execute("SYSENTER") == FAULT and w.fault() == GP


def test_sysexit_returns_to_user_mode_of_either_width():
    for wide, cs in ((True, 0x2B), (False, 0x1B)):
        w = World("long")
        w.e.sysenter_cs = 8
        w.set(RCX=0x1_0000_4000, RDX=0x1_0000_5000)
        assert w.execute("SYSEXIT", operand_size=8 if wide else 4) == JUMP
        mask = (1 << 64) - 1 if wide else 0xFFFFFFFF
        assert seen(w, "cs", "ss", "cpl", "rip") == dict(cs=cs, ss=cs + 8, cpl=3, rip=0x1_0000_5000 & mask)
        assert w.e.regs[4] == 0x1_0000_4000 & mask


def test_sysexit_to_non_canonical_address_or_from_user_is_general_protection():
    w = World("long")
    w.e.sysenter_cs = 8
    w.set(RCX=0x8000_0000_0000, RDX=0)
    assert w.execute("SYSEXIT", operand_size=8) == FAULT and w.fault() == GP
    w = World("long", 3)
    w.e.sysenter_cs = 8
    assert w.execute("SYSEXIT", operand_size=8) == FAULT and w.fault() == GP


def test_swapgs_exchanges_the_bases():
    w = World("long")
    w.e.seg[16], w.e.kernel_gs_base = 0x1111, 0x2222
    assert w.execute("SWAPGS") == NEXT
    assert (w.e.seg[16], w.e.kernel_gs_base) == (0x2222, 0x1111)
    assert World("long", 3).execute("SWAPGS") == FAULT
    w = World("protected")
    assert w.execute("SWAPGS") == FAULT and w.fault() == UD
