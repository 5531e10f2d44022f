"""A run is stopped at an exit, an entry or a cycle, and goes on as if it had not been."""
import json

import pytest

from emu.debug.history import run_to
from emu.debug.views.vmcs import Vmcs
from emu.errors import ConfigError
from emu.machine.failure import read_linear
from tests.machines import close, demo
from tests.programs import THREE

# Two entries fail, by error 7 and by exit reason 33, one succeeds.
FAILS = """
test:   call    vmx_start
        GUEST   guest
        mov     eax, 5
        PUT     CR3_TARGET_COUNT, rax
        call    vmx_run
        mov     eax, 0
        PUT     CR3_TARGET_COUNT, rax
        mov     eax, 9
        PUT     GUEST_ACTIVITY, rax
        call    vmx_run
        mov     eax, 0
        PUT     GUEST_ACTIVITY, rax
        call    vmx_run
        PASS
guest:  hlt
"""
VMLAUNCH, VMRESUME = b"\x0f\x01\xc2", b"\x0f\x01\xc3"


def here(machine):
    """Return the three bytes of code at RIP (identity-mapped)."""
    return machine.read(int(machine.env(0).rip), 3)


@pytest.mark.parametrize("number, reason, label", [(1, 10, "guest"), (2, 18, "second"), (3, 12, "second")])
def test_exit_stops_before_the_first_instruction_of_the_hypervisor(guest, number, reason, label):
    make, program = guest(THREE)
    machine, processor = run_to.run_to_exit(make, number)
    words = machine.cpu[processor]
    assert (processor, run_to.exits_of(machine), int(words.vmx_mode)) == (0, number, 1)
    assert int(words.exits[reason]) == 1
    assert int(machine.env(0).rip) == program.symbols["vmx_exit"]
    at = program.symbols[label] - (3 if number == 2 else 0)
    assert Vmcs(machine).guest_rip == at


@pytest.mark.parametrize("number, code", [(1, VMLAUNCH), (2, VMRESUME), (3, VMRESUME)])
def test_launch_stops_before_the_instruction(guest, number, code):
    machine, _ = run_to.run_to_launch(guest(THREE)[0], number)
    assert (run_to.exits_of(machine), here(machine)) == (number - 1, code)


@pytest.mark.parametrize("number, entries, failures", [(1, 0, 0), (2, 0, 1), (3, 0, 2)])
def test_entries_that_fail_are_counted(guest, number, entries, failures):
    machine, _ = run_to.run_to_launch(guest(FAILS)[0], number)
    c = machine.cpu[0]
    assert (int(c.entries), int(c.failures), here(machine)) == (entries, failures, VMLAUNCH)


def test_entry_failure_stops_before_it(guest):
    machine, _ = run_to.run_to_entry_failure(guest(FAILS)[0], 2)
    assert (int(machine.cpu[0].failures), here(machine)) == (1, VMLAUNCH)
    assert int(machine.run().exit_code) == 0 and int(machine.cpu[0].failures) == 2


@pytest.mark.parametrize("place", [lambda make: run_to.run_to_exit(make, 2)[0], lambda make: run_to.run_to_launch(make, 3)[0],
                                   lambda make: run_to.run_to_cycle(make, 50_000)])
def test_stopped_run_goes_on_as_if_it_had_not_been(guest, place):
    make, _ = guest(THREE)
    whole = make()
    expected = whole.run()
    machine = place(make)
    result = machine.run()
    assert (result.reason, result.cycles, machine.digest()) == (expected.reason, expected.cycles, whole.digest())


@pytest.mark.parametrize("function, number, message", [
    (run_to.run_to_exit, 4, r"there is no VM exit 4: the run makes 3 in all and ends by exit code at cycle [\d,]+"),
    (run_to.run_to_launch, 9, r"there is no VM entry 9: the run makes 3 in all and ends by exit code at cycle [\d,]+"),
    (run_to.run_to_entry_failure, 1, r"there is no failed VM entry 1: the run makes 0 in all and ends by exit code at cycle [\d,]+"),
    (run_to.run_to_exit, 0, r"VM exits are counted from 1, there is no exit 0"),
    (run_to.run_to_launch, 0, r"VM entry events are counted from 1, there is no VM entry 0")])
def test_what_never_happens_is_reported_with_the_count(guest, function, number, message):
    with pytest.raises(ConfigError, match=f"^{message}$"):
        function(guest(THREE)[0], number)


def test_budget_ends_the_search(guest):
    with pytest.raises(ConfigError, match="^there is no VM exit 1: the run makes 0 in all and ends by budget at cycle "):
        run_to.run_to_exit(guest(THREE)[0], 1, 50_000)


def test_console_that_fills_its_ring_does_not_move_the_place(guest):
    talk = "test:   mov     ecx, 50000\n.talk:  mov     al, 0x2E\n        out     PORT_DEBUG_CONSOLE, al\n        loop    .talk\n"
    make, program = guest(THREE.replace("test: ", talk))
    whole = make()
    expected = whole.run()
    for number in (1, 3):
        machine, _ = run_to.run_to_exit(make, number)
        assert run_to.exits_of(machine) == number and int(machine.env(0).rip) == program.symbols["vmx_exit"]
        assert (machine.run().cycles, machine.digest()) == (expected.cycles, whole.digest())


@pytest.fixture
def two():
    """Return a function that makes a machine of two processors with the demonstration."""
    made = []

    def make():
        made.append(demo(processors=2))
        return made[-1]

    yield make
    for machine in made:
        close(machine)


def test_exits_of_two_processors_are_found_in_the_order_of_the_log(two, tmp_path):
    traced = two()
    traced.trace_exits(tmp_path / "exits")
    traced.run(max_cycles=100_000_000)
    traced.close_trace()
    rows = [json.loads(line) for line in (tmp_path / "exits").read_text().splitlines()]
    numbers = [n for cpu in (0, 1) for n in [n for n, row in enumerate(rows, 1) if row["cpu"] == cpu][5:400:130]]
    assert {rows[n - 1]["cpu"] for n in numbers} == {0, 1}
    for number, machine, processor in run_to.run_to_exits(two, numbers):
        c, row = machine.cpu[processor], rows[number - 1]
        assert (processor, int(c.exit_began), int(c.exit_reason_now)) == (row["cpu"], row["cycle"], row["number"])
        assert run_to.exits_of(machine) == number and int(c.vmx_mode) == 1


@pytest.mark.parametrize("number", [1, 2, 300, 1001])
def test_launches_of_two_processors_stop_before_the_instruction(two, number):
    machine, processor = run_to.run_to_launch(two, number)
    e = machine.env(processor)
    assert sum(int(c.entries) for c in machine.cpu) == number - 1
    assert read_linear(machine, machine.cpu[processor], int(e.rip), 3) in (VMLAUNCH, VMRESUME)
