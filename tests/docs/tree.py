"""What a text may name: files, folders, tests, modules, names, commands.  A rule returns the words of a text that name nothing."""
import ast
import importlib
import inspect
import io
import re
import tokenize
from functools import cache
from pathlib import Path

import click

from emu.cli.commands import vmcs
from emu.cli.group import COMMANDS, hvlab
from emu.lab import Lab
from emu.machine import Machine

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("emu", "hv", "firmware", "perf", "tests", "docs", ".ci")
ENDINGS = ("py", "s", "S", "c", "h", "ll", "md", "toml", "list", "html", "gdb", "sh", "png", "json", "txt", "svg")
SOURCES = (".py", ".s", ".S", ".c", ".h", ".ll", ".toml", ".list", ".gdb", ".sh")
WORD = re.compile(r"(?<![\w./<-])[\w.*{},/-]*[\w*}]\.(?:" + "|".join(ENDINGS) + r")\b(?![\w/])")
FOLDER = re.compile(rf"(?<![\w./<-])((?:{'|'.join(map(re.escape, FOLDERS))})(?:/|(?:/\w+)+/?))(?![\w*{{<]|\.\w|/?[*{{<])")
THEIRS = {"program.s", "k.s", "FILE.s", "run.html", "FILE.html", "walk.svg", "run.json", "typed.txt"}      # files of the reader's
CONSOLE = re.compile(r"^```(console|python|text)\n.*?^```$", re.MULTILINE | re.DOTALL)     # run, and compared, by other tests
TESTS = re.compile(r"(?<![\w./])test_\w+(?!\w*[./])")
TESTS_OF = re.compile(r"`(test_\w+)|\(`(tests/[\w/]+\.py)`\)")
DOTTED = re.compile(r"\bemu(?:\.[A-Za-z_]\w*)+")
SPAN = re.compile(r"`([^`\n]+)`")
NAME = re.compile(r"\b(?:[A-Z][A-Z0-9_]{2,}|[A-Za-z]\w*_\w+)(?![\w*])")
COMMAND_LINES = ("hvlab", "python", "grep")                # spans that are no names
NEW = re.compile(r"^New file `([^`]+)`", re.MULTILINE)     # docs/adding.md makes these
LINK = re.compile(r"\]\(([^)\s]+)\)|(?<![\w(/.:])([\w./-]+\.md#[\w-]+)")
AFTER_HVLAB = {"as", "firmware", "is", "itself", "options", "reports", "then", "would"}    # "hvlab is": about the program
OBJECTS = {"lab": Lab, "machine": Machine}                 # what pages call objects of these classes
NOTE = re.compile(r"(?:#|//|/\*|;|^ \*).*")


@cache
def files():
    """Return every file of the tree, as words."""
    return {str(path.relative_to(ROOT)) for folder in FOLDERS for path in (ROOT / folder).rglob("*")
            if path.is_file() and "__pycache__" not in path.parts} | {path.name for path in ROOT.iterdir() if path.is_file()}


@cache
def folders():
    """Return every folder of the tree, as words."""
    return {str(parent) for name in files() for parent in Path(name).parents}


def prose(path):
    """Return a page without its blocks of commands and programs."""
    return CONSOLE.sub("", path.read_text())


def notes(path):
    """Return the comments and docstrings of a source."""
    text = path.read_text()
    if path.suffix != ".py":
        return "\n".join("".join(NOTE.findall(line)) for line in text.splitlines())
    comments = [token.string for token in tokenize.generate_tokens(io.StringIO(text).readline) if token.type == tokenize.COMMENT]
    return "\n".join([*comments, *(ast.get_docstring(node) or "" for node in ast.walk(ast.parse(text))
                                   if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef))])


def alternatives(word):
    """Return the words that braces stand for: `a/{b,c}.s` is two."""
    match = re.fullmatch(r"(.*)\{([^{}]*)\}(.*)", word)
    return [f"{match[1]}{each}{match[3]}" for each in match[2].split(",")] if match else [word]


def is_file(word):
    """Whether a word names a file: from the root, from a folder, or by the end of its path."""
    pattern = re.compile(r"(?:.*/)?" + re.escape(re.sub(r"^(?:\.\./)+", "", word)).replace(r"\*", r"[^/]*"))
    return any(pattern.fullmatch(name) for name in files())


@cache
def words_of(pattern):
    """Return every match of a pattern in the programs of the tree."""
    return set(re.findall(pattern, "".join((ROOT / name).read_text() for name in files() if name.endswith(".py")), re.MULTILINE))


@cache
def known():
    """Return every word of the sources, and of the files' names; not of tests/docs, where wrong ones are planted."""
    sources = [name for name in files() if name.endswith(SOURCES) and not name.startswith("tests/docs/")]
    return set(re.findall(r"\w+", "\n".join([*files(), *((ROOT / name).read_text() for name in sources)])))


def names(module):
    """Whether a dotted name is a module's, or that of something in one."""
    parts = module.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for part in parts[cut:]:
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False


