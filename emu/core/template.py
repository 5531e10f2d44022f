"""The stubs' LLVM IR: the files `stubs/*.ll`, their holes, and words of ours that nearly each stub begins or ends with.

A file holds the parts of one unit of `emu.core`.  A part begins at a line `;; NAME: what it is` and ends before the next; what precedes
the first says what the file is about.  `{name}` is a hole that the unit fills (`~{name}` is not: so LLVM writes what an instruction
changes); a part without a `define` stands in a hole of another.  `{{` is not a brace: these are not Python's format strings.

The words are macros; what they stand for is in `stubs/words.ll`:

    %x = field TYPE %base OFFSET    load the field at that many bytes from a host address
    %x = place TYPE %base OFFSET    the same, its address (TYPE*) alone
    %x = caller                     where translated code called the stub from
    leave EVENT                     end the block with an event (i32), as if what called from %ra in the engine state %env had not begun

What comes of it is one object file in the kernel cache (`emu.core.native`), named by a hash of the text.
"""
import re
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "stubs"
_PART = re.compile(r"^;; (\w+): .*\n", re.MULTILINE)
_HOLE = re.compile(r"(?<!~)\{(\w+)\}")
_WORD = re.compile(r"^ *(?:(%[\w.]+) = (field|place) (\w+) (%[\w.]+) (\S+)|(%[\w.]+) = (caller)|(leave) (\S+))$", re.MULTILINE)


@cache
def parts(unit):
    """Return {name: text} of the parts of a file, `unit` is its name without ".ll"."""
    _, *found = _PART.split((FOLDER / f"{unit}.ll").read_text(encoding="ascii"))
    return {name: text.rstrip("\n") for name, text in zip(found[::2], found[1::2], strict=True)}


def filled(text, /, **holes):
    """Return a part with its holes filled; KeyError for one that has no value."""
    return _HOLE.sub(lambda found: str(holes[found[1]]), text)


def joined(texts):
    """Return parts one after the other."""
    return "\n".join(texts)


def expanded(text, constants):
    """Return IR with the words above replaced by what they stand for; constants: numbers by name."""
    words = parts("words")

    def lines(found):
        name, word, kind, base, offset, caller, _, leave, event = found.groups()
        if leave:
            return filled(words["leave"], event=event, **constants)
        if caller:
            return filled(words["caller"], name=caller)
        return filled(words[word], name=name, base=base, offset=offset, type=kind)
    return _WORD.sub(lines, text)
