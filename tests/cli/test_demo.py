"""`hvlab demo` as a person meets it: a process of its own, firmware to summary."""
import json
import os
import re
import subprocess
import sys

import pytest

HVLAB = [sys.executable, "-c", "from emu.cli import main; main()"]


def hvlab(*arguments, **environment):
    return subprocess.run([*HVLAB, *arguments], capture_output=True, text=True, timeout=300, env=os.environ | environment)


@pytest.fixture(scope="module")
def demo():
    return hvlab("demo", COLUMNS="120")


def test_demo_passes_and_ends_by_itself(demo):
    assert (demo.returncode, demo.stderr.splitlines()[-1]) == (0, "hvlab: the guest ended the run: passed")


@pytest.mark.parametrize("source", ["firmware", "hypervisor", "compute", "probe"])
def test_demo_shows_each_console_under_its_name(demo, source):
    assert re.search(rf"^ *{source} \| \S", demo.stdout, re.MULTILINE)


def test_demo_counts_exits_by_reason(demo):
    rows = dict(re.findall(r"^ ([A-Z_]+) +([\d,]+) +[\d,]+ +[\d.]+% *$", demo.stdout, re.MULTILINE))
    assert {"CPUID", "IO", "EPT_VIOLATION", "VMCALL", "WRMSR", "PREEMPTION_TIMER", "HLT"} <= set(rows)


@pytest.mark.parametrize("name", ["compute", "probe"])
def test_demo_reports_each_partition(demo, name):
    assert re.search(rf"^ {name} +passed +[\d,]+ +\d+ +\d+ +[\d,]+ +[\d,]+ *$", demo.stdout, re.MULTILINE)


@pytest.mark.parametrize("row", [
    "cycles", "instructions", "wall time", "speed", "hypercalls", "injected vectors", "EPT violations"])
def test_demo_totals(demo, row):
    assert re.search(rf"^ {row} +[\d,.]+( s| MIPS)? *$", demo.stdout, re.MULTILINE)


def test_demo_is_short(demo):
    seconds = float(re.search(r"wall time +([\d.]+) s", demo.stdout)[1])
    assert seconds < 10


def test_no_color_in_a_pipe_and_colour_when_forced(demo):
    assert "\x1b[" not in demo.stdout
    forced = {"FORCE_COLOR": "1", "TERM": "xterm-256color"}
    colour = re.compile(r"\x1b\[[0-9;]*3[0-7]m")
    assert colour.search(hvlab("demo", **forced).stdout)
    assert not colour.search(hvlab("demo", NO_COLOR="1", **forced).stdout)


def test_demo_repeats_to_the_cycle_and_counts_alike():
    first, second = (json.loads(hvlab("demo", "--json").stdout) for _ in (0, 1))
    for result in (first, second):
        del result["wall_seconds"], result["mips"]
    assert first == second
    assert sum(row["exits"] for row in first["partitions"]) == sum(row["count"] for row in first["exits"])
    assert sum(row["hypercalls"] for row in first["partitions"]) == first["hypercalls"]
    assert sum(row["injected"] for row in first["partitions"]) == first["injected"]
    assert sum(row["ept_violations"] for row in first["partitions"]) == first["ept_violations"]


def test_demo_stops_at_its_budget_with_5():
    done = hvlab("demo", "--max-cycles", "1M")
    assert (done.returncode, done.stderr.splitlines()[-1][:34]) == (5, "hvlab: the cycle budget is used up")


@pytest.mark.slow
def test_second_process_that_dies_costs_time_only(tmp_path):
    """Nothing is cached, the second process cannot start: the units compile in this one."""
    code = ("import sys; sys.executable = '/bin/false'; from emu.core import build; build.UNITS = ('emu.core.fast', 'emu.core.block');"
            "build.BIG = 'emu.core.block'; build._addresses = lambda modules: modules; print(sorted(build.entries()))")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300,
                          env=os.environ | {"XDG_CACHE_HOME": str(tmp_path)})
    assert (done.stdout, done.stderr) == ("['block', 'fast']\n", "")
