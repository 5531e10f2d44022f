"""A mutation pass over the compiled model: `python -m tests.mutation.kernels --results FILE --work FOLDER`.

To compile the model takes minutes, and each mutant is another model.  So all errors are planted at once and compiled once:
`rewrite` makes an expression choose between itself and its error by a number in memory, `selector` holds that number.

1. The seed picks mutants from the kernels of emu/model; `--also FUNCTION` adds every mutant of one function.
2. The tracked files of this tree are copied to the work folder, with the errors planted.
3. All tests run once without an error, which compiles the kernels and notes which test reaches which mutant.
   A mutant that the compiler refuses is replaced by the next one of the seed.
4. For each mutant the tests that reach it run, quick ones first, until one fails: each time in a child of one process that has
   loaded everything (`warm`).

The results are appended to the file: a pass that was stopped goes on where it was, and one whose tests were improved repeats
only the mutants whose lines were taken out of the file.
"""
import argparse
import ast
import contextlib
import importlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.mutation import DEAD, UNREACHED, Result, append, load, report, rewrite, warm

ROOT = Path(__file__).resolve().parent.parent.parent
TESTS = ["tests/model", "tests/core", "tests/board", "tests/machine", "tests/guests", "tests/partitions", "tests/debug", "tests/trace"]
PATIENCE, START = 10, 60                                   # a mutant's run may take so many times the seconds of its tests, and these
QUICK = 0.3                                                # seconds of the tests that load the kernels
REFUSED = re.compile(r'File "[^"]*?(emu/model/(?:\w+/)*\w+\.py)", line (\d+)')


def candidates(folder="emu/model"):
    """Return all mutants of a folder of this tree, file by file."""
    found = []
    for path in sorted((ROOT / folder).rglob("*.py")):
        name = path.relative_to(ROOT)
        module = importlib.import_module(".".join(name.with_suffix("").parts))
        found += rewrite.mutants(str(name), path.read_text(), vars(module))
    return found


def plan(found, seed, count, also, refused):
    """Return {number: mutant}: `count` of the seed, and all of the functions in `also`; those in `refused` are passed over."""
    chosen = [mutant for mutant in found if mutant.function in also and (mutant.file, mutant.node) not in refused]
    left = (mutant for mutant in rewrite.picked(found, seed) if (mutant.file, mutant.node) not in refused and mutant not in chosen)
    chosen += [mutant for _, mutant in zip(range(count), left, strict=False)]
    return dict(enumerate(sorted(chosen, key=lambda mutant: (mutant.file, mutant.line, mutant.node, mutant.change)), 1))


