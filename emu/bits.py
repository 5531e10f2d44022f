"""Bit-field layouts, code tables and register tables: facts of a manual written once, as data.

A field *is* its uint64 mask, so a kernel sees a constant; shift and width follow from the mask.
Not modelled here: behaviour.  Tables say what exists; kernels say what happens.
"""
from collections import namedtuple

import numpy as np

from emu.jit import kernel

U64 = np.uint64
# The low bits of a word, and 4-KByte pages, for kernels.  What a table has a name for is taken from there.
LOW_4, LOW_8, LOW_16, LOW_32, ALL_ONES = U64(0xF), U64(0xFF), U64(0xFFFF), U64(0xFFFF_FFFF), U64(0xFFFF_FFFF_FFFF_FFFF)
PAGE_SHIFT, PAGE_SIZE, PAGE_OFFSET, PAGE_MASK = U64(12), U64(0x1000), U64(0xFFF), U64(0xFFFF_FFFF_FFFF_F000)
GOLDEN = U64(0x9E37_79B9_7F4A_7C15)                       # 2**64 by the golden ratio: multiplying by it spreads bits
# The same for Python's integers, which have no width.
ADDRESSES, ONES_64, PAGE_BYTES, MIB = 1 << 64, int(ALL_ONES), int(PAGE_SIZE), 1 << 20
_DETAILS = {}            # id(table) -> _Details; tables live as long as their modules


class _Details:
    """What a table knows beyond its values: name, width, source, text of each row."""

    def __init__(self, name, width, source, rows):
        self.name, self.width, self.source, self.rows = name, width, source, rows


def _mask(high, low):
    return ((1 << (high - low + 1)) - 1) << low


def _table(kind, name, values, details):
    cls = namedtuple(name, values)
    table = cls(**values)
    _DETAILS[id(table)] = details
    details.kind = kind
    return table


def layout(name, width, source, **fields):
    """Return a named tuple of uint64 masks, one per field given as (high, low, text).

    Raises ValueError naming the field when it leaves the width or overlaps an earlier field.
    """
    used, values = 0, {}
    for field, (high, low, _) in fields.items():
        if not 0 <= low <= high < width:
            raise ValueError(f"{name}.{field}: bits {high}:{low} are not inside {width} bits")
        mask = _mask(high, low)
        if used & mask:
            raise ValueError(f"{name}.{field}: bits {high}:{low} overlap an earlier field")
        used |= mask
        values[field] = U64(mask)
    return _table("layout", name, values, _Details(name, width, source, dict(fields)))


def codes(name, source, **values):
    """Return a named tuple of uint64 numbers, each given as (number, text).

    Raises ValueError naming the row when a number occurs twice.
    """
    seen = {}
    for row, (number, _) in values.items():
        if number in seen:
            raise ValueError(f"{name}.{row}: {number:#x} is already {seen[number]}")
        seen[number] = row
    return _table("codes", name, {k: U64(v[0]) for k, v in values.items()}, _Details(name, 64, source, dict(values)))


def sets(name, table, source, **rows):
    """Return a named tuple of uint64 bit sets of a code table's numbers, one per row given as (names, text).

    names: rows of `table`, separated by spaces.  A number from 64 on has no bit: whoever asks with it, asks `members`.
    Raises ValueError naming the row that lists a name which the table does not have.
    """
    values, found = {}, {}
    for row, (names, text) in rows.items():
        unknown = [each for each in names.split() if each not in table._fields]
        if unknown:
            raise ValueError(f"{name}.{row}: {details(table).name} has no row {unknown[0]}")
        numbers = [int(getattr(table, each)) for each in names.split()]
        values[row] = U64(sum(1 << number for number in set(numbers) if number < 64))
        found[row] = (names.split(), text)
    return _table("sets", name, values, _Details(name, 64, source, found))


def members(table, row):
    """Return the names of the code table's rows that a bit set of `sets` holds."""
    return tuple(details(table).rows[row][0])


