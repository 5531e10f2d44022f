"""The decoder against capstone, against encodings built from parts, and against the manual."""
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.bits import name_of
from emu.model.processor import decode
from emu.spec.insn import INSN, ROWS, STEP, encodings
from emu.spec.timing import CLASS, CLASS_CYCLES
from emu.state import INSN as RECORD
from tests.model.processor.decode_corpus import compare, decoded, walk
from tests.reference.decode import memory_operand

U64 = np.uint64
QUICK = settings(deadline=None, max_examples=300, derandomize=True)
MODES = st.sampled_from((16, 32, 64))
PREFIXES = (0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65, 0x66, 0x67, 0xF0, 0xF2, 0xF3)
STARTS = tuple(map(bytes.fromhex, ("", "", "0F", "0F", "0F38", "0F3A", "0F01", "0FAE", "0FC7", "FF", "C4E2", "C5")))


def one(text, mode=64):
    """Return (length, kind name, record) of an instruction given in hexadecimal."""
    length, insn = decoded(bytes.fromhex(text), mode)
    return length, name_of(INSN, insn.kind), insn


def _structured(rng):
    """Return 15 bytes that begin as instructions do: a few prefixes, an escape, then anything."""
    code = bytes(rng.choices(PREFIXES, k=rng.choice((0, 0, 0, 1, 1, 2))))
    if rng.random() < 0.25:
        code += bytes([0x40 | rng.randrange(16)])
    return (code + rng.choice(STARTS) + rng.randbytes(15))[:15]


def _differences(count, seed, make):
    rng = random.Random(seed)
    return [sentence for _ in range(count) for mode in (16, 32, 64) if (sentence := compare(make(rng), mode))]


def test_random_bytes_decode_as_capstone_does():
    assert _differences(10_000, 1, lambda rng: rng.randbytes(15)) == []


def test_structured_bytes_decode_as_capstone_does():
    assert _differences(7_000, 2, _structured) == []


@pytest.mark.slow
def test_a_million_random_strings_decode_as_capstone_does():
    assert _differences(1_000_000, 3, lambda rng: rng.randbytes(15)) == []


@pytest.mark.slow
def test_many_structured_strings_decode_as_capstone_does():
    assert _differences(300_000, 4, _structured) == []


def test_plain_python_decodes_as_the_compiled_kernel_does():
    rng = random.Random(5)
    with np.errstate(over="ignore"):
        for _ in range(300):
            code, mode = _structured(rng), rng.choice((16, 32, 64))
            length, insn = decoded(code, mode)
            again, plain = decoded(code, mode, decode.decode.py_func)
            assert (again, plain.tolist()) == (length, insn.tolist()), code.hex()


@given(mode=MODES, prefixes=st.lists(st.sampled_from((0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65, 0x66, 0x67)), max_size=3),
       rex=st.one_of(st.just(0), st.integers(0x40, 0x4F)), mod=st.integers(0, 2), rm=st.integers(0, 7),
       sib=st.integers(0, 255), displacement=st.integers(-2**31, 2**31 - 1))
@QUICK
def test_memory_operands_are_what_they_were_built_from(mode, prefixes, rex, mod, rm, sib, displacement):
    built = memory_operand(mode, b"\x0f\x78", prefixes, rex, mod, rm, sib, displacement)
    length, insn = decoded(built.code, mode)
    assert length == len(built.code)
    names = ("base_reg", "index_reg", "scale", "displacement", "segment", "address_size")
    found = tuple(int(insn[name]) for name in names)
    assert found == (built.base, built.index, built.scale, built.displacement, built.segment,
                     built.address_size)


PREFIX_BYTES = (b"", b"\x66", b"\xf3", b"\xf2")
ESCAPES = (b"", b"\x0f", b"\x0f\x38", b"\x0f\x3a")
ONLY_OUTSIDE_64 = {"INTO", "POP_SS", "LOOP_CONDITION"}     # the last with a 66 prefix: inside it is a NEAR_BRANCH


@pytest.mark.parametrize("name", [name for name in ROWS if ROWS[name][1]])
def test_every_encoding_of_a_row_has_its_kind(name):
    tail = bytes(12)
    for prefixes, number, opcode, modrm in encodings(name):
        for prefix in prefixes:
            for byte in modrm:
                mode = 32 if name in ONLY_OUTSIDE_64 or opcode in (0x9A, 0xEA) and number == 0 else 64
                code = PREFIX_BYTES[prefix] + ESCAPES[number] + bytes([opcode, byte]) + tail
                length, insn = decoded(code[:15], mode)
                assert length and name_of(INSN, insn.kind) == name, code.hex()


