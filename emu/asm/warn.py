"""Warnings: what assembles, and yet misleads who reads it.

- A numeric reference (`jz 1b`) with a named label between it and its target: it looks local and leaves the routine.  Local labels,
  `.name:`, do not count.
- A routine that is called by its name without a contract: the comment directly over its label (or over lines above it that begin
  with a label) says what the routine `Changes` or `Keeps`, and at `Entry` and `Exit` what goes in and what comes out.
"""

import re
from bisect import bisect_right

REFERENCE = re.compile(r"(?<![\w.$])(\d+)([bf])\b")
QUOTED = re.compile(r'"(?:\\.|[^"\\])*"')
CONTRACT = re.compile(r"\b(?:Changes|Keeps)\b")
COMMENT = ("#", ";", "//")
NAMES_SHOWN = 3


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


def routines(statements, texts):
    """Yield (index, label, comment over it) for each named label that is called."""
    called = {name for statement in statements if (name := callee(statement))}
    names = [(index, label) for index, label in labels(statements) if named(label)]
    begin = {(statements[index].file, statements[index].line) for index, _ in names}
    for index, label in names:
        if label in called:
            yield index, label, comment(statements[index], texts, begin)


def uncontracted(statements, texts):
    """Yield (index, message) for each routine that is called and has no contract."""
    for index, label, over in routines(statements, texts):
        if not CONTRACT.search(over):
            yield index, f"called routine without a contract: no comment over {label} says what it Changes or Keeps"


def callee(statement):
    """Return the name that an instruction calls, or None."""
    plan = statement.plan
    if getattr(plan, "mnemonic", None) != "call" or len(plan.operands) != 1 or not isinstance(plan.operands[0], tuple):
        return None
    return plan.operands[0][1] if plan.operands[0][0] == "symbol" else None


def comment(statement, texts, begin):
    """Return the comment over a label: lines that hold nothing else; lines that begin with a label may stand between."""
    lines, at = texts[statement.file], statement.line
    while (statement.file, at - 1) in begin:
        at -= 1
    last = at
    while at > 1 and lines[at - 2].lstrip().startswith(COMMENT):
        at -= 1
    return "\n".join(lines[at - 1 : last - 1])
