"""VGA registers: each keeps what was written, by its index, by turns, or at a port of its own."""
import pytest

from tests.model.rig import Rig


@pytest.mark.parametrize("index,count,used", [(0x3C4, 8, 7), (0x3CE, 16, 15), (0x3D4, 32, 31)])
def test_indexed_registers_keep_their_values(index, count, used):
    rig = Rig()
    for number in range(count):
        rig.write(index, number)
        rig.write(index + 1, 0x80 + 3 * number)
    for number in range(count):
        rig.write(index, number)
        assert (rig.read(index), rig.read(index + 1)) == (number, 0x80 + 3 * number)
    rig.write(index, used + 1 | 2)
    assert rig.read(index + 1) == 0x80 + 6, "index bits beyond the registers count for nothing"


def test_index_registers_are_apart():
    rig = Rig()
    for port, value in ((0x3C4, 3), (0x3CE, 5), (0x3D4, 9)):
        rig.write(port, value)
    rig.read(0x3DA)
    rig.write(0x3C0, 0xFF)
    assert [rig.read(port) for port in (0x3C4, 0x3CE, 0x3D4, 0x3C0)] == [3, 5, 9, 0x3F]


def test_attribute_port_takes_index_and_data_by_turns():
    rig = Rig()
    for number in range(32):
        rig.write(0x3C0, 0x20 | number)
        rig.write(0x3C0, 0xC0 ^ number)
    for number in range(32):
        rig.read(0x3DA)                                    # the next write is an index, whatever came before
        rig.write(0x3C0, 0x20 | number)
        assert (rig.read(0x3C0), rig.read(0x3C1)) == (0x20 | number, 0xC0 ^ number)


@pytest.mark.parametrize("written,read,first", [(0x3C2, 0x3CC, 0x67), (0x3DA, 0x3CA, 0x00), (0x3C6, 0x3C6, 0xFF)])
def test_register_is_read_at_its_own_port(written, read, first):
    rig = Rig()
    assert rig.read(read) == first
    for value in (0xA5, 0x5A):
        rig.write(written, value)
        assert rig.read(read) == value


def test_palette_goes_on_by_itself_and_keeps_six_bits():
    rig = Rig()
    rig.write(0x3C8, 255)
    for value in (0xC1, 2, 3, 4, 5):
        rig.write(0x3C9, value)
    assert rig.read(0x3C8) == 0
    rig.write(0x3C9, 6)
    assert rig.read(0x3C8) == 1
    rig.write(0x3C7, 255)
    assert [rig.read(0x3C9) for _ in range(6)] == [1, 2, 3, 4, 5, 6]


def test_ports_without_a_register():
    rig = Rig()
    assert [rig.read(port) for port in (0x3C2, 0x3C7, 0x3CB, 0x3CD, 0x3D0)] == [0, 0, 0xFF, 0xFF, 0xFF]


def test_reset_brings_registers_back():
    rig = Rig()
    for port in (0x3C2, 0x3C4, 0x3C6, 0x3C8, 0x3CE, 0x3D4, 0x3DA):
        rig.write(port, 0x15)
    rig.board.reset()
    assert [rig.read(port) for port in (0x3CC, 0x3C4, 0x3C6, 0x3C8, 0x3CE, 0x3D4, 0x3CA)] == [0x67, 0, 0xFF, 0, 0, 0, 0]
    rig.write(0x3D4, 0x0A)
    assert rig.read(0x3D5) == 0x0D, "first line of the cursor"
