"""Compare the decoder with capstone on any code bytes; the manual judges where they differ.

`compare(code, mode)` decodes at one place, `walk(code, mode)` a whole run; both return sentences on differences.
Every known divergence is a row of RESERVED, WRONG_LENGTH or UNKNOWN below, with its reason.
"""

import re

import capstone
import numpy as np

from emu.bits import name_of
from emu.model.processor.decode import decode
from emu.spec.insn import INSN
from emu.state import INSN as RECORD

U64 = np.uint64
MODES = {16: capstone.CS_MODE_16, 32: capstone.CS_MODE_32, 64: capstone.CS_MODE_64}
CAPSTONE = {mode: capstone.Cs(capstone.CS_ARCH_X86, flag) for mode, flag in MODES.items()}
LEGACY = bytes.fromhex("2636 2E3E 6465 6667 F0F2F3".replace(" ", ""))

# Opcodes of which capstone refuses forms that the manual reserves; we know their length (map, opcode): immediate.
# A letter: n none, b 8 bits, z 16 or 32 after ModRM; r ModRM that names registers; . nothing; w 16 bits without ModRM.
RESERVED = {
    "group 11: only ModRM.reg 0 is defined": {(0, 0xC6): "b", (0, 0xC7): "z"},
    "group 4: only ModRM.reg 0 and 1 are defined": {(0, 0xFE): "n"},
    "group 5: ModRM.reg 7, and register forms of far CALL and JMP, are reserved": {(0, 0xFF): "n"},
    "group 1A: only ModRM.reg 0 is defined": {(0, 0x8F): "n"},
    "segment register 6 or 7 is reserved, MOV to CS is undefined": {(0, 0x8C): "n", (0, 0x8E): "n"},
    "LEA of a register": {(0, 0x8D): "n"},
    "x87: reserved forms": {(0, op): "n" for op in range(0xD8, 0xE0)},
    "groups 6 and 7: reserved ModRM": {(1, 0x00): "n", (1, 0x01): "n"},
    "group 8: ModRM.reg 0 to 3 are reserved": {(1, 0xBA): "b"},
    "group 9: reserved ModRM": {(1, 0xC7): "n"},
    "group 15: reserved ModRM": {(1, 0xAE): "n"},
    "groups 12, 13, 14: memory forms and some ModRM.reg are reserved": {(1, 0x71): "b", (1, 0x72): "b", (1, 0x73): "b"},
    "prefetch and hint space: capstone knows some forms only": {
        (1, op): "n" for op in (0x0D, 0x18, 0x19, 0x1A, 0x1B, 0x1C, 0x1D, 0x1E, 0x1F)
    },
    "defined only with a mandatory prefix": {
        (1, op): "n" for op in (0x6C, 0x6D, 0x7C, 0x7D, 0xB8, 0xD0, 0xD6, 0xE6, 0xF0)
    },
    "defined only for a memory operand": {
        (1, op): "n" for op in (0x12, 0x13, 0x16, 0x17, 0x2B, 0xB2, 0xB4, 0xB5, 0xC3, 0xE7)
    },
    "defined only for a register operand": {(1, op): "n" for op in (0x50, 0xD7, 0xF7)} | {(1, 0xC5): "b"},
    "control or debug register that does not exist": {(1, op): "r" for op in (0x20, 0x21, 0x22, 0x23)},
    "map 0F38: prefix or form not defined": {(2, op): "n" for op in range(256)},
    "map 0F3A: prefix or form not defined": {(3, op): "b" for op in range(256)},
    "VMREAD and VMWRITE take no prefix": {(1, 0x78): "n", (1, 0x79): "n"},
    "MMX and SSE: prefix not defined": {
        (1, op): "b" if op in (0x70, 0xC2, 0xC4, 0xC6) else "n"
        for op in [*range(0x10, 0x18), *range(0x28, 0x30), *range(0x50, 0x80), 0xC2, 0xC4, 0xC6, *range(0xD0, 0xFF)]
    },
    "takes no such prefix": {(1, 0x37): ".", (1, 0x77): ".", (1, 0x09): "."},
    "capstone knows MOVSXD with REX.W only, in some combinations of prefixes": {(0, 0x63): "n"},
    "LOCK, 66 and REX.W before RET imm16, whose length capstone does not know": {(0, 0xC2): "w"},
    "UD0 and UD1 with LOCK, whose ModRM byte capstone does not know": {(1, 0xB9): "n", (1, 0xFF): "n"},
}
# capstone's length is not the manual's.
WRONG_LENGTH = {
    "UD0 and UD1 have a ModRM byte (SDM 2B, UD), capstone knows none": {(1, 0xB9), (1, 0xFF)},
    "capstone takes AMD's XOP for a ModRM of group 1A": {(0, 0x8F)},
    "capstone takes AMD's EXTRQ and INSERTQ for VMREAD and VMWRITE with a prefix, which is #UD": {(1, 0x78), (1, 0x79)},
    "capstone counts four bytes of immediate for RET imm16 with 66 and REX.W": {(0, 0xC2)},
}
# In 64-bit mode near branches ignore the operand-size prefix (SDM 2D, superscript f64); capstone obeys it by F2, F3.
BRANCHES = {(0, 0xE8), (0, 0xE9)} | {(1, op) for op in range(0x80, 0x90)}
# AMD 3DNow! and VIA PadLock: instructions that this processor has not.
FOREIGN = re.compile(r"^(femms|pf|pi2f|pavgusb|pmulhrw|pswapd|(rep )?(xsha|montmul|xcrypt|xstore))")
NO_PREFIX = set(
    """MONITOR MWAIT XSETBV XGETBV XSAVE XRSTOR XSAVEOPT XSAVEC XSAVES XRSTORS RDRAND RDSEED CLAC STAC VMCALL
    VMLAUNCH VMRESUME VMXOFF VMPTRLD VMPTRST VMREAD VMWRITE VMFUNC VMMCALL GETSEC ENCLS ENCLU ENCLV PCONFIG
    RDPKRU WRPKRU CLFLUSH
    """.split()
)
KIND_OF = {name.lower(): name for name in INSN._fields} | {
    "iretd": "IRET",
    "iretq": "IRET",
    "iret": "IRET",
    "int": "INT_N",
    "retf": "RET_FAR",
    "retfq": "RET_FAR",
    "popf": "POPF",
    "popfd": "POPF",
    "popfq": "POPF",
    "pushf": "PUSHF",
    "pushfd": "PUSHF",
    "pushfq": "PUSHF",
    "sysretq": "SYSRET",
    "sysexitq": "SYSEXIT",
    "xsave64": "XSAVE",
    "xrstor64": "XRSTOR",
    "xsaveopt64": "XSAVEOPT",
    "xsavec64": "XSAVEC",
    "xsaves64": "XSAVES",
    "xrstors64": "XRSTORS",
    "insb": "INS",
    "insw": "INS",
    "insd": "INS",
    "outsb": "OUTS",
    "outsw": "OUTS",
    "outsd": "OUTS",
    "lcall": "CALL_FAR",
    "ljmp": "JMP_FAR",
}


