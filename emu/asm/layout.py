"""Passes over statements: addresses, symbols, data, until nothing moves.

Branches start short and only grow; symbols not yet placed count as a large number in the first pass.
Two to five passes are usual; the last one is strict: every symbol must exist and every value must fit.
"""

import re

from emu.asm import encode, expression, fixed, operand, verify
from emu.bits import ADDRESSES
from emu.errors import AssemblyError

PASSES = 24
DATA = {".byte": 1, ".word": 2, ".short": 2, ".hword": 2, ".long": 4, ".int": 4, ".quad": 8, ".octa": 16}
IGNORED = (".global", ".globl", ".text", ".intel_syntax", ".type", ".size")
NOP = 0x90
IMAGE_LIMIT = 64 << 20
FILL_MOST = 64  # bytes of one element of .fill


class Layout:
    """Places statements; after `run`, `code`, `base`, `labels`, `symbols` and `lines` are final."""

    def __init__(self, statements, symbols, base):
        self.statements, self.given = statements, symbols
        self.symbols, self.labels, self.base_wanted = {}, {}, base
        self.numeric, self.numeric_next = {}, {}
        self.encoder = encode.Encoder()
        self.encoder.lookup = self.lookup

    def run(self):
        """Repeat the pass until no address moves, then once strictly."""
        before = None
        for _ in range(PASSES):
            self.one_pass()
            if before == (self.labels, self.constants):
                self.encoder.strict = True
                self.one_pass()
                return
            before = (self.labels, self.constants)
        raise AssemblyError(f"{self.statements[0].file}: addresses do not settle after {PASSES} passes")

    def one_pass(self):
        self.previous, self.labels, self.constants = {**self.labels, **getattr(self, "constants", {})}, {}, {}
        self.numeric_before, self.numeric = self.numeric, {}
        self.mode, self.scope, self.base, self.here = 64, "", self.base_wanted, self.base_wanted or 0
        self.record, self.code, self.lines, self.touched = None, bytearray(), [], False
        if not self.encoder.strict:
            self.unresolved = {}  # name -> what its .equ or .set needs and nothing gives
        for statement in self.statements:
            try:
                self.statement(statement)
            except expression.Undefined as missing:
                raise statement.error(self.undefined(missing.args[0])) from None
            except AssemblyError as error:
                raise statement.error(str(error)) from None
        if self.record:
            raise AssemblyError(f"{self.statements[-1].where()}: .endrecord is missing")
        if self.base is None:
            self.base = 0
        self.symbols = {**self.labels, **self.constants}

    # ---- symbols ----------------------------------------------------------------------------------------

    def lookup(self, name):
        """Return a symbol's value: label, constant, `.`, numeric label, or a name that was handed in."""
        if name in (".", "$"):
            return self.start
        if name[0] == "." or name[0].isdigit():
            return self.local(name)
        for table in (self.constants, self.labels, self.previous, self.given):
            if name in table:
                return table[name]
        raise expression.Undefined(name)

    def undefined(self, name):
        """Return a sentence on a symbol that stays without a value: nothing defines it, or its definition is circular."""
        path = [name]
        while path[-1] in self.unresolved:
            following = self.unresolved[path[-1]]
            if following in path:
                circle = [*path[path.index(following) :], following]
                return "circular definition: " + ", ".join(f"{a} needs {b}" for a, b in zip(circle, circle[1:], strict=False))
            path.append(following)
        return f"undefined symbol {path[-1]}"

    def local(self, name):
        if name[0] == ".":
            full = self.scope + name
            for table in (self.labels, self.previous):
                if full in table:
                    return table[full]
            raise expression.Undefined(name)
        number, direction = name[:-1], name[-1]
        seen = self.numeric.get(number, [])
        if direction == "b":
            if not seen:
                raise AssemblyError(f"no label {number}: before this line")
            return seen[-1]
        later = self.numeric_before.get(number, [])
        if len(later) > len(seen):
            return later[len(seen)]
        raise expression.Undefined(name)

    def define(self, name):
        if name[0].isdigit():
            self.numeric.setdefault(name, []).append(self.here)
            return
        if name[0] == ".":
            name = self.scope + name
        else:
            self.scope = name
        if name.lower() in fixed.REGISTERS or name.lower() in fixed.SIZES:
            raise AssemblyError(f"{name} is a register or size word and cannot be a symbol")
        if name in self.labels or name in self.constants:
            raise AssemblyError(f"{name} is defined twice")
        if name in self.given:
            raise AssemblyError(f"{name} is a constant of the tables already")
        self.labels[name] = self.here

    def value(self, text):
        try:
            return expression.value(expression.parse(text), self.lookup)
        except expression.Undefined:
            if self.encoder.strict:
                raise
            return encode.UNKNOWN

    def fixed_value(self, text, what):
        """Return a value that must not depend on anything later."""
        try:
            return expression.value(expression.parse(text), self.lookup)
        except expression.Undefined as missing:
            raise AssemblyError(f"{what} needs a value known at this line; {missing.args[0]} is not") from None

    # ---- statements -------------------------------------------------------------------------------------

    def statement(self, statement):
        self.start = self.here
        if self.record and statement.word not in (".field", ".endrecord", ".record"):
            raise AssemblyError(".record holds only .field lines up to .endrecord")
        if statement.word == ".org":
            self.origin(statement)
        elif statement.word in (".align", ".balign", ".p2align"):
            self.align(statement)
        for name in statement.labels:
            self.define(name)
        if not statement.word or statement.word in (".org", ".align", ".balign", ".p2align"):
            return
        if statement.word[0] == ".":
            data = self.directive(statement)
        else:
            if statement.plan is None:
                statement.plan = operand.Plan(statement.word, statement.rest)
            data = self.encoder.encode(statement.plan, self.mode, self.here, statement.size)
            statement.size = max(statement.size, len(data))
        if data:
            self.put(data, statement)

    def room(self, size):
        """Raise AssemblyError unless `size` more bytes fit into the image, and their addresses into 64 bits."""
        if len(self.code) + size > IMAGE_LIMIT:
            raise AssemblyError(f"the image is larger than {IMAGE_LIMIT} bytes")
        if self.here + size > ADDRESSES:
            raise AssemblyError(f"the address {self.here + size:#x} is beyond 64 bits")
        return size

    def put(self, data, statement):
        if self.base is None:
            self.base = self.here
        self.room(len(data))
        self.code += data
        self.touched = True
        if self.encoder.strict and data:
            self.lines.append((self.here, bytes(data), statement.file, statement.line, statement.text.strip()))
        self.here += len(data)

    def origin(self, statement):
        parts = expression.split(statement.rest)
        target = self.fixed_value(parts[0] if parts else "", ".org")
        if not 0 <= target < ADDRESSES:
            raise AssemblyError(f".org {target:#x} is not an address of 64 bits")
        fill = self.value(parts[1]) if len(parts) > 1 else 0
        if not self.touched:
            if self.base is not None and target < self.base:
                raise AssemblyError(f".org {target:#x} is below the base {self.base:#x}")
            if self.base is None:
                self.base = self.here = target
                return
        if target < self.here:
            raise AssemblyError(f".org {target:#x} is below the current address {self.here:#x}")
        self.put(bytes([fill & 0xFF]) * self.room(target - self.here), statement)

    def align(self, statement):
        parts = expression.split(statement.rest)
        unit = self.fixed_value(parts[0] if parts else "", statement.word)
        unit = 1 << unit if statement.word == ".p2align" and 0 <= unit < 64 else unit if statement.word != ".p2align" else 0
        if unit <= 0 or unit & unit - 1:
            raise AssemblyError(f"{statement.word} needs a power of two, not {unit}")
        fill = self.value(parts[1]) if len(parts) > 1 else NOP
        self.put(bytes([fill & 0xFF]) * self.room(-self.here % unit), statement)

    def directive(self, statement):
        word, parts = statement.word, expression.split(statement.rest)
        if word in DATA:
            return b"".join(self.datum(part, DATA[word]) for part in parts)
        if word in (".ascii", ".asciz", ".string"):
            end = b"" if word == ".ascii" else b"\0"
            return b"".join(expression.unquote(part) + end for part in parts)
        if word in (".space", ".skip", ".zero"):
            return self.fill(parts[:1], 1, parts[1] if len(parts) > 1 else "0")
        if word == ".fill":
            return self.fill(
                parts[:1],
                self.fixed_value(parts[1], ".fill") if len(parts) > 1 else 1,
                parts[2] if len(parts) > 2 else "0",
            )
        if word == ".incbin":
            return statement.plan
        action = {
            ".equ": self.equ,
            ".set": self.equ,
            ".assert": self.check,
            ".record": self.begin_record,
            ".field": self.field,
            ".endrecord": self.end_record,
        }.get(word)
        if action:
            action(word, parts)
        elif word in (".code16", ".code32", ".code64"):
            self.mode = int(word[-2:])
        elif word not in IGNORED:
            raise AssemblyError(f"unknown directive {word}")
        return b""

    def datum(self, text, size):
        if text.startswith('"') and size == 1:
            return expression.unquote(text)
        value = self.value(text)
        if self.encoder.strict and not verify.fits(value, 8 * size):
            raise AssemblyError(f"{value:#x} does not fit in {8 * size} bits")
        return verify.little(value, size)

    def fill(self, count, size, value):
        if not count:
            raise AssemblyError("a count is missing")
        number = self.fixed_value(count[0], "a count")
        if not 1 <= size <= FILL_MOST:
            raise AssemblyError(f"a size of {size} bytes: must be 1 to {FILL_MOST}")
        if number < 0 or number * size > IMAGE_LIMIT:
            raise AssemblyError(f"a count of {number} is not possible")
        return verify.little(self.value(value), size) * number

    def equ(self, word, parts):
        if not parts:
            raise AssemblyError(f"{word} needs a name and a value")
        name = parts[0]
        if (
            name in self.given
            or name.lower() in fixed.REGISTERS
            or name.lower() in fixed.SIZES
            or name in self.labels
        ):
            raise AssemblyError(f"{name} already means something else")
        try:
            value = expression.value(expression.parse(",".join(parts[1:])), self.lookup)
        except expression.Undefined as missing:
            if self.encoder.strict:
                raise expression.Undefined(name if missing.args[0] in self.unresolved else missing.args[0]) from None
            self.unresolved[name] = missing.args[0]
            return
        if word == ".equ" and self.constants.get(name, value) != value:
            raise AssemblyError(f"{name} is {self.constants[name]:#x} already; .set changes a value")
        self.constants[name] = value

    def check(self, word, parts):
        if not parts:
            raise AssemblyError(".assert needs a condition")
        if self.encoder.strict and not self.value(parts[0]):
            raise AssemblyError(
                expression.text_of(parts[1]) if len(parts) > 1 else "the assertion does not hold"
            )

    # ---- records ----------------------------------------------------------------------------------------

    def begin_record(self, word, parts):
        if not parts or not re.fullmatch(r"[A-Za-z_]\w*", parts[0]):
            raise AssemblyError(".record needs a name")
        self.record = [parts[0], self.fixed_value(parts[1], ".record") if len(parts) > 1 else 0, 1]

    def field(self, word, parts):
        if not self.record or len(parts) < 2:
            raise AssemblyError(".field NAME, size[, alignment] stands between .record and .endrecord")
        name, offset, most = self.record
        size = self.fixed_value(parts[1], ".field")
        unit = self.fixed_value(parts[2], ".field") if len(parts) > 2 else 1
        if size < 0 or unit < 1:
            raise AssemblyError(f".field {parts[0]}: a size of {size} bytes and an alignment of {unit} are not possible")
        offset += -offset % unit
        self.equ(".equ", [f"{name}_{parts[0]}", str(offset)])
        self.record = [name, offset + size, max(most, unit)]

    def end_record(self, word, parts):
        if not self.record:
            raise AssemblyError(".endrecord without .record")
        name, offset, unit = self.record
        self.equ(".equ", [f"{name}_SIZE", str(offset + -offset % unit)])
        self.record = None
