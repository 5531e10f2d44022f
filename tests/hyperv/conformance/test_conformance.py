"""Every hypercall, synthetic MSR and CPUID leaf, asked by the root, by a child with every privilege and by one with almost none.

The table of questions and expected answers is in rows.py and here; asks.s asks them in the machine.
"""
import struct
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from emu.asm import assemble
from emu.bits import MIB
from emu.image import of_assembly
from emu.machine import Config, Machine
from emu.machine.partition import Partition, base_of
from emu.spec.tlfs import HVLEAF, HVMSR, HVSTATUS, HVTEXT, PRIVILEGE
from tests.hyperv.conformance import rows

ROWS_AT, ANSWERS_AT, ANSWER = 0x40_0000, 0x48_0000, 32
STATUS = {int(number): name for name, number in HVSTATUS._asdict().items()}
GIVEN = {rows.ROOT: 0, rows.CHILD: rows.GIVEN, rows.NONE: rows.POOR}
FAULT = "#GP"
# first and last MSR, its privilege, whether it is read, a value that may be written or None
MSRS = (
    ("GUEST_OS_ID", "GUEST_OS_ID", "HYPERCALL", True, None), ("HYPERCALL", "HYPERCALL", "HYPERCALL", True, None),
    ("VP_INDEX", "VP_INDEX", "VP_INDEX", True, FAULT), ("RESET", "RESET", "RESET", True, 0),
    ("VP_RUNTIME", "VP_RUNTIME", "VP_RUN_TIME", True, FAULT),
    ("TIME_REF_COUNT", "TIME_REF_COUNT", "REFERENCE_COUNTER", True, FAULT), ("REFERENCE_TSC", "REFERENCE_TSC", "REFERENCE_TSC", True, 0),
    ("TSC_FREQUENCY", "APIC_FREQUENCY", "FREQUENCIES", True, FAULT), ("EOI", "EOI", "APIC", False, 0), ("ICR", "ICR", "APIC", True, None),
    ("TPR", "TPR", "APIC", True, 0), ("VP_ASSIST_PAGE", "VP_ASSIST_PAGE", "APIC", True, 0), ("SCONTROL", "SCONTROL", "SYNIC", True, None),
    ("SVERSION", "SVERSION", "SYNIC", True, FAULT), ("SIEFP", "SIEFP", "SYNIC", True, None), ("SIMP", "SIMP", "SYNIC", True, None),
    ("EOM", "EOM", "SYNIC", True, 0), ("SINT0", "SINT15", "SYNIC", True, 0x1_0000), ("STIMER0_CONFIG", "STIMER3_COUNT", "TIMERS", True, 0),
    ("GUEST_IDLE", "GUEST_IDLE", "GUEST_IDLE", None, FAULT))
HOLES = 0x4000_0004, 0x4000_000F, 0x4000_0024, 0x4000_006F, 0x4000_0074, 0x4000_0085, 0x4000_00A0, 0x4000_00B8, 0x4000_00EF, 0x4000_0106


def msrs():
    """Yield reads and writes of every synthetic MSR, and of numbers between them."""
    for first, last, privilege, readable, written in MSRS:
        for number in range(int(getattr(HVMSR, first)), int(getattr(HVMSR, last)) + 1):
            rich = {who: GIVEN[who] & int(getattr(PRIVILEGE, privilege)) or who == rows.ROOT for who in GIVEN}
            if readable is not None:
                yield rows.Ask(f"RDMSR {number:#x}", 1, number, (), {who: None if readable and rich[who] else FAULT for who in GIVEN})
            if written is not None:
                value = 0 if written == FAULT else written
                expected = {who: None if rich[who] and written != FAULT else FAULT for who in GIVEN}
                yield rows.Ask(f"WRMSR {number:#x}", 2, number, (value,), expected)
    for number in HOLES:
        yield rows.Ask(f"RDMSR {number:#x}", 1, number, (), dict.fromkeys(GIVEN, FAULT))
        yield rows.Ask(f"WRMSR {number:#x}", 2, number, (0,), dict.fromkeys(GIVEN, FAULT))


