"""gdb's packets and agent expressions: any stream of bytes is taken in, any bytecode ends."""
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.debug.gdb import agent, packet
from emu.errors import DebugError

SETTINGS = settings(deadline=None, max_examples=200, derandomize=True)


@SETTINGS
@given(content=st.lists(st.binary(max_size=60), max_size=6), cuts=st.lists(st.integers(0, 400), max_size=8), between=st.binary(max_size=3))
def test_packets_come_out_of_any_pieces(content, cuts, between):
    noise = bytes(byte for byte in between if byte not in b"$+-\3")
    stream = b"".join(packet.frame(packet.escape(data)) + noise for data in content)
    reader, found, at = packet.Reader(), [], 0
    for cut in [*sorted(cuts), len(stream)]:
        found += reader.feed(stream[at:max(at, cut)])
        at = max(at, cut)
    assert [(each.kind, packet.unescape(each.data)) for each in found] == [("packet", data) for data in content]


@SETTINGS
@given(junk=st.binary(max_size=300))
def test_after_any_junk_a_packet_is_understood(junk):
    reader = packet.Reader()
    list(reader.feed(junk))
    found = list(reader.feed(packet.frame(b"one") + packet.frame(b"two")))
    assert found[-1] == packet.Packet("packet", b"two")


def test_wrong_checksum_oversize_cut_off_and_interrupt():
    reader = packet.Reader()
    assert [each.kind for each in reader.feed(b"$abc#00+-\x03$abc#zz")] == ["broken", "ack", "nak", "interrupt", "broken"]
    assert [each.kind for each in reader.feed(b"$cut off$g#67")] == ["broken", "packet"]
    for _ in range(40):
        assert not list(reader.feed(b"$" + b"a" * 4000 if _ == 0 else b"a" * 4000))
    assert [each.kind for each in reader.feed(b"#61$g#67")] == ["broken", "packet"]


def memory(address, size):
    return int.from_bytes(bytes((address + n) & 0xFF for n in range(size)), "little")


def run(code):
    return agent.evaluate(bytes(code), lambda number: 1000 + number, memory)


@pytest.mark.parametrize(("code", "value"), [
    ([0x22, 5, 0x22, 3, 0x03, 0x27], 2), ([0x22, 3, 0x22, 5, 0x03, 0x27], 2**64 - 2),
    ([0x26, 0, 16, 0x27], 1016),
    ([0x22, 0x10, 0x19, 0x27], 0x13121110), ([0x22, 0xFF, 0x16, 8, 0x27], 2**64 - 1), ([0x24, 0, 0, 0xFF, 0xFF, 0x2A, 8, 0x27], 0xFF),
    ([0x22, 7, 0x22, 7, 0x13, 0x27], 1), ([0x22, 0xFF, 0x16, 8, 0x22, 1, 0x14, 0x27], 1), ([0x22, 0xFF, 0x16, 8, 0x22, 1, 0x15, 0x27], 0),
    ([0x22, 0, 0x0E, 0x27], 1), ([0x22, 1, 0x20, 0, 8, 0x22, 9, 0x27, 0x22, 4, 0x27], 4), ([0x22, 6, 0x28, 0x04, 0x27], 36),
    ([0x22, 1, 0x22, 2, 0x2B, 0x03, 0x27], 1), ([0x22, 0xF9, 0x16, 8, 0x22, 2, 0x05, 0x27], 2**64 - 3),
    ([0x22, 0xF9, 0x16, 8, 0x22, 2, 0x07, 0x27], 2**64 - 1), ([0x22, 1, 0x22, 70, 0x09, 0x27], 0), ([0x22, 5, 0x22, 9, 0x32, 1, 0x27], 5),
    ([0x22, 1, 0x22, 2, 0x22, 3, 0x33, 0x27], 2),
])
def test_agent_expressions(code, value):
    assert run(code) == value


@pytest.mark.parametrize(("code", "words"), [
    ([], "cut short"), ([0x22], "cut short"), ([0x27], "empty stack"),
    ([0x22, 1, 0x22, 0, 0x05, 0x27], "divides by zero"), ([0xEE], "0xee"),
    ([0x21, 0, 0], "did not end"), ([0x22, 1, 0x21, 0, 0], "stack"), ([0x22, 1, 0x32, 3], "empty stack"),
])
def test_broken_agent_expressions_are_refused(code, words):
    with pytest.raises(DebugError, match=words):
        run(code)


@SETTINGS
@given(code=st.binary(max_size=40))
def test_any_bytecode_ends(code):
    try:
        assert 0 <= agent.evaluate(code, lambda number: number, memory) < 2**64
    except DebugError:
        pass
