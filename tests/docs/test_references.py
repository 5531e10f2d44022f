"""What the pages name is there: files, tests, modules and their names, commands and options, links."""
import importlib.util
import re
from functools import cache
from pathlib import Path

import click
import pytest

from emu.cli.group import COMMANDS, hvlab
from emu.spec.checks import CHECKS

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(path for folder in ("docs", "hv", "firmware", "tests") for path in (ROOT / folder).rglob("*.md"))
PAGES += [ROOT / "README.md", ROOT / "CHANGELOG.md"]
FOLDERS = ("emu", "hv", "firmware", "perf", "tests", "docs", ".ci")
ENDINGS = ("py", "s", "S", "c", "h", "ll", "md", "toml", "list", "html", "gdb", "sh")
WORD = re.compile(r"(?<![\w./<-])[\w.*{},/-]*[\w*}]\.(?:" + "|".join(ENDINGS) + r")\b(?![\w/])")
THEIRS = {"program.s", "k.s", "FILE.s", "run.html", "FILE.html"}               # files of the reader's
CONSOLE = re.compile(r"^```(console|python|text)\n.*?^```$", re.MULTILINE | re.DOTALL)     # run, and compared, by other tests
TESTS = re.compile(r"(?<![\w./])test_\w+(?!\w*[./])")
DOTTED = re.compile(r"\bemu(?:\.[A-Za-z_]\w*)+")
IN_FILE = re.compile(r"`((?:emu|hv|tests|perf|docs)/[\w./]+\.\w+)`((?:,? `\w+`)+)")
SPAN = re.compile(r"`([^`\n]+)`")
OTHERS = {"test_apic_change_mode"}                         # a test of KVM's
NOT_MODULES = {"cpu.vmcs", *(check.id for check in CHECKS.values())}
NEW = re.compile(r"^New file `([^`]+)`", re.MULTILINE)     # docs/adding.md makes these


@cache
def files():
    """Return every file of the tree, as words."""
    return {str(path.relative_to(ROOT)) for folder in FOLDERS for path in (ROOT / folder).rglob("*")
            if path.is_file() and "__pycache__" not in path.parts} | {path.name for path in ROOT.iterdir() if path.is_file()}


def prose(path):
    """Return a page without its blocks of commands and programs."""
    return CONSOLE.sub("", path.read_text())


def alternatives(word):
    """Return the words that braces stand for: `a/{b,c}.s` is two."""
    match = re.fullmatch(r"(.*)\{([^{}]*)\}(.*)", word)
    return [f"{match[1]}{each}{match[3]}" for each in match[2].split(",")] if match else [word]


def is_file(word, page):
    """Whether a word names a file: from the root, from the page's folder or one below it, or by the end of its path."""
    pattern = re.compile(r"(?:.*/)?" + re.escape(re.sub(r"^(?:\.\./)+", "", word)).replace(r"\*", r"[^/]*"))
    return any(pattern.fullmatch(name) for name in files())


@cache
def words_of(pattern):
    """Return every match of a pattern in the programs of the tree."""
    return set(re.findall(pattern, "".join((ROOT / name).read_text() for name in files() if name.endswith(".py")), re.MULTILINE))


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


def command_of(words):
    """Return the command that words after `hvlab` begin with, or None when there is none."""
    command = hvlab
    for word in words:
        if not isinstance(command, click.Group) or not re.fullmatch(r"[a-z][a-z-]*", word):
            break
        context = click.Context(command)
        command = command.get_command(context, word) or command.get_command(context, "show")          # `hvlab vmcs` alone
        if command is None:
            break
    return command.get_command(click.Context(command), "show") or command if isinstance(command, click.Group) else command


def options_of(command):
    """Return the options of a command, as words."""
    return {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)} | {"--help"}


each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


@each_page
def test_files(page):
    made = set(NEW.findall(page.read_text()))
    words = {each for word in WORD.findall(prose(page)) for each in alternatives(word)} - made - THEIRS
    assert [word for word in sorted(words) if not is_file(word, page)] == []


