"""Random programs in every mode, and random VMCSs: each ends in an answer, the same one when it is run again."""
from random import Random

import numpy as np
import pytest

from emu.debug.history import parts
from emu.debug.history.snapshot import restore, take
from emu.debug.session.session import Session
from emu.spec.outcome import STOP
from emu.spec.vmx import PROC
from tests.machine.streams import MODES, Stream, VmcsStream

QUICK, LONG, STATES, PROGRAMS = 15, 500, 9_000, 20_000
PIECE = 2_500                                               # programs of one test: pieces share out well between processors
GUESTS = tuple(mode for mode in MODES if mode.startswith("guest"))
ANSWERS = {"EXIT_CODE", "POWER_OFF", "RESET", "TRIPLE_FAULT", "BUDGET", "UNMODELLED", "VMX_ABORT", "IDLE"}


def check(stream, numbers):
    """Run programs twice, the second time every other one on engines that forget; returns how many entered non-root operation."""
    entered, machine = 0, stream.machine
    try:
        for number in numbers:
            machine.disturb(0)
            found = stream.run(number)
            assert found.reason in ANSWERS, f"{stream.mode} {number}: {found}"
            entered += bool(machine.cpu[0].entries)
            machine.disturb(number if number % 2 else 0)
            assert stream.repeat(number) == (found.reason, found.digest), f"{stream.mode} {number}"
    finally:
        stream.close()
    return entered


@pytest.mark.parametrize("mode", MODES)
def test_programs_end_in_an_answer(mode):
    entered = check(Stream(mode), range(QUICK))
    assert entered > QUICK // 2 if mode in GUESTS else not entered


@pytest.mark.parametrize("mode", GUESTS)
def test_vmcs_states_end_in_an_answer(mode):
    assert check(VmcsStream(mode), range(QUICK))


# Programs that ended otherwise on engines that forgot: code in the page of the current VMCS, IRET past the limit of CS, LOOPNE that
# ends by its count, an unaligned read-modify-write into its own block, one over two pages whose first walk passes an event.
FOUND = [("guest_real", 9201), ("guest_real", 9635), ("protected16", 6565), ("protected16", 9711), ("virtual", 11139),
         ("virtual", 19077), ("protected32", 15639), ("long_user", 16539)]


@pytest.mark.parametrize("mode, number", FOUND)
def test_engines_that_forget_change_nothing(mode, number):
    stream = Stream(mode)
    try:
        found = stream.run(number)
        for seed in range(1, 25):
            stream.machine.disturb(seed)
            assert stream.repeat(number) == (found.reason, found.digest), seed
    finally:
        stream.close()


def test_a_64_bit_code_segment_with_a_base_is_named():
    stream = VmcsStream("guest_long_user")
    try:
        found = stream.run(2131)
        assert found.reason == "UNMODELLED" and "64-bit code segment with base 0x4" in found.unmodelled
    finally:
        stream.close()


def test_a_table_that_ends_past_the_last_address_is_explained():
    stream = VmcsStream("guest_long")
    try:
        assert stream.run(3728).reason in ANSWERS
    finally:
        stream.close()


def pieces(count):
    """Return the ranges of numbers from LONG to count, PIECE long."""
    return [range(max(LONG, at), min(at + PIECE, count)) for at in range(0, count, PIECE)]


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_some_hundred_programs_end_in_an_answer(mode):
    check(Stream(mode), range(QUICK, LONG))


@pytest.mark.slow
@pytest.mark.parametrize("mode", GUESTS)
def test_some_hundred_vmcs_states_end_in_an_answer(mode):
    check(VmcsStream(mode), range(QUICK, LONG))


@pytest.mark.slow
@pytest.mark.parametrize("numbers", pieces(PROGRAMS), ids=lambda numbers: str(numbers.stop))
@pytest.mark.parametrize("mode", MODES)
def test_many_programs_end_in_an_answer(mode, numbers):
    check(Stream(mode), numbers)


@pytest.mark.slow
@pytest.mark.parametrize("numbers", pieces(STATES), ids=lambda numbers: str(numbers.stop))
@pytest.mark.parametrize("mode", GUESTS)
def test_many_vmcs_states_end_in_an_answer(mode, numbers):
    check(VmcsStream(mode), numbers)


