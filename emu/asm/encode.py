"""One instruction: operands with expressions in, verified bytes out.

keystone encodes what emu.asm.fixed does not; each new encoding is disassembled by capstone and its mnemonic,
registers, addresses and immediates compared with the source, because keystone 0.9.2 drops what does not fit
and picks wrong forms silently (`mov eax, [eax*4+16]` in 16-bit code, `push 0xffffffff` in 64-bit code).
Encodings are remembered by text, so equal instructions cost one look-up.
"""

import re
from functools import cache

import capstone
import keystone
from capstone import x86 as cs_x86

from emu.asm import expression, fixed
from emu.errors import AssemblyError

KEYSTONE = {16: keystone.KS_MODE_16, 32: keystone.KS_MODE_32, 64: keystone.KS_MODE_64}
CAPSTONE = {16: capstone.CS_MODE_16, 32: capstone.CS_MODE_32, 64: capstone.CS_MODE_64}
MARK = 0x1122_3344  # stands for a displacement in keystone's text, and is replaced in its bytes
SIB_EBP_TWICE, SIB_NONE = 0x6D, 0x25  # [rbp*2 + disp32] and [disp32]
UNKNOWN = 0x7FFF_0000  # what a symbol counts as before the first pass has placed it
SIZE = re.compile(
    r"(" + "|".join(fixed.SIZES) + r")\s+(?:ptr\s+)?(?=[\[\w(])|(" + "|".join(fixed.SIZES) + r")\s+ptr\s+", re.I
)
HIGH_BYTE, NEEDS_REX = re.compile(r"\b[abcd]h\b", re.I), re.compile(r"\b(r\d+[bwd]?|spl|bpl|sil|dil|r[a-z]{2}(?![^\[]*\]))\b", re.I)
SEGMENT = re.compile(r"([c-gs]s)\s*:\s*", re.I)
TERMS = re.compile(r"\s*([+-]?)\s*((?:[^+\-\[\]()'<>]|\((?:[^()]|\([^()]*\))*\)|'.[^']*'|<<|>>)+)")


class Memory:
    """A memory operand: registers as text, the rest as one expression."""

    __slots__ = ("size", "segment", "base", "index", "scale", "terms", "relative")

    def __init__(self, text):
        self.size = self.segment = self.base = self.index = ""
        self.scale, self.terms, self.relative = 1, [], False
        if match := SIZE.match(text):
            self.size, text = (match[1] or match[2]).lower(), text[match.end() :]
        if match := SEGMENT.match(text):
            self.segment, text = match[1].lower(), text[match.end() :]
        outside, _, inside = text.partition("[")
        inside, closed, after = inside.rpartition("]")
        if not closed or after.strip():
            raise AssemblyError(f"cannot read the memory operand {text!r}")
        if match := SEGMENT.match(inside.strip()):
            self.segment, inside = match[1].lower(), inside.strip()[match.end() :]
        if outside.strip():
            self.terms.append((1, expression.parse(outside)))
        if match := re.match(r"\s*rel\s+", inside):
            self.relative, inside = True, inside[match.end() :]
        self.inside(inside.replace("][", "+"))

    def inside(self, text):
        at = 0
        while at < len(text.rstrip()):
            match = TERMS.match(text, at)
            if not match or not match[2].strip():
                raise AssemblyError(f"cannot read the address [{text}]")
            at, term, sign = match.end(), match[2].strip(), -1 if match[1] == "-" else 1
            while term.endswith(("*", "/", "<<", ">>", "|", "&", "^")) or at < len(text) and text[at] in "<>":
                raise AssemblyError(f"put the expression in [{text}] in parentheses")
            if not self.register(term.lower().replace(" ", ""), sign):
                self.terms.append((sign, expression.parse(term)))

    def register(self, term, sign):
        name, star, scale = term.partition("*")
        if star and name not in fixed.REGISTERS and scale in fixed.REGISTERS:
            name, scale = scale, name
        if name not in fixed.REGISTERS:
            return False
        if sign < 0:
            raise AssemblyError(f"{name} cannot be subtracted in an address")
        if star and scale not in ("1", "2", "4", "8"):
            raise AssemblyError(f"an index is scaled by 1, 2, 4 or 8, not {scale}")
        if name in ("rip", "eip"):
            self.relative = True
        elif star or self.base:
            if self.index:
                raise AssemblyError("an address has at most a base and an index register")
            self.index, self.scale = name, int(scale) if star else 1
        else:
            self.base = name
        return True

    def text(self, displacement, instead=""):
        """Return keystone's spelling; `instead` stands for the registers of an address that has none."""
        parts = (
            ["rip"]
            if self.relative
            else [instead]
            if instead
            else [part for part in (self.base, f"{self.index}*{self.scale}" if self.index else "") if part]
        )
        if self.index in ("si", "di") and self.base:
            parts = [self.base, self.index]
        if displacement or not parts:
            parts.append(f"{displacement:#x}")
        size = f"{self.size} ptr " if self.size else ""
        return f"{size}{self.segment + ':' if self.segment else ''}[{' + '.join(parts).replace('+ -', '- ')}]"


