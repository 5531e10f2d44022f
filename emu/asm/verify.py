"""What keystone made of an instruction, read back by capstone and compared with the source.

keystone 0.9.2 drops what does not fit and picks wrong forms silently (`mov eax, [eax*4+16]` in 16-bit code, `push 0xffffffff` in
64-bit code).
"""

import re
from functools import cache

import capstone
import keystone
from capstone import x86 as cs_x86

from emu.asm import fixed
from emu.errors import AssemblyError

KEYSTONE = {16: keystone.KS_MODE_16, 32: keystone.KS_MODE_32, 64: keystone.KS_MODE_64}
CAPSTONE = {16: capstone.CS_MODE_16, 32: capstone.CS_MODE_32, 64: capstone.CS_MODE_64}
DS_PREFIX = b"\x3e"
HIGH_BYTE, NEEDS_REX = re.compile(r"\b[abcd]h\b", re.I), re.compile(r"\b(r\d+[bwd]?|spl|bpl|sil|dil|r[a-z]{2}(?![^\[]*\]))\b", re.I)


@cache
def tools(mode):
    disassembler = capstone.Cs(capstone.CS_ARCH_X86, CAPSTONE[mode])
    disassembler.detail = True
    return keystone.Ks(keystone.KS_ARCH_X86, KEYSTONE[mode]), disassembler


@cache
def by_keystone(mode, text):
    """Return keystone's bytes for one instruction of plain numbers."""
    if HIGH_BYTE.search(text) and NEEDS_REX.search(text):      # keystone's library would end the process
        raise AssemblyError(f"ah, bh, ch and dh cannot stand beside a register that needs a REX prefix: {text!r}")
    try:
        data, _ = tools(mode)[0].asm(text, 0, as_bytes=True)
    except keystone.KsError as error:
        reason = str(error).split(" (KS_ERR")[0].lower()
        raise AssemblyError(f"{reason}: {text!r} in {mode}-bit code") from None
    if not data:
        raise AssemblyError(f"no encoding for {text!r} in {mode}-bit code")
    return data


def little(value, size):
    return (value & (1 << 8 * size) - 1).to_bytes(size, "little")


def fits(value, bits):
    return -(1 << bits - 1) <= value < 1 << bits


@cache
def canonical(name):
    """Return one spelling for a mnemonic and its synonyms."""
    name = fixed.SAME_MNEMONIC.get(name, name)
    for stem in ("set", "cmov"):
        if name.startswith(stem) and name[len(stem) :] in fixed.CANONICAL:
            return stem + fixed.CANONICAL[name[len(stem) :]]
    return name


def verify(mode, text, data, mnemonic, values, operands, strict):
    """Raise AssemblyError unless capstone reads back what was written."""
    found = list(tools(mode)[1].disasm(data, 0))
    if len(found) != 1 or found[0].size != len(data):
        raise AssemblyError(f"{text!r} encodes as {data.hex()}, which is not one instruction: say .byte")
    insn = found[0]
    words = insn.mnemonic.split()
    read = f"{insn.mnemonic} {insn.op_str}"
    if canonical(words[-1]) != canonical(mnemonic):
        raise AssemblyError(f"keystone encodes {text!r} as {data.hex()}, which is {read!r}")
    operands_read = insn.operands
    if len(operands_read) != len(values):
        if canonical(mnemonic) == "imul" and len(values) == 2 and len(operands_read) == 3:
            operands_read = [operands_read[0], operands_read[2]]
        elif not values or len(operands_read) < len(values) or canonical(mnemonic) in ("cmpxchg16b",):
            return
    pairs = list(zip(values, operands_read, strict=False))
    if all(agrees(mode, insn, value, part, strict, mnemonic) for value, part in pairs):
        return
    if mnemonic in ("test", "xchg") and all(
        agrees(mode, insn, value, part, strict, mnemonic)
        for value, part in zip(values, reversed(operands_read), strict=True)
    ):
        return
    for value, part in pairs:
        if (
            isinstance(value, int)
            and part.type == cs_x86.X86_OP_IMM
            and not agrees(mode, insn, value, part, strict, mnemonic)
        ):
            raise AssemblyError(f"{value:#x} does not fit: {text!r} would become {read!r}")
    raise AssemblyError(f"keystone encodes {text!r} as {data.hex()}, which is {read!r}")


def on_stack(insn, mem):
    """Return whether the address of a memory operand is in the stack segment when no prefix says otherwise."""
    return bool(mem.base) and insn.reg_name(mem.base) in ("bp", "ebp", "esp")


def with_ds(mode, data):
    """Return the bytes of an instruction that names DS with the prefix for it where the address would be in the stack segment."""
    for insn in tools(mode)[1].disasm(data, 0):
        if any(part.type == cs_x86.X86_OP_MEM and not part.mem.segment and on_stack(insn, part.mem) for part in insn.operands):
            return DS_PREFIX + data
    return data                                            # keystone leaves DS out everywhere


def agrees(mode, insn, value, part, strict, mnemonic):
    """Return whether an operand as read by capstone is the one that was written."""
    if isinstance(value, str):
        if part.type != cs_x86.X86_OP_REG:
            return False
        name = insn.reg_name(part.reg)
        return (
            name == value
            or value == "st"
            and name == "st(0)"
            or value in ("st(0)",)
            and name == "st(0)"
            or mnemonic in ("mov", "lldt", "ltr", "lmsw", "verr", "verw", "lar", "lsl")
            and name.lstrip("er").rstrip("d") == value.lstrip("er").rstrip("dw")
            and any(
                other.type == cs_x86.X86_OP_REG and insn.reg_name(other.reg) in fixed.SEGMENTS
                for other in insn.operands
            )
        )
    if isinstance(value, int):
        if part.type != cs_x86.X86_OP_IMM:
            return False
        bits = 8 * max(part.size, 1)
        return not strict or (value - part.imm) % (1 << bits) == 0 and fits(value, bits)
    memory, displacement = value
    return part.type == cs_x86.X86_OP_MEM and same_address(mode, insn, memory, displacement, part, strict)


def same_address(mode, insn, memory, displacement, part, strict):
    mem = part.mem

    def name(register):
        return insn.reg_name(register) if register else ""

    written = (memory.base, memory.index, memory.scale if memory.index else 1)
    if memory.relative:
        written = ("rip", "", 1)
    read = (name(mem.base), name(mem.index), mem.scale if mem.index else 1)
    read = (read[0], "" if read[1] in ("riz", "eiz") else read[1], read[2])
    if (
        read != written
        and not (written[2] == read[2] == 1 and sorted(read[:2]) == sorted(written[:2]))
        and not (not memory.base and memory.scale == 1 and read == (memory.index, "", 1))
    ):
        return False
    register = memory.base or memory.index
    bits = fixed.REGISTERS[register] if register and not memory.relative else mode
    segment = name(mem.segment)
    if mode != 64 and memory.segment == "ds" and on_stack(insn, mem) and segment != "ds":
        return False
    if memory.segment in ("fs", "gs") and segment != memory.segment or memory.segment == "" and segment in ("fs", "gs"):
        return False
    return not strict or (mem.disp - displacement) % (1 << bits) == 0
