"""What the machine makes of awkward instructions is what the manual says, and what this computer's processor makes of them.

Each opcode of the four maps is run with registers, aligned and misaligned memory, every group member, LOCK and each
mandatory prefix, on NaNs, denormals, infinities and zeros; and SSE arithmetic with each exception unmasked.
"""
import platform
import random
import shutil
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from tests.core import awkward

UD, GP, PF, XM, DONE = 6, 13, 14, 19, 3                      # DONE: the INT3 after the instruction
EVERY = ("ring0", "ring3", "compat32", "compat16")
LONG = ("ring0", "ring3")
# code, modes, vector, what the manual says of it.  [ebx + 0x10] is aligned, [ebx + 0x21] is not; 16-bit code: [bx + n].
ROWS = (
    ("0F 28 /m", EVERY, GP, "MOVAPS of memory that is not aligned"),
    ("0F 28 /a", EVERY, DONE, "MOVAPS of aligned memory"),
    ("0F 29 /m", EVERY, GP, "MOVAPS to memory that is not aligned"),
    ("66 0F 6F /m", EVERY, GP, "MOVDQA"), ("66 0F 7F /m", EVERY, GP, "MOVDQA to memory"), ("F3 0F 6F /m", EVERY, DONE, "MOVDQU"),
    ("0F 10 /m", EVERY, DONE, "MOVUPS"), ("0F 58 /m", EVERY, GP, "ADDPS"), ("F3 0F 58 /m", EVERY, DONE, "ADDSS"),
    ("66 0F E7 /m", EVERY, GP, "MOVNTDQ"), ("66 0F 38 2A /m", EVERY, GP, "MOVNTDQA"), ("0F 2B /m", EVERY, GP, "MOVNTPS"),
    ("F2 0F F0 /m", EVERY, DONE, "LDDQU"), ("66 0F 3A 63 /m 00", EVERY, DONE, "PCMPISTRI is exempt"),
    ("0F 5A /m", EVERY, DONE, "CVTPS2PD reads 8 bytes"), ("F3 0F E6 /m", EVERY, DONE, "CVTDQ2PD reads 8 bytes"),
    ("66 0F 38 00 /m", EVERY, GP, "PSHUFB of XMM registers"), ("0F 38 00 /m", EVERY, DONE, "PSHUFB of MMX registers"),
    ("66 0F 2D /m", EVERY, GP, "CVTPD2PI"), ("66 0F 3A 0B /m 00", EVERY, DONE, "ROUNDSD"),
    ("66 0F 3A 08 /m 00", EVERY, GP, "ROUNDPS"),
    ("0F AE /m", EVERY, GP, "FXSAVE"), ("66 0F AE /a", EVERY, UD, "FXSAVE takes no 66"), ("F3 0F AE /a", EVERY, UD, "nor F3"),
    ("66 0F AE E8", EVERY, UD, "LFENCE takes no prefix"), ("F3 0F AE F0", EVERY, UD, "UMONITOR is not offered"),
    ("66 0F AE F0", EVERY, UD, "TPAUSE is not offered"), ("0F AE F0", EVERY, DONE, "MFENCE"),
    ("0F 38 F0 C3", EVERY, UD, "MOVBE of registers"), ("0F 38 F1 C3", EVERY, UD, "the same"), ("0F 38 F0 /m", EVERY, DONE, "MOVBE"),
    ("F3 0F 38 F0 /m", EVERY, UD, "MOVBE takes no F3"), ("F2 0F 38 F0 C3", EVERY, DONE, "CRC32"),
    ("66 0F C3 /a", EVERY, UD, "MOVNTI takes no 66"), ("0F C3 /m", EVERY, DONE, "MOVNTI"), ("0F C3 C3", EVERY, UD, "it needs memory"),
    ("F3 0F D6 /a", EVERY, UD, "MOVQ2DQ of memory"), ("F2 0F D6 /a", EVERY, UD, "MOVDQ2Q of memory"),
    ("0F 18 C3", EVERY, DONE, "a reserved NOP"),
    ("F0 0F A3 C3", EVERY, UD, "LOCK BT"), ("F0 0F AB C3", EVERY, UD, "LOCK BTS of registers"), ("F0 0F BA E3 00", EVERY, UD, "LOCK BT"),
    ("F0 0F B3 C3", EVERY, UD, "LOCK BTR of registers"), ("F0 0F BB C3", EVERY, UD, "LOCK BTC of registers"),
    ("F0 01 C3", EVERY, UD, "LOCK ADD of registers"), ("F0 01 /a", EVERY, DONE, "LOCK ADD of memory"), ("F0 8B /a", EVERY, UD, "LOCK MOV"),
    ("F0 90", EVERY, UD, "LOCK NOP"), ("F6 CB 01", EVERY, DONE, "TEST by its second encoding"),
    ("8E D1", LONG, GP, "MOV SS with a null selector of another privilege"), ("8E C1", EVERY, DONE, "MOV ES with a null selector"),
    ("48 0F C7 0B", LONG, DONE, "CMPXCHG16B of aligned memory"), ("48 0F C7 4B 08", LONG, GP, "CMPXCHG16B of memory that is not aligned"),
)
# Opcodes that are not compared natively: they leave the case, change the test's own state, or ask the operating system.
NOT_NATIVE = {0: {0xCD, 0xF1, 0xCF, 0xCA, 0xCB, 0xCE, 0x8E, 0x9A, 0xEA, 0x07, 0x17, 0x1F},
              1: {0x01, 0x05, 0x07, 0x20, 0x21, 0x22, 0x23, 0x34, 0x35, 0xA1, 0xA9, 0xB2, 0xB4, 0xB5, 0xAA}}