class Plan:
    """An instruction read once: prefixes, mnemonic, operands (register text, Memory or expression tree)."""

    __slots__ = ("prefixes", "mnemonic", "operands", "near", "fixed", "constant")

    def __init__(self, word, rest):
        self.prefixes = []
        while word in fixed.PREFIXES:
            self.prefixes.append(word)
            word, _, rest = rest.strip().partition(" ")
            word = word.lower()
        if not word:
            self.prefixes, word = self.prefixes[:-1], self.prefixes[-1]
        self.mnemonic, self.operands, self.near = word, [], ""
        for text in expression.split(rest):
            if match := re.match(r"(short|near|far)\s+", text):
                self.near, text = match[1], text[match.end() :]
            self.operands.append(operand(re.sub(r"^offset\s+", "", text)))
        self.fixed = self.constant = None  # whether no symbol occurs, and then its (mode, bytes)


def operand(text):
    """Return a register's name, a Memory or an expression tree."""
    low = text.lower().replace(" ", "")
    if low in fixed.REGISTERS:
        return low
    if "[" in text and not text.startswith("'"):
        return Memory(text)
    if match := SEGMENT.match(text):
        return Memory(f"{match[1]}:[{text[match.end() :]}]")
    if match := SIZE.match(text):
        return ("sized", (match[1] or match[2]).lower(), expression.parse(text[match.end() :]))
    return expression.parse(text)


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


