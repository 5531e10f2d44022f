"""Integer expressions of the assembler: C's operators over numbers, characters, symbols and `.`.

Functions: put(MASK, value) and get(value, MASK) place or take a field; shift(MASK) is its lowest bit number;
lo32(x) and hi32(x) are halves.  Numbers are decimal, 0x, 0b or 0o, with `_` between digits; 'a' is a character.
Not modelled: floating point, and values that know a section (everything is an absolute integer).
"""

import re
from functools import cache

from emu.errors import AssemblyError

TOKEN = re.compile(
    r"""\s*(?:
    (?P<number>0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|\d[\d_]*(?![\w]))
  | (?P<local>\d+[bf])
  | (?P<char>'(?:\\.|[^'\\])')
  | (?P<name>[A-Za-z_.$][\w.$@]*)
  | (?P<op><<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^~!()<>,?:])
)""",
    re.X,
)
ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "0": "\0", "\\": "\\", "'": "'", '"': '"', "b": "\b", "e": "\x1b"}
LEVELS = [
    ("||",),
    ("&&",),
    ("|",),
    ("^",),
    ("&",),
    ("==", "!="),
    ("<", ">", "<=", ">="),
    ("<<", ">>"),
    ("+", "-"),
    ("*", "/", "%"),
]


class Undefined(Exception):
    """A symbol has no value yet; `args[0]` is its name."""


TOKENS, NESTING_LIMIT, BITS = 800, 40, 256  # of an expression: tokens, nesting; of a value


def _bounded(number):
    """Return a value that is not too large to go on with."""
    if number.bit_length() > BITS:
        raise AssemblyError(f"a value has more than {BITS} bits")
    return number


def _shift(a, b):
    if not 0 <= b <= BITS:
        raise AssemblyError(f"a shift by {b}: must be 0 to {BITS}")
    return a << b


def _shift_right(a, b):
    return a >> b if b >= 0 else _shift(a, b)


def _get(value, mask):
    if mask == 0:
        raise AssemblyError("get(value, mask): the mask is 0")
    return (value & mask) // (mask & -mask)


def _divide(a, b):
    if b == 0:
        raise AssemblyError("division by zero")
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


BINARY = {
    "||": lambda a, b: int(bool(a) or bool(b)),
    "&&": lambda a, b: int(bool(a) and bool(b)),
    "|": lambda a, b: a | b,
    "^": lambda a, b: a ^ b,
    "&": lambda a, b: a & b,
    "<<": _shift,
    ">>": _shift_right,
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": _divide,
    "%": lambda a, b: a - b * _divide(a, b),
    "==": lambda a, b: int(a == b),
    "!=": lambda a, b: int(a != b),
    "<": lambda a, b: int(a < b),
    ">": lambda a, b: int(a > b),
    "<=": lambda a, b: int(a <= b),
    ">=": lambda a, b: int(a >= b),
}
FUNCTIONS = {
    "put": (2, lambda mask, value: value * (mask & -mask) & mask),
    "get": (2, _get),
    "shift": (1, lambda mask: (mask & -mask).bit_length() - 1),
    "lo32": (1, lambda x: x & 0xFFFF_FFFF),
    "hi32": (1, lambda x: x >> 32 & 0xFFFF_FFFF),
}


def tokens(text):
    """Return [(kind, text)] of an expression; raises AssemblyError at what is not part of one."""
    found, at, text = [], 0, text.rstrip()
    while at < len(text):
        if len(found) == TOKENS:
            raise AssemblyError(f"an expression of more than {TOKENS} parts: {text.strip()[:40]!r}...")
        match = TOKEN.match(text, at)
        if not match:
            raise AssemblyError(f"cannot read {text[at:].strip()!r} in the expression {text.strip()!r}")
        found.append((match.lastgroup, match.group(match.lastgroup)))
        at = match.end()
    return found


