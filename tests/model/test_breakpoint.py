"""Breakpoint conditions of the debug registers, and a debugger's points: compiled, as Python, against the manual's words."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.model import breakpoint, watch
from emu.spec.cpu import CR4, DESCRIPTOR, EFER, RFLAGS, SEG
from emu.spec.debug import ARMED, POINT
from emu.spec.outcome import MODE
from emu.state import ALL_ONES, DEBUG, ENV, TLB
from tests.model.rig import Rig, U
from tests.reference import breakpoint as reference

FORMS = pytest.mark.parametrize("form", [lambda f: f, lambda f: f.py_func], ids=["compiled", "python"])
SETTINGS = settings(deadline=None, max_examples=150, derandomize=True)
PAGE = 0x1000
near = st.one_of(st.integers(0x7FF8, 0x8010), st.integers(0xFFFF_FFF0, 0x1_0000_0010), st.sampled_from([0, 0x3F8, 0xFFFF_8000_0000_0000]))
registers = st.tuples(st.lists(near, min_size=4, max_size=4), st.integers(0, 255), st.integers(0, 0xFFFF))
ANY = dict(world=int(ALL_ONES), eptp=int(ALL_ONES), space=int(ALL_ONES), length=1, ignore=0, hits=0)
sizes = st.sampled_from([1, 2, 4, 8])


class World(Rig):
    """Processors with a register file each; `e` is the first's."""

    def __init__(self, cpus=1, long=True):
        super().__init__(cpus)
        self._env = [np.zeros(1, ENV) for _ in range(cpus)]
        self._debug, self._tlb = np.zeros(1, DEBUG), np.zeros(1, TLB)
        for c, env in zip(self.cpu, self._env, strict=True):
            c.env, c.tlb = env.ctypes.data, self._tlb.ctypes.data
        self.env = [env[0] for env in self._env]
        self.c, self.e, self.debug = self.cpu[0], self.env[0], self._debug[0]
        self.e.efer = int(EFER.LMA) if long else 0
        self.e.seg[int(SEG.CS) * 3 + 2] = int(DESCRIPTOR.L) << 32 if long else 0

    def load(self, dr, enables, conditions):
        for n in range(4):
            self.e.dr[n] = dr[n]
        self.e.dr[7] = enables | 0x400 | conditions << 16
        return int(self.e.dr[7])

    def attach(self, *points):
        """Set points: dicts with kind, address, length and, when not any, world, eptp, space, ignore."""
        d = self.debug
        d.count, d.hit = len(points), 0
        for i, point in enumerate(points):
            for name, value in (ANY | point).items():
                getattr(d, name)[i] = value
        self.machine.debug = self._debug.ctypes.data
        self.c.armed = int(ARMED.LINEAR | ARMED.PHYSICAL)
        return d


@FORMS
@SETTINGS
@given(given=registers, address=near, size=sizes, write=st.booleans(), long=st.booleans())
def test_data_breakpoints(form, given, address, size, write, long):
    w = World(long=long)
    address %= 2**64 - 8 if long else 2**32 - 8
    dr7 = w.load(*given)
    with np.errstate(over="ignore"):
        found = form(breakpoint.data)(w.e, U(address), U(size), write)
    assert found == reference.data(given[0], dr7, address, size, write, long)


@FORMS
@SETTINGS
@given(given=registers, number=st.sampled_from([0x3F4, 0x3F8, 0x3FB, 0x7FFE, 0x8001]), size=st.sampled_from([1, 2, 4]),
       extensions=st.booleans())
def test_port_breakpoints(form, given, number, size, extensions):
    w = World()
    dr7 = w.load(*given)
    w.e.cr[4] = int(CR4.DE) if extensions else 0
    with np.errstate(over="ignore"):
        breakpoint.arm(w.c, w.e)
        form(breakpoint.port)(w.c, w.e, U(number), U(size))
    assert w.c.watch_hits == reference.port(given[0], dr7, number, size, extensions, True)


@FORMS
@SETTINGS
@given(given=registers, address=near, resume=st.booleans(), long=st.booleans())
def test_execution_breakpoints(form, given, address, resume, long):
    w = World(long=long)
    address %= 2**64 if long else 2**32
    dr7 = w.load(*given)
    w.e.eflags = int(RFLAGS.RF) if resume else 0
    with np.errstate(over="ignore"):
        assert form(breakpoint.code)(w.c, w.e, U(address)) == reference.code(given[0], dr7, address, resume, long)


@FORMS
@settings(deadline=None, max_examples=20, derandomize=True)
@given(steps=st.lists(st.tuples(st.integers(0, 7), st.integers(0, 3), st.integers(0, 400)), max_size=300))
def test_marks_keep_what_some_processor_holds(form, steps):
    w = World(cpus=8)
    live = {}
    with np.errstate(over="ignore"):
        for processor, n, page in steps:
            e = w.env[processor]
            address = 0xFFFF_0000_0000_0000 + page * PAGE
            e.dr[n], e.dr[7] = address, 0xFF                    # all four on execution
            live[processor, n] = address
            form(breakpoint.arm)(w.cpu[processor], e)
            assert w.machine.mark_count <= 64
            for held in live.values():
                assert breakpoint.marked(w.machine, U(held - 3), U(4))
                assert breakpoint.marked(w.machine, U(held & 0xFFFF_FFFF), U(1))


