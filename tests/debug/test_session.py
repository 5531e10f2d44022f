"""A debugger's hold on a machine: stops where asked, reports why, and never changes the run."""
import random

import numpy as np
import pytest

from emu.debug.session.session import Session
from emu.debug.views.vmcs import Vmcs
from emu.errors import DebugError
from emu.machine import Config, Machine
from emu.spec.outcome import STOP
from tests.guests import guests
from tests.machines import close
from tests.programs import COUNT, ENTER


# ---- breakpoints ------------------------------------------------------------------------------------------------
def test_breakpoint_stops_before_the_instruction_each_time(debug):
    session, at = debug(COUNT)
    number = session.break_at(at["test.loop"])
    for turn in range(10):
        stop = session.run()
        assert (stop.reason, stop.number, stop.address) == ("breakpoint", number, at["test.loop"])
        assert stop.thread.register("rcx") == turn and stop.thread.name == "cpu0"
    stop = session.run()
    assert stop.reason == "ended" and stop.result.exit_code == 0 and session.breakpoints()[0].hits == 10


def test_ignore_condition_temporary_and_remove(debug):
    session, at = debug(COUNT)
    number = session.break_at(at["test.loop"], ignore=3)
    assert session.run().thread.register("rcx") == 3
    session.remove(number)
    wanted = session.break_at(at["test.loop"], condition=lambda thread: thread.register("rcx") == 7, temporary=True)
    stop = session.run()
    assert (stop.number, stop.thread.register("rcx")) == (wanted, 7) and not session.breakpoints()
    assert session.run().reason == "ended"


def test_two_breakpoints_at_one_address_each_ask_their_condition(debug):
    session, at = debug(COUNT)
    first = session.break_at(at["test.loop"], condition=lambda thread: thread.register("rcx") == 8)
    second = session.break_at(at["test.loop"], condition=lambda thread: thread.register("rcx") == 2)
    assert [session.run().number for _ in range(2)] == [second, first]


def test_breakpoint_set_in_code_that_has_run(debug):
    session, at = debug(COUNT)
    other = session.break_at(at["test.loop"], ignore=5)
    session.run()
    session.remove(other)
    session.break_at(at["test.loop"] + 2)                       # the instruction after INC, inside a translated block
    assert session.run().thread.register("rcx") == 6


def test_breakpoint_is_not_in_memory(debug):
    session, at = debug(COUNT)
    before = session.machine.read(at["test.loop"], 8)
    session.break_at(at["test.loop"])
    stop = session.run()
    assert stop.thread.read(at["test.loop"], 8) == before


def test_scope_by_world_and_partition(debug):
    session, at = debug(ENTER)
    session.break_at(at["guest"], world=0)
    session.break_at(at["guest"], eptp=0x123000)
    wanted = session.break_at(at["guest"], world=1)
    stop = session.run()
    assert (stop.number, stop.world, stop.thread.partition) == (wanted, 1, 1)
    again = session.break_at(at["after"], eptp=stop.thread.eptp, cr3=stop.thread.register("cr3"))
    assert session.run().number == again


# ---- watchpoints --------------------------------------------------------------------------------------------------
def test_write_watch_stops_after_the_instruction(debug):
    session, at = debug(COUNT)
    number = session.watch(at["cell"], 4)
    for value in range(1, 11):
        stop = session.run()
        assert (stop.reason, stop.number, stop.address) == ("watchpoint", number, at["cell"])
        assert stop.detail == {"access": "write", "size": 4}
        assert stop.thread.read(at["cell"], 4) == value.to_bytes(4, "little")
    assert session.run().reason == "ended"


@pytest.mark.parametrize(("offset", "size", "access", "hits"), [
    (0, 1, "write", 10), (3, 1, "write", 10), (4, 1, "write", 10), (5, 1, "write", 0), (3, 2, "write", 20), (0, 4, "read", 10),
    (0, 4, "access", 20), (4, 1, "read", 0), (0, 16, "access", 30), (8, 8, "access", 0)])
def test_watch_is_exact_to_the_byte(debug, offset, size, access, hits):
    session, at = debug(COUNT)
    session.watch(at["cell"] + offset, size, access=access)
    met = 0
    while session.run().reason == "watchpoint":
        met += 1
    assert met == hits == session.breakpoints()[0].hits


def test_watch_over_many_pages(debug):
    session, at = debug(COUNT)
    session.watch(at["cell"] & ~0xFFFF, 0x20000, access="write")
    assert session.run().reason == "watchpoint"


