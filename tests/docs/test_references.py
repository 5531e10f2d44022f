"""What the pages name is there: files, folders, tests, modules and their names, commands and options, links."""
import importlib.util
import re
from pathlib import Path

import click
import pytest

from emu.cli.group import COMMANDS, hvlab
from emu.spec.checks import CHECKS
from tests.docs import tree
from tests.docs.tree import ROOT, files, options_of, prose, words_of

PAGES = sorted(path for folder in ("docs", "hv", "firmware", "tests") for path in (ROOT / folder).rglob("*.md"))
PAGES += [ROOT / "README.md", ROOT / "CHANGELOG.md"]
IN_FILE = re.compile(r"`((?:emu|hv|tests|perf|docs)/[\w./]+\.\w+)`((?:,? `\w+`)+)")
NOT_MODULES = {"cpu.vmcs", *(check.id for check in CHECKS.values())}
# Names of other programs, and one that a page says is gone: the page.
OTHERS = {
    "adding.md": {"PORT_DICE"},                            # made by a step of the page
    "choices.md": {"apic_update_lvtt", "kvm_apic_accept_events", "update_target_expiration", "validate_seg_reg",    # KVM's
                   "test_apic_change_mode", "ept_access_test_paddr_read_only_ad_disabled"},         # its tests'
    "compile.md": {"TWELVE",                               # gone
                   "NUMBA_CPU_NAME"},                      # numba's
    "engine.md": {"helper_cpuid", "helper_rdmsr", "helper_outl", "st_i64", "do_unaligned_access"},  # QEMU's
}

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def others(page):
    """Return the names of a page that are not of the tree: other programs', and those of its own blocks."""
    blocks = "".join(found[0] for found in tree.CONSOLE.finditer(page.read_text()))
    made = {Path(new).stem for new in tree.NEW.findall(page.read_text())}
    return OTHERS.get(page.name, set()) | set(re.findall(r"\w+", blocks)) | made


@each_page
def test_files_and_folders(page):
    assert tree.wrong_files(prose(page)) == [] and tree.wrong_folders(prose(page)) == []


@each_page
def test_tests(page):
    assert set(tree.wrong_tests(page.read_text())) - others(page) == set()


@each_page
def test_modules(page):
    assert tree.wrong_modules(prose(page)) == []


@each_page
def test_names(page):
    """A list of changes names what is gone, too."""
    assert page.name == "CHANGELOG.md" or tree.wrong_names(prose(page), others(page)) == []


@each_page
def test_attributes_and_variables(page):
    assert tree.wrong_attributes(page.read_text()) == [] and tree.wrong_variables(page.read_text()) == []


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
        if places and f"{module}.{name}" not in NOT_MODULES and name not in tree.ENDINGS:
            text = "".join((ROOT / file).read_text() for file in places)
            assert re.search(rf"^(def {name}\b|{name} = )", text, re.MULTILINE), f"{module}.{name}"


@each_page
def test_commands(page):
    assert tree.wrong_commands(page.read_text(), r"^ {4}|^\$ |`") == []
    assert tree.wrong_bare_commands(prose(page)) == []


def test_options():
    """Options that stand alone, as `--hash`, are those of some command, or of a program of tests and measurements."""
    offered = {"--help"} | words_of(r'"(--[a-z-]+)"')

    def gather(command):
        offered.update(options_of(command))
        for name in command.list_commands(click.Context(command)) if isinstance(command, click.Group) else ():
            gather(command.get_command(click.Context(command), name))

    gather(hvlab)
    given = {(page.name, option) for page in PAGES for span in tree.SPAN.findall(prose(page))
             for option in re.findall(r"(?:^|\s)(--[a-z][a-z-]*)", span)}
    assert [each for each in sorted(given) if each[1] not in offered] == []


@each_page
def test_links_lead_somewhere(page):
    assert tree.wrong_links(prose(page), page.parent) == []


def test_commands_are_listed():
    """docs/commands.md has every command."""
    text = (ROOT / "docs" / "commands.md").read_text()
    assert [name for name in COMMANDS if not re.search(rf"hvlab {name}\b", text)] == []


@pytest.mark.parametrize("folder", ["hv", "firmware/boot", "firmware/root"])
def test_sources_are_listed(folder):
    """The README of an image names every file of it."""
    text = (ROOT / folder / "README.md").read_text()
    words = [word.split("/")[-1] for each in tree.WORD.findall(text) for word in tree.alternatives(each)]
    found = [re.compile(re.escape(word).replace(r"\*", r"[^/]*")) for word in words]
    sources = sorted(Path(name).name for name in files() if name.startswith(f"{folder}/") and name.endswith(".s"))
    assert [name for name in sources if not any(pattern.fullmatch(name) for pattern in found)] == []


def test_pages_are_in_the_index():
    """docs/README.md leads to every page of docs/ and of docs/design."""
    index = (ROOT / "docs" / "README.md").read_text()
    assert [path.name for path in (ROOT / "docs").glob("*.md") if path.name != "README.md" and f"({path.name})" not in index] == []
    assert [path.name for path in (ROOT / "docs" / "design").glob("*.md") if f"(design/{path.name})" not in index] == []