def leaves():
    """Yield the hypervisor's CPUID leaves: what is fixed of them, (EAX, EBX, ECX, EDX) or None for what may be anything."""
    vendor = int(HVLEAF.NESTED_FEATURES), int(HVTEXT.EBX), int(HVTEXT.ECX), int(HVTEXT.EDX)
    everyone = {int(HVLEAF.VENDOR): vendor, int(HVLEAF.INTERFACE): (int(HVTEXT.INTERFACE), 0, 0, 0), int(HVLEAF.VERSION): (None,) * 4,
                int(HVLEAF.ADVICE): (None, None, None, 0), int(HVLEAF.LIMITS): (64, None, 0, 0), int(HVLEAF.HARDWARE): (None, 0, 0, 0),
                **{int(leaf): (0,) * 4 for leaf in (HVLEAF.MANAGEMENT, HVLEAF.SVM, HVLEAF.NESTED, HVLEAF.NESTED_FEATURES)},
                0x4000_00FF: (0,) * 4}
    for leaf, values in everyone.items():
        yield rows.Ask(f"CPUID {leaf:#x}", 3, leaf, (), dict.fromkeys(GIVEN, values))
    masks = {who: (given & 0xFFFF_FFFF, given >> 32, None, None) for who, given in GIVEN.items() if who != rows.ROOT}
    yield rows.Ask("CPUID features", 3, int(HVLEAF.FEATURES), (), masks)


CALLS = (rows.about, rows.outputs, rows.on_itself, rows.failures, rows.channels, rows.for_all)


def asked(caller, *tables):
    """Return the questions of all or of some tables for a caller, in their order."""
    every = [each for table in tables or (rows.wrong_input, *CALLS, msrs, leaves) for each in table()]
    return [each for each in every if caller in each.expected]


@cache
def answers(caller):
    """Ask everything in a machine; returns [(question, (word, word, word))]."""
    questions = asked(caller)
    table = struct.pack("<Q", len(questions))
    for each in questions:
        table += struct.pack(f"<IIQQ{len(each.words)}Q", each.kind, 8 * len(each.words), each.value, each.at, *each.words)
    assert len(table) <= 0x1_2000 and len(questions) * ANSWER <= 0x8000, (len(table), len(questions))
    symbols = {"CALLER": 0 if caller == rows.ROOT else 1, "GIVEN": GIVEN[caller]}
    image = of_assembly(assemble(Path(__file__).with_name("asks.s"), symbols), 16 * MIB)
    image = replace(image, segments=[*image.segments, (ROWS_AT, table)])
    machine, said = Machine(Config(memory_bytes=48 * MIB)), {}
    machine.on_console(lambda source, data: said.__setitem__(source, said.get(source, "") + data.decode("latin-1")))
    machine.load_partitions([Partition(name="asks", image=image, root=True)])
    result = machine.run(max_cycles=4_000_000_000)
    assert (result.reason, result.exit_code) == ("EXIT_CODE", 0), said
    base = base_of(0, machine.read)
    words = struct.iter_unpack("<QQQQ", machine.read(base + ANSWERS_AT, ANSWER * len(questions)))
    return [(each, row[:3]) for each, row in zip(questions, words, strict=True)]


def said_of(each, answer, caller):
    """Return (expected, got) of a question in one form."""
    expected = each.expected[caller]
    if each.kind == 0:
        return expected, STATUS.get(answer[0] & 0xFFFF, hex(answer[0]))
    if each.kind in (1, 2):
        return expected, FAULT if answer[0] else None
    registers = struct.unpack("<IIII", struct.pack("<QQ", *answer[1:3]))
    return expected, tuple(got if want is not None else None for want, got in zip(expected, registers, strict=True))


@pytest.mark.parametrize("caller", [rows.ROOT, rows.CHILD, rows.NONE])
def test_every_answer_is_the_specifications(caller):
    wrong = [(each.what, *pair) for each, answer in answers(caller) if (pair := said_of(each, answer, caller))[0] != pair[1]]
    assert not wrong, "\n".join(f"{what}: expected {expected}, got {got}" for what, expected, got in wrong)


def test_every_call_is_asked_by_every_caller():
    from emu.spec.tlfs import HVCALL
    for caller in GIVEN:
        questions = asked(caller, *CALLS)                  # with input that is right in its form
        assert {each.value & 0xFFFF for each in questions} >= set(map(int, HVCALL))
        reached = {each.expected[caller] for each in questions}
        assert "SUCCESS" in reached and (caller == rows.ROOT or "ACCESS_DENIED" in reached)
