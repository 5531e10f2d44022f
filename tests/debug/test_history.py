"""Going backward: steps and stops met again, across worlds and processors."""
import pytest

from emu.debug.gdb.stub import Stub
from emu.debug.history.history import History
from emu.debug.history.snapshot import position
from emu.debug.session.session import Session
from emu.errors import DebugError
from tests.machines import close, demo
from tests.programs import COUNT, ENTER


def moment(session, processor=0):
    """Return what distinguishes one moment from another."""
    thread = session.thread(processor)
    return position(session.machine), thread.pc, thread.world, session.machine.digest()


def test_steps_are_taken_back_across_entries_and_exits(past):
    session, history, at = past(ENTER)
    session.break_at(at["guest"], ignore=0, world=1, temporary=True)
    session.run()
    session.step()                                         # a stop at a breakpoint comes after the fetch, that of a step before it
    moments = [moment(session)]
    worlds = set()
    while len(moments) < 120:
        stop = session.step()
        if stop.reason == "ended":
            break
        worlds.add(stop.world)
        moments.append(moment(session))
    assert worlds == {0, 1}
    assert stop.reason == "ended"                          # within an instruction: the boundary before it is the first
    for expected in reversed(moments):
        stop = history.reverse_step()
        assert stop.reason == "step" and moment(session) == expected


def test_back_and_forth_on_two_processors():
    machine = demo(48, processors=2)
    with Session(machine) as session:
        history = History(session, every_cycles=1_000_000)
        session.run(max_cycles=12_000_000)
        for processor in (0, 1):
            moments = []
            for _ in range(40):
                session.step(processor)
                moments.append(moment(session, processor))
            for expected in reversed(moments[:-1]):
                history.reverse_step(processor)
                assert moment(session, processor) == expected
        result = session.run().result
        assert (result.reason, result.exit_code) == ("EXIT_CODE", 0)
        digest = machine.digest()
        assert history.seek(50_000_000).reason == "step" and int(machine.cpu[0].cycles) >= 50_000_000
        assert session.run().reason == "ended" and machine.digest() == digest
    close(machine)


def test_reverse_continue_meets_the_last_breakpoint_first(past):
    session, history, at = past(COUNT)
    session.break_at(at["test.loop"])
    while session.run().reason == "breakpoint":
        pass
    for turn in range(9, -1, -1):
        stop = history.reverse_continue()
        assert (stop.reason, stop.address) == ("breakpoint", at["test.loop"]) and stop.thread.register("rcx") == turn
    assert history.reverse_continue().reason == "history" and position(session.machine) == history.first
    assert session.run().thread.register("rcx") == 0            # and forward again


def test_points_are_met_after_steps_back(past):
    session, history, at = past(COUNT)
    session.break_at(at["test.loop"])
    session.watch(at["cell"], 4)
    session.run()
    session.step()
    for _ in range(2):
        history.reverse_step()
    assert [session.run().reason for _ in range(4)] == ["breakpoint", "watchpoint", "breakpoint", "watchpoint"]
    history.seek(int(session.machine.cpu[0].cycles) - 100)
    assert session.run().reason in ("breakpoint", "watchpoint")


def test_reverse_continue_stops_before_the_write(past):
    session, history, at = past(COUNT)
    assert session.run().reason == "ended"
    session.watch(at["cell"], 4)
    for value in range(10, 0, -1):
        stop = history.reverse_continue()
        assert stop.reason == "watchpoint" and stop.thread.pc == at["test.loop"] + 2
        assert stop.thread.read(at["cell"], 4) == (value - 1).to_bytes(4, "little") and stop.thread.register("rcx") == value
    assert history.reverse_continue().reason == "history"


MOVE = """
test:   mov     ecx, 3
.loop:  lea     rsi, [rip + text]
        mov     edx, PORT_DEBUG_CONSOLE
.move:  outsb
.next:  add     dword ptr [rip + to], 1
        dec     ecx
        jnz     .loop
        PASS
        .align  16
text:   .ascii  "a"
to:     .quad   0
"""


def held(stop, session):
    """Return what a Stop reports that is the same on the way back."""
    counter = session.thread(0).register("rcx")
    return counter, [(each.reason, each.number, each.detail) for each in stop.all]


def test_the_way_back_meets_what_the_run_met(past):
    session, history, at = past(MOVE)
    session.watch(at["text"], 1, access="read", condition=lambda thread: thread.register("rcx") != 2)
    session.watch(at["text"], 1, access="access")
    session.break_on("port and write and rip==test.move", condition=lambda thread: thread.register("rcx") < 3)
    session.break_at(at["test.move"], condition=lambda thread: thread.register("rcx") < 3)
    session.break_on("rip==test.move and rcx!=2")
    session.watch(at["to"], 4, condition=lambda thread: False)
    found = []
    while (stop := session.run()).reason != "ended":
        found.append(held(stop, session))
    assert [[number for _, number, _ in each] for _, each in found] == [[5], [1, 2], [4], [3, 2], [4, 5], [3, 1, 2]]
    counts = [point.hits for point in session.breakpoints()]
    assert counts == [2, 3, 2, 2, 2, 0]
    back = []
    while (stop := history.reverse_continue()).reason != "history":
        back.append(held(stop, session))
    assert back[::-1] == found and [point.hits for point in session.breakpoints()] == counts


