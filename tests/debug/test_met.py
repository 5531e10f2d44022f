"""Points that are met together: each is counted, each is asked, and one that does not hold hides nothing."""
from functools import cache
from itertools import permutations

import pytest

from emu.debug.history import why
from emu.debug.session.met import Detail
from emu.debug.session.session import Session
from emu.lab import Lab
from emu.machine import Config, Machine
from emu.spec.vmx import REASON
from emu.state import RING_ROWS
from tests.guests import guests
from tests.machines import close
from tests.programs import COUNT, ENTER

MOVE = """
test:   mov     ecx, 4
.loop:  lea     rsi, [rip + from]
        lea     rdi, [rip + to]
.move:  movsq
.next:  add     dword ptr [rip + to], 1
        dec     ecx
        jnz     .loop
        PASS
        .align  16
from:   .quad   5
to:     .quad   0
"""
OUT = """
test:   lea     rsi, [rip + text]
        mov     edx, PORT_DEBUG_CONSOLE
.out:   outsb
.next:  outsb
        PASS
text:   .ascii  "ab"
"""
HALTED = """
test:   call    vmx_start
        SET     PIN_BASED_CONTROLS, PIN_PREEMPTION_TIMER
        PUT     PREEMPTION_TIMER, 1000
        PUT     GUEST_ACTIVITY, ACTIVITY_HLT
        GUEST   guest
        RUN     PREEMPTION_TIMER
        PASS
guest:  vmcall
"""


def never(thread):
    """Never hold."""
    return False


def numbers(stop):
    """Return the numbers of all points that a Stop reports."""
    return [each.number for each in stop.all]


def stops(session):
    """Yield the Stops of a run to its end."""
    while (stop := session.run()).reason != "ended":
        yield stop
    assert stop.result.exit_code == 0


def hits(session):
    """Return the hits of each point."""
    return [point.hits for point in session.breakpoints()]


# ---- before one instruction ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_three_breakpoints_at_an_address(debug, order):
    session, at = debug(COUNT)
    sets = (lambda: session.break_at(at["test.loop"], condition=never), lambda: session.break_on("rip==test.loop and rcx>=3"),
            lambda: session.break_at(at["test.loop"]))
    set_as = {n: sets[n]() for n in order}
    no, filtered, plain = (set_as[n] for n in range(3))
    found = list(stops(session))
    assert [numbers(stop) for stop in found] == [[plain]] * 3 + [sorted((filtered, plain))] * 7
    assert all((each.reason, each.address) == ("breakpoint", at["test.loop"]) for stop in found for each in stop.all)
    assert [each.detail["event"].rip for each in found[-1].all if each.number == filtered] == [at["test.loop"]]
    assert {n: session.points.get(n).hits for n in (no, filtered, plain)} == {no: 0, filtered: 7, plain: 10}


def test_filter_that_does_not_hold_and_condition_that_does_not(debug):
    session, at = debug(COUNT)
    session.break_on("rip==test.loop and rcx<5", condition=lambda thread: thread.register("rcx") == 4)
    session.break_on("rip in (test.loop, test.loop+2)", condition=lambda thread: thread.register("rcx") in (4, 7))
    found = [(numbers(stop), stop.address - at["test.loop"]) for stop in stops(session)]
    assert found == [([2], 2), ([1, 2], 0), ([2], 2), ([2], 0)] and hits(session) == [1, 4]


# ---- by one instruction -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("first", ["read", "write"])
@pytest.mark.parametrize("condition", [None, never])
def test_watchpoints_met_by_one_instruction(debug, first, condition):
    session, at = debug(MOVE)
    places = dict(read=(at["from"], at["test.next"]), write=(at["to"], at["test.next"]))
    session.watch(places[first][0], 8, access=first, condition=condition)
    other = "write" if first == "read" else "read"
    session.watch(places[other][0], 8, access=other)
    found = [stop for stop in stops(session) if stop.thread.pc == at["test.next"]]
    wanted = [2] if condition else [1, 2]
    assert [numbers(stop) for stop in found] == [wanted] * 4
    for stop in found:
        reported = {each.number: (each.reason, each.address, each.detail["access"], each.detail["size"]) for each in stop.all}
        assert reported[2] == ("watchpoint", places[other][0], other, 8) and reported.get(1, reported[2])[0] == "watchpoint"
        assert 1 not in reported or reported[1] == ("watchpoint", places[first][0], first, 8)
    again = {"write": 4, "read": 0}                        # ADD writes `to`, too
    assert hits(session) == [0 if condition else 4 + again[first], 4 + again[other]]


