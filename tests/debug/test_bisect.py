"""Where two runs diverge: found exactly, and reported by the names of what differs."""
import pytest

from emu.debug.history import compare, record
from emu.debug.history.bisect import bisect
from emu.debug.history.builds import Undecided
from emu.errors import ReplayError
from tests.machines import close, named
from tests.programs import ECHO


def recorded(machine, data=b"", at=2_000_000, budget=None):
    recorder = record.Recorder(machine)
    if data:
        machine.console_input(data, at)
    machine.run(max_cycles=budget)
    return recorder.finish()


@pytest.fixture
def echo(guest):
    """Return a function that makes machines with the echo program."""
    return guest(ECHO)[0]


def test_first_difference_is_found(echo):
    one, other = recorded(echo(), b"hello."), recorded(echo(), b"help.")
    found = bisect(echo(), one, echo(), other)
    assert found.cycle == found.last_equal + 1 and found.places[0] == found.places[1]
    assert found.inputs == ["only A gets b'hello.' (console) at cycle 2,000,000", "only B gets b'help.' (console) at cycle 2,000,000"]
    # The fourth character is in the receiver, and nobody has read it yet.
    assert [(d.where, d.what, d.a, d.b) for d in found.differences] == [("uart", "fifo[3]", f"{ord('l')}", f"{ord('p')}")]
    for cycle, equal in ((found.last_equal, True), (found.cycle, False)):
        a, b = echo(), echo()
        record.prepare(a, one)
        record.prepare(b, other)
        a.run(max_cycles=cycle)
        b.run(max_cycles=cycle)
        assert (bytes(a.board.uart.fifo) == bytes(b.board.uart.fifo)) == equal == compare.same(a, b)


def test_later_input_parts_where_it_comes(echo):
    found = bisect(echo(), recorded(echo(), b"a."), echo(), recorded(echo(), b"a.", 2_000_500))
    assert found.last_equal == 1_999_999
    assert found.inputs[0] == "only A gets b'a.' (console) at cycle 2,000,000"


def test_same_runs_do_not_part(echo):
    one = recorded(echo(), b"hello.")
    assert bisect(echo(), one, echo(), one) is None


def test_two_versions_of_a_program_part_at_what_they_do(guest):
    text = "test:   mov ecx, 50000\n1:      dec ecx\n        jnz 1b\n        mov eax, 1\n        out 0x80, al\n        PASS\n"
    make = guest(text)[0]
    one = make()
    target = one.symbols.address("test") + 9               # the immediate of `mov eax`
    assert one.read(target, 5)[0] == 0xB8
    a, b, c, d = one, make(), make(), make()
    for changed in (b, d):
        changed.write(target + 1, b"\2")
    found = bisect(c, recorded(a, b"x"), d, recorded(b, b"x"))
    assert (found.a.name, found.a.args["value"], found.b.name, found.b.args["value"]) == ("OUT", 1, "OUT", 2)


def test_nothing_is_decided_after_the_budget_cut_a_run(echo):
    cut, whole = recorded(echo(), budget=1_500_000), recorded(echo(), b"hello.")
    assert bisect(echo(), cut, echo(), whole) == Undecided(1_500_000, ("A",))
    assert bisect(echo(), whole, echo(), cut) == Undecided(1_500_000, ("B",))
    assert bisect(echo(), cut, echo(), cut) is None
    later, other = recorded(echo(), b"hello.", budget=2_900_000), recorded(echo(), b"help.")
    assert bisect(echo(), later, echo(), other).inputs[0] == "only A gets b'hello.' (console) at cycle 2,000,000"


def test_event_after_the_budget_cut_the_other_build_is_no_parting(guest):
    text = "test:   mov ecx, 20000\n1:      dec ecx\n        jnz 1b\n        mov al, 1\n        out 0x80, al\n        PASS\n"
    make = guest(text)[0]

    def made(count=20000, value=1):
        machine = make()
        at = machine.symbols.address("test")
        machine.write(at + 1, count.to_bytes(4, "little"))
        machine.write(at + 5 + machine.read(at + 5, 16).index(b"\xB0\1") + 1, bytes([value]))
        return machine

    whole, slow = recorded(made()), dict(count=4_000_000)
    end = max(whole.end.cycles)
    cut = recorded(made(**slow), budget=end)
    assert bisect(made(), whole, made(**slow), cut) == Undecided(end, ("B",))
    assert bisect(made(**slow), cut, made(), whole) == Undecided(end, ("A",))
    early = recorded(made(value=2), budget=end // 2)
    assert bisect(made(), recorded(made(), budget=end // 2), made(value=2), early) is None
    assert bisect(made(**slow), recorded(made(**slow)), made(), whole) is None
    found = bisect(made(value=2), recorded(made(value=2)), made(**slow), recorded(made(**slow)))
    assert (found.a.args["value"], found.b.args["value"]) == (2, 1)


@pytest.mark.parametrize("name, at", [("vmx_round_trip", 700_123), ("smp_ipi", 1_500_000), ("vmx_interrupts", 90_000)])
def test_differences_by_name(name, at):
    a, b = named(name), named(name)
    for machine in (a, b):
        machine.run(max_cycles=at)
    assert compare.same(a, b) and compare.differences(a, b) == []
    b.env(0).regs[3] ^= 0x10
    b.board.pit.speaker += 1
    b.cpu[0].random += 1
    b.write(0x300000, b"\xAA\xBB")
    if name.startswith("vmx"):
        from emu.debug.views.vmcs import Vmcs
        Vmcs(b).guest_rsp ^= 8
    said = {(each.where, each.what): (each.a, each.b) for each in compare.differences(a, b)}
    value = int(a.env(0).regs[3])
    assert said.pop(("processor 0", "rbx")) == (f"{value:#x}", f"{value ^ 0x10:#x}")
    assert said.pop(("pit", "speaker")) and said.pop(("processor 0", "random"))
    assert said.pop(("memory", "2 bytes of the page at 0x300000, from 0x300000 on")) == ("00 " * 7 + "00", "aa bb" + " 00" * 6)
    if name.startswith("vmx"):
        assert any(what == "GUEST_RSP" for _, what in said)
        said = {key: value for key, value in said.items() if key[1] != "GUEST_RSP" and key[0] != "memory" and key[1] != "rsp"}
    assert not said and not compare.same(a, b)
    for machine in (a, b):
        close(machine)


def test_machines_made_otherwise_are_not_compared(echo):
    one = recorded(echo(), b".")
    with pytest.raises(ReplayError, match="the runs cannot be compared: memory_bytes is"):
        bisect(echo(), one, named("demo"), one)
