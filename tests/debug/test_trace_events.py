"""Stops at trace events: exits, entries, failures, deliveries, MSRs, ports, modes; counted by the machine; the run stays as it is."""
import pytest

from emu.debug.history.history import History
from emu.debug.session.session import Session
from emu.errors import ConfigError, DebugError
from emu.spec.vmx import REASON
from tests.guests.guests import FOLDER
from tests.machines import assembled, close, demo, loaded
from tests.programs import COUNT, ENTER


@pytest.fixture
def session():
    """Return a function: name of a guest program -> Session."""
    made = []

    def of(name, processors=1):
        made.append(Session(loaded(assembled(FOLDER / f"{name}.s"), processors=processors)))
        return made[-1]

    yield of
    for each in made:
        each.close()
        close(each.machine)


def hits(session, text, **options):
    """Return the trace events of all hits of a condition in a run."""
    session.break_on(text, **options)
    found = []
    while (stop := session.run()).reason == "event":
        found.append(stop.detail["event"])
    assert stop.reason == "ended"
    return found


def test_all_exits_are_met_once_and_in_order(session):
    one = session("vmx_exit_instructions")
    found = hits(one, "exit")
    c = one.machine.cpu[0]
    assert len(found) == sum(int(each) for each in c.exits) > 5
    counts = {}
    for each in found:
        counts[each.name] = counts.get(each.name, 0) + 1
    assert counts == {name: int(c.exits[int(number)]) for name, number in zip(REASON._fields, REASON, strict=True) if c.exits[int(number)]}
    assert [each.cycle for each in found] == sorted(each.cycle for each in found)
    assert {each.world for each in found} == {"guest"} and {each.partition for each in found} == {1}


def test_a_condition_looks_at_what_the_exit_is_about(session):
    found = hits(session("vmx_msr"), "exit in (rdmsr, wrmsr)")
    assert {each.args["msr"] for each in found} and all(each.name in ("RDMSR", "WRMSR") for each in found)
    chosen = hits(session("vmx_msr"), f"exit=wrmsr and value=={found[-1].args.get('value', 0)}")
    assert all(each.name == "WRMSR" for each in chosen)
    writes = hits(session("vmx_io"), "port and write and exits")
    assert writes and all(each.name == "IO" and each.args["write"] == 1 for each in writes)


@pytest.mark.parametrize("name, text, words", [
    ("vmx_entry_failure", "failure >= 0x80000000", "VM-entry failure"), ("vmx_errors", "failure==vmlaunch_not_clear", "VMLAUNCH_NOT_CLEAR"),
    ("page_fault_codes", "exception==pf", "#PF"), ("apic_timer_periodic", "interrupt", "interrupt 0x"),
    ("real_mode", "mode==real", "REAL"), ("ept_violation", "msr==efer and write", "EFER"), ("vmx_injection", "injection", "injects"),
    ("vmx_round_trip", "entry and spent>100", "spent"), ("divide_error", "exception==de and not exits", "#DE"),
    ("pit_pic", "port==0x43 and write", "port 0x43"), ("five_level", "mode==level_5", "LEVEL_5"),
])
def test_each_kind_is_met(session, name, text, words):
    one = session(name)
    one.break_on(text)
    stop = one.run()
    assert stop.reason == "event" and words in str(stop.detail["event"]), stop
    assert str(stop).startswith("event 1 at ")


def test_hits_are_counted_by_the_machine_and_the_run_stays_as_it_is():
    plain, machine = demo(48, processors=2), demo(48, processors=2)
    result = plain.run()
    with Session(machine) as one:
        number = one.break_on("exit=cpuid", ignore=10**9)
        one.break_on("exit and partition==2 and gpa==0x123456789", ignore=0)
        last = one.break_on("exit=cpuid", ignore=int(sum(int(c.exits[int(REASON.CPUID)]) for c in plain.cpu)) - 1)
        stop = one.run()
        assert (stop.reason, stop.number) == ("event", last)
        assert one.run().reason == "ended"
        assert one.points.get(number).hits == one.points.get(last).hits == sum(int(c.exits[int(REASON.CPUID)]) for c in plain.cpu)
    assert machine.digest() == plain.digest() and machine.clock == result.cycles and not machine.record[0].watch
    for each in (plain, machine):
        close(each)


def test_conditions_in_reverse_and_removed(past):
    session, history, _ = past(ENTER)
    assert isinstance(history, History)
    number = session.break_on("exit")
    first, second = session.run(), session.run()
    assert (first.detail["event"].name, second.detail["event"].name) == ("CPUID", "VMCALL")
    assert session.run().reason == "ended"
    back = history.reverse_continue()
    assert back.reason == "event" and back.detail["event"] == second.detail["event"] and back.world == 1
    assert history.reverse_continue().detail["event"].name == "CPUID"
    session.remove(number)
    assert session.run().reason == "ended" and not session.breakpoints()
    with pytest.raises(DebugError, match="ignore is a number of hits"):
        session.break_on("exit", ignore=-1)
    with pytest.raises(ConfigError, match="must begin with a trace event"):
        session.break_on("nothing")


def test_condition_on_rip_is_a_breakpoint_with_a_filter(past):
    session, history, at = past(COUNT)
    number = session.break_on("rip==test.loop and rcx>=7")
    for count in (7, 8, 9):
        stop = session.run()
        assert (stop.reason, stop.number, stop.address, stop.thread.register("rcx")) == ("breakpoint", number, at["test.loop"], count)
    event = stop.detail["event"]
    assert (event.kind, event.name, event.rip, event.world, event.processor) == ("INSTRUCTION", "instruction", at["test.loop"], "root", 0)
    assert session.points.get(number).hits == 3 and session.run().reason == "ended"
    assert [history.reverse_continue().thread.register("rcx") for _ in range(3)] == [9, 8, 7]
    assert history.reverse_continue().reason == "history"
    session.remove(number)
    assert session.run().reason == "ended" and not session.machine.watching._keys


def test_ignored_are_those_that_the_filter_accepts(past):
    session, _, at = past(COUNT)
    session.break_at(at["test.loop"], ignore=1 << 40)
    number = session.break_on("rip==test.loop and rcx>=4", ignore=3)
    assert session.run().thread.register("rcx") == 7 and session.points.get(number).hits == 4
    session.remove(number)
    session.break_on("rip in (test.loop+2, test.loop) and rcx==9 and cpu==0 and world==root", temporary=True)
    assert session.run().address == at["test.loop"] + 2 and len(session.breakpoints()) == 1
    never = session.break_on("rip==test.loop and world==guest")
    both = session.break_on("rip==test.loop+2 or rip==test and rax==rax", condition=lambda thread: False)
    assert session.run().reason == "ended" and session.points.get(never).hits == session.points.get(both).hits == 0


def test_filters_of_breakpoints_change_no_run():
    plain, machine = demo(48), demo(48)
    plain.run()
    with Session(machine) as one:
        number = one.break_on("rip==vmexit and rax==0x123456789", ignore=0)
        other = one.break_on("rip==vmexit and partition==2", ignore=1 << 40)
        assert one.run().reason == "ended"
        assert one.points.get(number).hits == 0 < one.points.get(other).hits < sum(int(n) for n in machine.cpu[0].exits)
    assert machine.digest() == plain.digest()
    for each in (plain, machine):
        close(each)


def test_temporary_and_python_conditions(past):
    session, _, at = past(ENTER)
    session.break_on("exit", temporary=True)
    assert session.run().reason == "event" and not session.breakpoints()
    number = session.break_on("exit", condition=lambda thread: False)
    assert session.run().reason == "ended" and session.points.get(number).hits == 0
