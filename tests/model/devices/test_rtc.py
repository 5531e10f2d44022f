"""Real-time clock: calendar, encodings, interrupts, memory sizes."""
import calendar as stdlib
import time
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.model.devices import calendar, events
from tests.model.rig import Rig, U

SECOND = 10**9
QUICK = settings(deadline=None, max_examples=80, derandomize=True)


def get(rig, index):
    rig.write(0x70, index)
    return rig.read(0x71)


def put(rig, index, value):
    rig.write(0x70, index)
    rig.write(0x71, value)


def bcd(value):
    return int(str(value), 16)


@QUICK
@given(day=st.integers(0, 2_900_000))
def test_calendar_equals_the_library(day):
    year, month, of_month = (int(x) for x in calendar.date(U(day)))
    t = time.gmtime(day * 86400)
    assert (year, month, of_month) == (t.tm_year, t.tm_mon, t.tm_mday)
    assert int(calendar.days(U(year), U(month), U(of_month))) == day
    assert tuple(int(x) for x in calendar.date.py_func(U(day))) == (year, month, of_month)
    assert int(calendar.days.py_func(U(year), U(month), U(of_month))) == day


@QUICK
@given(year=st.integers(0, 9999), month=st.integers(1, 12), of_month=st.integers(1, 28))
def test_calendar_goes_back_to_the_year_0(year, month, of_month):
    day = days_between(year, month, of_month)
    assert int(calendar.days(U(year), U(month), U(of_month))) == day % 2**64
    assert tuple(int(x) for x in calendar.date(U(day % 2**64))) == (year, month, of_month)