@pytest.mark.parametrize("text, mode, length, kind", [
    ("0FA2", 64, 2, "CPUID"), ("F390", 64, 2, "PAUSE"), ("F34190", 64, 3, "NONE"), ("90", 64, 1, "NONE"),
    ("0F22D8", 64, 3, "MOV_TO_CR"), ("0F2218", 64, 3, "MOV_TO_CR"), ("440F20C0", 64, 4, "MOV_FROM_CR"),
    ("F00F20C0", 64, 4, "UNDEFINED"), ("F00FA2", 64, 3, "UNDEFINED"), ("0F01C1", 64, 3, "VMCALL"),
    ("660F01C1", 64, 4, "NONE"), ("F30FC730", 64, 4, "VMXON"), ("660FC730", 64, 4, "VMCLEAR"),
    ("0FC730", 64, 3, "VMPTRLD"), ("0FC738", 64, 3, "VMPTRST"), ("0FC7F0", 64, 3, "RDRAND"),
    ("660F388001", 64, 5, "INVEPT"),
    ("F30F09", 64, 3, "WBNOINVD"), ("0F09", 64, 2, "WBINVD"), ("8ED0", 64, 2, "MOV_SS"), ("8ED8", 64, 2, "NONE"),
    ("9A0000000000", 64, 0, "UNDEFINED"), ("9A000000001000", 32, 7, "CALL_FAR"), ("9A00001000", 16, 5, "CALL_FAR"),
    ("66E800000000", 64, 6, "NEAR_BRANCH"), ("6648E800000000", 64, 7, "NONE"), ("66C3", 64, 2, "NEAR_BRANCH"),
    ("66E80000", 32, 4, "NONE"), ("48B80000000000000000", 64, 10, "NONE"),
    ("A00000000000000000", 64, 9, "NONE"), ("67A000000000", 64, 6, "NONE"), ("C8100000", 64, 4, "ENTER"),
    ("0FAE38", 64, 3, "CLFLUSH"), ("660FAE38", 64, 4, "NONE"), ("0FAEF8", 64, 3, "NONE"), ("F00FAE38", 64, 4, "UNDEFINED"),
    ("F6C001", 64, 3, "NONE"), ("F6D0", 64, 2, "NONE"), ("F7C000000000", 64, 6, "NONE"),
    ("62F1FD486FC1", 64, 6, "UNDEFINED"), ("F001C0", 64, 3, "UNDEFINED"), ("F00103", 64, 3, "NONE"), ("F03903", 64, 3, "UNDEFINED"),
    ("F00FC70B", 64, 4, "COMPARE_PAIR"), ("0FA3C8", 64, 3, "BIT_TEST"), ("0FBA2301", 64, 4, "BIT_TEST"),
    ("F00FBA2301", 64, 5, "UNDEFINED"), ("C4E2F1F2C2", 64, 5, "UNDEFINED"),
    ("C5F877", 64, 3, "UNDEFINED"), ("C4E2F0F2C2", 64, 5, "NONE"), ("66C5F877", 64, 0, "UNDEFINED"), ("C40A", 32, 2, "NONE"),
])
def test_length_and_kind(text, mode, length, kind):
    assert one(text, mode)[:2] == (length, kind)


def test_fifteen_bytes_decode_and_sixteen_are_too_long():
    insn = np.zeros(1, RECORD)
    text = np.array([0x66] * 14 + [0x90, 0x90], np.uint8)
    assert decode.decode(text, U64(16), U64(64), insn[0]) == 15
    text = np.array([0x66] * 15 + [0x90], np.uint8)
    assert decode.decode(text, U64(16), U64(64), insn[0]) == 0
    assert insn[0].kind == INSN.TOO_LONG


def test_an_instruction_cut_short_has_no_length_and_no_kind():
    full = bytes.fromhex("66F0488184CB7856341278563412")
    for count in range(len(full)):
        length, insn = decoded(full[:count], 64)
        assert (length, insn.kind) == (0, INSN.NONE), count


def test_rex_before_a_legacy_prefix_is_ignored():
    length, _, insn = one("48660FC7F0")
    assert (length, insn.rex, insn.operand_size) == (5, 0, 2)


