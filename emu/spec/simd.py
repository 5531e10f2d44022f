"""Memory operands of SSE instructions: which must be aligned to 16 bytes, and which are smaller than a register.

VEX forms are not here: this processor has none that use vector registers.
"""
import numpy as np

from emu.bits import codes

OPERAND = codes("OPERAND", "ours: how an instruction's memory operand is accessed",
    ANY=(0, "as its encoding says"), ALIGNED=(1, "16 bytes, #GP(0) unless aligned"),
    EIGHT=(2, "8 bytes, the low half of a register"), FOUR=(3, "4 bytes"))

# SDM 2, "Instruction Reference": forms with xmm2/m128, but MOVUPS, MOVUPD, MOVDQU, LDDQU, PCMPESTRI, PCMPESTRM, PCMPISTRI
# and PCMPISTRM.  Key: opcode map (1 0F, 2 0F 38, 3 0F 3A), mandatory prefix (0 none, 1 66, 2 F3, 3 F2).
ALIGNED = {
    (1, 0): "14-15 28-29 2B 51-59 5B-5F C2 C6",
    (1, 1): "14-15 28-29 2B-2D 51 54-6D 6F-70 74-76 7C-7D 7F C2 C6 D0-D5 D8-F6 F8-FE",
    (1, 2): "12 16 5B 70",
    (1, 3): "70 7C-7D D0 E6",
    (2, 1): "00-0B 10 14-15 17 1C-1E 28-2B 37-41 DB-DF",
    (3, 1): "08-09 0C-0F 40-42 44 DF",
}
# Forms that read less of memory than the register holds, where the engine reads all of it.
SMALL = {
    (1, 0): ("2C-2D 5A", "60-62"),          # CVTTPS2PI, CVTPS2PI, CVTPS2PD; PUNPCKLBW, PUNPCKLWD, PUNPCKLDQ of MMX registers
    (1, 2): ("E6", ""),                     # CVTDQ2PD
    (3, 1): ("0B", "0A"),                   # ROUNDSD; ROUNDSS
}


def opcodes(text):
    """Yield the opcodes of a list such as "14-15 28"."""
    for word in text.split():
        first, _, last = word.partition("-")
        yield from range(int(first, 16), int(last or first, 16) + 1)


def _operands():
    table = np.zeros((4, 4, 256), np.uint8)
    for (number, prefix), text in ALIGNED.items():
        table[number, prefix, list(opcodes(text))] = int(OPERAND.ALIGNED)
    for (number, prefix), (wide, narrow) in SMALL.items():
        for kind, text in ((OPERAND.EIGHT, wide), (OPERAND.FOUR, narrow)):
            for opcode in opcodes(text):
                if table[number, prefix, opcode]:
                    raise ValueError(f"map {number} prefix {prefix} opcode {opcode:#x} is aligned and small")
                table[number, prefix, opcode] = int(kind)
    return table


OPERANDS = _operands()                             # uint8[map, mandatory prefix, opcode] -> OPERAND