@FORMS
def test_pages_are_looked_up_again_for_other_breakpoints(form):
    w, renew = World(), form(breakpoint.renew)
    w.c.armed = int(ARMED.REGISTERS)
    w.load([0x8000, 0, 0, 0], 1, 3)

    def flushed(world=0):
        before = int(w._tlb[0].engine_flush)
        renew(w.c, w.e, U(world))
        return int(w._tlb[0].engine_flush) - before
    assert [flushed(), flushed(), flushed(1), flushed(1)] == [1, 0, 1, 0]
    w.c.armed = 0                                          # off, and on again with the same values
    assert flushed() == 0
    w.c.armed = int(ARMED.REGISTERS)
    assert [flushed(), flushed(), flushed(1)] == [1, 0, 0]
    w.e.dr[0] = 0x9000
    assert [flushed(), flushed()] == [1, 0]
    w.e.dr[7] = int(w.e.dr[7]) | 4
    assert [flushed(), flushed()] == [1, 0]


def test_mov_ss_blocks_at_its_place_only():
    w = World()
    w.load([0x8000, 0, 0, 0], 1, 0)
    w.c.blocked, w.c.blocked_at, w.c.instructions = 0x8000, 8, 7
    assert breakpoint.code(w.c, w.e, U(0x8000)) == 0
    w.c.instructions = 8
    assert breakpoint.code(w.c, w.e, U(0x8000)) == 1


# ---- a debugger's points --------------------------------------------------------------------------------------
def test_point_on_execution_stops_once_before_an_instruction():
    w = World()
    d = w.attach(dict(kind=int(POINT.EXECUTE), address=0x8000))
    assert watch.stops(w.c, w.e, U(0x8000)) and d.hit == 1 and breakpoint.settle(w.c)
    breakpoint.forget(w.c)
    assert not watch.stops(w.c, w.e, U(0x8000))            # it goes on
    w.c.instructions = 1
    assert watch.stops(w.c, w.e, U(0x8000)) and d.hits[0] == 2
    assert not watch.stops(w.c, w.e, U(0x8001))


def test_points_to_ignore_are_counted():
    w = World()
    d = w.attach(dict(kind=int(POINT.EXECUTE), address=0x8000, ignore=2))
    met = []
    for w.c.instructions in range(4):
        met.append(bool(watch.stops(w.c, w.e, U(0x8000))))
    assert met == [False, False, True, True] and d.hits[0] == 4
    d = w.attach(dict(kind=int(POINT.WRITE), address=0x9000, ignore=1))
    assert breakpoint.points(w.c, w.e, U(0x9000), U(0x9000), U(1), True) and not breakpoint.settle(w.c) and d.hit == 0
    assert breakpoint.points(w.c, w.e, U(0x9000), U(0x9000), U(1), True) and breakpoint.settle(w.c)


@pytest.mark.parametrize(("scope", "expected"), [
    ({}, (True, True)), (dict(world=1), (False, True)), (dict(world=0), (True, False)),
    (dict(eptp=0x5000), (False, True)), (dict(eptp=0x6000), (False, False)), (dict(space=0x2000), (True, False)),
])
def test_points_are_scoped(scope, expected):
    w = World()
    w.attach(dict(kind=int(POINT.EXECUTE), address=0x8000, **scope))
    w.e.cr[3], found = 0x2018, []
    for mode in (MODE.ROOT, MODE.NONROOT):
        w.c.vmx_mode, w.c.eptp = int(mode), 0x501E
        w.e.cr[3] = 0x2018 if mode == MODE.ROOT else 0x3000
        w.c.instructions += 1
        found.append(bool(watch.stops(w.c, w.e, U(0x8000))))
    assert tuple(found) == expected


@FORMS
@SETTINGS
@given(start=st.integers(0x7FF0, 0x8010), length=st.integers(1, 40), at=st.integers(0x7FE0, 0x8040), size=st.integers(1, 8),
       physical=st.booleans(), wanted=st.sampled_from([1, 2, 3]), write=st.booleans())
def test_data_points_meet_what_overlaps(form, start, length, at, size, physical, wanted, write):
    w = World()
    w.attach(dict(kind=wanted << 1 | (int(POINT.PHYSICAL) if physical else 0), address=start, length=length))
    other = U(0x1234_5000)
    la, pa = (other, U(at)) if physical else (U(at), other)
    with np.errstate(over="ignore"):
        met = form(breakpoint.points)(w.c, w.e, la, pa, U(size), write)
        asked = form(breakpoint.on_page)(w.c, w.e, la, pa)
    expected = bool(wanted & (2 if write else 1)) and bool(set(range(start, start + length)) & set(range(at, at + size)))
    assert bool(met) == expected
    assert asked or not expected
