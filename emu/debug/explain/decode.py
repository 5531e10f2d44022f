"""Values taken apart by the layouts of `emu.spec`: a row for each field, with what its number names."""
from dataclasses import asdict, dataclass, field

from emu.bits import details, every, name_of, shift_of
from emu.spec.cpu import GPR, SEG
from emu.spec.qualification import MEANING

REGISTERS = (GPR, SEG)                                     # tables whose names need no text


@dataclass(frozen=True)
class Bits:
    """One field of a decoded value: its bits as "15:0", name, value, and meaning."""

    bits: str
    name: str
    value: int
    text: str


@dataclass(frozen=True)
class Part:
    """A decoded value: what it is, the fields that say something, the names of one-bit fields that are 0, and its source."""

    title: str
    value: int
    rows: list = field(default_factory=list)
    clear: list = field(default_factory=list)
    source: str = ""
    note: str = ""


@dataclass(frozen=True)
class Explanation:
    """What a number or name means: facts as (label, text), decoded values, and where the manual says it."""

    kind: str
    name: str
    number: int | None
    text: str
    source: str
    facts: list = field(default_factory=list)
    parts: list = field(default_factory=list)

    def as_json(self):
        """Return the explanation as plain data."""
        body = asdict(self)
        body["facts"] = [dict(label=label, text=text) for label, text in self.facts]
        return body


def places(mask):
    """Return the bits of a field's mask as text: "7" or "15:0"."""
    low = shift_of(mask)
    high = int(mask).bit_length() - 1
    return f"{high}:{low}" if high > low else f"{low}"


def _meaning(table, name, number, text):
    codes = MEANING.get((details(table).name, name))
    if codes is None:
        return text
    row = name_of(codes, number)
    return f"{text}: {row if row.startswith('0x') else _named(codes, row)}"


def _named(codes, row):
    words = details(codes).rows[row][-1]
    plain = words.replace("-", "_").replace(" ", "_").upper() == row
    return row if plain or codes in REGISTERS else f"{row}, {words}"


def layout(title, table, value, only=None):
    """Return the Part of a value by a layout; only: names of the fields that count, the others are left out."""
    rows, clear, known = [], [], 0
    for name, mask in zip(table._fields, table, strict=True):
        mask, known = int(mask), known | int(mask)
        if only is not None and name not in only:
            continue
        number = (value & mask) >> shift_of(mask)
        text = details(table).rows[name][-1]
        if mask & (mask - 1) == 0 and not number:
            clear.append(name)
        else:
            rows.append(Bits(places(mask), name, number, _meaning(table, name, number, text)))
    rest = value & ~every(table)
    if rest and only is None:
        rows.append(Bits(runs(rest), "reserved", rest, "bits without a name"))
    return Part(title, value, rows, clear, details(table).source)


def positions(mask):
    """Return the set bits as text with the word before them: "bit 3" or "bits 63:40, 3"."""
    text = runs(mask)
    return f"bit{'s' if ':' in text or ',' in text else ''} {text}"


def runs(mask):
    """Return the positions of the set bits as text, such as "63:40, 3"."""
    found, position = [], 0
    while mask >> position:
        if mask >> position & 1:
            low = position
            while mask >> position & 1:
                position += 1
            found.append(f"{position - 1}:{low}" if position - 1 > low else f"{low}")
        position += 1
    return ", ".join(reversed(found))


def code(title, table, value):
    """Return the Part of a value that is a number of a code table."""
    row = name_of(table, value)
    known = not row.startswith("0x")
    text = details(table).rows[row][-1] if known else "a number that has no meaning"
    return Part(title, value, [Bits("63:0", row if known else "reserved", value, text)], [], details(table).source)