def test_all_accesses_of_a_read_modify_write(debug):
    session, at = debug(MOVE)
    for access in ("read", "write", "access"):
        session.watch(at["to"], 4, access=access)
    session.watch(at["to"] + 3, 9, access="access", space="host")
    found = list(stops(session))
    assert [numbers(stop) for stop in found] == [[2, 3, 4], [1, 2, 3, 4]] * 4 and hits(session) == [4, 8, 8, 8]
    assert [each.detail["access"] for each in found[1].all] == ["read", "write", "write", "write"]


def test_words_that_change_together(debug):
    session, at = debug(ENTER)
    session.break_at(at["guest"], world=1, temporary=True)
    session.run()
    session.watch_field("exit_reason", condition=lambda thread: thread.register("rip") == 0)
    session.watch_field("exit_instruction_length")
    session.watch_field("guest_rip", ignore=1)
    session.watch_field("guest_rip")
    stop = session.run()
    assert (numbers(stop), stop.reason, stop.world) == ([3, 5], "watchpoint", 0) and hits(session) == [0, 1, 1, 1]


def test_trace_event_and_access_of_one_instruction(debug):
    session, at = debug(OUT)
    session.watch(at["text"], 1, access="read")
    session.break_on("port and write and size==1", condition=lambda thread: thread.pc == at["test.next"])
    stop = session.run()
    assert [(each.reason, each.number) for each in stop.all] == [("event", 2), ("watchpoint", 1)]
    assert stop.thread.pc == at["test.next"]
    assert stop.detail["event"].args["value"] == ord("a") and stop.others[0].detail == {"access": "read", "size": 1}
    assert str(stop).startswith("event 2 and watchpoint 1 at ")
    assert session.run().reason == "ended" and hits(session) == [1, 1]


def test_trace_event_that_does_not_hold_leaves_the_access(debug):
    session, at = debug(OUT)
    session.break_on("port and write and size==1", condition=never)
    session.watch(at["text"] + 1, 1, access="read")
    session.watch(at["text"], 1, access="read", condition=never)
    assert [(stop.reason, stop.number) for stop in stops(session)] == [("watchpoint", 2)] and hits(session) == [0, 1, 0]


@pytest.mark.parametrize("first", ["exit", "exit=cpuid"])
def test_conditions_met_by_one_trace_event(debug, first):
    session, _ = debug(ENTER)
    second = {"exit": "exit=cpuid", "exit=cpuid": "exit"}[first]
    session.break_on(first, condition=never)
    session.break_on(second)
    session.break_on("exit and cpu==0", ignore=1)
    names = [[(each.number, each.detail["event"].name) for each in stop.all] for stop in stops(session)]
    cpuid = [[(2, "CPUID")]]
    assert names == (cpuid + [[(3, "VMCALL")]] if second == "exit=cpuid" else cpuid + [[(2, "VMCALL"), (3, "VMCALL")]])
    assert hits(session) == [0, 1 if second == "exit=cpuid" else 2, 2]


def test_a_trace_event_is_one_hit_of_a_point(debug):
    session, _ = debug(ENTER)
    session.break_on("exit or hypercall")                  # VMCALL is both
    assert [numbers(stop) for stop in stops(session)] == [[1], [1]] and hits(session) == [2]


def test_all_that_is_met_by_what_ends_the_run_is_asked(debug):
    session, at = debug("test: mov edx, PORT_DEBUG_EXIT\n lea rsi, [rip + zero]\n outsd\nzero: .long 0\n")
    session.break_on("port and rip==test+12", condition=never)
    session.break_on("port and rip==test+12")
    session.watch(at["zero"], 4, access="read", condition=never)
    session.watch(at["zero"], 4, access="read")
    session.watch(at["zero"], 4, access="read", ignore=1)
    assert [numbers(stop) for stop in stops(session)] == [[2, 4]] and hits(session) == [0, 1, 0, 1, 1]


# ---- what goes with them --------------------------------------------------------------------------------------------
def test_temporary_ones_go_when_they_hold(debug):
    session, at = debug(MOVE)
    session.break_at(at["test.move"], temporary=True)
    session.break_on("rip==test.move", temporary=True)
    session.break_at(at["test.move"], temporary=True, condition=lambda thread: thread.register("rcx") == 2)
    session.watch(at["from"], 8, access="read", temporary=True)
    session.watch(at["to"], 8, temporary=True, condition=never)
    assert numbers(session.run()) == [1, 2] and numbers(session.run()) == [4] and numbers(session.run()) == [3]
    assert [point.number for point in session.breakpoints()] == [5] and session.run().reason == "ended" and hits(session) == [0]