# x87 instructions whose flags are not modelled (emu.core.x87): low bits of the opcode, ModRM.reg, whether of registers.
NO_X87_FLAGS = {(1, 6, True), (1, 7, True), (1, 3, True), (7, 4, False), (7, 6, False), (3, 7, False), (3, 5, False),
                *((opcode, reg, True) for opcode in (2, 3) for reg in range(4))}
X87_FLAGS = 0x80FF
MXCSRS = (0x1F80, 0x0000, 0x1F00, 0x1E80, 0x1D80, 0x0F80, 0x9FC0, 0xFFC0, 0x3F80, 0x5F80, 0x7F80)
ARITHMETIC = (0x51, 0x58, 0x59, 0x5A, 0x5B, 0x5C, 0x5D, 0x5E, 0x5F, 0x2A, 0x2C, 0x2D, 0x2E, 0x2F, 0x7C, 0x7D, 0xD0, 0xE6, 0xC2)


def bytes_of(text, mode):
    """Return the code of a row: /a and /m are operands that are aligned and that are not."""
    base = 7 if mode == "compat16" else 3
    words = text.replace("/a", f"{0x40 | base:02X} 10").replace("/m", f"{0x40 | base:02X} 21")
    return bytes.fromhex(words)


@pytest.mark.parametrize("mode", EVERY)
def test_row_of_the_manual(mode):
    rows = [row for row in ROWS if mode in row[1]]
    found = awkward.run([bytes_of(row[0], mode) for row in rows], mode)
    wrong = [f"{row[0]}: {row[3]}: vector {f['vector']}, not {row[2]}" for row, f in zip(rows, found, strict=True) if f["vector"] != row[2]]
    assert wrong == []


@cache
def host_has():
    """Return the features of this computer's processor as words of /proc/cpuinfo; none where it is another kind."""
    if platform.machine() != "x86_64":
        return frozenset()
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return frozenset(next(line for line in lines if line.startswith("flags")).split(":")[1].split())


# Instructions that only some processors have: feature, map, opcodes, prefixes ("": none).
OPTIONAL = (
    ("movbe", 2, {0xF0, 0xF1}, {"", "66"}), ("adx", 2, {0xF6}, {"66", "F3"}), ("aes", 2, {0xDB, 0xDC, 0xDD, 0xDE, 0xDF}, {"66"}),
    ("aes", 3, {0xDF}, {"66"}), ("pclmulqdq", 3, {0x44}, {"66"}), ("rdseed", 1, {0xC7}, {"", "66"}), ("rdpid", 1, {0xC7}, {"F3"}),
    ("fsgsbase", 1, {0xAE}, {"F3"}), ("abm", 1, {0xBC, 0xBD}, {"F3"}), ("3dnowprefetch", 1, {0x0D}, {""}),
)
# What other processors have and this machine has not: map, opcodes, prefixes.
NOT_OURS = (
    (1, {0x78, 0x79}, {"66", "F2"}), (1, {0x2B}, {"F2", "F3"}),                                 # SSE4a
    (2, {0xC8, 0xC9, 0xCA, 0xCB, 0xCC, 0xCD}, {""}), (3, {0xCC}, {""}),                         # SHA
    (2, {0xCF}, {"66"}), (3, {0xCE, 0xCF}, {"66"}), (1, {0xC7}, {"", "F3"}), (1, {0xAE}, {"66", "F3"}),   # GFNI, XSAVEC, CET, CLWB
    (1, {0x0E, 0x0F}, {"", "66", "F2", "F3"}), (2, {0xF5, 0xF6, 0xF8, 0xF9, 0xFC, 0x82, 0x8A, 0x8B}, {"", "66", "F2", "F3"}),
    (0, {0xC4, 0xC5, 0x62}, {""}),
)


def comparable(key, mode):
    """Return whether both processors should end a case alike."""
    number, opcode, prefix, reg, operand = key
    if opcode in NOT_NATIVE.get(number, ()) or number == 0 and opcode == 0xFF and reg in (2, 3, 4, 5):
        return False
    if any(number == n and opcode in opcodes and prefix in prefixes for n, opcodes, prefixes in NOT_OURS):
        return False
    missing = [row[1:] for row in OPTIONAL if row[0] not in host_has()]
    if any(number == n and opcode in opcodes and prefix in prefixes for n, opcodes, prefixes in missing):
        return False
    near = number == 0 and (0x70 <= opcode < 0x80 or opcode in (0xC2, 0xC3, 0xE8, 0xE9, 0xEB) or 0xE0 <= opcode < 0xE4)
    near = near or number == 1 and 0x80 <= opcode < 0x90
    return not (near and prefix == "66" or number == 1 and opcode == 0xAE and operand == "r")    # AMD: 16-bit targets