def alone(command):
    """Return what a group does when its first word is left out, as `hvlab vmcs` does, None when nothing."""
    return command.get_command(click.Context(command), "show") if isinstance(command, vmcs.Default) else None


def command_of(words):
    """Return the command that words after `hvlab` begin with, or None when there is none."""
    command = hvlab
    for word in words:
        if not isinstance(command, click.Group) or not re.fullmatch(r"[a-z][a-z-]*", word):
            break
        context = click.Context(command)
        command = command.get_command(context, word) or alone(command)
        if command is None:
            return None
    return alone(command) or command


def options_of(command):
    """Return the options of a command, as words."""
    return {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)} | {"--help"}


# ---- rules: what is wrong in a text ---------------------------------------------------------------------------
def wrong_files(text):
    """Return the files that are not there."""
    words = {each for word in WORD.findall(text) if not (DOTTED.fullmatch(word) and names(word)) for each in alternatives(word)}
    return [word for word in sorted(words - THEIRS - set(NEW.findall(text))) if not is_file(word)]


def wrong_folders(text):
    """Return the paths without an ending, `emu/model/` or `emu/model/route`, that begin with a folder of ours and lead nowhere."""
    there = folders() | files() | {name.removesuffix(".py") for name in files()}
    return [word for word in sorted(set(FOLDER.findall(text))) if word.rstrip("/") not in there]


def wrong_tests(text):
    """Return the tests that are nowhere, and those that are not in the file that follows in brackets: `test_a` (`tests/b.py`)."""
    made = set(re.findall(r"^def (test_\w+)", text, re.MULTILINE)) | {Path(name).stem for name in NEW.findall(text)}
    there = words_of(r"^def (test_\w+)") | {Path(name).stem for name in files()} | made
    wrong = set(TESTS.findall(text)) - there
    for piece in re.split(r"\||\n\n", text):
        before = []
        for test, file in TESTS_OF.findall(piece):
            if test:
                before.append(test)
                continue
            inside = (ROOT / file).read_text() if file in files() else ""
            wrong |= {f"{name} ({file})" for name in before if not re.search(rf"^ *def {name}\b", inside, re.MULTILINE)}
            before = []
    return sorted(wrong)


def wrong_modules(text):
    """Return the dotted names that are no module's, and of nothing in one."""
    return [word for word in sorted(set(DOTTED.findall(text))) if not names(word)]


def wrong_names(text, more=()):
    """Return the names in backticks, all capitals or with an underscore, that no source has; more: others that are right."""
    spans = [span for span in SPAN.findall(text) if not span.startswith(COMMAND_LINES)]
    return sorted({word for span in spans for word in NAME.findall(span)} - known() - set(more) - set(TESTS.findall(text)))


def wrong_attributes(text):
    """Return what is called `lab.something` or `Machine.something` and is not there."""
    found = set(re.findall(r"(?<![\w./])(lab|Lab|machine|Machine)\.([a-z_]\w*)", text)) - {(word, "py") for word in OBJECTS}
    return [f"{who}.{name}" for who, name in sorted(found) if not hasattr(OBJECTS[who.lower()], name)
            and not re.search(rf"self\.{name}\b", inspect.getsource(OBJECTS[who.lower()]))]


def wrong_variables(text):
    """Return the environment variables of hvlab's that no program reads."""
    return sorted(set(re.findall(r"\bHVLAB_[A-Z_]+\b", text)) - known())


def wrong_commands(text, form=r"`"):
    """Return the command lines of which the command or an option is not there; form: what stands before them."""
    made, wrong = {Path(name).stem for name in NEW.findall(text)}, []
    for line in re.findall(rf"(?:{form})hvlab (?!firmware:)((?:(?!`|  ).)+)", text, re.MULTILINE):
        words = re.sub(r"'[^']*'", "X", re.split(r" [|;#>] ?|[,;:] ", line)[0]).split()
        command = command_of(words)
        given = {re.sub(r"[=.,:;].*", "", part) for word in words for part in word.strip("[]").split("|") if part.startswith("--")}
        if words[0] not in made and (command is None or not given <= options_of(command)):
            wrong.append(line)
    return wrong


def wrong_bare_commands(text):
    """Return "hvlab frobnicate" outside of backticks: what follows is a command, or goes on with a sentence about hvlab."""
    return [f"hvlab {word}" for word in re.findall(r"\bhvlab ([a-z][\w-]*)", SPAN.sub("", text))
            if word not in COMMANDS and word not in AFTER_HVLAB]


def anchors(text):
    """Return the anchors of a page's headings."""
    headings = re.findall(r"^#+ +(.+)$", re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def wrong_links(text, folder):
    """Return the links of a page in a folder, `a.md`, `a.md#heading` or `#heading`, that lead nowhere."""
    wrong = []
    for target in (link or plain for link, plain in LINK.findall(text)):
        file, _, anchor = target.partition("#")
        page = folder / file if file else None
        if target.startswith("http"):
            continue
        if page and not page.exists() or anchor and anchor not in anchors(page.read_text() if page else text):
            wrong.append(target)
    return wrong