def test_guest_physical_watch_meets_the_guest_alone(debug):
    session, at = debug(ENTER)
    session.break_at(at["guest"], world=1)
    thread = session.run().thread
    number = session.watch(0x600018, 4, space="guest", thread=thread)
    stop = session.run()
    assert stop.number == number and stop.world == 1 and stop.detail["size"] == 4
    assert stop.address == thread.translate_guest(0x600018)
    assert stop.thread.pc == at["after"] + 7


# ---- steps --------------------------------------------------------------------------------------------------------
def test_step_follows_a_program(debug):
    session, at = debug(COUNT)
    session.break_at(at["test.loop"], temporary=True)
    session.run()
    places = [session.step().address - at["test.loop"] for _ in range(7)]
    assert places == [2, 8, 14, 20, 23, 0, 2]
    assert session.step(count=5).address == at["test.loop"]


def test_step_over_launch_lands_on_the_guests_first_instruction_and_over_an_exit_on_host_rip(debug):
    session, at = debug(ENTER)
    session.break_at(at["guest"], world=1)
    arrived = session.run()
    assert (arrived.world, arrived.address) == (1, at["guest"])
    host = Vmcs(session.machine).host_rip
    assert session.step().address == at["exits"]
    stop = session.step()
    assert (stop.world, stop.address, stop.thread.name) == (0, host, "cpu0 root")
    while not stop.world:
        before, stop = stop, session.step()
    assert before.thread.world == 0 and stop.address == at["after"]


def test_run_to_the_next_exit_and_over_its_handler(debug):
    session, at = debug(ENTER)
    stop = session.run_until("entry")
    assert (stop.reason, stop.world, stop.address) == ("entry", 1, at["guest"])
    vmcs = stop.thread.pointer
    stop = session.run_until("exit")
    assert (stop.reason, stop.world, stop.address) == ("exit", 0, Vmcs(session.machine).host_rip)
    assert Vmcs(session.machine).exit_reason == 10
    stop = session.run_until("entry", vmcs=vmcs)
    assert (stop.reason, stop.address) == ("entry", at["after"])
    assert session.run_until("exit", vmcs=0x1000).reason == "ended"
    with pytest.raises(DebugError, match="one of entry, exit"):
        session.run_until("fault")


def test_budget_interrupt_and_end_are_reported(debug):
    session, at = debug(COUNT)
    assert session.run(max_cycles=1000).reason == "budget"
    session.break_at(at["test"])
    assert session.run().reason == "breakpoint"                 # it goes on after the budget
    assert session.run(pause=lambda: True).reason == "ended"    # the program ends inside a slice
    session, _ = debug("test: jmp test\n")
    assert session.run(pause=lambda: True).reason == "interrupted"


# ---- threads: registers and memory ------------------------------------------------------------------------------
def test_registers_of_both_worlds(debug):
    session, at = debug(ENTER)
    session.break_at(at["after"], world=1)
    session.run()
    guest, root = session.thread(0, 1), session.thread(0, 0)
    assert guest.running and not root.running and [t.name for t in session.threads()] == ["cpu0 root", guest.name]
    assert guest.register("rip") == at["after"]
    assert root.register("rax") is None and root.register("cr3") == Vmcs(session.machine).host_cr3
    session.break_at(Vmcs(session.machine).host_rip)
    session.run()
    assert root.running and not guest.running
    assert guest.register("rip") == Vmcs(session.machine).guest_rip and guest.register("rbx") is None and guest.register("rsp") is not None
    assert guest.register("cs_attributes") >> 21 & 1 == 1       # L, from the access rights
    assert guest.bits == root.bits == 64


def test_registers_can_be_written(debug):
    session, at = debug(COUNT)
    session.break_at(at["test.loop"], temporary=True)
    thread = session.run().thread
    thread.set_register("rcx", 8)
    thread.set_register("xmm3", 0x0123_4567_89AB_CDEF_1111_2222_3333_4444)
    assert thread.register("xmm3") == 0x0123_4567_89AB_CDEF_1111_2222_3333_4444
    number = session.watch(at["cell"], 4)
    assert session.run().number == number and thread.read(at["cell"], 4) == b"\x09\0\0\0"
    thread.set_register("rip", at["test"])
    assert session.run().thread.read(at["cell"], 4) == b"\x01\0\0\0"
    with pytest.raises(DebugError, match="refuses 0x0 in cr4"):
        thread.set_register("cr4", 0)                           # PAE may not be cleared in 64-bit mode
    with pytest.raises(DebugError, match="there is no register 'rex'"):
        thread.register("rex")
    with pytest.raises(DebugError, match="cs has 16 bits"):
        thread.set_register("cs", 1 << 16)


