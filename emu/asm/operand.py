"""An instruction as it was written: prefixes, mnemonic, operands with expressions in."""

import re

from emu.asm import expression, fixed
from emu.errors import AssemblyError

SIZE = re.compile(
    r"(" + "|".join(fixed.SIZES) + r")\s+(?:ptr\s+)?(?=[\[\w(])|(" + "|".join(fixed.SIZES) + r")\s+ptr\s+", re.I
)
MNEMONIC = re.compile(r"[a-z][a-z0-9.]*")
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
        if not MNEMONIC.fullmatch(word):  # the encoder's own parser never returns from some
            raise AssemblyError(f"{word!r} is not an instruction")
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