class Encoder:
    """Encodes plans at addresses; `lookup(name)` gives symbols, `strict` says that all are final."""

    def __init__(self):
        self.lookup, self.strict, self.checked = None, False, {}

    def value(self, tree):
        try:
            return expression.value(tree, self.lookup)
        except expression.Undefined:
            if self.strict:
                raise
            return UNKNOWN

    def encode(self, plan, mode, here, grown):
        """Return the bytes of `plan` at address `here`; `grown` is its longest size so far."""
        mnemonic, operands = plan.mnemonic, plan.operands
        prefix = bytes(fixed.PREFIXES[name] for name in plan.prefixes)
        if len(operands) <= 1:
            done = self.special(plan, mode, here, grown)
            if done is not None:
                return prefix + done
        elif mnemonic in ("jmp", "call") or mnemonic in fixed.FAR_DIRECT:
            mnemonic = mnemonic if mnemonic in fixed.FAR_DIRECT else "l" + mnemonic
            return self.far(mnemonic, operands, mode)
        if plan.constant is not None and plan.constant[0] == mode:
            return plan.constant[1]
        return self.general(plan, mode, here)

    def special(self, plan, mode, here, grown):
        mnemonic, operands = plan.mnemonic, plan.operands
        name = (
            f"{mnemonic} {operands[0]}"
            if operands and isinstance(operands[0], str) and operands[0] in fixed.SEGMENTS
            else mnemonic
        )
        if name in fixed.FIXED and (not operands or name != mnemonic):
            if mode not in fixed.FIXED[name]:
                raise AssemblyError(
                    f"{name} does not exist in {mode}-bit code"
                    + ": " * (mnemonic in fixed.AMBIGUOUS)
                    + fixed.AMBIGUOUS.get(mnemonic, "")
                )
            return fixed.FIXED[name][mode]
        if mnemonic in fixed.AMBIGUOUS and mode == 64 or mnemonic == "sysret":
            raise AssemblyError(fixed.AMBIGUOUS[mnemonic])
        if not operands:
            return None
        first = operands[0]
        if (
            mnemonic in ("jmp", "call")
            and isinstance(first, Memory)
            and (plan.near == "far" or first.size in ("fword", "tbyte"))
        ):
            mnemonic = "l" + mnemonic
        if mnemonic in fixed.SLASH or mnemonic in fixed.FAR_MEMORY:
            return self.slash(mnemonic, first, mode, here)
        if isinstance(first, (str, Memory)):
            return None
        if mnemonic in ("ret", "retf", "lret"):
            return bytes([fixed.FIXED[mnemonic][mode][0] - 1]) + self.number(first, 16)
        if (
            mnemonic in ("jmp", "call")
            or mnemonic in fixed.SHORT_ONLY
            or mnemonic[0] == "j"
            and mnemonic[1:] in fixed.CONDITIONS
        ):
            return self.branch(plan, mode, here, grown)
        if mnemonic == "push":
            return self.push(first, mode)
        return None

    def number(self, tree, bits, what="the value"):
        value = self.value(tree)
        if self.strict and not fits(value, bits):
            raise AssemblyError(f"{what} {value:#x} does not fit in {bits} bits")
        return little(value, bits // 8)

    def push(self, tree, mode):
        prefix, size = b"", mode
        if tree[0] == "sized":
            size, tree = fixed.SIZES[tree[1]], tree[2]
            prefix = b"\x66" if (size == 16) != (mode == 16) else b""
        value, width = self.value(tree), 32 if size == 64 else size
        if self.strict and (not -(1 << 31) <= value < 1 << 31 if size == 64 else not fits(value, width)):
            raise AssemblyError(
                f"push takes a{' signed 32-bit' if size == 64 else f' {width}-bit'} value, not {value:#x}"
            )
        signed = value - (1 << width) if size != 64 and value >> (width - 1) == 1 else value
        if -128 <= signed < 128:
            return prefix + b"\x6a" + little(signed, 1)
        return prefix + b"\x68" + little(value, width // 8)

    def branch(self, plan, mode, here, grown):
        mnemonic, near = plan.mnemonic, 2 if mode == 16 else 4
        try:
            target = expression.value(plan.operands[0], self.lookup)
        except expression.Undefined:
            if self.strict:
                raise
            target = here + 2
        if mnemonic in fixed.SHORT_ONLY:
            bits = fixed.COUNTER_BITS.get(mnemonic, mode)
            if bits != mode and (bits, mode) in ((64, 16), (64, 32), (16, 64)):
                raise AssemblyError(f"{mnemonic} does not exist in {mode}-bit code")
            prefix = b"\x67" if bits != mode else b""
            return prefix + bytes([fixed.SHORT_ONLY[mnemonic]]) + self.distance(target, here + 2 + len(prefix), 1)
        if mnemonic != "call" and plan.near != "near" and (grown <= 2 or plan.near == "short"):
            distance = target - here - 2
            if -128 <= distance < 128 or plan.near == "short":
                opcode = 0xEB if mnemonic == "jmp" else 0x70 | fixed.CONDITIONS[mnemonic[1:]]
                return bytes([opcode]) + self.distance(target, here + 2, 1)
        opcode = {"jmp": b"\xe9", "call": b"\xe8"}.get(mnemonic) or bytes([0x0F, 0x80 | fixed.CONDITIONS[mnemonic[1:]]])
        return opcode + self.distance(target, here + len(opcode) + near, near)

    def distance(self, target, after, size):
        distance = target - after
        if size == 2:  # IP wraps within its segment
            distance = (distance + 0x8000 & 0xFFFF) - 0x8000
        elif self.strict and not -(1 << 8 * size - 1) <= distance < 1 << 8 * size - 1:
            raise AssemblyError(f"the target is {distance} bytes away, further than {8 * size} bits reach")
        return little(distance, size)

    def far(self, mnemonic, operands, mode):
        """ljmp selector, offset: the offset is as wide as the code; `dword offset` in 16-bit code makes it 32."""
        if mode == 64:
            raise AssemblyError(f"{mnemonic} selector, offset does not exist in 64-bit code")
        if len(operands) != 2 or any(isinstance(part, (str, Memory)) for part in operands):
            raise AssemblyError(f"{mnemonic} takes a selector and an offset, or one memory operand")
        selector, offset = operands
        bits = mode
        if offset[0] == "sized":
            bits, offset = fixed.SIZES[offset[1]], offset[2]
        prefix = b"\x66" if bits != mode else b""
        return (
            prefix
            + bytes([fixed.FAR_DIRECT[mnemonic]])
            + self.number(offset, bits, "the offset")
            + self.number(selector, 16, "the selector")
        )

    def slash(self, mnemonic, memory, mode, here):
        if not isinstance(memory, Memory):
            raise AssemblyError(
                f"{mnemonic} takes a memory operand"
                + (", or a selector and an offset" if mnemonic in fixed.FAR_DIRECT else "")
            )
        prefix, size = b"", memory.size
        if mnemonic in fixed.FAR_MEMORY:
            opcode, digit = b"\xff", fixed.FAR_MEMORY[mnemonic]
            if size not in ("dword", "fword", "tbyte"):
                raise AssemblyError(f"{mnemonic} needs dword, fword or tbyte ptr")
            prefix = b"\x66" if size == ("fword" if mode == 16 else "dword") else b""
            rex = 0x48 if size == "tbyte" else 0
        else:
            opcode, digit = fixed.SLASH[mnemonic]
            prefix = b"\x66" if mnemonic.endswith("d") or size == ("dword" if mode == 16 else "word") else b""
            rex = 0x48 if mnemonic == "nop" and size == "qword" else 0
        memory.size = "byte"
        like = self.instruction("inc", [memory], [], mode, here, len(opcode) - 1 + len(prefix) + (rex != 0))
        memory.size = size
        at = like.index(0xFE)
        before, after = like[:at], bytearray(like[at + 1 :])
        if before and mode == 64 and before[-1] & 0xF0 == 0x40:
            before, rex = before[:-1], rex | before[-1]
        after[0] |= digit << 3
        return prefix + before + (bytes([rex]) if rex else b"") + opcode + bytes(after)

    def general(self, plan, mode, here):
        if plan.fixed is None:
            plan.fixed = not any(
                isinstance(part, tuple)
                and expression.symbols_in(part)
                or isinstance(part, Memory)
                and (part.relative or any(expression.symbols_in(term) for _, term in part.terms))
                for part in plan.operands
            )
        strict, self.strict = self.strict, self.strict or plan.fixed  # nothing later can change its numbers
        data = self.instruction(plan.mnemonic, plan.operands, plan.prefixes, mode, here, 0)
        self.strict = strict
        if plan.fixed:
            plan.constant = (mode, data)
        return data

    def instruction(self, mnemonic, operands, prefixes, mode, here, extra):
        """Return verified bytes; `extra` is how much longer than these the real instruction will be."""
        texts, values, relative, absolute = [], [], None, None
        for part in operands:
            if isinstance(part, str):
                texts.append(part)
                values.append(part)
            elif isinstance(part, Memory):
                displacement = sum(sign * self.value(term) for sign, term in part.terms)
                if part.relative and any(expression.symbols_in(term) for _, term in part.terms):
                    relative, displacement = displacement, MARK
                displacement = self.reach(part, displacement, mode)
                if (
                    mode == 64
                    and not (part.base or part.index or part.relative)
                    and -(1 << 31) <= displacement < 1 << 31
                ):
                    absolute = displacement  # keystone would make it relative to RIP
                texts.append(part.text(MARK, "rbp*2") if absolute is not None else part.text(displacement))
                values.append((part, displacement))
            else:
                value = self.value(part[2] if part[0] == "sized" else part)
                values.append(value)
                texts.append(f"{self.narrow(value, operands, mode):#x}")
        if mnemonic == "mov" and mode != 16:  # a segment register needs no 66 prefix
            texts = self.wide_segment(operands, texts)
        text = f"{' '.join(prefixes)} {mnemonic} {', '.join(texts)}".strip()
        data = by_keystone(mode, text)
        if absolute is not None:
            at = data.rindex(little(MARK, 4))
            if data[at - 1] != SIB_EBP_TWICE:
                raise AssemblyError(f"no encoding for an absolute address in {text!r}")
            data = data[: at - 1] + bytes([SIB_NONE]) + little(absolute, 4) + data[at + 4 :]
            text = text.replace("rbp*2 + " + hex(MARK), hex(absolute))
        key = (mode, text, tuple(value for value in values if isinstance(value, int)) if self.strict else None)
        if key not in self.checked:
            verify(mode, text, data, mnemonic, values, operands, self.strict)
            self.checked[key] = True
        if relative is not None:
            at = data.rindex(little(MARK, 4))
            data = data[:at] + self.distance(relative, here + len(data) + extra, 4) + data[at + 4 :]
        return data

    @staticmethod
    def wide_segment(operands, texts):
        if (
            len(operands) == 2
            and isinstance(operands[1], str)
            and operands[0] in fixed.SEGMENTS
            and fixed.REGISTERS.get(operands[1]) == 16
        ):
            return [texts[0], texts[1][:-1] + "d" if texts[1][0] == "r" else "e" + texts[1]]
        return texts

    def reach(self, memory, displacement, mode):
        register = memory.base or memory.index
        bits = fixed.REGISTERS[register] if register else mode
        if self.strict and not fits(displacement, bits):
            raise AssemblyError(f"the address {displacement:#x} does not fit in {bits} bits")
        return displacement - (1 << bits) if register and displacement >= 1 << bits - 1 else displacement

    def narrow(self, value, operands, mode):
        """Return an immediate as keystone wants it: signed at the operand size when that is shorter."""
        sizes = [fixed.REGISTERS[part] for part in operands if isinstance(part, str) and part in fixed.REGISTERS]
        sizes += [fixed.SIZES[part.size] for part in operands if isinstance(part, Memory) and part.size in fixed.SIZES]
        bits = sizes[0] if sizes else 64
        if bits == 64 and value >= 1 << 63:
            return value - (1 << 64)
        return value


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


def agrees(mode, insn, value, part, strict, mnemonic):
    """Tell whether an operand as read by capstone is the one that was written."""
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
    if memory.segment in ("fs", "gs") and segment != memory.segment or memory.segment == "" and segment in ("fs", "gs"):
        return False
    return not strict or (mem.disp - displacement) % (1 << bits) == 0