@each_page
def test_tests(page):
    text = page.read_text()
    made = "".join(re.findall(r"^def (test_\w+)", text, re.MULTILINE)) + "".join(NEW.findall(text))
    there = words_of(r"^def (test_\w+)") | {Path(name).stem for name in files()}
    assert [word for word in sorted(set(TESTS.findall(text)) - OTHERS) if word not in there and word not in made] == []


@each_page
def test_modules(page):
    assert [word for word in sorted(set(DOTTED.findall(prose(page)))) if not names(word)] == []


@each_page
def test_programs(page):
    """`python -m NAME`, `python FILE`."""
    for module in re.findall(r"python -m (\S+)", page.read_text()):
        assert module == "venv" or module == "pytest" or importlib.util.find_spec(module.strip("`.,")), module


@each_page
def test_names_in_a_file(page):
    for file, inside in IN_FILE.findall(page.read_text()):
        for name in re.findall(r"\w+", inside):
            assert re.search(rf"\b{name}\b", (ROOT / file).read_text()), f"{file} {name}"


@each_page
def test_functions_of_modules(page):
    """`walk.translate`: a module of emu/model or emu/core by its last name, and what is in it."""
    for module, name in re.findall(r"`([a-z_]+)\.([a-z_]+)`", page.read_text()):
        places = [file for file in files() if re.fullmatch(rf"emu/(model|core)/(.*/)?{module}\.py", file)]
        if places and f"{module}.{name}" not in NOT_MODULES and name not in ENDINGS:
            text = "".join((ROOT / file).read_text() for file in places)
            assert re.search(rf"^(def {name}\b|{name} = )", text, re.MULTILINE), f"{module}.{name}"


@each_page
def test_commands(page):
    made = {Path(name).stem for name in NEW.findall(page.read_text())}
    for line in re.findall(r"(?:^ {4}|^\$ |`)hvlab (?!firmware:)((?:(?!`|  ).)+)", page.read_text(), re.MULTILINE):
        words = re.sub(r"'[^']*'", "X", re.split(r" [|;#>] ?|[,;:] ", line)[0]).split()
        command = command_of(words)
        if words[0] in made:
            continue
        assert command, line
        given = {re.sub(r"[=.,:;].*", "", part) for word in words for part in word.strip("[]").split("|") if part.startswith("--")}
        assert given <= options_of(command), line


def test_options():
    """Options that stand alone, as `--hash`, are those of some command, or of a program of tests and measurements."""
    offered = {"--help"} | words_of(r'"(--[a-z-]+)"')

    def gather(command):
        offered.update(options_of(command))
        for name in command.list_commands(click.Context(command)) if isinstance(command, click.Group) else ():
            gather(command.get_command(click.Context(command), name))

    gather(hvlab)
    given = {(page.name, option) for page in PAGES for span in SPAN.findall(prose(page))
             for option in re.findall(r"(?:^|\s)(--[a-z][a-z-]*)", span)}
    assert [each for each in sorted(given) if each[1] not in offered] == []


@each_page
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        assert target.startswith("http") or (page.parent / target).exists(), target


def test_commands_are_listed():
    """docs/commands.md has every command."""
    text = (ROOT / "docs" / "commands.md").read_text()
    assert [name for name in COMMANDS if not re.search(rf"hvlab {name}\b", text)] == []


@pytest.mark.parametrize("folder", ["hv", "firmware/boot", "firmware/root"])
def test_sources_are_listed(folder):
    """The README of an image names every file of it."""
    text = (ROOT / folder / "README.md").read_text()
    words = [word.split("/")[-1] for each in WORD.findall(text) for word in alternatives(each)]
    found = [re.compile(re.escape(word).replace(r"\*", r"[^/]*")) for word in words]
    sources = sorted(Path(name).name for name in files() if name.startswith(f"{folder}/") and name.endswith(".s"))
    assert [name for name in sources if not any(pattern.fullmatch(name) for pattern in found)] == []


def test_pages_are_in_the_index():
    """docs/README.md leads to every page of docs/ and of docs/design."""
    index = (ROOT / "docs" / "README.md").read_text()
    assert [path.name for path in (ROOT / "docs").glob("*.md") if path.name != "README.md" and f"({path.name})" not in index] == []
    assert [path.name for path in (ROOT / "docs" / "design").glob("*.md") if f"(design/{path.name})" not in index] == []