class Scratch:
    """A copy of the tree with errors planted, and the tests that reach them."""

    def __init__(self, work):
        self.tree, self.page, self.reach = work / "tree", work / "page", work / "reach"
        self.environment = os.environ | {"PYTHONPATH": str(self.tree), "XDG_CACHE_HOME": str(work / "cache")}

    def fill(self, mutants):
        """Copy what git tracks, and plant the mutants; what has the right text is left alone.  What changed must be recorded again."""
        listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True)
        wanted = {name for name in listed.stdout.splitlines() if (ROOT / name).is_file()}
        for name in wanted:
            data, path = (ROOT / name).read_bytes(), self.tree / name
            mine = [(number, mutant) for number, mutant in mutants.items() if mutant.file == name]
            if mine:
                data = rewrite.planted(data.decode(), mine).encode()
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists() or path.read_bytes() != data:
                path.write_bytes(data)
                shutil.copymode(ROOT / name, path)
                if not name.startswith("tests/mutation/"):
                    self.reach.unlink(missing_ok=True)

    def record(self, tests):
        """Run all tests without an error; returns the places that the compiler refuses: (file, line of the planted text)."""
        self.reach.unlink(missing_ok=True)
        self.page.write_bytes(bytes(4096))
        part = self.reach.with_suffix(".part")
        part.unlink(missing_ok=True)
        done = subprocess.run([sys.executable, "-m", "pytest", *warm.OPTIONS, "--tb=short", *tests], cwd=self.tree, capture_output=True,
                              text=True, env=self.environment | {"HVLAB_MUTANT_REACH": str(part), "HVLAB_MUTANT_FILE": str(self.page)})
        refused = {(file, int(line)) for file, line in REFUSED.findall(done.stdout) if "numba" in done.stdout}
        failed = {line.split()[1] for line in done.stdout.splitlines() if line.startswith(("FAILED ", "ERROR "))}
        print(done.stdout.splitlines()[-1], file=sys.stderr)
        if refused:
            print(done.stdout, file=sys.stderr)
        else:
            rows = [json.loads(line) for line in part.read_text().splitlines()]
            self.reach.write_text(json.dumps([row for row in rows if row[0] not in failed]))
        return refused

    def tests_of(self, number, limit):
        """Return (tests that reach a mutant, quick ones first, their seconds), at most so many that take `limit` seconds."""
        rows = sorted((seconds, test) for test, numbers, seconds in json.loads(self.reach.read_text()) if number in numbers)
        while len(rows) > 1 and sum(seconds for seconds, _ in rows) > limit:
            rows.pop()
        return [test for _, test in rows], sum(seconds for seconds, _ in rows)

    @contextlib.contextmanager
    def runner(self):
        """Start `warm`; gives a function that runs tests on a mutant and returns (verdict, test that failed)."""
        with subprocess.Popen([sys.executable, "-m", "tests.mutation.warm"], cwd=self.tree, env=self.environment, text=True,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            def ask(number, tests, seconds):
                print(json.dumps([number, tests, seconds]), file=process.stdin, flush=True)
                return json.loads(process.stdout.readline())

            ask(0, [test for test, _, seconds in json.loads(self.reach.read_text()) if seconds < QUICK], 0)
            yield ask
            process.stdin.close()


def refused_nodes(tree, mutants, places):
    """Return (file, node) of the mutants in the functions that hold these places of the planted text."""
    functions = set()
    for file, line in places:
        functions |= {(file, each.name) for each in ast.walk(ast.parse((tree / file).read_text()))
                      if isinstance(each, ast.FunctionDef) and each.lineno <= line <= each.end_lineno}
    return [(mutant.file, mutant.node) for mutant in mutants.values() if (mutant.file, mutant.function) in functions]


def prepare(work, scratch, arguments):
    """Plant, compile and record, as often as the compiler refuses something; returns {number: mutant}."""
    memory, found = work / "refused.json", candidates()
    while True:
        refused = {tuple(each) for each in json.loads(memory.read_text())} if memory.exists() else set()
        mutants = plan(found, arguments.seed, arguments.count, arguments.also, refused)
        scratch.fill(mutants)
        wrong = [] if scratch.reach.exists() else refused_nodes(scratch.tree, mutants, scratch.record(arguments.tests))
        if not wrong:
            return mutants
        memory.write_text(json.dumps(sorted(refused | set(wrong))))


def run(scratch, mutants, results, limit):
    """Run what has no result yet; returns the results of all mutants in their order."""
    done = {result.key: result for result in load(results)}
    todo = {number: mutant for number, mutant in mutants.items() if (mutant.place, mutant.change) not in done}
    with scratch.runner() if todo else contextlib.nullcontext() as ask:
        for number, mutant in todo.items():
            tests, seconds = scratch.tests_of(number, limit)
            verdict, by = ask(number, tests, START + PATIENCE * seconds) if tests else (UNREACHED, "")
            result = Result(mutant.place, mutant.change, verdict, by)
            append(results, result)
            done[result.key] = result
            print(f"{number} of {len(mutants)}: {report([result]).splitlines()[0]}", file=sys.stderr, flush=True)
    return [done[mutant.place, mutant.change] for mutant in mutants.values()]


def main():
    """Do a pass; the exit code is 1 when a mutant is alive."""
    parser = argparse.ArgumentParser(prog="tests.mutation.kernels", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=120, help="mutants that the seed picks")
    parser.add_argument("--also", nargs="*", default=[], metavar="FUNCTION", help="add every mutant of these functions")
    parser.add_argument("--tests", nargs="*", default=TESTS, help="what is to find them")
    parser.add_argument("--limit", type=float, default=120, help="seconds of tests on one mutant, quick tests first (120)")
    parser.add_argument("--results", required=True, type=Path, metavar="FILE", help="where results are appended")
    parser.add_argument("--work", required=True, type=Path, metavar="FOLDER", help="the copy of the tree and its compiled kernels")
    arguments = parser.parse_args()
    scratch = Scratch(arguments.work.resolve())
    results = run(scratch, prepare(arguments.work, scratch, arguments), arguments.results, arguments.limit)
    print(report(results))
    return any(result.verdict not in DEAD for result in results)


if __name__ == "__main__":
    sys.exit(main())
