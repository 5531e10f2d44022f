"""8254: counting and outputs against a tick-by-tick reference, latches, interrupt line."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.bits import value_of
from emu.model.devices import clock, events, pit
from emu.spec.pit import PITACCESS, PITBACK, PITCONTROL, PITMODE, PITSELECT, PITSTATUS, PORT61
from emu.spec.platform import PORT
from tests.model.rig import Rig, U
from tests.reference.pit import Counter

HZ = 1_193_182
QUICK = settings(deadline=None, max_examples=80, derandomize=True)
FORMS = pytest.mark.parametrize("form", [lambda f: f, lambda f: f.py_func], ids=["compiled", "python"])


def cycle_of(tick):
    return -(-tick * 10**9 // HZ)


@QUICK
@given(tick=st.integers(0, 2**40), hz=st.sampled_from([HZ, 3_579_545, 32_768]))
def test_clock_conversion_is_exact(tick, hz):
    cycle = int(clock.cycle_of(U(tick), U(hz)))
    assert cycle == -(-tick * 10**9 // hz)
    assert int(clock.ticks(U(cycle), U(hz))) == tick
    assert cycle == 0 or int(clock.ticks(U(cycle - 1), U(hz))) == tick - 1


def control(k, access=PITACCESS.LATCH, mode=0, bcd=0):
    """Return the control word for a counter."""
    return int(value_of(PITCONTROL, SELECT=k, ACCESS=access, MODE=mode, BCD=bcd))


def read_back(counters, count=False, status=False):
    """Return the read-back command for a bit set of counters."""
    return int(value_of(PITBACK, SELECT=PITSELECT.READ_BACK, COUNTERS=counters, NO_COUNT=not count, NO_STATUS=not status))


def programmed(mode, access=PITACCESS.BOTH, bcd=0, **bits):
    """Return the status byte of a counter that was programmed like this."""
    return int(value_of(PITSTATUS, ACCESS=access, MODE=mode, BCD=bcd, **bits))


def program(rig, k, mode, bcd, count):
    rig.write(PORT.PIT_CONTROL, control(k, PITACCESS.BOTH, mode, bcd))
    load(rig, k, bcd, count)


def load(rig, k, bcd, count):
    value = int(str(count), 16) if bcd else count
    rig.write(PORT.PIT0 + k, value & 0xFF)
    rig.write(PORT.PIT0 + k, value >> 8)


@FORMS
@QUICK
@given(mode=st.sampled_from([0, 1, 2, 3, 4, 5]), bcd=st.booleans(), count=st.integers(2, 40),
       steps=st.lists(st.tuples(st.integers(1, 60), st.sampled_from(["", "", "", "on", "off", "load"]),
                                st.integers(2, 40)), max_size=10))
def test_counter_2_equals_the_reference(form, mode, bcd, count, steps):
    rig = Rig()
    c, p = rig.cpu[0], rig.fields("PIT")
    rig.write(PORT.SPEAKER, PORT61.GATE)
    reference, tick = Counter(mode, bcd), 0
    program(rig, 2, mode, int(bcd), count)
    reference.write(count)
    with np.errstate(over="ignore"):
        for ticks, what, value in steps:
            for _ in range(ticks):
                reference.clock()
            tick += ticks
            c.cycles = cycle_of(tick)
            form(pit.advance)(rig.machine, U(c.cycles))
            assert int(form(pit.output)(p, U(2), U(p.now))) == reference.out
            if mode not in (1, 5) or reference.element is not None:   # before the first trigger the chip's own is undefined
                assert int(form(pit.counter)(p, U(2), U(p.now))) == reference.read()
            if what in ("on", "off"):
                rig.write(PORT.SPEAKER, PORT61.GATE if what == "on" else 0)
                reference.set_gate(int(what == "on"))
            elif what == "load" and (mode in (1, 5) or mode in (0, 4) and reference.gate):
                load(rig, 2, int(bcd), value)
                reference.write(value)
            elif what == "load" and mode in (2, 3) and reference.gate and reference.loading is None:
                load(rig, 2, int(bcd), value)
                reference.write(value)


@pytest.mark.parametrize("mode,period,changes", [(2, 100, [99, 100, 199, 200]), (3, 100, [50, 100, 150, 200]),
                                                 (3, 7, [4, 7, 11, 14]), (0, 100, [100]), (4, 100, [100, 101])])
def test_output_0_changes_on_its_ticks(mode, period, changes):
    rig = Rig()
    program(rig, 0, mode, 0, period)
    seen = []
    while len(seen) < len(changes):
        at = int(rig.machine.next_event)
        seen.append(int(clock.ticks(U(at), U(HZ))) - 1)
        rig.cpu[0].cycles = at
        events.advance(rig.machine, U(at))
    assert seen == changes
    if mode in (0, 4):
        assert int(rig.machine.next_event) == 2**64 - 1


def test_one_shot_runs_on_each_rising_gate():
    rig = Rig()
    program(rig, 2, 1, 0, 10)
    outs = []
    for tick in (1, 2, 5, 11, 12, 13, 20):
        rig.cpu[0].cycles = cycle_of(tick)
        if tick in (1, 12):
            rig.write(PORT.SPEAKER, PORT61.GATE)
        if tick == 11:
            rig.write(PORT.SPEAKER, 0)
        outs.append(out2(rig))
    assert outs == [1, 0, 0, 0, 1, 0, 0]


@pytest.mark.parametrize("again,outs", [(None, [0, 0, 1, 1, 1]), (5, [0, 0, 0, 0, 1])])
def test_count_written_during_a_one_shot_waits_for_the_next_trigger(again, outs):
    rig = Rig()
    program(rig, 2, 1, 0, 10)
    rig.write(PORT.SPEAKER, PORT61.GATE)
    at(rig, 4)
    load(rig, 2, 0, 15)
    if again:
        at(rig, again)
        rig.write(PORT.SPEAKER, 0)
        rig.write(PORT.SPEAKER, PORT61.GATE)
    seen = [out2(at(rig, tick)) for tick in (9, 10, 11, 20, 21)]
    assert seen == outs


def test_latch_holds_until_both_bytes_are_read():
    rig = Rig()
    program(rig, 0, 2, 0, 0)
    rig.cpu[0].cycles = cycle_of(1001)
    rig.write(PORT.PIT_CONTROL, control(0))
    rig.cpu[0].cycles = cycle_of(5000)
    assert word(rig, 0) == 65536 - 1000
    assert word(rig, 0) == 65536 - 4999


def out2(rig):
    return int(rig.read(PORT.SPEAKER) & PORT61.OUT != 0)


def at(rig, tick):
    rig.cpu[0].cycles = cycle_of(tick)
    return rig


def word(rig, k):
    return rig.read(PORT.PIT0 + k) | rig.read(PORT.PIT0 + k) << 8


COMMANDS = {"command": control, "read-back": lambda k: read_back(1 << k, count=True)}
EACH = pytest.mark.parametrize("k", range(3))


@EACH
@pytest.mark.parametrize("second", COMMANDS)
@pytest.mark.parametrize("first", COMMANDS)
def test_second_latch_of_a_count_is_ignored_until_the_first_is_read(first, second, k):
    rig = Rig()
    rig.write(PORT.SPEAKER, PORT61.GATE)
    program(rig, k, 2, 0, 0)
    at(rig, 101).write(PORT.PIT_CONTROL, COMMANDS[first](k))
    at(rig, 201).write(PORT.PIT_CONTROL, COMMANDS[second](k))
    assert rig.read(PORT.PIT0 + k) == 65536 - 100 & 0xFF
    at(rig, 301).write(PORT.PIT_CONTROL, COMMANDS[second](k))         # between the two bytes: still unread
    assert rig.read(PORT.PIT0 + k) == 65536 - 100 >> 8
    assert word(rig, k) == 65536 - 300
    at(rig, 401).write(PORT.PIT_CONTROL, COMMANDS[second](k))
    assert word(at(rig, 501), k) == 65536 - 400


@EACH
def test_second_latch_of_a_status_is_ignored_until_the_first_is_read(k):
    rig = Rig()
    rig.write(PORT.SPEAKER, PORT61.GATE)
    program(rig, k, 2, 0, 100)
    latch = read_back(1 << k, status=True)
    rig.write(PORT.PIT_CONTROL, latch)                    # the count is not loaded yet
    at(rig, 50).write(PORT.PIT_CONTROL, latch)
    assert rig.read(PORT.PIT0 + k) == programmed(PITMODE.RATE, OUT=1, NULL=1) == 0xF4
    rig.write(PORT.PIT_CONTROL, latch)
    at(rig, 100)
    assert rig.read(PORT.PIT0 + k) == programmed(PITMODE.RATE, OUT=1)
    rig.write(PORT.PIT_CONTROL, latch)
    assert rig.read(PORT.PIT0 + k) == programmed(PITMODE.RATE)       # output low for the last tick of the period


@EACH
@pytest.mark.parametrize("commands", [[dict(status=True), dict(count=True)], [dict(count=True), dict(status=True)],
                                      [dict(count=True, status=True)]], ids=["status, count", "count, status", "both"])
def test_latched_status_is_read_before_the_latched_count(commands, k):
    rig = Rig()
    rig.write(PORT.SPEAKER, PORT61.GATE)
    program(rig, k, 3, 0, 1000)
    at(rig, 11)
    for command in commands:
        rig.write(PORT.PIT_CONTROL, read_back(1 << k, **command))
    at(rig, 111)
    assert (rig.read(PORT.PIT0 + k), word(rig, k), word(rig, k)) == (programmed(PITMODE.SQUARE, OUT=1), 980, 780)


def test_read_back_latches_the_counters_it_names_and_no_others():
    for chosen in range(8):
        rig = Rig()
        rig.write(PORT.SPEAKER, PORT61.GATE)
        for k in range(3):
            program(rig, k, 2, 0, 1000 * (k + 1))
        at(rig, 101).write(PORT.PIT_CONTROL, read_back(chosen, count=True))
        at(rig, 201)
        assert [word(rig, k) for k in range(3)] == [1000 * (k + 1) - (100 if chosen >> k & 1 else 200) for k in range(3)]


@EACH
@pytest.mark.parametrize("access,shift", [(1, 0), (2, 8)], ids=["low byte", "high byte"])
def test_latch_of_a_counter_of_one_byte_is_freed_by_one_read(access, shift, k):
    rig = Rig()
    rig.write(PORT.SPEAKER, PORT61.GATE)
    rig.write(PORT.PIT_CONTROL, control(k, access, PITMODE.RATE))
    rig.write(PORT.PIT0 + k, 0)
    at(rig, 0x1235).write(PORT.PIT_CONTROL, control(k))
    at(rig, 0x5679)
    assert rig.read(PORT.PIT0 + k) == 0x10000 - 0x1234 >> shift & 0xFF
    assert rig.read(PORT.PIT0 + k) == 0x10000 - 0x5678 >> shift & 0xFF


@EACH
def test_control_word_forgets_what_was_latched(k):
    rig = Rig()
    rig.write(PORT.SPEAKER, PORT61.GATE)
    program(rig, k, 2, 0, 1000)
    at(rig, 101).write(PORT.PIT_CONTROL, read_back(1 << k, count=True, status=True))
    program(rig, k, 2, 0, 500)
    assert word(at(rig, 202), k) == 400


@pytest.mark.parametrize("mode", range(8))
@pytest.mark.parametrize("bcd", [0, 1])
@pytest.mark.parametrize("access", [1, 2, 3])
def test_status_reports_how_the_counter_was_programmed(access, bcd, mode):
    """Modes 6 and 7 are 2 and 3; the output is low after the control word of mode 0 alone."""
    rig = Rig()
    rig.write(PORT.PIT_CONTROL, control(1, access, mode, bcd))
    rig.write(PORT.PIT_CONTROL, read_back(1 << 1, status=True))
    kept = mode & 3 if mode > 5 else mode
    assert rig.read(PORT.PIT1) == programmed(kept, access, bcd, OUT=mode != 0, NULL=1)


def test_read_back_gives_status_then_count():
    rig = Rig()
    program(rig, 0, 3, 0, 1000)
    rig.write(PORT.PIT_CONTROL, read_back(1, status=True))
    assert rig.read(PORT.PIT0) == programmed(PITMODE.SQUARE, OUT=1, NULL=1) == 0xF6
    rig.cpu[0].cycles = cycle_of(11)
    rig.write(PORT.PIT_CONTROL, read_back(1, count=True, status=True))
    assert (rig.read(PORT.PIT0), word(rig, 0)) == (programmed(PITMODE.SQUARE, OUT=1), 980)


def test_interrupt_line_0_follows_the_output_to_both_controllers():
    rig = Rig().unmask_pic()
    program(rig, 0, 2, 0, 10)
    for _ in range(2):
        events.advance(rig.machine, U(rig.machine.next_event))
    assert int(rig.fields("PIC").irr[0]) & 1
    assert int(rig.fields("IOAPIC").lines) & 1 << 2