def test_all_registers_are_readable_and_those_that_run_writable_as_they_are(debug):
    session, at = debug(ENTER)
    session.break_at(at["after"], world=1)
    thread = session.run().thread
    values = thread.registers()
    assert all(value is not None for value in values.values())
    digest = session.machine.digest()
    for name, value in values.items():
        if name not in ("efer", "fctrl", "fstat", "ftag", "mxcsr") and "gdtr" not in name and "idtr" not in name:
            thread.set_register(name, value)
    assert session.machine.digest() == digest
    assert thread.registers() == values


def test_memory_by_linear_and_physical_address(debug):
    session, at = debug(ENTER)
    session.break_at(at["after"], world=1)
    thread = session.run().thread
    thread.write(0x600020, b"linear")
    assert thread.read_physical(0x600020, 6) == b"linear" == session.machine.read(thread.translate(0x600020), 6)
    thread.write_physical(0x600FFD, b"across")
    assert thread.read(0x600FFD, 6) == b"across"
    with pytest.raises(DebugError, match="linear address 0x7f0000000000 is not mapped"):
        thread.read(0x7F00_0000_0000, 4)
    with pytest.raises(DebugError, match="nothing was written"):
        thread.write(0x7F00_0000_0000, b"x")


def test_code_that_a_debugger_writes_runs(debug):
    session, at = debug(COUNT)
    session.break_at(at["test.loop"], ignore=4, temporary=True)
    thread = session.run().thread
    thread.write(at["test.loop"], b"\xff\xc9")                  # dec ecx
    assert session.step().thread.register("rcx") == 3


# ---- what is refused --------------------------------------------------------------------------------------------
def test_wrong_requests_are_refused(debug):
    session, _ = debug(COUNT)
    for request, words in (
        (lambda: session.remove(3), "there is no breakpoint 3 .there are: none"),
        (lambda: session.watch(0, 0), "not 0 bytes at 0x0"),
        (lambda: session.watch(0, 4, access="exec"), "not 'exec'"),
        (lambda: session.watch(0, 4, space="io"), "'io'"),
        (lambda: session.break_at(1 << 64), "an address is 0 to"),
        (lambda: session.break_at(0, world=2), "a world is 0"),
        (lambda: session.step(count=0), "steps are counted from 1"),
        (lambda: session.thread(0, 1), "outside VMX operation"),
        (lambda: Session(session.machine), "holds this machine already"),
    ):
        with pytest.raises(DebugError, match=words):
            request()
    for n in range(256):
        session.break_at(n)
    with pytest.raises(DebugError, match="1 places are needed for this point, 0 of 256 are free"):
        session.break_at(999)


# ---- the run stays as it is -----------------------------------------------------------------------------------------
ALL = [g for g in guests.guests() if g.stop == "EXIT_CODE" and not g.gap]
FAMILIES = ("smp_", "vmx_", "self_", "debug_", "single", "sti", "nmi", "apic", "string", "page_cr", "hlt")
CHOSEN = [g for g in ALL if g.name.startswith(FAMILIES)]


def _machine(guest):
    machine = Machine(Config(memory_bytes=guest.memory << 20, processors=guest.processors))
    guests.place(machine, guest)
    return machine


@pytest.mark.parametrize("guest", CHOSEN, ids=lambda g: g.name)
def test_debugging_never_changes_the_run(guest):
    machine = _machine(guest)
    machine.run(max_cycles=guest.cycles)
    expected = machine.digest()
    close(machine)
    machine, chance = _machine(guest), random.Random(guest.name)
    symbols = list(guest.image().symbols.values())
    with Session(machine) as session:
        ended = None
        for _ in range(60):
            points = [session.break_at(chance.choice(symbols), ignore=chance.choice([0, 3])) for _ in range(3)]
            access, space = chance.choice(["write", "read", "access"]), chance.choice(["linear", "host"])
            points.append(session.watch(chance.choice(symbols), chance.choice([1, 8, 5000]), access=access, space=space))
            stop = session.run(max_cycles=int(machine.record[0].now) + chance.randrange(1, 20_000))
            if stop.reason != "ended" and chance.random() < 0.7:
                stop = session.step(chance.randrange(guest.processors), chance.randrange(1, 20),
                                    max_cycles=int(machine.record[0].now) + 20_000)
            for number in points:
                session.remove(number)
            if stop.reason == "ended":
                ended = stop
                break
        while ended is None:
            stop = session.run(max_cycles=guest.cycles)
            ended = stop if stop.reason in ("ended", "budget") else None
        assert ended.result.exit_code == 0 and machine.record[0].stop == STOP.EXIT_CODE
        assert machine.digest() == expected
    close(machine)


def test_symbols_are_not_needed(debug):
    session, at = debug(COUNT)
    del session.machine.symbols
    session.break_at(at["test"])
    assert np.uint64(session.run().address) == at["test"]