def _prefix_length(code, mode):
    """Return how many legacy and REX bytes come first."""
    at = 0
    while at < len(code) and (code[at] in LEGACY or mode == 64 and code[at] & 0xF0 == 0x40):
        at += 1
    return at


def _expected(code, mode, number, escapes, form):
    """Return the length that format and capstone's view of the ModRM part give a reserved form."""
    at = _prefix_length(code, mode)
    kept = bytes(byte for byte in code[:at] if byte not in b"\xf0\xf2\xf3")
    size = at + escapes
    if form == "r":
        return size + 1
    if form not in (".", "w"):
        witness = kept + b"\x8b" + code[size:]
        taken = next(CAPSTONE[mode].disasm_lite(witness, 0, 1), None)
        size += taken[1] - len(kept) - 1
    rex = code[at - 1] if at and mode == 64 and code[at - 1] & 0xF0 == 0x40 else 0
    wide = 4 if rex & 8 else 2 if (0x66 in code[:at]) != (mode == 16) else 4
    return size + {"b": 1, "w": 2, "z": wide}.get(form, 0)


def _reason_for_refusal(code, mode, insn):
    """Return why capstone refuses what has a length of ours, or None."""
    length, number, opcode = int(insn.length), int(insn.map), int(insn.opcode)
    at = _prefix_length(code, mode)
    if int(insn.prefixes) & 0x180:
        return "a VEX or EVEX form that is not defined: its format gives the length"
    repeats = sum(code[:at].count(byte) for byte in b"\xf0\xf2\xf3")
    if repeats:
        idle = b"\xf0\xf2\xf3" + (b"" if code[at - 1] & 0xF0 == 0x40 or mode != 64 else bytes(range(0x40, 0x50)))
        if mode == 64 and (number, opcode) in BRANCHES:
            idle += b"\x66"
        kept = bytes(byte for byte in code[:at] if byte not in idle)
        taken = next(CAPSTONE[mode].disasm_lite(kept + code[at:], 0, 1), None)
        if taken and taken[1] + at - len(kept) == length:
            return "LOCK, F2 or F3 means nothing here or is not allowed"
    escapes = (1, 2, 3, 3)[number]
    for reason, rows in RESERVED.items():
        if (number, opcode) in rows and _expected(code, mode, number, escapes, rows[number, opcode]) == length:
            return reason
    return None


