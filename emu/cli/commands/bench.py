"""`hvlab bench`: the questions of perf/, measured now, each beside its baseline.

Each file of perf/ that has `QUESTION` (a sentence) and `measure()` is one; `measure` yields rows
(name, value, unit, baseline, goal), baseline and goal None where there is none.  What they share is perf/measuring.py.
"""

import importlib.util
import re
import sys
from pathlib import Path

import click
import msgspec
from rich.table import Table

from emu.cli import report
from emu.cli.console import echo, made, stderr
from emu.errors import ConfigError
from emu.kernel_cache import PACKAGE

INSTALLED = PACKAGE / "sources" / "perf"
FOLDER = INSTALLED if INSTALLED.is_dir() else PACKAGE.parent / "perf"
NEEDS_TESTS = re.compile(r"^from tests\b", re.MULTILINE)   # these guests are made by tests/, which is not installed


def questions(folder):
    """Return {name: module} of the files of perf/ that measure something, and can where they lie."""
    if not folder.is_dir():
        raise ConfigError(f"{folder}: no such folder: the questions of the benchmark are neither inside the package nor beside it")
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))                    # they import each other, as they do when run alone
    found = {}
    for path in sorted(Path(folder).glob("*.py")):
        text = path.read_text()
        if not re.search(r"^QUESTION = ", text, re.MULTILINE):
            continue
        if NEEDS_TESTS.search(text) and not (folder.parent / "tests").is_dir():
            continue
        spec = importlib.util.spec_from_file_location(f"perf.{path.stem}", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        if hasattr(module, "QUESTION") and hasattr(module, "measure"):
            found[path.stem] = module
    return found


def _number(value):
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.3g}"


def _table(title, rows):
    table = Table(title=title, title_justify="left")
    for name in ("", "value", "unit", "baseline", "ratio", "goal"):
        table.add_column(name, justify="left" if name in ("", "unit") else "right")
    for name, value, unit, baseline, goal in rows:
        ratio = f"{value / baseline:.2f}x" if baseline else ""
        table.add_row(name, _number(value), unit, _number(baseline), ratio, _number(goal))
    return table


@click.command("bench")
@click.argument("names", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Write the numbers as one JSON object to standard output.")
@click.option("--quick", is_flag=True, help="One short round each: shows that everything runs, the numbers mean nothing.")
@click.option("--list", "only_list", is_flag=True, help="List the benchmarks.")
def command(names, as_json, quick, only_list):
    """Measure how fast the machine is, beside baselines taken in the same run.

    NAMES are files of perf/, without .py; all of them when none is given.

    \b
    Examples:
      hvlab bench --list
      hvlab bench exits loops --json
    """
    found = questions(FOLDER)
    unknown = [name for name in names if name not in found]
    if unknown:
        raise click.UsageError(f"no benchmark {unknown[0]!r}: must be one of {', '.join(found) or 'none'}")
    chosen = {name: found[name] for name in names or found}
    if only_list:
        for name, module in chosen.items():
            echo(f"{name:16} {module.QUESTION}")
        return 0
    if quick:
        importlib.import_module("measuring").hurry()
    results, console = [], made()
    for name, module in chosen.items():
        stderr().print(f"hvlab: {name}: {module.QUESTION}")
        rows = [tuple(row) for row in module.measure()]
        results += [
            dict(zip(("name", "value", "unit", "baseline", "goal"), row, strict=True), question=name) for row in rows
        ]
        if not as_json:
            console.print(_table(module.QUESTION, rows))
    if as_json:
        report.write_json(
            msgspec.json.format(msgspec.json.encode(dict(schema="hvlab.bench.1", rows=results)), indent=2)
        )
    return 0