def test_forward_again_from_before_an_access(past):
    session, history, at = past(MOVE)
    session.watch(at["text"], 1, access="read")
    session.break_at(at["test.move"])
    assert [session.run().number for _ in range(4)] == [2, 1, 2, 1]
    assert [history.reverse_continue().number for _ in range(2)] == [1, 2]
    assert [session.run().number for _ in range(2)] == [1, 2]
    assert [history.reverse_continue().number for _ in range(3)] == [1, 2, 1]
    assert [session.run().number for _ in range(4)] == [2, 1, 2, 1]


def test_one_point_is_found_among_others_that_are_met_with_it(past):
    session, history, at = past(MOVE)
    for n in range(3):
        session.watch(at["text"], 1, access="read", ignore=n << 40)
    session.break_at(at["test.move"])
    for only in (2, 3, 1, 4):
        while session.run().reason != "ended":
            pass
        found = []
        while (stop := history.reverse_continue(only)).reason != "history":
            found.append((stop.number, len(stop.all), session.thread(0).register("rcx"), stop.thread.pc))
        assert found == [(only, 1, count, at["test.move"]) for count in (1, 2, 3)]
    assert [point.hits for point in session.breakpoints()] == [12] * 4    # 3 in each run
    assert [point.ignore for point in session.breakpoints()] == [0, (1 << 40) - 12, (2 << 40) - 12, 0]


def test_console_output_is_shown_once(past):
    session, history, at = past("test: mov al, 'a'\n.next: out PORT_DEBUG_CONSOLE, al\n inc al\n cmp al, 'f'\n jb .next\n PASS\n")
    shown = bytearray()
    session.machine.on_console(lambda source, data: shown.extend(data) if source == "debug" else None)
    session.break_at(at["test.next"])
    for _ in range(4):
        session.run()
    history.reverse_continue()
    history.reverse_continue()
    while session.run().reason != "ended":
        pass
    assert shown == b"abcde"


def test_counts_and_ignores_of_the_user_stay(past):
    session, history, at = past(COUNT)
    number = session.break_at(at["test.loop"], ignore=5)
    session.run()
    hits = session.breakpoints()[0].hits
    assert (hits, history.reverse_continue().thread.register("rcx")) == (6, 4)          # an ignored one counts as met here
    assert session.points.get(number).ignore == 0


def test_a_change_makes_another_future_and_stays_in_the_past(past):
    session, history, at = past(COUNT, every_cycles=1000)
    session.break_at(at["test.loop"], ignore=2)
    thread = session.run().thread
    thread.set_register("rcx", 8)
    session.remove(1)
    session.break_at(at["test.loop"])
    assert session.run().thread.register("rcx") == 9
    before = history.reverse_step().thread
    assert before.register("rcx") == 9 and before.read(at["cell"], 1) == b"\x09"
    assert history.reverse_continue().thread.register("rcx") == 1                       # before the change
    session.step()
    assert session.thread(0).register("rcx") == 2                                       # that future is gone


def test_step_back_from_a_rip_that_was_written_after_the_end(past):
    session, history, _ = past(ENTER)
    assert session.run().reason == "ended"
    session.thread(0).set_register("rip", 0)
    stop = history.reverse_step()
    assert stop.reason == "step" and stop.thread.register("rip") != 0


def test_memory_bound_thins_the_ring_and_says_when_history_is_cut():
    machine = demo(48)
    with Session(machine) as session:
        history = History(session, every_cycles=1_000_000, memory_bound=1)
        session.run(max_cycles=150_000_000)
        assert len(history.kept) == 2 and history.cut and history.first > 0
        with pytest.raises(DebugError, match=r"begins at cycle [\d,]+ \(the memory bound was reached\), not before 1,000"):
            history.seek(1000)
        with pytest.raises(DebugError, match="keeps a history already"):
            History(session)
    close(machine)


def test_gdb_goes_back(guest):
    make, program = guest(COUNT)
    stub, loop = Stub(make), program.symbols["test.loop"]
    assert b"ReverseStep+;ReverseContinue+" in stub.answer(b"qSupported:multiprocess+")
    stub.answer(b"Z0,%x,1" % loop)
    for _ in range(3):
        stub.answer(b"c")
    assert stub.answer(b"p2") == b"0200000000000000"
    assert stub.answer(b"bc") == b"T05thread:p1.1;core:0;swbreak:;" and stub.answer(b"p2") == b"0100000000000000"
    assert stub.answer(b"bs") == b"T05thread:p1.1;core:0;" and stub.answer(b"p10") != loop.to_bytes(8, "little").hex().encode()
    assert stub.answer(b"bc") == b"T05thread:p1.1;core:0;swbreak:;"
    assert stub.answer(b"bc") == b"T05thread:p1.1;core:0;replaylog:begin;"
    assert stub.answer(b"bx") == b""
    assert stub.answer(b"z0,%x,1" % loop) == b"OK" and stub.answer(b"c").endswith(b"replaylog:end;")
    assert stub.answer(b"Z0,%x,1" % loop) == b"OK" and stub.answer(b"bc").endswith(b"swbreak:;")     # back from the end
    assert stub.answer(b"p2") == b"0900000000000000"
    stub.session.close()