BMI = frozenset("andn bextr blsi blsmsk blsr bzhi mulx pdep pext rorx sarx shlx shrx".split())


REFUSED_FORMS = frozenset(
    "movbe fxsave fxrstor fxsave64 fxrstor64 ldmxcsr stmxcsr lfence sfence movnti movq movq2dq movdq2q pcommit incsspd incsspq".split()
)


def _kind_by_capstone(mnemonic, operands):
    """Return the INSN name that capstone's text stands for, NONE for an ordinary instruction."""
    mnemonic = mnemonic.split()[-1]  # without rep, lock, bnd, notrack, xacquire
    first, _, last = (part.strip() for part in operands.partition(","))
    if mnemonic == "mov":
        for register in ("cr", "dr"):
            if re.fullmatch(register + r"\d+", first):
                return f"MOV_TO_{register.upper()}"
            if re.fullmatch(register + r"\d+", last):
                return f"MOV_FROM_{register.upper()}"
        return "MOV_SS" if first == "ss" else "NONE"
    if mnemonic in ("in", "out"):
        port = last if mnemonic == "in" else first
        return f"{mnemonic.upper()}_{'DX' if port == 'dx' else 'IMM'}"
    if mnemonic == "pop" and first == "ss":
        return "POP_SS"
    if mnemonic in ("call", "jmp") and (
        ":" in first and "[" not in first or "fword" in first or first.startswith("ptr ")
    ):
        return {"call": "CALL_FAR", "jmp": "JMP_FAR"}[mnemonic]
    return KIND_OF.get(mnemonic, "NONE")