def numbers(table, row):
    """Return the numbers below 64 that a bit set of `sets` holds, as ints."""
    return tuple(number for number in range(64) if int(getattr(table, row)) >> number & 1)


Row = namedtuple("Row", "number reset writable text")


def registers(name, source, **rows):
    """Return a named tuple of register numbers (uint64); rows are (number, reset, writable mask, text)."""
    seen, table = {}, {}
    for row, (number, reset, writable, text) in rows.items():
        if number in seen:
            raise ValueError(f"{name}.{row}: {number:#x} is already {seen[number]}")
        seen[number] = row
        table[row] = Row(number, int(reset), int(writable), text)
    return _table("registers", name, {k: U64(v.number) for k, v in table.items()}, _Details(name, 64, source, table))


def details(table):
    """Return name, width, source, rows and kind of a table made here."""
    return _DETAILS[id(table)]


def every(table):
    """Return the OR of all masks of a layout as int: what is not reserved."""
    result = 0
    for mask in table:
        result |= int(mask)
    return result


def value_of(table, **fields):
    """Return the value (uint64) of a layout in which fields have these numbers, others 0: `value_of(DESCRIPTOR, S=1, TYPE=3)`.

    Raises ValueError naming a field that the number does not fit.
    """
    result = 0
    for field, number in fields.items():
        mask = int(getattr(table, field))
        if int(number) << shift_of(mask) & ~mask:
            raise ValueError(f"{details(table).name}.{field}: {int(number):#x} does not fit")
        result |= int(number) << shift_of(mask)
    return U64(result)


def shift_of(mask):
    """Return the position of the lowest set bit of a mask as int."""
    mask = int(mask)
    return (mask & -mask).bit_length() - 1


@kernel
def get(value, mask):
    """Return the field of `value` that `mask` names, shifted to bit 0 (all uint64)."""
    return (value & mask) // (mask & (~mask + 1))


@kernel
def one_of(number, members):
    """Return whether `number` is in the bit set `members` (all uint64)."""
    return number < 64 and members >> number & 1 != 0


@kernel
def place_of(number, numbers):
    """Return the place of `number` in ascending `numbers` (uint64[n]), or n when it is not there."""
    low, high = 0, U64(len(numbers))
    while low < high:
        middle = low + high >> 1
        if numbers[middle] < number:
            low = middle + 1
        else:
            high = middle
    return low if low < U64(len(numbers)) and numbers[low] == number else U64(len(numbers))


@kernel
def put(value, mask, field):
    """Return `value` with the field that `mask` names replaced by `field` (all uint64)."""
    return value & ~mask | field * (mask & (~mask + 1)) & mask


def name_of(table, number):
    """Return the row name that has this number, or its hexadecimal text."""
    for row, value in zip(table._fields, table, strict=True):
        if int(value) == int(number):
            return row
    return f"{int(number):#x}"


def text_of(table, row):
    """Return the text that explains a row or field."""
    return details(table).rows[row][-1]


def show(table, value):
    """Return `value` decoded: names of set one-bit fields, NAME=value of others, and what is reserved."""
    value, parts, rest = int(value), [], int(value)
    for field, mask in zip(table._fields, table, strict=True):
        mask = int(mask)
        bits = value & mask
        rest &= ~mask
        if mask & (mask - 1):
            if bits:
                parts.append(f"{field}={bits >> shift_of(mask):#x}")
        elif bits:
            parts.append(field)
    if rest:
        parts.append(f"reserved={rest:#x}")
    return " ".join(parts) or "0"


def symbols(table, prefix=None):
    """Return assembler symbols of a table: {"VMCS_GUEST_RIP": 0x681e, ...}; masks of layouts as masks."""
    prefix = details(table).name if prefix is None else prefix
    return {f"{prefix}_{row}": int(value) for row, value in zip(table._fields, table, strict=True)}
