"""Who wrote memory, a register, a VMCS field last."""
import contextlib

import pytest

from emu.debug.gdb.monitor import Monitor
from emu.debug.history import why
from emu.debug.views import translation
from emu.debug.views.vmcs import Vmcs
from emu.errors import DebugError, HvlabError
from tests.programs import COUNT, ENTER


def run_to_the_end(session, at):
    """Run to the program's first instruction, where its history begins, and on to its end."""
    session.break_at(at["test"], temporary=True)
    session.run()
    assert session.run().reason == "ended"


def test_memory_was_written_by_the_last_store_that_reached_it(past):
    session, history, at = past(COUNT)
    run_to_the_end(session, at)
    found = why.memory(history, at["cell"], 4)
    assert (found.old, found.new, found.rip, found.processor) == (9, 10, at["test.loop"] + 2, 0)
    assert session.thread(0).pc == found.rip and "test.loop" in str(found) and "0x9 -> 0xa" in str(found)
    assert not session.breakpoints()
    with pytest.raises(DebugError, match="nothing has changed 4 bytes at 0x400000 since the history began"):
        why.memory(history, 0x400000, 4, "host")
    with pytest.raises(DebugError, match="1 to 8 bytes, not 9"):
        why.memory(history, 0, 9)


@pytest.mark.parametrize("space", ["linear", "guest", "host"])
def test_addresses_end_where_64_bits_do(past, space):
    session, history, _ = past(COUNT)
    last, monitor = (1 << 64) - 1, Monitor(session)
    with pytest.raises(DebugError, match="a range ends there, not 8 bytes at 0xffffffffffffffff"):
        why.memory(history, last, 8, space)
    with pytest.raises(DebugError):
        why.memory(history, last, 1, space)               # nothing lies there
    thread = session.thread(0)
    for what in (lambda: thread.read(last + 1, 1), lambda: thread.write(-1, b"x"), lambda: thread.translate(last + 1),
                 lambda: thread.translate_guest(-1), lambda: translation.translate(session.machine, last + 1),
                 lambda: thread.read_physical(1 << 64, 8), lambda: session.watch(last, 8, space=space), lambda: session.break_at(1 << 64)):
        with pytest.raises(DebugError, match="an address is 0 to 0xffffffffffffffff"):
            what()
    for words in ("why memory {:#x} 8", "why memory {:#x} 1", "xlate {:#x}", "disassemble {:#x}", "xlate {:#x} user", "why-irq {:#x}"):
        for address in (last, last + 1):
            with contextlib.suppress(HvlabError):         # a sentence, whatever it says
                monitor.run(thread, words.format(address))


SAME = """
test:   mov     dword ptr [rip + cell], 5
changed:
        mov     dword ptr [rip + cell], 7
        mov     ecx, 3
again:  mov     dword ptr [rip + cell], 7
        mov     dword ptr [rip + other], 0
        dec     ecx
        jnz     again
        PASS
        .align  8
cell:   .long   0
other:  .long   0
"""


def test_memory_was_changed_by_the_last_store_of_another_value(past):
    session, history, at = past(SAME)
    run_to_the_end(session, at)
    found = why.memory(history, at["cell"], 4)
    assert (found.old, found.new, found.rip, found.again) == (5, 7, at["changed"], 3)
    assert session.thread(0).pc == at["changed"] and str(found).endswith("; written 3 times since with that value")


def test_memory_that_was_only_written_with_its_value_was_not_changed(past):
    session, history, at = past(SAME)
    run_to_the_end(session, at)
    with pytest.raises(DebugError, match="nothing has changed .*; it was written 3 times with the value that it had"):
        why.memory(history, at["other"], 4)


def test_search_of_the_past_can_be_stopped_and_leaves_the_machine_where_it_was(past):
    session, history, at = past("test: mov ecx, 500000\n1: dec ecx\n jnz 1b\n PASS\n")
    run_to_the_end(session, at)
    digest = session.machine.digest()

    def enough():
        raise DebugError("enough")

    session.heed = enough
    with pytest.raises(DebugError, match="enough"):
        why.register(history, "r13")
    assert session.machine.digest() == digest


def test_vmcs_field_was_written_by_vmwrite_or_by_an_exit(past):
    session, history, at = past(ENTER)
    other = session.break_at(at["after"], world=1)
    session.run()
    assert Vmcs(session.machine).exit_reason == 10
    found = why.field(history, "exit_reason")
    assert (found.new, found.rip, session.thread(0).world) == (10, at["exits"], 1)
    assert [p.number for p in session.breakpoints()] == [other]
    session.run()
    found = why.field(history, "guest_rip")                     # SKIP: VMWRITE of the handler
    assert found.new == at["after"] and session.thread(0).world == 0
    assert session.thread(0).read(found.rip, 2) == b"\x0f\x79"


def test_register_was_changed_by_the_last_instruction_that_wrote_it(past):
    session, history, at = past(COUNT)
    number = session.break_at(at["test.loop"], ignore=7)
    session.run()
    found = why.register(history, "rcx")
    assert (found.old, found.new, found.rip) == (6, 7, at["test.loop"]) and session.thread(0).register("rcx") == 6
    assert session.points.get(number).hits == 8
    found = why.register(history, "rax")
    assert found.new == 6 and found.rip == at["test.loop"] + 8
    with pytest.raises(DebugError, match="cr3 cannot be followed"):
        why.register(history, "cr3")


def test_field_is_watched_forward(past):
    session, _, at = past(ENTER)
    session.break_at(at["guest"], world=1, temporary=True)
    session.run()
    number = session.watch_field("exit_reason")
    stop = session.run()
    assert (stop.reason, stop.number, stop.thread.pc) == ("watchpoint", number, Vmcs(session.machine).host_rip)
    assert session.run().address == Vmcs(session.machine).address("exit_reason")          # VMCALL
    assert session.run().reason == "ended"