def test_what_no_processor_has_is_in_no_hash():
    stream = Stream("long")
    machine, e = stream.machine, stream.machine.env()
    try:
        before, parts_before = machine.digest(), parts.read(machine)
        e.xmm.view(np.uint8).reshape(-1, 64)[:, 16:] = 0xA5           # as MPSADBW leaves what was on the host's stack
        e.fpregs.view(np.uint8).reshape(-1, 16)[:, 10:] = 0x5A        # as FLDPI does
        assert machine.digest() == before and (parts.read(machine) == parts_before).all()
        for field, size, last in ((e.xmm, 64, 15), (e.fpregs, 16, 9)):
            field.view(np.uint8).reshape(-1, size)[3, last] ^= 1
            assert machine.digest() != before and (parts.read(machine) != parts_before).any()
            field.view(np.uint8).reshape(-1, size)[3, last] ^= 1
            assert machine.digest() == before
    finally:
        stream.close()


# ---- cut and stepped -------------------------------------------------------------------------------------------------
class Trapped(Stream):
    """Guests with the monitor trap flag: each of their instructions ends in a VM exit."""

    def virtual(self, rng, v, e):
        super().virtual(rng, v, e)
        v["PRIMARY_CONTROLS"] = v["PRIMARY_CONTROLS"] | int(PROC.MTF)


def left(stream, stop):
    """Return everything about a run that must not vary."""
    c = stream.machine.cpu[0]
    return int(stop), int(c.cycles), int(c.instructions), int(c.walks), int(c.walk_loads), stream.machine.digest()


def whole(stream, number):
    stream.prepare(number)
    return left(stream, stream.finish())


def in_pieces(stream, number):
    """Run a program in pieces, with snapshots between that are gone back to now and then."""
    stream.prepare(number)
    dice, stop, until = Random(number), STOP.BUDGET, int(stream.machine.clock)
    while stop == STOP.BUDGET and until < stream.limit:
        until = min(until + dice.randrange(1, 1500), stream.limit)
        stop = stream.advance(until)
        if stop == STOP.BUDGET and until < stream.limit and dice.random() < 0.5:
            kept = take(stream.machine)
            stream.advance(until + 500)
            restore(stream.machine, kept, again=False)
    return left(stream, stop)


def stepped(stream, number):
    stream.prepare(number)
    with Session(stream.machine) as session:
        while session.step(count=1 + number % 3, max_cycles=stream.limit).reason not in ("ended", "budget"):
            pass
    return left(stream, stream.machine.record[0].stop)


def compare(stream, numbers):
    try:
        for number in numbers:
            plain = whole(stream, number)
            assert in_pieces(stream, number) == plain, number
            assert stepped(stream, number) == plain, number
    finally:
        stream.close()


@pytest.mark.parametrize("mode", MODES)
def test_pieces_and_steps_change_nothing(mode):
    compare(Stream(mode), range(4))


@pytest.mark.campaign
@pytest.mark.parametrize("kind", [Stream, VmcsStream, Trapped])
@pytest.mark.parametrize("mode", MODES)
def test_pieces_and_steps_change_nothing_in_many(mode, kind):
    if kind is Stream or mode in GUESTS:
        compare(kind(mode), range(4, 100))


class Pushing(Trapped):
    """Their first instruction finds no translation of its stack."""

    def program(self, rng):
        return b"\x68\2\0\0\0\x9d" + super().program(rng)      # PUSH 2; POPF


def test_cut_inside_an_instruction_does_not_complete_it():
    """Where its page walk goes past the cut: the exit by the monitor trap flag waits until it has run."""
    stream = Pushing("guest_long")
    try:
        for number in range(3):
            plain = whole(stream, number)
            stream.prepare(number)
            start = int(stream.machine.clock)
            for cut in range(start + 495, start + 600, 5):
                stream.prepare(number)
                stream.advance(cut)
                assert left(stream, stream.finish()) == plain, (number, cut)
    finally:
        stream.close()
