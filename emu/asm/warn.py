"""Warnings: what assembles, and yet misleads who reads it.

- A numeric reference (`jz 1b`) with a named label between it and its target: it looks local and leaves the routine.  Local labels,
  `.name:`, do not count.
- A called routine without a contract: the comment directly over its label (or over lines above it that begin with a label) says
  at `Entry:` and `Exit:` what goes in and what comes out ("nothing", if so), and, where a sentence or line begins, what the routine
  `Changes` or `Keeps` (of one that does not come back, `Exit: never.` is enough); `Source` is there or in the comment at the head
  of the file.  Routines that
  share a convention may name the table that holds them: "Entry, Exit, Changes: as a handler of NAME", when NAME has
  such a contract.

A routine is called if a CALL names it; or a jump (JMP, Jcc, LOOP) of another file: it returns to the caller of who jumps (not
counted: a jump of an included file into the one that includes it, with which a library goes on with its program); or if its address
is taken (in data of 4 or 8 bytes, by LEA, or as an immediate) in a source that somewhere calls or jumps through a register or
memory.  What a label stands for is a routine if an instruction follows in its file.  Not noticed: an address that is computed from
something else than the label, and who calls what.
"""

import re
from bisect import bisect_right
from collections import namedtuple

from emu.asm import expression
from emu.errors import AssemblyError

REFERENCE = re.compile(r"(?<![\w.$])(\d+)([bf])\b")
QUOTED = re.compile(r'"(?:\\.|[^"\\])*"')
SHARED = re.compile(r"\bEntry, Exit(?:,| and) (?:Changes|Keeps): as [^.;:]*?\bof\s+(?:[#;/]+\s*)?(\w+)")
NO_RETURN = r"never(?=\s*(?:[.;]|$))"  # the whole clause
PARTS = {  # of a contract: how the message names one that is missing
    "Entry": re.compile(r"\bEntry:"),
    "Exit": re.compile(r"\bExit:"),
    "Changes or Keeps": re.compile(rf"(?:^[\s#;/]*|\.\s+|\s-\s+)(?:Changes|Keeps)\b|\bExit:\s+(?:[#;/]+\s*)?{NO_RETURN}", re.MULTILINE),
}
SOURCE = re.compile(r"\bSource\b")
COMMENT = ("#", ";", "//")
WORDS_OF_ADDRESSES = (".long", ".int", ".quad")
BRANCHES = ("j", "loop")
BRANCHES = ("call", *BRANCHES, "lcall", "ljmp")
NO_CODE = (".align", ".balign", ".p2align", ".equ", ".set", ".assert", ".code16", ".code32", ".code64", ".global", ".globl", ".type")
NAMES_SHOWN = 3

# index: of its statement; comment: over it; place: the statement that takes its address or jumps to it, where no CALL names it;
# shared: whether the contract is a table's.
Routine = namedtuple("Routine", "index label comment place shared")


def find(statements, texts):
    """Return the warnings on laid-out statements as texts "file:line: warning: ...", in the order of the statements.

    texts: {file, as statements name it: its lines}.
    """
    rows = sorted([*crossings(statements), *uncontracted(statements, texts)], key=lambda row: row[0])
    return list(dict.fromkeys(statements[index].sentence(f"warning: {message}") for index, message in rows))


def named(label):
    """Return whether a label is neither numeric nor a local `.name`."""
    return label[0] != "." and not label[0].isdigit()


def labels(statements):
    """Yield (index of the statement, label) in the order of the source."""
    for index, statement in enumerate(statements):
        for label in statement.labels:
            yield index, label


def crossings(statements):
    """Yield (index, message) for each numeric reference with a named label between it and its target."""
    names, places, befores, passed = [], {}, {}, []  # of a numeric label: its statements, and the names before each of them
    for index, label in labels(statements):
        passed += [len(names)] * (index - len(passed))
        if named(label):
            names.append(label)
        elif label[0] != ".":
            places.setdefault(label, []).append(index)
            befores.setdefault(label, []).append(len(names))
    passed += [len(names)] * (len(statements) - len(passed))
    for index, statement in enumerate(statements):
        for number, way in REFERENCE.findall(QUOTED.sub("", statement.rest)):
            which = bisect_right(places.get(number, []), index) - (way == "b")
            if not 0 <= which < len(places.get(number, [])):
                continue  # in what is not evaluated
            low, high = sorted((passed[index], befores[number][which]))
            if low < high:
                shown = ", ".join(names[low : min(high, low + NAMES_SHOWN)]) + " ..." * (high - low > NAMES_SHOWN)
                place = statements[places[number][which]]
                where = f"line {place.line}" if place.file == statement.file else place.where()
                yield index, f"numeric jump across a named label: {number}{way} is {where}, beyond {shown}"


# ---- called routines -------------------------------------------------------------------------------------------------


