"""Random programs in every mode, and random VMCSs: each ends in an answer, the same one when it is run again."""
import numpy as np
import pytest

from emu.debug.history import parts
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
