"""`hvlab bench` on the questions of perf/, as short as they can be: what they yield, never how fast."""
import json
import subprocess
import sys

import pytest

from emu.cli.commands import bench
from emu.kernel_cache import PACKAGE

FILES = sorted(path.stem for path in (PACKAGE.parent / "perf").glob("*.py"))
SHARED = ["ceiling", "measuring", "profiled", "stock", "table"]       # no questions themselves


def run(*arguments):
    """Run the command in a process of its own: the questions replace parts of the libraries that they measure."""
    code = "from emu.cli.group import start; start()"
    return subprocess.run([sys.executable, "-c", code, "bench", *arguments], capture_output=True, text=True, check=False)


def test_every_file_is_a_question_or_shared():
    found = bench.questions(bench.FOLDER)
    assert sorted([*found, *SHARED]) == FILES
    for module in found.values():
        assert module.QUESTION.endswith("?") and callable(module.measure)


@pytest.mark.parametrize("name, units", [("loops", {"MIPS"}), ("exits", {"exits/s"}), ("hypervisor", {"exits/s"}),
                                         ("scale", {"MIPS", "ms", "MiB"}), ("snapshot", {"ms"})])
def test_a_question_yields_rows_of_the_schema(name, units):
    done = run(name, "--json", "--quick")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["schema"] == "hvlab.bench.1"
    for row in found["rows"]:
        assert set(row) == {"name", "value", "unit", "baseline", "goal", "question"}
        assert row["question"] == name and row["value"] > 0
        assert all(row[key] is None or row[key] > 0 for key in ("baseline", "goal"))
    assert {row["unit"] for row in found["rows"]} == units


@pytest.mark.slow
def test_what_watching_costs_is_reported():
    done = run("debug", "--json", "--quick")
    assert done.returncode == 0, done.stderr
    assert {row["unit"] for row in json.loads(done.stdout)["rows"]} == {"exits/s", "MIPS", "steps/s", "ms", "passes/s"}


@pytest.mark.slow
def test_what_root_and_child_partitions_cost_is_reported():
    done = run("hyperv", "--json", "--quick")
    assert done.returncode == 0, done.stderr
    assert {row["unit"] for row in json.loads(done.stdout)["rows"]} == {"times/s", "cycles", "MIPS"}


def test_the_measuring_kernel_ends_by_itself_under_hvlab_run():
    done = run("anchor", "--json", "--quick")
    assert done.returncode == 0, done.stderr
    names = [row["name"] for row in json.loads(done.stdout)["rows"]]
    assert names[:5] == ["alu", "load", "store", "call", "touch"]


def test_the_table_of_the_documentation_has_its_markers():
    text = (PACKAGE.parent / "docs" / "performance.md").read_text()
    assert text.count("<!-- numbers: begin -->") == text.count("<!-- numbers: end -->") == 1
