"""Static cycle costs of instructions: a class for every opcode, cycles for every class.

Order of magnitude of a Skylake-class core, one ordinary instruction a cycle; caches, dependencies and overlap are
not modelled here.  An instruction that the model executes costs one cycle here: the model charges the rest as an
event (emu.spec.cost).  A repeated string instruction is charged once for each iteration.
"""
import numpy as np

from emu.bits import codes

_OPTIMIZATION = 'Optimization Reference Manual, "Instruction Latency and Throughput"'
_FOG = "Agner Fog, Instruction tables, Skylake"

# letter: (name, cycles, text, source)
ROWS = {
    ".": ("ORDINARY",       1,  "moves, integer and logical operations, branches, SSE moves and logic", _OPTIMIZATION),
    "m": ("MULTIPLY",       3,  "MUL, IMUL: latency", _OPTIMIZATION),
    "d": ("DIVIDE",         26, "DIV, IDIV: latency of the 32-bit form", _OPTIMIZATION),
    "s": ("STRING",         4,  "MOVS, CMPS: one iteration", _FOG),
    "l": ("STRING_SHORT",   2,  "STOS, LODS, SCAS: one iteration", _FOG),
    "c": ("CALL",           2,  "near CALL and RET", _FOG),
    "k": ("LOCKED",         18, "LOCK prefix, XCHG with memory", _FOG),
    "a": ("ATOMIC",         6,  "CMPXCHG, CMPXCHG8B, XADD without LOCK", _FOG),
    "t": ("LOOP",           6,  "LOOP, LOOPcc, JCXZ", _FOG),
    "u": ("MICROCODED",     8,  "ENTER, BOUND, XLAT, BCD adjustments, PUSHA, POPA", _FOG),
    "g": ("SEGMENT",        15, "load of a segment register", _FOG),
    "F": ("FLAGS",          9,  "PUSHF, POPF, CLI, STI", _FOG),
    "x": ("X87",            4,  "x87 arithmetic: latency of FADD and FMUL", _FOG),
    "X": ("X87_DIVIDE",     16, "FDIV, FSQRT", _FOG),
    "T": ("X87_FUNCTION",   80, "FSIN, FPATAN, FNSAVE and the like", _FOG),
    "f": ("SSE",            4,  "SSE arithmetic: latency of ADDPS, MULPS, conversions", _OPTIMIZATION),
    "D": ("SSE_DIVIDE",     13, "DIVPS, DIVPD, SQRTPS, SQRTPD", _OPTIMIZATION),
    "e": ("FENCE",          6,  "LFENCE, SFENCE, CLFLUSH", _FOG),
    "E": ("FENCE_FULL",     33, "MFENCE", _FOG),
    "A": ("STATE",          70, "FXSAVE, FXRSTOR", _FOG),
    "S": ("MODELLED",       1,  "executed by the model, which charges an event", "emu.spec.cost"),
    "w": ("VECTOR",         4,  "VEX and EVEX encodings", _OPTIMIZATION),
}
CLASS = codes("CLASS", "ours: timing classes", **{row[0]: (n, row[2]) for n, row in enumerate(ROWS.values())})
CLASS_CYCLES = np.array([row[1] for row in ROWS.values()], np.uint64)     # uint64[class]
_NUMBER = {letter: n for n, letter in enumerate(ROWS)}

MAP_ONE = """
    ......gg ......g.
    ......gg ......gg
    .......u .......u
    .......u .......u
    ........ ........
    ........ ........
    uuu..... .m.mSSSS
    ........ ........
    ........ ......g.
    ........ ..SxFF..
    ....ssss ..llllll
    ........ ........
    ..ccgg.. u.SSSSSS
    ....uu.u xxxxxxxx
    ttttSSSS c.S.SSSS
    .S..S.dd ..FF..c.
"""
MAP_0F = """
    SS..uSSS SS.S.eff
    ........ ........
    SSSS.... ..ff.fff
    SSSSSS.S ........
    ........ ........
    .DDD.... ffffffDf
    ........ ........
    .......f SS..ff..
    ........ ........
    ........ ........
    .gS.ff.. .gS.ffEm
    aagggg.. .S......
    aaf...fa ........
    f...fff. ........
    ........ ........
    ....fff. ........
"""
# Opcodes whose class follows ModRM.reg: memory forms 0-7, register forms 0-7.
GROUPS = {
    (0, 0xF6): "....mmdd ....mmdd", (0, 0xF7): "....mmdd ....mmdd", (0, 0xFF): "..cS.S.. ..c.....",
    (0, 0xD8): "xxxxxxXX xxxxxxXX", (0, 0xD9): "xxxxxxxx xxxxxxTT", (0, 0xDA): "xxxxxxXX xxxxxxXX",
    (0, 0xDC): "xxxxxxXX xxxxxxXX", (0, 0xDD): "xxxxTxTx xxxxxxxx", (0, 0xDE): "xxxxxxXX xxxxxxXX",
    (0, 0xDF): "xxxxTxTx xxxxxxxx", (0, 0x86): "kkkkkkkk ........", (0, 0x87): "kkkkkkkk ........",
    (1, 0xAE): "AA..SSSe SSSS.eEe", (1, 0xC7): ".a.SSSSS ......SS",
}


def _classes():
    table = np.zeros((4, 256), np.uint8)
    for number, text in enumerate((MAP_ONE, MAP_0F)):
        letters = "".join(text.split())
        if len(letters) != 256:
            raise ValueError(f"timing map {number} has {len(letters)} opcodes, not 256")
        table[number] = [_NUMBER[letter] for letter in letters]
    table[2:] = _NUMBER["f"]
    table[2, 0x80:0x83] = _NUMBER["S"]
    groups = np.zeros((len(GROUPS) + 1, 16), np.uint8)
    slots = np.zeros((2, 256), np.uint8)
    for slot, ((number, opcode), text) in enumerate(GROUPS.items(), 1):
        groups[slot] = [_NUMBER[letter] for letter in text.replace(" ", "")]
        slots[number, opcode] = slot
    return table, slots, groups


# uint8[4, 256] -> class; uint8[2, 256] -> group or 0; uint8[group, ModRM.reg + 8 for register forms] -> class
CLASSES, GROUP_SLOTS, GROUP_CLASSES = _classes()
