"""Would a test notice?  Change one line of the hypervisor, run its tests, count the changes that none of them saw.

    python -m tests.mutation.assembly results.txt --seed 1 --count 80      prints a table and the score
    python -m tests.mutation.assembly results.txt --seed 1 --count 80      again: goes on after the last line of results.txt
    python -m tests.mutation.assembly results.txt --count 0                prints what is there

A line that no test would miss is a line nobody has shown to be right.  A mutant is a copy of hv/ with one line wrong in a way that a
person gets wrong (KINDS).  A failing test, or one that never ends, kills it.  One that lives is a question: does the change matter
to nobody (say why), or is there a test to write?

The seed fixes the order of all lines, and for each line which of its mutants is taken; the same sources and seed give the same
mutants.  One that does not assemble, or assembles to the same bytes, does not count.  Tests get the copy by `tests.mutation.other_hv`.
Nothing of emu/ changes, so no kernel is compiled.

Not mutated: directives but .equ, texts, addresses in brackets, VMCS fields (a wrong one fails at once).
"""
import argparse
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from emu.asm import assemble
from emu.errors import AssemblyError
from emu.machine.partition import folder

ROOT = Path(__file__).resolve().parent.parent.parent
TESTS = ("tests/partitions/test_partitions.py", "tests/partitions/test_partition_start.py", "tests/hyperv",
         "tests/partitions/test_hypervisor.py")
TIMEOUT = 400                                             # seconds for all tests of a mutant; they take one minute
KINDS = {"inverted": "a condition is the opposite", "edge": "a comparison takes the equal case, or leaves it out",
         "constant": "a number is one more or one less", "mask": "a mask lacks a bit, or has its bit one place higher",
         "logic": "AND for OR, OR for AND", "sum": "ADD for SUB, SUB for ADD", "store": "a store is left out", "call": "a call is left out"}

OPPOSITE = {"e": "ne", "z": "nz", "a": "be", "ae": "b", "g": "le", "ge": "l", "s": "ns", "c": "nc", "o": "no", "p": "np"}
OPPOSITE |= {value: key for key, value in OPPOSITE.items()}
EDGE = {"a": "ae", "b": "be", "g": "ge", "l": "le"}
EDGE |= {value: key for key, value in EDGE.items()}
LOGIC = {"and": "or", "or": "and"}
SUMS = {"add": "sub", "sub": "add", "inc": "dec", "dec": "inc", "adc": "sbb", "sbb": "adc"}
STORES = {"mov", "and", "or", "xor", "add", "sub", "inc", "dec", "bts", "btr", "btc", "vmwrite"}     # to memory, or to the VMCS
STORE_MACROS = {"VMPUT", "VMSET", "WORK"}
MASKED = {"test", "and", "or", "xor", "WORK", ".equ"}

STATEMENT = re.compile(r"(?P<label>\s*(?:[.\w]+:)?\s*)(?P<lock>(?:lock\s+)?)(?P<word>[.\w]+)(?P<gap>\s*)"
                       r"(?P<operands>[^#\"']*?)(?P<rest>\s*(?:#.*)?)")
CONDITION = re.compile(r"(j|cmov|set)(n?[abceglopsz]e?)")
EXPRESSION = re.compile(r"(?=.*[A-Z0-9])(?:[A-Z0-9_]\w*|put|shift|lo32|hi32|[-+*~&|()<> ,])+")
NUMBER = re.compile(r"\d+|0[xX][0-9a-fA-F]+")


@dataclass(frozen=True)
class Mutant:
    """One changed line: file name, line number from 1, the kind of change, the line before and after."""

    file: str
    line: int
    kind: str
    before: str
    after: str


