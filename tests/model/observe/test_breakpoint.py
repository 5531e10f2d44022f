"""Breakpoint conditions of the debug registers, and a debugger's points: compiled, as Python, against the manual's words."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.machine.trace_ring import ALWAYS, Watch, key
from emu.model import condition
from emu.model.observe import breakpoint, watch
from emu.spec.cpu import CR4, DESCRIPTOR, EFER, RFLAGS, SEG
from emu.spec.debug import ARMED, POINT
from emu.spec.outcome import MODE
from emu.spec.trace import ACTION, EVENT_KIND, I_CYCLE
from emu.state import ALL_ONES, DEBUG, ENV, TLB, WATCHES
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
            for name, value in (ANY | dict(point=i + 1) | point).items():
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
    assert condition.stops(w.c, w.e, U(0x8000)) and d.hit == 1 and breakpoint.settle(w.c)
    breakpoint.forget_hits(w.c)
    assert not condition.stops(w.c, w.e, U(0x8000))            # it goes on
    w.c.instructions = 1
    assert condition.stops(w.c, w.e, U(0x8000)) and d.hits[0] == 2
    assert not condition.stops(w.c, w.e, U(0x8001))


def test_points_to_ignore_are_counted():
    w = World()
    d = w.attach(dict(kind=int(POINT.EXECUTE), address=0x8000, ignore=2))
    met = []
    for w.c.instructions in range(4):
        met.append(bool(condition.stops(w.c, w.e, U(0x8000))))
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
        found.append(bool(condition.stops(w.c, w.e, U(0x8000))))
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


@FORMS
@SETTINGS
@given(start=st.integers(0x7FF0, 0x8010), length=st.integers(1, 40), at=st.integers(0x7FE0, 0x8040), size=st.integers(1, 8),
       kind=st.sampled_from([int(POINT.PHYSICAL | POINT.WRITE), int(POINT.PHYSICAL | POINT.READ), int(POINT.WRITE)]))
def test_physical_points_meet_stores_of_the_model_that_overlap(form, start, length, at, size, kind):
    w = World()
    d = w.attach(dict(kind=kind, address=start, length=length))
    with np.errstate(over="ignore"):
        form(breakpoint.stored)(w.machine, U(at), U(size))
    met = kind == POINT.PHYSICAL | POINT.WRITE and bool(set(range(start, start + length)) & set(range(at, at + size)))
    assert (d.hit, d.met_address[0], d.met_size[0], d.met_write[0]) == ((1, at, size, 1) if met else (0, 0, 0, 0))


def noted(d):
    """Return [(place, address, size, write)] of what was met, in order."""
    return [(int(i), int(d.met_address[i]), int(d.met_size[i]), int(d.met_write[i])) for i in d.met[:int(d.hit)]]


@FORMS
def test_all_points_of_an_access_are_noted_once_and_counted_at_the_boundary(form):
    w = World()
    read, write, physical = int(POINT.READ), int(POINT.WRITE), int(POINT.PHYSICAL)
    d = w.attach(dict(kind=read, address=0x9000), dict(kind=write | physical, address=0x5000, length=8),
                 dict(kind=write, address=0x9004), dict(kind=read | write, address=0x8FFF, length=2, ignore=1),
                 dict(kind=write, address=0x9000, world=1))
    points, settle = form(breakpoint.points), form(breakpoint.settle)
    with np.errstate(over="ignore"):
        assert points(w.c, w.e, U(0x9000), U(0x5000), U(8), False)
        assert noted(d) == [(0, 0x9000, 8, 0), (3, 0x9000, 8, 0)]
        assert points(w.c, w.e, U(0x9000), U(0x5000), U(8), True)
        assert noted(d) == [(0, 0x9000, 8, 0), (3, 0x9000, 8, 1), (1, 0x5000, 8, 1), (2, 0x9000, 8, 1)]
        assert list(d.hits[:5]) == [0] * 5 and settle(w.c)
        assert [place for place, *_ in noted(d)] == [0, 1, 2] and list(d.hits[:5]) == [1, 1, 1, 1, 0] and d.ignore[3] == 0
        breakpoint.forget_hits(w.c)
        assert not noted(d) and not settle(w.c)


@FORMS
def test_pieces_of_a_point_are_met_once_by_an_instruction(form):
    w = World()
    kind = int(POINT.WRITE | POINT.PHYSICAL)
    pieces = [dict(kind=kind, address=at, length=4, point=7, ignore=1) for at in (0x5FFC, 0x9000)]
    d = w.attach(*pieces, dict(kind=kind, address=0x9000, point=8))
    with np.errstate(over="ignore"):
        for pa, size in ((0x5FFC, 4), (0x9000, 4)):
            form(breakpoint.points)(w.c, w.e, U(0x1234), U(pa), U(size), True)
        assert noted(d) == [(1, 0x9000, 4, 1), (2, 0x9000, 4, 1)]
        assert form(breakpoint.settle)(w.c) and list(d.hits[:3]) == [0, 1, 1] and [place for place, *_ in noted(d)] == [2]


@FORMS
def test_no_place_of_a_condition_goes_missing_among_many_rows(form):
    w = World()
    w.machine.ram_bytes, w.c.vmcs_pointer = 0, ALL_ONES
    points = Watch(w.machine)
    places = [points.add(ALWAYS, key(EVENT_KIND.PORT), ACTION.STOP) for _ in range(2)]
    last = points.add(ALWAYS, key(EVENT_KIND.MSR), ACTION.STOP, 1)
    with np.errstate(over="ignore"):
        for n in range(WATCHES):
            form(watch.note)(w.c, EVENT_KIND.PORT, U(127), U(n), U(0), U(0), U(0), U(0), U(0))
        for n in range(2):
            form(watch.note)(w.c, EVENT_KIND.MSR, U(127), U(WATCHES + n), U(0), U(0), U(0), U(0), U(0))
    met, rows = points.met()
    assert len(met) == WATCHES + 1 and list(met[:4]) == places * 2 and met[-1] == last
    assert [int(row[I_CYCLE]) for row in rows[[0, 1, 2, 3, -1]]] == [0, 0, 1, 1, WATCHES + 1]
    assert [int(points.record.times[place]) for place in (*places, last)] == [WATCHES, WATCHES, 1]
    points.remove(places[0])
    met, rows = points.met()
    assert set(map(int, met)) == {places[1], last} and [int(row[I_CYCLE]) for row in rows[[0, 1, -1]]] == [0, 1, WATCHES + 1]
    points.clear()
    assert not len(points.met()[0]) and not points.record.times.any()


def test_nothing_is_met_without_a_debugger():
    w = World()
    breakpoint.stored(w.machine, U(0x8000), U(8))
    assert not breakpoint.points(w.c, w.e, U(0x8000), U(0x8000), U(8), True) and not breakpoint.on_page(w.c, w.e, U(0x8000), U(0x8000))
    assert not breakpoint.marked(w.machine, U(0x8000), U(0x1000)) and not breakpoint.asked(w.c, w.e, U(0x8000))
    assert not breakpoint.waiting(w.c) and not breakpoint.settle(w.c)
