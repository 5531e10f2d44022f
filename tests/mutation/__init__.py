"""Mutation passes: programs that plant small errors, one at a time, and count how many of them the tests find.

A mutant is the product with one error planted in it.  Tests that fail, or that never end, kill it.  One that survives is
either equivalent (no input shows the difference) or stands for behaviour that no test holds.
Here is what every pass shares, whatever it plants errors in: the verdict of one run of tests, a file of results that an
interrupted pass goes on from, and the table at the end.  `kernels` is the pass over the compiled model.
"""
import json
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

KILLED, TIMEOUT, SURVIVED, UNREACHED = "killed", "timeout", "survived", "unreached"
DEAD = (KILLED, TIMEOUT)
TESTS_PASSED, BAD_COMMAND, NO_TESTS = 0, 4, 5              # what pytest returns


@dataclass(frozen=True)
class Result:
    """What became of one mutant."""

    place: str                                            # file:line and the function or routine
    change: str                                           # what stood there -> what the mutant has
    verdict: str
    by: str = ""                                          # the test that killed it

    @property
    def key(self):
        """Name the mutant, also in a later pass of the same seed."""
        return self.place, self.change


def verdict_of(code, text):
    """Return (verdict, name of the test that failed) of a run of pytest by its exit code, None when it was stopped, and its text."""
    if code is None:
        return TIMEOUT, ""
    if code in (BAD_COMMAND, NO_TESTS):
        raise SystemExit(f"pytest ran no tests:\n{text}")
    if code == TESTS_PASSED:
        return SURVIVED, ""
    failed = [line.split()[1] for line in text.splitlines() if line.startswith(("FAILED ", "ERROR "))]
    return KILLED, failed[0] if failed else f"exit code {code}"


def load(path):
    """Return the results that a file holds; none when there is no file."""
    path = Path(path)
    return [Result(**json.loads(line)) for line in path.read_text().splitlines()] if path.exists() else []


def append(path, result):
    """Add one result to a file."""
    with open(path, "a") as file:
        file.write(json.dumps(asdict(result)) + "\n")


def report(results):
    """Return the table of a pass as text: a line a mutant, then the score."""
    count = Counter(result.verdict for result in results)
    dead = sum(count[verdict] for verdict in DEAD)
    lines = [f"{result.verdict:9}  {result.place:50}  {result.change}" + (f"  [{result.by}]" if result.by else "") for result in results]
    rest = ", ".join(f"{number} {verdict}" for verdict, number in sorted(count.items()))
    return "\n".join([*lines, f"{dead} of {len(results)} killed ({rest})"])
