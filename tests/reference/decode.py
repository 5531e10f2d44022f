"""Build x86 encodings from their parts, so that their length and operands are known before anything decodes them."""
from dataclasses import dataclass


@dataclass(frozen=True)
class Encoding:
    """One instruction as bytes, and what a decoder must find in it."""
    code: bytes
    base: int
    index: int
    scale: int
    displacement: int
    segment: int
    address_size: int


SEGMENTS = {0x26: 0, 0x2E: 1, 0x36: 2, 0x3E: 3, 0x64: 4, 0x65: 5}
PAIRS_16 = [(3, 6), (3, 7), (5, 6), (5, 7), (6, 16), (7, 16), (5, 16), (3, 16)]


def _signed(value, bits):
    value &= (1 << bits) - 1
    return (value - (1 << bits) if value >> (bits - 1) else value) & 0xFFFF_FFFF_FFFF_FFFF


def memory_operand(mode, opcode, prefixes, rex, mod, rm, sib, displacement, immediate=b""):
    """Return the Encoding of `opcode` with a memory operand; mod 0..2; prefixes legacy bytes; rex a byte or 0."""
    narrow = 0x67 in prefixes
    address = {16: 2, 32: 4, 64: 8}[mode] if not narrow else {16: 4, 32: 2, 64: 4}[mode]
    rex = rex if mode == 64 else 0
    body, base, index, scale, size = b"", 16, 16, 0, (0, 1, 4)[mod]
    if address == 2:
        base, index = PAIRS_16[rm]
        size = (0, 1, 2)[mod]
        if mod == 0 and rm == 6:
            base, size = 16, 2
    elif rm == 4:
        body = bytes([sib])
        base, index, scale = sib & 7 | (rex & 1) << 3, sib >> 3 & 7 | (rex & 2) << 2, sib >> 6
        if index == 4:
            index, scale = 16, 0
        if sib & 7 == 5 and mod == 0:
            base, size = 16, 4
    elif rm == 5 and mod == 0:
        base, size = (17 if mode == 64 else 16), 4
    else:
        base = rm | (rex & 1) << 3
    segment = 2 if base in (4, 5) else 3
    for byte in prefixes:
        if byte in SEGMENTS and (mode != 64 or byte in (0x64, 0x65)):
            segment = SEGMENTS[byte]
    code = (bytes(prefixes) + (bytes([rex]) if rex else b"") + opcode + bytes([mod << 6 | rm]) + body +
            (displacement & ((1 << 8 * size) - 1)).to_bytes(size, "little") + immediate)
    return Encoding(code, base, index, scale, _signed(displacement, 8 * size) if size else 0, segment, address)