def _reason_for_kind(code, mode, kind, expected, mnemonic):
    """Return why our kind differs from what capstone calls the instruction, or None."""
    prefixes = code[: _prefix_length(code, mode)]
    if kind == "UNDEFINED" and 0xF0 in prefixes:
        return "LOCK is not allowed; capstone takes it together with F2 or F3"
    if kind == "UNDEFINED" and code[len(prefixes)] in b"\xc4\xc5\x62" and mnemonic not in BMI:
        return "this processor has no AVX"
    if kind == "UNDEFINED" and mnemonic in ("extrq", "insertq", "vmread", "vmwrite"):
        return "SSE4a, and prefixes that VMREAD and VMWRITE do not take"
    if kind == "UNDEFINED" and mnemonic in REFUSED_FORMS:
        return "forms with prefixes that the manual does not allow, MOVBE of registers, MOVQ2DQ and MOVDQ2Q of memory"
    if kind in ("TEST_SECOND", "TEST_SECOND_BYTE") and mnemonic.endswith("test"):
        return "ours: the second encoding, which the engine refuses"
    if kind in ("ROTATE_CARRY", "ROTATE_CARRY_BYTE", "SET_CONDITION", "LOOP_CONDITION", "BIT_TEST", "COMPARE_PAIR") and \
            re.match("rcl|rcr|set|loop|bt|cmpxchg", mnemonic.split()[-1]):
        return "ours: ordinary instructions that need care in the engine"
    if kind == "HINT" and expected == "NONE":
        return "ours: a reserved NOP, which the engine refuses"
    if kind == "UNDEFINED" and mnemonic in ("xabort", "xbegin"):
        return "this processor has no RTM (CPUID.7.EBX bit 11), so C6 F8 and C7 F8 are reserved"
    if mode == 16 and kind == "UNDEFINED" and mnemonic in ("movhlps", "movlhps") and 0x66 in prefixes:
        return "66 0F 12 and 66 0F 16 take memory only; capstone forgets the prefix in 16-bit mode"
    if mode == 64 and kind == "NEAR_BRANCH" and 0x66 in prefixes and expected == "NONE":
        return "ours: a near branch whose prefix has no effect"
    if mode == 16 and (kind, expected) == ("VMCLEAR", "VMPTRLD"):
        return "66 0F C7 /6 is VMCLEAR; capstone forgets the prefix in 16-bit mode"
    if (kind, expected) == ("NONE", "TPAUSE") and 0x67 in prefixes:
        return "TPAUSE needs 66; capstone is content with 67 and REX.W"
    if kind == "CLFLUSH" and mnemonic == "clflushopt" and 0x67 in prefixes and 0x66 not in prefixes:
        return "CLFLUSHOPT needs 66; capstone is content with 67 and REX.W"
    if (kind, expected) == ("PAUSE", "NONE") and mode == 64:
        return "only REX.B turns F3 90 into XCHG; capstone lets any REX bit do it"
    if kind == "NONE" and expected in NO_PREFIX and any(byte in prefixes for byte in b"\x66\xf2\xf3"):
        return "the manual allows no such prefix (NP, NFx), capstone ignores it"
    return None


def decoded(code, mode, kernel=decode):
    """Return (length, INSN record) of our decoder for up to 15 bytes of code."""
    insn = np.zeros(1, RECORD)
    text = np.zeros(16, np.uint8)
    text[: min(len(code), 16)] = np.frombuffer(bytes(code[:16]), np.uint8)
    return int(kernel(text, U64(min(len(code), 15)), U64(mode), insn[0])), insn[0]


def compare(code, mode, kernel=decode):
    """Return a sentence on how decoder and capstone differ on the first instruction of `code`, or None."""
    code = bytes(code[:15])
    length, insn = decoded(code, mode, kernel)
    taken = next(CAPSTONE[mode].disasm_lite(code, 0, 1), None)
    where = f"{code.hex()} in {mode}-bit mode"
    if taken is None:
        if length and not _reason_for_refusal(code, mode, insn):
            return f"{where}: length {length}, capstone refuses it"
        return None
    _, theirs, mnemonic, operands = taken
    key = int(insn.map), int(insn.opcode)
    if length == 0:
        if FOREIGN.match(mnemonic):
            return None
        if code[_prefix_length(code, mode)] in b"\xc4\xc5\x62" and _prefix_length(code, mode):
            return None  # a prefix before VEX: #UD by SDM 2A, "VEX Prefix"
        return f"{where}: refused, but {mnemonic} {operands} of length {theirs} for capstone"
    if length != theirs:
        if any(key in rows for rows in WRONG_LENGTH.values()):
            return None
        if mode == 64 and key in BRANCHES and 0x66 in code[: _prefix_length(code, mode)]:
            return None
        return f"{where}: length {length}, not {theirs} as {mnemonic} {operands}"
    kind, expected = name_of(INSN, insn.kind), _kind_by_capstone(mnemonic, operands)
    if kind != expected and not _reason_for_kind(code, mode, kind, expected, mnemonic):
        return f"{where}: kind {kind}, but {mnemonic} {operands} for capstone"
    return None


def walk(code, mode, limit=None):
    """Return the sentences of `compare` for every instruction of a run of code, resynchronising after refusals."""
    found, at = [], 0
    while at < len(code) and (limit is None or len(found) < limit):
        sentence = compare(code[at : at + 15], mode)
        if sentence:
            found.append(f"at {at:#x}: {sentence}")
        at += decoded(code[at : at + 15], mode)[0] or 1
    return found