def routines(statements, texts):
    """Yield a Routine for each named label that is called; a comment that names a table has the table's in its place."""
    code, names = routine_labels(statements), [(index, label) for index, label in labels(statements) if named(label)]
    begin, where = {(statements[index].file, statements[index].line) for index, _ in names}, dict((b, a) for a, b in names)
    called = jumps(statements, where) | dict.fromkeys(filter(None, map(callee, statements))) | addresses(statements, code)
    for index, label in names:
        if label in called and label in code:
            over = comment(statements[index], texts, begin)
            if shared := SHARED.search(over):
                table = comment(statements[where[shared[1]]], texts, begin) if shared[1] in where else ""
                over = SHARED.sub("", over) + "\n" + table if lacking(table) == [] else over
            yield Routine(index, label, over, called[label], shared is not None)


def uncontracted(statements, texts):
    """Yield (index, message) for each called routine without a contract."""
    for index, label, over, place, _ in routines(statements, texts):
        how = "jumped to" if place and callee(place, BRANCHES) else "its address is taken"
        taken = f" ({how} at {place.where()})" if place else ""
        shared = SHARED.search(over)
        lacks = [f"the comment over {label} lacks {', '.join(found)}"] if (found := lacking(over)) else []
        if shared:  # still: it was not replaced
            lacks = [f"the comment over {label} refers to that of {shared[1]}, which has no contract"]
        if not SOURCE.search(over) and not SOURCE.search(head(texts[statements[index].file])):
            lacks.append(f"no Source {'there' if lacks else f'over {label}'} or at the head of the file")
        if lacks:
            yield index, f"called routine without a contract{taken}: {'; '.join(lacks)}"


def lacking(over):
    """Return what a comment lacks of a contract, in words; a reference to another contract is not one itself."""
    return [part for part, pattern in PARTS.items() if not pattern.search(SHARED.sub("", over))]


def routine_labels(statements):
    """Return the labels that an instruction follows in their file: what ends a file is its end."""
    found, waiting, file = set(), [], None
    for statement in statements:
        if statement.file != file:
            waiting, file = [], statement.file
        waiting += filter(named, statement.labels)
        if statement.word and statement.word not in NO_CODE:
            found |= set(waiting if statement.word[0] != "." else ())
            waiting = []
    return found


def callee(statement, branches=("call",)):
    """Return the name that an instruction calls, or None.  branches: what the mnemonics begin with."""
    plan = statement.plan
    if not getattr(plan, "mnemonic", "").startswith(branches) or len(plan.operands) != 1 or not isinstance(plan.operands[0], tuple):
        return None
    return plan.operands[0][1] if plan.operands[0][0] == "symbol" else None


def jumps(statements, where):
    """Return {name: the first statement of another file that jumps there}.  where: {name: index of its statement}."""
    found = {}
    for statement in statements:
        target = statements[where[name]] if (name := callee(statement, BRANCHES)) in where else statement
        if target.file != statement.file and target.level >= statement.level:
            found.setdefault(name, statement)
    return found


def addresses(statements, code):
    """Return {label of an instruction: the statement that takes its address}, if something is called or jumped to by an address."""
    if not any(map(through, statements)):
        return {}
    found = {}
    for statement in statements:
        for signs in sums(statement):
            if not any(sign < 0 and name in code for sign, name in signs):  # the distance of two places: not an address
                for sign, name in signs:
                    if sign > 0 and name in code:
                        found.setdefault(name, statement)
    return found


def through(statement):
    """Return whether an instruction calls or jumps through a register or memory."""
    plan = statement.plan
    return getattr(plan, "mnemonic", None) in ("call", "jmp") and not isinstance(plan.operands[0] if plan.operands else (), tuple)


def sums(statement):
    """Yield the names in each address that a statement takes, as [(1 or -1, name)]."""
    if statement.word in WORDS_OF_ADDRESSES:
        for part in expression.split(statement.rest):
            try:
                yield signed(1, expression.parse(part))
            except AssemblyError:
                continue  # in what is not evaluated
    for part in getattr(statement.plan, "operands", ()):
        if isinstance(part, tuple) and not statement.plan.mnemonic.startswith(BRANCHES):
            yield signed(1, part[2] if part[0] == "sized" else part)
        elif statement.plan.mnemonic == "lea" and hasattr(part, "terms"):
            yield [row for sign, tree in part.terms for row in signed(sign, tree)]


def signed(sign, tree):
    """Return [(sign, name)] of the symbols that a sum adds or subtracts."""
    if tree[0] == "symbol":
        return [(sign, tree[1])]
    if tree[0] == "binary" and tree[1] in "+-":
        return signed(sign, tree[2]) + signed(-sign if tree[1] == "-" else sign, tree[3])
    return []


def comment(statement, texts, begin):
    """Return the comment over a label: lines that hold nothing else; lines that begin with a label may stand between."""
    lines, at = texts[statement.file], statement.line
    while (statement.file, at - 1) in begin:
        at -= 1
    last = at
    while at > 1 and lines[at - 2].lstrip().startswith(COMMENT):
        at -= 1
    return "\n".join(lines[at - 1 : last - 1])


def head(lines):
    """Return the comment at the head of a file."""
    first = next((at for at, line in enumerate(lines) if line.strip()), 0)
    end = next((at for at in range(first, len(lines)) if not lines[at].lstrip().startswith(COMMENT)), len(lines))
    return "\n".join(lines[first:end])
