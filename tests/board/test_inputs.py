"""Input from outside: at its cycle, in its order, and the run depends on nothing else."""
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.board.inputs import RETRY, Input, Inputs
from emu.errors import ConfigError
from emu.state import RING
from tests.programs import ECHO, SLEEP


def test_order_and_refusals():
    inputs = Inputs()
    inputs.add(50, "console", b"b", 0)
    inputs.add(20, "console", b"a", 0)
    inputs.add(50, "keys", b"\x1e", 0)
    assert [(i.cycle, i.data) for i in inputs.log] == [(20, b"a"), (50, b"b"), (50, b"\x1e")]
    assert inputs.next_cycle == 20
    inputs.add(None, "console", b"now", 33)
    assert inputs.log[1] == Input(33, "console", b"now")
    with pytest.raises(ConfigError, match="cycle 32 has passed: the machine is at cycle 33"):
        inputs.add(32, "console", b"late", 33)
    with pytest.raises(ConfigError, match="no bytes"):
        inputs.add(None, "console", b"", 0)
    with pytest.raises(ConfigError, match="one of console, keys, memory, not 'mouse'"):
        inputs.add(None, "mouse", b"x", 0)
    inputs.forget_future()
    assert inputs.log == []


class Slow:
    """A board that takes `room` bytes at a time."""

    def __init__(self, room):
        self.room, self.got, self.pressed = list(room), [], []

    def feed(self, data, cycle):
        taken = min(len(data), self.room.pop(0) if self.room else len(data))
        self.got.append((cycle, data[:taken]))
        return taken

    def press(self, *codes):
        self.pressed += codes


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3 * RETRY), st.binary(min_size=1, max_size=6)), max_size=6),
       st.lists(st.integers(0, 4), max_size=9))
def test_nothing_is_lost_or_overtaken(given_, room):
    inputs, board = Inputs(), Slow(room)
    for cycle, data in given_:
        inputs.add(cycle, "console", data, 0)
    wanted = b"".join(data for _, data in sorted(given_, key=lambda each: each[0]))
    while inputs.next_cycle < 1 << 63:
        inputs.deliver(board, None)
    assert b"".join(data for _, data in board.got) == wanted == b"".join(each.data for each in inputs.log)
    assert [each.cycle for each in inputs.log] == sorted(each.cycle for each in inputs.log)
    again, same = Inputs(), Slow([len(each.data) for each in inputs.log])
    for each in inputs.log:                                 # what was delivered, delivered again, is the same
        again.add(each.cycle, each.kind, each.data, 0)
    while again.next_cycle < 1 << 63:
        again.deliver(same, None)
    assert again.log == inputs.log


def run(program, pieces=None, **kinds):
    """Run the echo with inputs; returns what it said, how it ended and when, and its digest."""
    machine = program(ECHO)
    for cycle, data in kinds.get("console", ()):
        machine.console_input(data, cycle)
    until, result = 0, None
    while result is None or result.reason == "BUDGET":
        until += pieces or 1 << 40
        result = machine.run(max_cycles=until)
    return bytes(machine.text), result.reason, result.exit_code, result.cycles, machine.digest()


def test_bytes_arrive_and_where_the_host_cuts_does_not_matter(program):
    console = [(2_000_000, b"hello "), (9_000_000, b"world.")]
    said = run(program, console=console)
    assert said[0].endswith(b"hello world.") and said[1:3] == ("EXIT_CODE", 0) and said[3] > 9_000_000
    assert run(program, pieces=777_777, console=console) == said
    assert run(program, console=[(2_000_000, b"hello "), (9_100_000, b"world.")])[4] != said[4]


def test_more_than_the_ring_holds(program):
    text = b"x" * (RING + 100) + b"."
    machine = program(ECHO)
    machine.console_input(text, 0)
    result = machine.run()
    assert result.reason == "EXIT_CODE" and machine.text.endswith(text[-20:]) and machine.text.count(b"x") >= RING
    assert machine.inputs.done == len(machine.inputs.log) >= 2


def test_sleeper_waits_for_input_and_not_forever(program):
    machine = program(SLEEP)
    assert machine.run(max_cycles=10_000_000).reason == "IDLE"
    machine = program(SLEEP)
    machine.console_input(b"b", 30_000_000)
    assert machine.run(max_cycles=20_000_000).reason == "BUDGET"
    machine.press(b"\x1e", 50_000_000)
    result = machine.run()
    assert (result.reason, result.exit_code) == ("EXIT_CODE", 0) and machine.text.endswith(b"b\x1e")
    assert 50_000_000 < result.cycles < 51_000_000


def test_input_of_a_sleeper_that_ended_idle(program):
    machine = program(SLEEP)
    assert machine.run().reason == "IDLE"
    machine.console_input(b"b")
    assert machine.run().reason == "IDLE" and machine.text.endswith(b"b")
    machine.console_input(b"c")
    assert machine.run().exit_code == 0 and machine.text.endswith(b"bc")
