"""Real-time clock: calendar, encodings, interrupts, memory sizes."""
import calendar as stdlib
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.model import calendar, events
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
