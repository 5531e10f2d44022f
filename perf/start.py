"""From the command to the first output and to the end: with an empty kernel cache, with a full one, and how much memory.

Each run is a process of its own, started and watched by a small one, since Linux counts what a process held before it
became another program.
"""
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import measuring
from measuring import write_kernel

QUESTION = "How long does a start take, cold and warm, and how much memory?"
COLD_SECONDS, WARM_SECONDS, DEMO_SECONDS, HELP_SECONDS = 40, 0.8, 10, 0.15             # goals: at most
WARM_RUNS = 5
WATCH = """
import os, sys
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=[
    (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0), (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0)])
_, status, used = os.wait4(child, 0)
print(os.waitstatus_to_exitcode(status), used.ru_maxrss, used.ru_utime + used.ru_stime)
"""


def run(cache, *arguments):
    """Run `hvlab` with a cache folder; returns (exit code, seconds, bytes resident at most, seconds of processor time)."""
    command = [sys.executable, "-S", "-c", WATCH, sys.executable, "-c", "from emu.cli.group import start; start()", *map(str, arguments)]
    began = time.perf_counter()
    done = subprocess.run(command, env=os.environ | {"XDG_CACHE_HOME": str(cache)}, capture_output=True, text=True, check=True)
    code, kilobytes, used = done.stdout.split()
    return int(code), time.perf_counter() - began, int(kilobytes) << 10, float(used)


def median(cache, *arguments):
    """Return what `run` does, each number the median of WARM_RUNS."""
    return tuple(map(statistics.median, zip(*(run(cache, *arguments) for _ in range(WARM_RUNS)), strict=True)))


def measure():
    """Yield rows (name, value, unit, baseline, goal); goals are at most."""
    with tempfile.TemporaryDirectory() as folder:
        kernel = write_kernel(folder)
        small = ("run", kernel, "--append", "alu 1 1", "--memory", f"{measuring.MEMORY_BYTES >> 20}M")
        code, seconds, *_ = run(folder, *small)
        if code:
            raise RuntimeError(f"hvlab {small[0]} ended with exit code {code}")
        yield "hvlab run, kernels compiled", seconds, "s", None, COLD_SECONDS
        _, seconds, taken, used = median(folder, *small)
        yield "hvlab run, warm", seconds, "s", None, WARM_SECONDS
        yield "hvlab run, warm, processor", used, "s", None, None
        yield "hvlab run, memory", taken / (1 << 20), "MiB", None, None
        _, seconds, _, used = median(folder, "--help")
        yield "hvlab --help", seconds, "s", None, HELP_SECONDS
        yield "hvlab --help, processor", used, "s", None, None
        code, seconds, taken, _ = median(folder, "demo")
        if code == 0:
            yield "hvlab demo, warm", seconds, "s", None, DEMO_SECONDS
            yield "hvlab demo, memory", taken / (1 << 20), "MiB", None, None
        held = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
        yield "kernel cache", held / (1 << 20), "MiB", None, None


if __name__ == "__main__":
    measuring.main(measure)
