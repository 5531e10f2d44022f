"""One instruction: operands with expressions in, verified bytes out.

keystone encodes what emu.asm.fixed does not; each new encoding is disassembled by capstone and its mnemonic,
registers, addresses and immediates compared with the source (emu.asm.verify).
Encodings are remembered by text, so equal instructions cost one look-up.
"""

from emu.asm import expression, fixed
from emu.asm.operand import Memory
from emu.asm.verify import by_keystone, fits, little, verify, with_ds
from emu.errors import AssemblyError

MARK = 0x1122_3344  # stands for a displacement in keystone's text, and is replaced in its bytes
SIB_EBP_TWICE, SIB_NONE = 0x6D, 0x25  # [rbp*2 + disp32] and [disp32]
UNKNOWN = 0x7FFF_0000  # what a symbol counts as before the first pass has placed it


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
        if self.strict and not fits(target, max(mode, 32)):  # 16-bit code may lie anywhere; its distance is checked below
            raise AssemblyError(f"the target {target:#x} does not fit in {max(mode, 32)} bits")
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
            if self.strict and not -0x10000 < distance < 0x10000:
                raise AssemblyError(f"the target is {distance} bytes away, outside the 64 KiB of its segment")
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
        if mode != 64 and any(isinstance(value, tuple) and value[0].segment == "ds" for value in values):
            data = with_ds(mode, data)
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