class _Parser:
    def __init__(self, text):
        self.text, self.tokens, self.at, self.depth = text, tokens(text), 0, 0

    def peek(self):
        return self.tokens[self.at][1] if self.at < len(self.tokens) else None

    def take(self, wanted=None):
        if self.at >= len(self.tokens) or wanted is not None and self.peek() != wanted:
            raise AssemblyError(f"expected {wanted or 'a value'} in the expression {self.text.strip()!r}")
        self.at += 1
        return self.tokens[self.at - 1]

    def binary(self, level=0):
        if level == len(LEVELS):
            return self.unary()
        left = self.binary(level + 1)
        while self.peek() in LEVELS[level] and self.tokens[self.at][0] == "op":
            operator = self.take()[1]
            left = ("binary", operator, left, self.binary(level + 1))
        return left

    def unary(self):
        self.depth += 1
        if self.depth > NESTING_LIMIT:
            raise AssemblyError(f"an expression nests deeper than {NESTING_LIMIT}: {self.text.strip()[:40]!r}...")
        tree = self.simple(*self.take())
        self.depth -= 1
        return tree

    @staticmethod
    def number(text):
        digits = text.replace("_", "")
        if len(digits) > BITS + 2:
            raise AssemblyError(f"a number of {len(digits)} digits: {text[:20]}...")
        try:
            return _bounded(int(digits, 0 if text[0] == "0" and len(text) > 1 and not text.isdigit() else 10))
        except ValueError:
            raise AssemblyError(f"{text!r} is not a number") from None

    def simple(self, kind, text):
        if kind == "number":
            return ("number", self.number(text))
        if kind == "char":
            return ("number", ord(ESCAPES.get(text[2], text[2]) if text[1] == "\\" else text[1]))
        if kind == "op" and text in "-+~!":
            return ("unary", text, self.unary())
        if kind == "op" and text == "(":
            inside = self.binary()
            self.take(")")
            return inside
        if kind == "name" and text in FUNCTIONS and self.peek() == "(":
            return self.call(text)
        if kind in ("name", "local"):
            return ("symbol", text)
        raise AssemblyError(f"unexpected {text!r} in the expression {self.text.strip()!r}")

    def call(self, name):
        self.take("(")
        arguments = [self.binary()]
        while self.peek() == ",":
            self.take()
            arguments.append(self.binary())
        self.take(")")
        if len(arguments) != FUNCTIONS[name][0]:
            raise AssemblyError(f"{name} takes {FUNCTIONS[name][0]} arguments, not {len(arguments)}")
        return ("call", name, arguments)


@cache
def parse(text):
    """Return the tree of an expression; equal texts are parsed once."""
    parser = _Parser(text)
    tree = parser.binary()
    if parser.at != len(parser.tokens):
        raise AssemblyError(f"unexpected {parser.peek()!r} in the expression {text.strip()!r}")
    return tree


def value(tree, lookup):
    """Return the integer value of a tree; `lookup(name)` gives a symbol or raises Undefined."""
    kind = tree[0]
    if kind == "number":
        return tree[1]
    if kind == "symbol":
        return lookup(tree[1])
    if kind == "binary":
        return _bounded(BINARY[tree[1]](value(tree[2], lookup), value(tree[3], lookup)))
    if kind == "unary":
        inside = value(tree[2], lookup)
        return {"-": -inside, "+": inside, "~": ~inside, "!": int(not inside)}[tree[1]]
    return _bounded(FUNCTIONS[tree[1]][1](*(value(argument, lookup) for argument in tree[2])))


def symbols_in(tree):
    """Return the names an expression uses."""
    if tree[0] == "symbol":
        return {tree[1]}
    parts = tree[2] if tree[0] == "call" else [part for part in tree[1:] if isinstance(part, tuple)]
    return set().union(*map(symbols_in, parts)) if parts else set()


def outside(text):
    """Yield (place, character) of what stands outside quoted text; the quotes belong to the quoted text."""
    quote, at = "", 0
    while at < len(text):
        here = text[at]
        if quote:
            if here == "\\":
                at += 1
            elif here == quote:
                quote = ""
        elif here == '"' or here == "'" and re.match(r"'(\\.|[^'\\])'", text[at:]):
            quote = here
        else:
            yield at, here
        at += 1


def split(text, separator=","):
    """Return the parts of `text` between separators that stand outside brackets and quotes, stripped."""
    parts, depth, start = [], 0, 0
    for at, here in outside(text):
        if here in "([":
            depth += 1
        elif here in ")]":
            depth -= 1
        elif here == separator and depth == 0:
            parts.append(text[start:at].strip())
            start = at + 1
    last = text[start:].strip()
    return parts + [last] if parts or last else []


def unquote(text):
    """Return the bytes of a quoted string with its escapes, or raise AssemblyError."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        raise AssemblyError(f"expected a string in double quotes, not {text!r}")

    out, at = bytearray(), 0
    for match in re.finditer(r"\\(?:x([0-9a-fA-F]{2})|(.))", text[1:-1]):
        out += text[1 + at : 1 + match.start()].encode()
        out += bytes([int(match[1], 16)]) if match[1] else ESCAPES.get(match[2], match[2]).encode()
        at = match.end()
    return bytes(out + text[1 + at : -1].encode())


def text_of(text):
    """Return the text of a quoted string, or raise AssemblyError."""
    try:
        return unquote(text).decode()
    except UnicodeDecodeError:
        raise AssemblyError(f"{text} is not UTF-8 text") from None
