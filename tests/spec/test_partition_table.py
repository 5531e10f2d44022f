"""The partition table: the page that describes it, the Python side and the hypervisor have the same offsets."""
import re
from pathlib import Path

import pytest

from emu.asm import assemble
from emu.bits import symbols
from emu.machine import partition
from emu.spec.firmware import PAYLOAD
from emu.spec.partition_table import (
    CODE,
    DESC,
    DESC_BYTES,
    DESCRIPTOR,
    HEADER,
    PIECE,
    PIECE_BYTES,
    PIECE_OF,
    PIECES,
    STATE,
    TABLE,
    TABLE_FIRST,
)

TEXT = (Path(__file__).resolve().parents[2] / "hv/README.md").read_text()
SECTION = TEXT[TEXT.index("## Partition table"):].partition("\n## ")[0] + "\n## "
DESCRIBED = [int(each, 16) for each in re.findall(r"(?<!\w)0x([0-9A-F]{3})  ", SECTION)]


def test_offsets_are_those_of_the_page():
    header, rest = DESCRIBED[:len(TABLE)], DESCRIBED[len(TABLE):]
    assert header == [int(each) for each in TABLE] and rest == [int(each) for each in DESC]


def test_hypervisor_uses_them():
    text = partition.folder("hv").joinpath("records/defs.s").read_text()
    assert ".record DESC" not in text and re.search(r"\.use .*\bpartition_table\b", text)


def test_hypervisor_names_what_the_table_has(tmp_path):
    named = {**symbols(DESC), **symbols(TABLE), **symbols(PIECE), **symbols(STATE), **symbols(CODE)}
    source = tmp_path / "t.s"
    source.write_text(".use partition_table\n" + "".join(f".quad {name}\n" for name in named))
    code = assemble(source, cache=False).code
    assert [int.from_bytes(code[n:n + 8], "little") for n in range(0, len(code), 8)] == list(named.values())


def test_sizes():
    assert PIECE_BYTES == len(PIECE_OF.pack(PIECE_BYTES, SOURCE=1, TARGET=2, LENGTH=3)) and int(PIECE.LENGTH) + 8 == PIECE_BYTES
    assert int(DESC.COMMAND) - int(DESC.PIECE) >= PIECES * PIECE_BYTES
    assert int(DESC.ENDED) + 8 <= DESC_BYTES and int(TABLE.FLAGS) < TABLE_FIRST
    assert [int(each) for each in PAYLOAD] == [0, 1, 2, 3]             # .equ KINDS of hv/records/defs.s is the last and 1


@pytest.mark.parametrize("record, values", [
    (HEADER, dict(MAGIC_AT=7, COUNT=3, FLAGS=1)), (DESCRIPTOR, dict(KIND=2, VPS=3, STATE=2, CODE=0xE000_0001, ENDED=1 << 60))])
def test_what_is_packed_is_unpacked(record, values):
    data = record.pack(DESC_BYTES, **values)
    assert len(data) == DESC_BYTES
    assert record.unpack(lambda at, size: data[at - 0x1000:at - 0x1000 + size], 0x1000, *values) == list(values.values())
