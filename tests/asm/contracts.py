"""What a contract over a routine claims, held against what its code does (tests.asm.flow)."""
import re
from collections import namedtuple

from emu.asm.warn import NO_RETURN
from tests.asm.registers import REGISTERS, WHOLE

WORD = r"\b(?:Entry|Exit)(?=:)|(?:^|(?<=\.[ \n])|(?<=\.  )|(?<= - ))(?:Changes|Keeps)\b"  # as emu.asm.warn has them
PART = re.compile(rf"({WORD}):?\s+((?:(?!{WORD}|\bSource\b).)*)", re.MULTILINE | re.DOTALL)
FLAGS = re.compile(r"\bflags?\b|\bcarry\b|\bsign\b|\b[CZS]F\b")


class Contract(namedtuple("Contract", "entry exit changes keeps created never shared")):
    """Sets of registers, of entry and exit with "flags"; changes and keeps: None when they are not said.

    created: of a created partition alone; never: it does not come back; shared: it is a table's.
    """

    def may(self):
        """Return the registers that may be changed."""
        changes = set(REGISTERS) - self.keeps if self.changes is None else self.changes
        return (changes | self.exit) - {"rsp", "flags"}


def registers(text):
    """Return the registers that a text names, by their 64-bit names; `r8-r11` are four."""
    for first, last in re.findall(r"\br(\d+)-r(\d+)\b", text):
        text += " ".join(f" r{number}" for number in range(int(first), int(last) + 1))
    return {WHOLE[word] for word in re.findall(r"\w+", text) if word in WHOLE}


def listed(text):
    """Return the registers of "rax, rcx", "all but rbx", "every register", "nothing else"."""
    if match := re.match(r"(?:all|every register)(?: but (.*))?", text):
        return set(REGISTERS) - registers(match[1] or "")
    return registers(text)


def values(text):
    """Return the registers that a text names, and "flags"."""
    every = set(REGISTERS) if re.search(r"\bevery register\b", text) else set()
    return registers(text) | every | ({"flags"} if FLAGS.search(text) else set())


def contract(comment, shared=False):
    """Return the Contract of a comment; shared: it is that of a table's routines, none of which need give all that Exit names."""
    text = "\n".join(line.strip().lstrip("#;/").strip() for line in comment.split("\n"))
    parts = {}
    for word, rest in PART.findall(text):
        rest = " ".join(rest.split())
        rest = re.split(r"[.;(](?:\s|$)| \(", rest)[0] if word in ("Changes", "Keeps") else rest
        parts[word] = f"{parts.get(word, '')} {rest}".strip()
    changes, keeps = (listed(parts[word]) if word in parts else None for word in ("Changes", "Keeps"))
    created = re.search(r"\bcreated (?:partition|one)\b", text) is not None
    never = re.match(NO_RETURN, parts.get("Exit", "")) is not None
    return Contract(values(parts.get("Entry", "")), values(parts.get("Exit", "")), changes, keeps, created, never, shared)


def lies(claimed, effect, results=frozenset()):
    """Return what is not true of a Contract, as texts.  results: the registers that callers read after the routine."""
    changed, found = (effect.changes or frozenset()) - {"rsp"}, []
    if claimed.never != (effect.changes is None):
        found.append("returns, though Exit says never" if claimed.never else "never returns, which Exit does not say")
    if claimed.changes is not None and (more := changed - claimed.changes - claimed.exit):
        found.append("changes " + ", ".join(sorted(more)) + " too")
    if claimed.keeps is not None and (lost := changed & claimed.keeps - claimed.exit):
        found.append("does not keep " + ", ".join(sorted(lost)))
    if claimed.changes is None and claimed.keeps is None and not claimed.never:
        found.append("says neither what it changes nor what it keeps")
    if missing := effect.reads - claimed.entry:
        found.append("reads " + ", ".join(sorted(missing)) + ", which Entry does not name")
    if not claimed.shared and (more := claimed.exit - changed - {"flags"}):
        found.append("does not set " + ", ".join(sorted(more)) + ", which Exit names")
    if not claimed.never and (missing := results & (changed | {"flags"}) - claimed.exit):
        found.append("callers read " + ", ".join(sorted(missing)) + " after it, which Exit does not name")
    return found
