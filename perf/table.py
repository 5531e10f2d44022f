"""Rewrite the table of docs/performance.md: measures every question, or takes `hvlab bench --json` from a file.

    python perf/table.py                 measure, then rewrite the part between the markers
    python perf/table.py numbers.json "Taken on a busy computer."      the same from numbers measured before, with a remark
"""
import json
import os
import subprocess
import sys
from pathlib import Path

from measuring import HERE, QEMU, number

PAGE = HERE.parent / "docs" / "performance.md"
BEGIN, END = "<!-- numbers: begin -->", "<!-- numbers: end -->"
AT_MOST = ("s", "ns", "ms", "MiB")                       # units whose goals are upper bounds


def processor():
    """Return the name of the host's processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return "unknown processor"


def qemu_version():
    """Return the version of QEMU beside, or None."""
    try:
        text = subprocess.run([QEMU, "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    return text.split("version ", 1)[1].split()[0]


def goal_text(row):
    """Return the goal of a row and whether it is met."""
    if row["goal"] is None:
        return ""
    at_most = row["unit"] in AT_MOST
    met = row["value"] <= row["goal"] if at_most else row["value"] >= row["goal"]
    return f"{'at most' if at_most else 'at least'} {number(row['goal'])}: {'met' if met else 'not met'}"


def lines(rows, texts, remark):
    """Yield the lines of the generated part."""
    yield f"Measured on: {processor()}, {os.cpu_count()} processors."
    yield remark
    version = qemu_version()
    if version:
        yield f"QEMU {version}, TCG, one thread, in the same run."
    for question, text in texts.items():
        mine = [row for row in rows if row["question"] == question]
        if not mine:
            continue
        yield from ("", f"### {text}", "", f"`hvlab bench {question}`", "", "| | value | | baseline | ratio | goal |",
                    "|---|---:|---|---:|---:|---|")
        for row in mine:
            base, ratio = (number(row["baseline"]), f"{row['value'] / row['baseline']:.2f}") if row["baseline"] else ("", "")
            yield f"| {row['name']} | {number(row['value'])} | {row['unit']} | {base} | {ratio} | {goal_text(row)} |"


def main(path=None, remark=""):
    """Rewrite the page."""
    from emu.cli.commands import bench
    if path:
        text = Path(path).read_text()
    else:
        remark = remark or f"Load average before: {os.getloadavg()[0]:.1f}."
        command = [sys.executable, "-c", "from emu.cli.group import start; start()", "bench", "--json"]
        text = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    texts = {name: module.QUESTION for name, module in bench.questions(HERE).items()}
    before, _, rest = PAGE.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text("\n".join([before + BEGIN, *lines(json.loads(text)["rows"], texts, remark), END]) + after)


if __name__ == "__main__":
    main(*sys.argv[1:])
