"""From files to statements: comments, includes, macros, conditions, repetition.

`Source(...).read(path)` gives a flat list of statements, each with the file and line a person would open.
Not modelled: `.irp`, `.altmacro`, nested `.macro` definitions, sections.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

from emu import files
from emu.asm import expression
from emu.errors import AssemblyError

NAME = r"[A-Za-z_.$][\w.$]*"
LABEL = re.compile(rf"({NAME}|\d+):(?!:)\s*")
WORD = re.compile(r"([.\w]+)\s*(.*)", re.S)
ASSIGN = re.compile(rf"({NAME})\s*=(?!=)\s*(.*)")
CONDITIONS = (".if", ".ifdef", ".ifndef", ".ifb", ".ifnb")
INCLUDE_DEPTH = 64
SOURCE_BYTES, LINE_LIMIT = 64 << 20, 1 << 16  # bytes of a file, characters of a line
LINES_LONG = 64 * LINE_LIMIT  # characters that a line of a macro may grow to before it is measured
LINES_LIMIT = 400_000  # after expansion; rounds of .rept, too


@dataclass(slots=True)
class Statement:
    """One label, directive or instruction, and where it was written."""

    file: str
    line: int
    text: str
    labels: list = field(default_factory=list)
    word: str = ""
    rest: str = ""
    within: str = ""  # "in macro NAME (file:line)" when it came out of a macro
    level: int = 0  # of its file: 0, 1 of one that it includes, and so on
    size: int = 0  # longest encoding so far; branches never shrink between passes
    plan: object = None  # what emu.asm.encode made of it

    def where(self):
        return f"{self.file}:{self.line}"

    def sentence(self, message):
        """Return a message with file and line, the source text, and the macro it came out of."""
        return f"{self.where()}: {message}\n    {self.text.strip()}" + (f"\n    {self.within}" if self.within else "")

    def error(self, message):
        return AssemblyError(self.sentence(message))


@dataclass(slots=True)
class Macro:
    name: str
    parameters: list  # (name, default or None)
    lines: list  # (file, line, text)


def live(conditions):
    """Return whether a line inside these conditions counts: the innermost one is taken only where all around it are."""
    return not conditions or conditions[-1][0]


def strip_comment(text):
    """Return a line without its comment (`#`, `;` or `//`), leaving quoted text alone."""
    if "#" not in text and ";" not in text and "//" not in text:
        return text.rstrip()
    for at, here in expression.outside(text):
        if here in "#;" or text.startswith("//", at):
            return text[:at].rstrip()
    return text.rstrip()


class Source:
    """Reads files and expands everything that produces or removes lines."""

    def __init__(self, symbols, use, root):
        self.symbols, self.use, self.root = dict(symbols), use, Path(root)
        self.macros, self.files, self.texts, self.statements = {}, {}, {}, []
        self.count = self.lines = self.rounds = 0
        self.level = -1  # of the file that is read

    def name_of(self, path):
        """Return how a file is called in messages: relative to the working folder when inside it."""
        path = Path(path).resolve()
        return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)

    def read(self, path, depth=0):
        """Append the statements of a file."""
        path = Path(path)
        name, text = self.name_of(path), files.text(self.name_of(path), SOURCE_BYTES, AssemblyError)
        self.files[str(path.resolve())], self.texts[name] = text.encode(), text.split("\n")
        self.level += 1
        self.expand([(name, number, line) for number, line in enumerate(self.texts[name], 1)], path.parent, depth)
        self.level -= 1

    def expand(self, lines, folder, depth, within="", call=None):
        """Expand lines (file, number, text); `call` is (file, line) of the macro call they came from."""
        if depth > INCLUDE_DEPTH:
            raise AssemblyError(f"{lines[0][0]}:{lines[0][1]}: macros or includes nest deeper than {INCLUDE_DEPTH}")
        conditions, at = [], 0  # each condition: [taken now, a branch taken already or none can be, .else has come]
        while at < len(lines):
            file, number, raw = lines[at]
            at += 1
            self.count_line(file, number, raw)
            text = strip_comment(raw)
            if not text.strip():
                continue
            statement = Statement(*(call or (file, number)), text, within=f"{within}{file}:{number}" if within else "")
            try:
                self.parse(statement)
                if self.condition(statement, conditions) or not live(conditions):
                    continue
                if statement.word in (".macro", ".rept"):
                    at = self.block(statement, lines, at, folder, depth, within, call)
                else:
                    self.line(statement, folder, depth)
            except expression.Undefined as missing:
                raise statement.error(
                    f"{missing.args[0]} is not defined here; {statement.word} needs its value at once"
                ) from None
            except AssemblyError as error:
                raise (
                    error
                    if "\n    " in str(error) or re.match(r"\S+:\d+: ", str(error))
                    else statement.error(str(error))
                ) from None
        if conditions:
            raise AssemblyError(f"{lines[-1][0]}:{lines[-1][1]}: .endif is missing")

    def count_line(self, file, number, text):
        """Raise AssemblyError when macros, includes and repetition have made more than can be meant."""
        self.lines += 1
        if self.lines > LINES_LIMIT:
            raise AssemblyError(f"{file}:{number}: more than {LINES_LIMIT:,} lines after expansion")
        if len(text) > LINE_LIMIT:
            raise AssemblyError(f"{file}:{number}: a line of {len(text):,} characters: at most {LINE_LIMIT:,}")

    def parse(self, statement):
        """Split labels, first word and rest."""
        text = statement.text.strip()
        while match := LABEL.match(text):
            statement.labels.append(match[1])
            text = text[match.end() :]
        if match := ASSIGN.fullmatch(text):
            statement.word, statement.rest = ".set", f"{match[1]}, {match[2]}"
        elif text:
            match = WORD.fullmatch(text)
            if not match:
                raise statement.error(f"cannot read {text!r}")
            statement.word, statement.rest = match[1] if match[1] in self.macros else match[1].lower(), match[2].strip()

    def evaluate(self, text):
        def lookup(name):
            if name not in self.symbols:
                raise expression.Undefined(name)
            return self.symbols[name]

        return expression.value(expression.parse(text), lookup)

    def condition(self, statement, conditions):
        """Handle .if and its relatives; True when the line was one of them."""
        word, rest = statement.word, statement.rest
        if word in CONDITIONS:
            if len(conditions) >= INCLUDE_DEPTH:
                raise statement.error(f".if nests deeper than {INCLUDE_DEPTH}")
            taken = live(conditions) and bool(self.test(word, rest))
            conditions.append([taken, taken or not live(conditions), False])
        elif word in (".else", ".elseif", ".endif"):
            if not conditions:
                raise statement.error(f"{word} without .if")
            if word == ".endif":
                conditions.pop()
            else:
                _, done, last = conditions[-1]
                if last:
                    raise statement.error(f"{word} after the .else of this .if")
                taken = not done and (word == ".else" or bool(self.evaluate(rest)))
                conditions[-1] = [taken, done or taken, word == ".else"]
        else:
            return False
        return True

    def test(self, word, rest):
        if word == ".if":
            return self.evaluate(rest)
        if word in (".ifb", ".ifnb"):
            return (rest.strip().strip('"') == "") == (word == ".ifb")
        return (rest.strip() in self.symbols or rest.strip() in self.macros) == (word == ".ifdef")

    def block(self, statement, lines, at, folder, depth, within, call):
        """Take the lines up to .endm or .endr; returns where to go on."""
        end, begin = (".endm", ".macro") if statement.word == ".macro" else (".endr", ".rept")
        body, level = [], 1
        while at < len(lines):
            self.count_line(*lines[at])
            word = strip_comment(lines[at][2]).strip().split(None, 1)
            word = word[0].lower() if word else ""
            level += (word == begin) - (word == end)
            at += 1
            if level == 0:
                break
            body.append(lines[at - 1])
        if level:
            raise statement.error(f"{end} is missing")
        if statement.word == ".macro":
            self.define(statement, body)
        else:
            if statement.labels:
                self.emit(Statement(statement.file, statement.line, statement.text, labels=statement.labels))
            count = self.evaluate(statement.rest)
            if not 0 <= count <= LINES_LIMIT:
                raise statement.error(f".rept {count}: must be 0 to {LINES_LIMIT:,}")
            for index in range(count):
                self.rounds += 1
                if self.rounds > LINES_LIMIT:
                    raise statement.error(f"more than {LINES_LIMIT:,} rounds of .rept in all")
                copy = [(file, number, text.replace(r"\+", str(index))) for file, number, text in body]
                self.expand(copy, folder, depth + 1, within, call)
        return at

    def define(self, statement, body):
        match = re.match(rf"({NAME})[\s,]*(.*)", statement.rest, re.S)
        if not match:
            raise statement.error(".macro needs a name")
        name, parameters = match[1], []
        for parameter in expression.split(
            match[2].replace(",", " ").replace(" ", ",") if "=" not in match[2] else match[2]
        ):
            if parameter:
                key, _, default = parameter.partition("=")
                parameters.append((key.strip().removesuffix(":req"), default.strip() if "=" in parameter else None))
        self.macros[name] = Macro(name, parameters, body)

    def line(self, statement, folder, depth):
        word, rest = statement.word, statement.rest
        if word in self.macros:
            return self.call(statement, folder, depth)
        if word == ".include":
            name = expression.text_of(rest)
            found = next((base / name for base in (folder, self.root) if (base / name).is_file()), folder / name)
            return self.read(found, depth + 1)
        if word == ".incbin":
            path = folder / expression.text_of(rest)
            self.files[str(path.resolve())] = files.read(self.name_of(path), SOURCE_BYTES, AssemblyError)
            statement.plan = self.files[str(path.resolve())]
        if word == ".use":
            for module in expression.split(rest):
                self.symbols.update(self.use(module, statement))
            return None
        if word in (".endr", ".endm"):
            raise statement.error(f"{word} without {'.rept' if word == '.endr' else '.macro'}")
        if word == ".error":
            raise statement.error(expression.text_of(rest))
        if word in (".equ", ".set"):
            self.constant(statement)
        self.emit(statement)
        return None

    def constant(self, statement):
        name, text = (expression.split(statement.rest) + ["", ""])[:2]
        if not re.fullmatch(NAME, name) or not text:
            raise statement.error(f"{statement.word} needs a name and a value")
        try:
            self.symbols[name] = self.evaluate(text)
        except expression.Undefined:  # a label or something later: the passes settle it
            self.symbols.pop(name, None)

    def call(self, statement, folder, depth):
        macro, given = self.macros[statement.word], expression.split(statement.rest)
        if len(given) > len(macro.parameters):
            raise statement.error(f"{macro.name} takes {len(macro.parameters)} arguments, not {len(given)}")
        values, named = {}, [key for key, _ in macro.parameters]
        for index, argument in enumerate(given):
            key, equals, text = argument.partition("=")
            key, text = (key.strip(), text.strip()) if equals and key.strip() in named else (named[index], argument)
            values[key] = text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' and '"' not in text[1:-1] else text
        for key, default in macro.parameters:
            if not values.get(key):
                values[key] = default or ""
        self.count += 1
        if statement.labels:
            self.emit(Statement(statement.file, statement.line, statement.text, labels=statement.labels))
        pattern = re.compile(
            r"\\("
            + "|".join([re.escape(key) for key in sorted(values, key=len, reverse=True)] + [r"@", r"\(\)"])
            + r")"
        )

        def fill(match):
            return str(self.count) if match[1] == "@" else "" if match[1] == "()" else values[match[1]]

        longest = max(map(len, values.values()), default=0)
        if any(text.count("\\") * longest > LINES_LONG for *_, text in macro.lines):
            raise statement.error(f"{macro.name} makes a line of more than {LINE_LIMIT:,} characters")
        body = [(file, number, pattern.sub(fill, text)) for file, number, text in macro.lines]
        self.expand(body, folder, depth + 1, f"in macro {macro.name}, ", (statement.file, statement.line))

    def emit(self, statement):
        statement.level = self.level
        self.statements.append(statement)