def split(text, mark=","):
    """Return the parts of a text between marks that are in no bracket."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter in "([") - (letter in ")]")
        if letter == mark and not depth:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]


def constants(word, operands):
    """Yield (number, text) of the operands that are constants."""
    if re.match(r"j|call|loop|\.(?!equ)", word) or word == "EXIT":
        return
    first = 1 if word == ".equ" or word.isupper() else 0  # a macro's first operand is a name
    for number, text in enumerate(operands):
        if number >= first and EXPRESSION.fullmatch(text) and not re.search(r"VMCS_|\b[a-d][lh]\b", text):
            yield number, text


def other_numbers(text):
    """Return a constant as one more and as one less."""
    if NUMBER.fullmatch(text):
        value = int(text, 0)
        return [(hex if text[:2].lower() == "0x" else str)(near) for near in (value + 1, value - 1) if near >= 0]
    return [f"({text}) + 1", f"({text}) - 1"]


def other_masks(text):
    """Return a mask without each of its terms, or with its only bit moved."""
    terms = split(text, "|")
    if len(terms) > 1:
        return [" | ".join(terms[:number] + terms[number + 1:]) for number in range(len(terms))]
    return [] if "~" in text or text == "0" else [f"({text}) << 1"]


def changed(word, operands):
    """Yield (kind, word, operands) of every mutant of an instruction; operands: list of texts."""
    condition = CONDITION.fullmatch(word)
    if condition and condition[2] in OPPOSITE:
        yield "inverted", condition[1] + OPPOSITE[condition[2]], operands
    if condition and condition[2] in EDGE:
        yield "edge", condition[1] + EDGE[condition[2]], operands
    for table, kind in ((LOGIC, "logic"), (SUMS, "sum")):
        if word in table:
            yield kind, table[word], operands
    if word in STORE_MACROS or word in STORES and (word == "vmwrite" or "[" in operands[0]):
        yield "store", "nop", []
    if word == "call":
        yield "call", "nop", []
    for number, text in constants(word, operands):
        terms = len(split(text, "|"))
        found = [("constant", other) for other in other_numbers(text)] if terms == 1 else []
        found += [("mask", other) for other in other_masks(text)] if terms > 1 or word in MASKED else []
        for kind, other in found:
            yield kind, word, [*operands[:number], other, *operands[number + 1:]]


def mutants_of(file, line, text):
    """Return every Mutant of a source line; [] for one that holds no instruction."""
    parts = STATEMENT.fullmatch(text)
    if not parts or parts["word"].startswith(".") and parts["word"] != ".equ":
        return []
    found = []
    for kind, word, operands in changed(parts["word"], split(parts["operands"])):
        lock = "" if word == "nop" else parts["lock"]
        gap = parts["gap"] or " "
        after = parts["label"] + lock + word + (gap + ", ".join(operands) if operands else "") + parts["rest"]
        found.append(Mutant(file, line, kind, text, after))
    return found


def mutants(sources, seed):
    """Yield the mutants of a folder, in the order of the seed: at most one for each line."""
    lines = []
    for path in sorted(Path(sources).rglob("*.s")):
        found = (mutants_of(str(path.relative_to(sources)), number, text) for number, text in enumerate(path.read_text().split("\n"), 1))
        lines += [each for each in found if each]
    choice = random.Random(seed)
    choice.shuffle(lines)
    for each in lines:
        kind = choice.choice(sorted({mutant.kind for mutant in each}))
        yield choice.choice([mutant for mutant in each if mutant.kind == kind])


def build(sources, mutant, target):
    """Make `target` a copy of the sources with the mutant's line; returns whether it assembles to other bytes."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(sources, target)
    path = target / mutant.file
    lines = path.read_text().split("\n")
    lines[mutant.line - 1] = mutant.after
    path.write_text("\n".join(lines))
    try:
        return assemble(target).code != assemble(sources).code
    except AssemblyError:
        return False


def judge(target):
    """Run the tests on a build; returns what killed it: a test, "timeout", or "" when all passed."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-n", "0", "-p", "tests.mutation.other_hv", "-p", "no:cacheprovider",
               "--hv", target, "--tb=no", "-rfE", *TESTS]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT,
                              env=os.environ | {"PYTHONPATH": str(ROOT)})
    except subprocess.TimeoutExpired:
        return "timeout"
    if done.returncode == 0:
        return ""
    found = re.search(r"^(?:FAILED|ERROR) \S*?::(.+?)(?: - .*)?$", done.stdout, re.MULTILINE)
    if not found:
        raise RuntimeError(f"pytest ended with {done.returncode} and named no test:\n{done.stdout}{done.stderr}")
    return found[1]


def kept(results, seed):
    """Return [(Mutant, what killed it)] that a file of results holds for a seed."""
    rows = [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []
    return [(Mutant(**row["mutant"]), row["killed"]) for row in rows if row["seed"] == seed]


def work(results, sources, seed, count):
    """Judge mutants until `count` are in the file of results; each is appended when it is known."""
    known = {mutant: killed for mutant, killed in kept(results, seed)}
    with tempfile.TemporaryDirectory() as place:
        target = Path(place) / "hv"
        for mutant in mutants(sources, seed):
            if len(known) >= count:
                return
            if mutant in known or not build(sources, mutant, target):
                continue
            known[mutant] = judge(target)
            with results.open("a") as file:
                file.write(json.dumps({"seed": seed, "mutant": asdict(mutant), "killed": known[mutant]}) + "\n")
            print(row(mutant, known[mutant]), flush=True)


def row(mutant, killed):
    change = " ".join(mutant.before.split("#")[0].split()) + "  ->  " + " ".join(mutant.after.split("#")[0].split())
    return f"{mutant.file + ':' + str(mutant.line):28} {mutant.kind:9} {killed or 'LIVES':56} {change}"


def table(found):
    """Return the table of results as text: kinds with their scores, those that live, the score."""
    lines = []
    for kind, what in KINDS.items():
        each = [killed for mutant, killed in found if mutant.kind == kind]
        lines.append(f"{kind:9} {sum(map(bool, each)):3} of {len(each):3} killed    {what}")
    lines += ["", *(row(mutant, killed) for mutant, killed in found if not killed)]
    dead = sum(bool(killed) for _, killed in found)
    return "\n".join([*lines, "", f"{dead} of {len(found)} mutants killed" + (f", {100 * dead / len(found):.0f} %" if found else "")])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("results", type=Path, help="file to which results are appended; those it holds are not judged again")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=80, help="mutants in all, with those that the file holds")
    given = parser.parse_args()
    work(given.results, folder("hv"), given.seed, given.count)
    print(table(kept(given.results, given.seed)))


if __name__ == "__main__":
    main()