def days_between(year, month, of_month):
    """Return days from 1970-01-01 to a date, negative before it: the Gregorian calendar repeats after 400 years, of 146,097 days."""
    return (date(year % 400 + 400, month, of_month) - date(1970, 1, 1)).days + (year // 400 - 1) * 146_097


@pytest.mark.parametrize("year", [0, 1, 1899, 1900, 1969, 1970, 2000, 9999])
def test_every_year_is_kept(year):
    rig = Rig()
    put(rig, 0x0B, 0x82)
    for index, value in ((0, 0x58), (2, 0x59), (4, 0x23), (7, 0x27), (8, 0x02), (9, bcd(year % 100)), (0x32, bcd(year // 100))):
        put(rig, index, value)
    put(rig, 0x0B, 0x02)
    rig.cpu[0].cycles += 5 * SECOND
    week = (date(year % 400 + 400, 2, 28).weekday() + 1) % 7 + 1
    assert [get(rig, i) for i in (0x32, 9, 8, 7, 6, 4, 2)] == [bcd(year // 100), bcd(year % 100), 2, 0x28, week, 0, 0]


def test_reset_forgets_what_came_before_it():
    rig = Rig()
    put(rig, 0x0B, 0x12)
    rig.cpu[0].cycles = rig.board.machine.now = 5 * SECOND
    rig.board.reset()
    assert get(rig, 0x0C) == 0


@QUICK
@given(start=st.integers(0, 4_000_000_000), later=st.integers(0, 10**6), binary=st.booleans(), h24=st.booleans())
def test_time_reads_in_every_format(start, later, binary, h24):
    rig = Rig(start_seconds=start)
    put(rig, 0x0B, binary << 2 | h24 << 1)
    rig.cpu[0].cycles = later * SECOND
    code = int if binary else bcd
    t = time.gmtime(start + later)
    hour = code(t.tm_hour) if h24 else code(t.tm_hour % 12 or 12) | (0x80 if t.tm_hour >= 12 else 0)
    expected = [code(t.tm_sec), code(t.tm_min), hour, code((t.tm_wday + 1) % 7 + 1), code(t.tm_mday), code(t.tm_mon),
                code(t.tm_year % 100), code(t.tm_year // 100)]
    assert [get(rig, i) for i in (0, 2, 4, 6, 7, 8, 9, 0x32)] == expected


def test_time_set_under_set_goes_on_from_there():
    rig = Rig()
    put(rig, 0x0B, 0x82)
    for index, value in ((0, 0x58), (2, 0x59), (4, 0x23), (7, 0x28), (8, 0x02), (9, 0x24), (0x32, 0x20)):
        put(rig, index, value)
    rig.cpu[0].cycles = 5 * SECOND
    assert get(rig, 0) == 0x58
    put(rig, 0x0B, 0x02)
    rig.cpu[0].cycles = 7 * SECOND
    assert [get(rig, i) for i in (0, 2, 4, 7, 8)] == [0, 0, 0, 0x29, 2]


def test_update_in_progress_before_each_second():
    rig = Rig()
    seen = []
    for cycle in (0, SECOND - 244_001, SECOND - 244_000, SECOND - 1, SECOND):
        rig.cpu[0].cycles = cycle
        seen.append(get(rig, 0x0A) >> 7)
    assert seen == [0, 0, 1, 1, 0]


@pytest.mark.parametrize("rate,period", [(6, 976_563), (15, 500_000_000), (1, 3_906_250), (3, 122_071)])
def test_periodic_interrupt(rate, period):
    rig = Rig()
    put(rig, 0x0A, 0x20 | rate)
    put(rig, 0x0B, 0x42)
    assert int(rig.machine.next_event) == period
    rig.cpu[0].cycles = period
    events.advance(rig.machine, U(period))
    assert int(rig.fields("IOAPIC").lines) >> 8 & 1 == 1
    assert get(rig, 0x0C) == 0xC0
    assert (get(rig, 0x0C), int(rig.fields("IOAPIC").lines) >> 8 & 1) == (0, 0)


@QUICK
@given(start=st.integers(0, 86399), alarm=st.integers(0, 86399), wild=st.sampled_from([(), (4,), (2, 4)]))
def test_alarm_falls_on_the_next_match(start, alarm, wild):
    rig = Rig(start_seconds=start)
    parts = {0: alarm % 60, 2: alarm // 60 % 60, 4: alarm // 3600}
    for index, value in parts.items():
        put(rig, index + 1, 0xFF if index in wild else bcd(value))
    put(rig, 0x0B, 0x22)

    def matches(second):
        now = {0: second % 60, 2: second // 60 % 60, 4: second // 3600 % 24}
        return all(index in wild or now[index] == parts[index] for index in parts)

    ahead = next(k for k in range(1, 86401) if matches(start + k))
    assert int(rig.machine.next_event) == ahead * SECOND
    rig.cpu[0].cycles = ahead * SECOND
    events.advance(rig.machine, U(ahead * SECOND))
    assert get(rig, 0x0C) & 0xA0 == 0xA0


def test_memory_sizes_and_processors():
    rig = Rig(cpus=3, ram_bytes=256 << 20)
    words = [get(rig, low) | get(rig, low + 1) << 8 for low in (0x15, 0x17, 0x30, 0x34)]
    assert words == [640, 63 << 10, 63 << 10, (240 << 20) >> 16]
    assert get(rig, 0x5F) == 2


def test_default_start_is_new_year_2025():
    assert Rig().board.config.start_seconds == stdlib.timegm((2025, 1, 1, 0, 0, 0))


@pytest.mark.parametrize("rate", range(1, 16))
def test_every_periodic_rate(rate):
    """Rates 3 to 15 are 8192 Hz to 2 Hz, 1 and 2 are 256 Hz and 128 Hz; 0 is off."""
    rig = Rig()
    put(rig, 0x0A, 0x20 | rate)
    put(rig, 0x0B, 0x42)
    hz = 32768 >> rate - 1 if rate > 2 else 256 // rate
    assert int(rig.machine.next_event) == -(-SECOND // hz)


@pytest.mark.parametrize("a,b", [(0x20, 0x42), (0x66, 0x42), (0x76, 0x42), (0x26, 0x02)])
def test_no_periodic_interrupt_without_rate_divider_and_enable(a, b):
    rig = Rig()
    put(rig, 0x0A, a)
    put(rig, 0x0B, b)
    assert int(rig.machine.next_event) == 2**64 - 1


def test_flags_are_raised_also_when_they_do_not_interrupt():
    rig = Rig(start_seconds=10)
    put(rig, 0x01, bcd(12))
    put(rig, 0x03, 0xFF)
    put(rig, 0x05, 0xFF)
    seen = []
    for cycle in (SECOND // 4, SECOND // 2, SECOND, SECOND, 2 * SECOND):
        rig.cpu[0].cycles = cycle
        put(rig, 0x0A, 0x2F)                              # 2 Hz
        seen.append(get(rig, 0x0C))
    assert seen == [0x40, 0x40, 0x50, 0x00, 0x70]          # the first one of the faster rate before
    assert int(rig.fields("IOAPIC").lines) >> 8 & 1 == 0


def calendar_seconds(*parts):
    return stdlib.timegm(parts)


@pytest.mark.parametrize("index,value", [(0, 0x31), (2, 0x42), (4, 0x05), (7, 0x09), (8, 0x11), (9, 0x11), (0x32, 0x21)])
def test_running_clock_takes_a_part_that_is_written(index, value):
    rig = Rig(start_seconds=calendar_seconds(2024, 6, 15, 12, 30, 20))
    before = {each: get(rig, each) for each in (0, 2, 4, 7, 8, 9, 0x32)}
    put(rig, index, value)
    assert {each: get(rig, each) for each in before} == before | {index: value}
    rig.cpu[0].cycles = 3 * SECOND
    assert get(rig, 0) == (value if index == 0 else 0x20) + 3


@pytest.mark.parametrize("index,value,again", [(0x0B, 0x82, 0x02), (0x0A, 0x66, 0x26), (0x0A, 0x76, 0x26)])
def test_clock_stands_still_under_set_and_without_divider(index, value, again):
    """SET lets the divider run on; a divider that is started counts half a second to its first update."""
    rig = Rig()
    rig.cpu[0].cycles = SECOND // 4
    put(rig, index, value)
    rig.cpu[0].cycles = 10 * SECOND
    assert (get(rig, 0), get(rig, 0x0A) >> 7) == (0, 0)
    put(rig, index, again)
    first = 10 * SECOND + (SECOND if index == 0x0B else SECOND // 2)
    seen = []
    for cycle in (first - 244_001, first - 244_000, first - 1, first, first + SECOND - 1, first + SECOND):
        rig.cpu[0].cycles = cycle
        seen.append((get(rig, 0), get(rig, 0x0A) >> 7))
    assert seen == [(0, 0), (0, 1), (0, 1), (1, 0), (1, 1), (2, 0)]


def test_set_ends_the_update_interrupt():
    rig = Rig()
    put(rig, 0x0B, 0x92)
    assert get(rig, 0x0B) == 0x82
    put(rig, 0x0B, 0x12)
    assert int(rig.machine.next_event) == SECOND


def test_registers_that_cannot_be_written_and_memory_that_can():
    rig = Rig()
    for index in (0x0C, 0x0D):
        put(rig, index, 0x55)
    assert (get(rig, 0x0C), get(rig, 0x0D), rig.read(0x70)) == (0, 0x80, 0xFF)
    put(rig, 0x0A, 0xA6)
    assert get(rig, 0x0A) == 0x26, "update in progress cannot be written"
    for index in (0x0E, 0x40, 0x7F):
        put(rig, index, index ^ 0xFF)
    assert [get(rig, index | 0x80) for index in (0x0E, 0x40, 0x7F)] == [0xF1, 0xBF, 0x80], "bit 7 masks NMIs"


def test_reset_ends_interrupts_and_keeps_the_rest():
    rig = Rig()
    put(rig, 0x0B, 0x7A)
    put(rig, 0x0A, 0x26)
    rig.cpu[0].cycles = SECOND
    assert get(rig, 0) == 1
    rig.board.reset()
    assert (get(rig, 0x0B), get(rig, 0x0A), get(rig, 0x0C)) == (0x02, 0x26, 0)
    assert (get(rig, 0), int(rig.machine.next_event)) == (1, 2**64 - 1)