def test_ignored_ones_are_counted_beside_others(debug):
    session, at = debug(MOVE)
    session.watch(at["from"], 8, access="read", ignore=2)
    session.watch(at["to"], 8, access="write", ignore=3)   # by MOVSQ and by ADD
    session.break_at(at["test.move"], ignore=3)
    session.break_at(at["test.move"], ignore=2)
    found = [(numbers(stop), stop.thread.pc - at["test.move"]) for stop in stops(session)]
    move, add = 2, at["test.next"] + 7 - at["test.move"]
    assert found == [([2], add), ([4], 0), ([1, 2], move), ([2], add), ([3, 4], 0), ([1, 2], move), ([2], add)]
    assert hits(session) == [4, 8, 4, 4] and [point.ignore for point in session.breakpoints()] == [0, 0, 0, 0]


def test_each_condition_is_asked_once_and_may_remove_points(debug):
    session, at = debug(COUNT)
    asked = []

    def ask(number, holds):
        def condition(thread):
            asked.append(number)
            if number == 1 and 3 in session.points.numbers:
                session.remove(3)
            return holds
        return condition

    for number, holds in ((1, False), (2, True), (3, True), (4, True)):
        assert session.break_at(at["test.loop"], condition=ask(number, holds)) == number
    assert numbers(session.run()) == [2, 4] and asked == [1, 2, 4] and hits(session) == [0, 1, 1]


def test_breakpoint_after_a_watchpoint_or_a_trace_event_is_met(debug):
    session, at = debug(MOVE)
    session.watch(at["from"], 8, access="read", condition=lambda thread: thread.register("rcx") < 3)
    session.break_at(at["test.next"])
    assert [numbers(stop) for stop in stops(session)] == [[2], [2], [1], [2], [1], [2]] and hits(session) == [2, 4]
    session, at = debug(ENTER)
    session.break_on("exit")
    session.break_at(at["vmx_exit"])
    assert [numbers(stop) for stop in stops(session)] == [[1], [2]] * 2 and hits(session) == [2, 2]


# ---- steps and transitions --------------------------------------------------------------------------------------------
POINTS = dict(
    breakpoint=lambda session, at: session.break_at(at["guest"], condition=never),
    entry=lambda session, at: session.break_on("entry", condition=never),
    filtered=lambda session, at: session.break_on("rip in (guest, vmx_run.resume)", condition=never),
    page_walk=lambda session, at: session.watch(session.current().register("cr3") & ~0xFFF, 4096, space="host", condition=never),
    word=lambda session, at: session.watch_word("rip", session.machine.cpu[0]["guest_env"] + 128, condition=never))
LEADS = dict(
    entry=lambda session: session.run_until("entry"), step=lambda session: session.step(),
    steps=lambda session: session.step(count=2), pause=lambda session: session.step(pause=lambda: True),
    budget=lambda session: session.step(max_cycles=int(session.machine.clock) + 1))


@pytest.mark.parametrize("lead", LEADS)
@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("text", [ENTER, HALTED], ids=["active", "halted"])
def test_point_that_does_not_hold_changes_no_wait(debug, text, point, lead):
    found = []
    for setting in (lambda session, at: 0, POINTS[point]):
        session, at = debug(text)
        session.break_at(at["vmx_run.resume"] - 5, temporary=True)
        assert session.run().thread.world == 0             # VMLAUNCH is next
        number = setting(session, at)
        stop = LEADS[lead](session)
        found.append((stop.reason, stop.number, stop.thread.pc, stop.world, session.machine.clock, session.machine.digest()))
        assert not number or hits(session) == [0]
    assert found[0] == found[1] and found[0][0] == ("entry" if lead == "entry" else "step")


@pytest.mark.parametrize("condition", [None, never])
def test_step_that_ends_where_points_are_met(debug, condition):
    session, at = debug(MOVE)
    session.break_at(at["test.move"], temporary=True)
    session.run()
    session.watch(at["from"], 8, access="read", condition=condition)
    session.watch(at["to"], 8, access="write", condition=never)
    stop = session.step()
    assert (stop.reason, stop.number) == (("step", 0) if condition else ("watchpoint", 2))
    assert stop.thread.pc == at["test.next"] and hits(session) == [0 if condition else 1, 0]


@pytest.mark.parametrize("field", ["exit_reason", "guest_rip"])
def test_exit_that_changes_a_watched_word(debug, field):
    session, at = debug(ENTER)
    session.run_until("entry")
    session.watch_field(field, condition=never)
    session.break_on("exit", condition=never)
    assert session.run_until("exit").reason == "exit" and hits(session) == [0, 0]
    session.run_until("entry")
    session.watch_field(field)
    assert numbers(session.run_until("exit")) == [3] and hits(session) == [0, 0, 1]