def compared(keys, codes, mode, folder, mxcsr=0x1F80, fields=("vector", "rip", "mxcsr"), x87=0):
    """Return what differs between the machine and this computer's processor, as text; nothing where it is not x86-64."""
    if not host_has():
        return []
    assert shutil.which("gcc"), "the tests need gcc"
    native = awkward.run_natively(awkward.build(folder), codes, mode, folder, mxcsr, x87)
    ours = awkward.run(codes, mode, mxcsr, x87)
    bad = np.zeros(len(codes), bool)
    for field in fields:
        differs = (ours["status"] ^ native["status"]) & X87_FLAGS != 0 if field == "x87" else ours[field] != native[field]
        bad |= differs & ~((native["vector"] == PF) & (ours["vector"] == PF)) if field == "rip" else differs
    return [f"{keys[i]} {codes[i].hex()}: {ours[i]}, natively {native[i]}" for i in np.nonzero(bad)[0]]


def forms(mode):
    """Return (keys, codes) of all that can be compared natively."""
    found = [(key, code) for key, code in awkward.forms(awkward.WIDTH[mode]) if comparable(key, mode)]
    return [key for key, _ in found], [code for _, code in found]


def arithmetic():
    """Return the codes of SSE arithmetic: every form with each row of the data and each immediate that matters."""
    places = ("r", *range(0, 0x80, 0x10))
    found = []
    for reg in range(8):
        for place in places:
            for prefix in ("", "66", "F3", "F2"):
                for opcode in ARITHMETIC:
                    for wide in (False, True):
                        code = awkward.instruction(64, 1, opcode, prefix, reg, place, wide)
                        found.append(code[:-1] + bytes([reg]) if opcode == 0xC2 else code)
            for opcode in (0x08, 0x09, 0x0A, 0x0B, 0x40, 0x41):
                for immediate in (0, 1, 2, 3, 4, 8, 9, 12, 0xFF, 0x71, 0x33):
                    found.append(awkward.instruction(64, 3, opcode, "66", reg, place)[:-1] + bytes([immediate]))
    return found


@pytest.mark.parametrize("mode", awkward.NATIVE)
def test_form_ends_as_it_does_natively(mode, tmp_path):
    keys, codes = forms(mode)
    chosen = sorted(random.Random(12).sample(range(len(codes)), 2500))
    assert compared([keys[i] for i in chosen], [codes[i] for i in chosen], mode, tmp_path) == []


@pytest.mark.campaign
@pytest.mark.parametrize("mode", awkward.NATIVE)
def test_every_form_ends_as_it_does_natively(mode, tmp_path):
    assert compared(*forms(mode), mode, tmp_path) == []


@pytest.mark.parametrize("x87", range(len(awkward.EXTENDED) + 1))
def test_x87_exceptions_are_the_processors_own(x87, tmp_path):
    mode = "ring3"
    keys, codes = forms(mode)
    chosen = [i for i, key in enumerate(keys) if key[0] == 0 and 0xD8 <= key[1] <= 0xDF and key[2] == "" and
              (key[1] & 7, key[3], key[4] == "r") not in NO_X87_FLAGS]
    chosen, codes = [keys[i] for i in chosen], [codes[i] for i in chosen]
    assert compared(chosen, codes, mode, tmp_path, fields=("vector", "x87"), x87=x87) == []


@pytest.mark.parametrize("mxcsr", (0x1F80, 0x0000, 0xFFC0))
def test_arithmetic_is_the_processors_own(mxcsr, tmp_path):
    codes = random.Random(mxcsr).sample(arithmetic(), 1500)
    assert compared(codes, codes, "ring3", tmp_path, mxcsr, ("vector", "rip", "mxcsr", "digest")) == []


@pytest.mark.campaign
@pytest.mark.parametrize("mxcsr", MXCSRS)
def test_all_arithmetic_is_the_processors_own(mxcsr, tmp_path):
    codes = arithmetic()
    assert compared(codes, codes, "ring3", tmp_path, mxcsr, ("vector", "rip", "mxcsr", "digest")) == []


@pytest.mark.parametrize("mode", ("ring0", "compat16"))
def test_locked_form_never_ends_the_machine(mode):
    privileged = {0xF4, 0xE4, 0xE5, 0xE6, 0xE7, 0xEC, 0xED, 0xEE, 0xEF, 0x6C, 0x6D, 0x6E, 0x6F}
    codes = [code for key, code in awkward.forms(awkward.WIDTH[mode], prefixes=("LOCK",))
             if key[0] < 2 and not (key[0] == 0 and key[1] in privileged)]
    found = awkward.run(codes, mode)
    assert {int(vector) for vector in found["vector"]} <= {DONE, UD, GP, PF}