def test_a_segment_override_that_64_bit_mode_ignores_is_not_noted():
    assert one("2E0F0138")[2].segment == 3
    assert one("640F0138")[2].segment == 4
    assert one("642E0F0138")[2].segment == 4
    assert one("2E0F0138", 32)[2].segment == 1


def test_far_pointer_and_port_operands():
    insn = one("EA785634121000", 32)[2]
    assert (insn.immediate, insn.displacement, insn.memory) == (0x12345678, 0x10, 0)
    assert one("E580", 64)[2].immediate == 0xFFFF_FFFF_FFFF_FF80
    assert [int(one(text)[2].operand_size) for text in ("EC", "66ED", "ED", "48ED", "F36D")] == [1, 2, 4, 4, 4]


@pytest.mark.parametrize("text, name", [
    ("90", "ORDINARY"), ("F7E0", "MULTIPLY"), ("0FAFC0", "MULTIPLY"), ("48F7F0", "DIVIDE"), ("F3A4", "STRING"),
    ("F0480FB10A", "LOCKED"), ("48870A", "LOCKED"), ("87C8", "ORDINARY"), ("D8C1", "X87"), ("D8F1", "X87_DIVIDE"),
    ("D9FE", "X87_FUNCTION"), ("0F58C1", "SSE"), ("0F5EC1", "SSE_DIVIDE"), ("0FAEF0", "FENCE_FULL"),
    ("0FAEE8", "FENCE"),
    ("E800000000", "CALL"), ("C3", "CALL"), ("0FA2", "MODELLED"), ("C5F877", "VECTOR"), ("0FA9", "SEGMENT"),
])
def test_timing_class(text, name):
    insn = one(text)[2]
    assert name_of(CLASS, decode.timing_class(insn)) == name
    assert decode.cost(decode.timing_class(insn)) == CLASS_CYCLES[getattr(CLASS, name)]


def test_a_run_is_decoded_step_by_step():
    code = np.frombuffer(bytes.fromhex("90 48F7F0 0FA2 F4 0F"), np.uint8).copy()
    insn, steps = np.zeros(1, RECORD), np.zeros(8, np.uint64)
    for block in (decode.block, decode.block.py_func):
        assert block(code, U64(len(code)), U64(64), insn[0], steps) == 4
        rows = [tuple(int(step & mask) // (int(mask) & -int(mask)) for mask in STEP) for step in steps[:4]]
        assert rows == [(1, 0, 0, 0, int(CLASS.ORDINARY), 1), (3, 0, 0, 0, int(CLASS.DIVIDE), 26),
                        (2, 0, int(INSN.CPUID), 0, int(CLASS.MODELLED), 1), (1, 0, int(INSN.HLT), 0, int(CLASS.MODELLED), 1)]


def test_a_run_of_code_agrees_with_capstone_throughout():
    assert walk(bytes.fromhex("55 4889E5 0FA2 0F01C1 F30FC706 0F78C3 EE C9 C3"), 64) == []


# What reads a memory operand and writes it (SDM 2, instruction pages), and neighbours in the opcode map that do not.
BOTH = ("0003", "0103", "0803", "1103", "1903", "2103", "2903", "3103", "800301", "810344332211", "833301", "8603", "8703", "C00301",
        "C13B01", "D003", "D133", "D203", "D31B", "F613", "F61B", "F713", "FE03", "FE0B", "FF03", "FF0B", "0FA40301", "0FA503",
        "0FAC0301", "0FAD03", "0FAB03", "0FB303", "0FBB03", "0FBA2B01", "0FBA3B01", "0FB003", "0FB103", "0FC003", "0FC103", "0FC70B",
        "480FC70B", "F00103", "660103", "0FAE23", "0FAE33")
ONE_WAY = ("0203", "0303", "3803", "3903", "3B03", "803B01", "833B01", "8403", "8503", "8803", "8903", "8A03", "8B03", "C60301", "F60301",
           "F623", "F73B", "FF13", "FF33", "8F03", "0FA303", "0FBA2301", "0FBE03", "0FC303", "0FC733", "0FAE03", "0FAE2B", "01C3", "87C3",
           "D1E3", "0FC1C3", "C4E2E2F703")


@pytest.mark.parametrize("text, both", [*((text, True) for text in BOTH), *((text, False) for text in ONE_WAY)])
def test_what_reads_and_writes_its_memory_operand(text, both):
    insn = one(text)[2]
    assert insn.length
    assert bool(decode.modifies(insn, U64(64))) is bool(decode.modifies.py_func(insn, U64(64))) is both
