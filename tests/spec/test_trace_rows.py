"""The fields of trace rows: their table against itself, and what a kernel packs against what people read."""
import pytest

from emu.bits import put
from emu.debug.session.trace_events import SHOW, TITLE
from emu.spec.trace import COMMON, EVENT_KIND, FIELDS, TRACE_WORDS, Place, masks, read, values

KINDS = pytest.mark.parametrize("kind", FIELDS)


def test_each_kind_has_fields_and_a_title():
    assert tuple(FIELDS) == tuple(TITLE) == EVENT_KIND._fields


@KINDS
def test_places_lie_in_a_row(kind):
    for name, place in (COMMON | FIELDS[kind]).items():
        assert 0 <= place.word < TRACE_WORDS and 0 < place.width <= 64 - place.low, name
        assert not place.shown or place.shown in SHOW, name
        assert place.change in ("", "not", "next"), name
        assert all(each in FIELDS[kind] for each in place.when), name


@KINDS
def test_what_is_shown_when_is_there(kind):
    for place in FIELDS[kind].values():
        assert all(set(FIELDS[kind][each].of) >= set(place.of) or not FIELDS[kind][each].of for each in place.when)


@KINDS
def test_what_is_packed_is_read(kind):
    for fields in (COMMON, FIELDS[kind]):
        packing = masks("PACKING", fields) if fields else ()
        for (name, place), mask in zip(fields.items(), packing, strict=True):
            row, value = [0] * TRACE_WORDS, (1 << place.width) - 2 or 1
            row[place.word] = int(put.py_func(type(mask)(0), mask, type(mask)(value)))
            assert read(row, place._replace(change="")) == value, name


def test_fields_of_an_exit_are_those_of_its_reason():
    row = [5, 1 | 3 << 8, 0x1000, 0, 48 | 3 << 32, 0x181, 0x7000, 0xFEE0_0300]
    assert {"gpa": 0xFEE0_0300, "gla": 0x7000, "exit": 48, "length": 3}.items() <= values(row, "EXIT").items()
    assert not {"msr", "leaf", "event", "port"} & values(row, "EXIT").keys()
    row[4:6] = 30, 0x3F8 << 16 | 1 << 3 | 0
    assert {"port": 0x3F8, "size": 1, "write": 0}.items() <= values(row, "EXIT").items()


def test_changes():
    assert [read([0, 3], Place(1, 0, 2, change=change)) for change in ("", "not", "next")] == [3, 0, 4]
