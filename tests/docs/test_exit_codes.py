"""Exit codes: those of docs/commands.md and of `hvlab --help` are those of emu.errors, and pages name no other."""
import re
import signal

import pytest

from emu import errors
from emu.cli.group import HELP
from emu.machine.result import CODES
from tests.docs.test_references import each_page
from tests.docs.tree import ROOT

TERMINATED = 128 + signal.SIGTERM
# What the row of each code says at least.
MEANINGS = {
    errors.OK: "passed", errors.GUEST_FAILED: "failed", errors.USAGE: "wrong option", errors.ENTRY_FAILED: "VM entry failed",
    errors.SHUTDOWN: "triple fault", errors.BUDGET: "budget", errors.INTERNAL: "not modelled", errors.RESET: "reset",
    errors.INTERRUPTED: "Ctrl-C", TERMINATED: "SIGTERM",
}
TABLES = {"docs/commands.md": (ROOT / "docs" / "commands.md").read_text().split("## Exit codes")[1].split("\n\n")[1],
          "--help": HELP.split("Exit codes:")[1].split("\n\n")[0]}
NAMED = re.compile(r"\bexit codes? (\d+(?:(?:, | and | or |, and )\d+)*)")


def rows(table):
    """Return {code: words} of a table: a number, what it means, and at least two spaces before the next; or `; 143: by SIGTERM`."""
    found = re.findall(r"(?:^ *|  |, |; )(\d+):? +(\D*?)(?=$|   |; \d|, \d)", table, re.MULTILINE)
    return {int(code): words for code, words in found}


def unknown(text):
    """Return the exit codes in a text that are none."""
    return [int(code) for codes in NAMED.findall(text) for code in re.findall(r"\d+", codes) if int(code) not in MEANINGS]


@pytest.mark.parametrize("where", TABLES)
def test_table_has_every_code_and_says_what_it_means(where):
    found = rows(TABLES[where])
    assert set(found) == set(MEANINGS)
    assert [code for code, words in MEANINGS.items() if words not in found[code]] == []


def test_a_wrong_row_is_found():
    assert rows("    0  passed     1  a test failed\n    9  the cycle budget is used up   130  Ctrl-C, 143  SIGTERM") == {
        0: "passed", 1: "a test failed", 9: "the cycle budget is used up", 130: "Ctrl-C", 143: "SIGTERM"}


def test_errors_and_results_end_with_these_codes():
    kinds = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, errors.HvlabError)]
    assert {each.exit_code for each in kinds} | set(CODES.values()) <= set(MEANINGS)


@each_page
def test_pages_name_these_codes(page):
    assert unknown(page.read_text()) == []


def test_a_code_that_is_none_is_found():
    assert unknown("exit code 5, exit codes 4, 5 and 9; with exit code 42.") == [9, 42]