# ---- the run stays as it is -----------------------------------------------------------------------------------------------
IPI = next(each for each in guests.guests() if each.name == "smp_ipi")
CYCLES = 1000                                              # of a quantum: some turns end with what sends an interrupt


@cache
def undisturbed():
    """Return the digest of a run of four processors that nobody watches."""
    machine = short_turns()
    assert machine.run().exit_code == 0
    digest = machine.digest()
    close(machine)
    return digest


def short_turns():
    machine = Machine(Config(memory_bytes=IPI.memory << 20, processors=IPI.processors, quantum_cycles=CYCLES))
    guests.place(machine, IPI)
    return machine


@pytest.mark.parametrize("condition", [None, never])
def test_stops_where_a_turn_ends_change_no_run(condition):
    machine = short_turns()
    with Session(machine) as session:
        session.break_on("interrupt or msr", condition=condition)
        session.watch(IPI.image().symbols["count"], 4, access="access", condition=condition)
        found = [stop.number for stop in stops(session)]
        assert set(found) == (set() if condition else {1, 2})
    assert machine.digest() == undisturbed()
    close(machine)


def test_full_ring_where_a_turn_ends_changes_no_run():
    machine, drained = short_turns(), []
    watch = machine.watching
    watch.listen(lambda rows: None, everything=True)

    def drain():                                           # all but one row of what makes it full: each row stops the machine
        drained.append(watch.record.count)
        watch.record.drained = (int(watch.record.count) - RING_ROWS * 3 // 4 + 1) % 2**64

    watch.drain = drain
    drain()
    assert machine.run().exit_code == 0 and len(drained) > 100 and machine.digest() == undisturbed()
    close(machine)


# ---- who builds on it -----------------------------------------------------------------------------------------------------
def test_callbacks_of_one_trace_event_are_all_called():
    path, seen = guests.FOLDER / "ept_violation.s", []
    with Lab.open(path, memory=16 << 20) as lab:
        lab.on("exit", lambda each: seen.append((1, each.name)))
        lab.on_exit("ept_violation", lambda each: seen.append((2, each.name)))
        lab.on("exit and partition==1", lambda each: seen.append((3, each.name)) or each.args.get("gpa") == 0x400020)
        handler = lab.session.break_at(lab.symbol("vmx_exit"), ignore=1 << 40)
        stop = lab.run()
        assert (stop.reason, stop.number, stop.detail["event"].name, stop.others) == ("event", 3, "EPT_VIOLATION", ())
        assert lab.run().number == 3 and lab.run().reason == "ended"
        exits = {name: int(lab.machine.cpu[0].exits[int(number)]) for name, number in zip(REASON._fields, REASON, strict=True)}
        count = sum(exits.values())
        assert [sum(number == n for number, _ in seen) for n in (1, 2, 3)] == [count, exits["EPT_VIOLATION"], count]
        assert [name for number, name in seen if number == 2] == ["EPT_VIOLATION"] * exits["EPT_VIOLATION"]
        assert lab.session.points.get(handler).hits == count
    close(lab.machine)


def test_condition_that_is_run_to_is_found_beside_a_callback():
    with Lab.open(guests.FOLDER / "ept_violation.s", memory=16 << 20) as lab:
        lab.on("exit", lambda each: None)
        stop = lab.run_until("exit=ept_violation and qualification & 2")
        assert (stop.reason, stop.number) == ("event", 2) and len(lab.session.breakpoints()) == 1
    close(lab.machine)


def test_who_wrote_it_is_found_beside_watchpoints_of_the_user(past):
    session, history, at = past(COUNT)
    session.break_at(at["test"], temporary=True)
    session.run()
    session.watch(at["cell"], 4, ignore=1 << 40)
    session.watch(at["cell"], 4, condition=never)
    assert session.run().reason == "ended"
    found = why.memory(history, at["cell"], 4)
    assert (found.old, found.new, found.rip) == (9, 10, at["test.loop"] + 2)
    assert [(point.hits, point.number) for point in session.breakpoints()] == [(10, 2), (0, 3)]


def test_former_key_of_a_detail():
    detail = Detail(event=7)
    assert detail["happening"] == detail["event"] == 7 and "happening" in detail and detail == {"event": 7}
    assert "access" not in detail and "happening" not in Detail() and detail.get("access") is None
    with pytest.raises(KeyError, match="access"):
        detail["access"]
