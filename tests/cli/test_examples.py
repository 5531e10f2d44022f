"""Every example of a command's help and of the lists of commands is accepted: options, values, conditions, names.

Those of docs/ are run by its pages.
"""
import inspect
import re
import shlex
from pathlib import Path

import click
import pytest

from emu.cli.group import COMMANDS, hvlab
from emu.debug.explain import explain
from emu.debug.session.conditions import compiled

ROOT = Path(__file__).resolve().parent.parent.parent
FILES = ("kernel.elf", "bzImage", "initrd.img", "memtest.bin", "program.s", "commands.txt", "typed.txt", "System.map", "root.raw",
         "mine.map", "drivers.img", "config", "run.hvr", "booted.hvz", "good.hvr", "bad.hvr", "monday.hvr", "today.hvr", "run.hvt",
         "disk.raw")


def all_commands(command=hvlab, path=()):
    """Yield (words, command) of every command and subcommand."""
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            yield from all_commands(command.get_command(context, name), (*path, name))


def examples(text):
    """Return the command lines of a text: those that stand indented by themselves, up to a gap that begins an explanation."""
    found = []
    for line in inspect.cleandoc(text).splitlines():
        match = re.match(r"(?:  |    |\$ )hvlab (?=\S)(.*)", line)
        if match:
            words = re.split(r"\s{2,}| # | && |; hvlab | > | \| ", match[1])[0]
            found.append(words)
    return found


def every_example():
    found = {("help", words) for _, command in all_commands() for words in examples(command.help or "")}
    return sorted(found | {(page, words) for page in ("README.md", "docs/commands.md") for words in examples((ROOT / page).read_text())})


def accepted(words):
    """Parse a command line as the command does; returns (command, its parameters)."""
    command, context = hvlab, None
    while True:
        context = command.make_context(command.name, list(words), parent=context)
        if not isinstance(command, click.Group):
            return command, context.params
        words = [*getattr(context, "_protected_args", ()), *context.args]
        if not words:
            return command, context.params
        _, command, words = command.resolve_command(context, words)


def has_example_of(path, text):
    """Whether a text has an example of that very command, by all of its words."""
    return any(tuple(words.split()[:len(path)]) == path for words in examples(text))


def test_example_of_another_subcommand_does_not_count():
    text = "Start it.\n\nExamples:\n  hvlab vm start first\n"
    assert has_example_of(("vm", "start"), text) and not has_example_of(("vm", "stop"), text)


def without_help(command):
    """Return the options of a command that have no help text."""
    return [each.opts[0] for each in command.params if isinstance(each, click.Option) and not (each.help or "").strip()]


def test_every_option_has_a_help_text():
    assert without_help(click.Command("x", params=[click.Option(["--mute"]), click.Option(["--said"], help="Said.")])) == ["--mute"]
    assert {" ".join(path): found for path, command in all_commands() if (found := without_help(command))} == {}


def test_the_help_of_every_command_has_an_example_of_it():
    without = [" ".join(path) for path, command in all_commands() if not isinstance(command, click.Group)
               and not has_example_of(path, command.help or "")]
    assert without == [] and len(every_example()) > 60 and {words.split()[0] for _, words in every_example()} == set(COMMANDS)


@pytest.mark.parametrize(("where", "words"), every_example())
def test_example_is_accepted(where, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in FILES:
        (tmp_path / name).touch()
    for name in ("build", "my-hv", "my-state"):
        (tmp_path / name).mkdir()
    (tmp_path / "build" / "kernel.elf").touch()
    command, given = accepted(shlex.split(words))
    condition = given.get("condition") or given.get("text") if words.startswith(("break", "trace")) else None
    if condition:
        compiled(condition, lambda name: 0)
    if words.startswith("explain ") and given.get("which"):
        kind = words.split()[1]
        {"field": explain.vmcs_field}.get(kind, getattr(explain, kind, None))(given["which"])


@pytest.mark.parametrize(("path", "command"), list(all_commands()), ids=lambda each: " ".join(each) if isinstance(each, tuple) else "")
def test_help_has_no_marks_of_its_own_making(path, command):
    text = command.get_help(click.Context(command, info_name="hvlab"))
    assert "\\b" not in text and "\b" not in text
