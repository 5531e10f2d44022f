"""What the questions of perf/ share: the measuring kernel, rates taken by turns, other programs beside this one.

The machine and its baselines are measured by turns in one run, each `ROUNDS` times for about `SECONDS`, and the best of
each is kept: other work on the computer only ever makes a round slower.
"""
import json
import shutil
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path

from emu.asm import assemble

HERE = Path(__file__).resolve().parent
MEMORY_BYTES = 128 << 20
ROUNDS, SECONDS, WARM = 5, 0.2, 3
QEMU = "qemu-system-x86_64"
QUICK = 1_000                                                       # `hurry` divides counts by this
_divisor = [1]
# Instructions for each count of a loop without exits.  touch: four for each of 4,096 pages, and four.
INSTRUCTIONS = {"alu": 9, "load": 5, "store": 5, "call": 4, "touch": 4 * 4096 + 4}


def hurry():
    """Make every measurement as short as it can be, for tests."""
    globals().update(ROUNDS=1, SECONDS=0.0, WARM=1)
    _divisor[0] = QUICK


def times(count):
    """Return how often to do what takes a fixed count."""
    return max(1, count // _divisor[0])


@cache
def kernel():
    """Return the Assembly of the measuring kernel (perf/kernel): a multiboot image, command line `LOOP COUNT REPEATS ...`."""
    return assemble(HERE / "kernel")


def write_kernel(folder):
    """Write the measuring kernel into a folder; returns its path."""
    path = Path(folder) / "kernel.multiboot"
    path.write_bytes(kernel().code)
    return path


def place(loop):
    """Return the measuring kernel as an Image that runs a loop without end."""
    from emu import image
    with tempfile.TemporaryDirectory() as folder:
        return image.load(write_kernel(folder), MEMORY_BYTES, f"{loop} 0 0")


class Running:
    """A machine that runs without end, measured a slice at a time."""

    def __init__(self, machine):
        self.machine = machine
        for _ in range(WARM):
            self.slice()

    def slice(self):
        """Run about 20 million cycles; returns (seconds, instructions, VM entries, VM exits)."""
        cpus = self.machine.cpu
        before = [self._sum(cpus, name) for name in ("instructions", "entries", "exits")]
        start = time.perf_counter()
        self.machine.run(pause=lambda: True)
        seconds = time.perf_counter() - start
        if self.machine.record[0].stop:
            raise RuntimeError(f"the measured loop ended by itself (stop {int(self.machine.record[0].stop)})")
        return seconds, *(self._sum(cpus, name) - old for name, old in zip(("instructions", "entries", "exits"), before, strict=True))

    @staticmethod
    def _sum(cpus, name):
        return sum(int(c[name].sum()) for c in cpus)

    def rate(self, column, seconds=None):
        """Return how many of a column of `slice` pass in a second; the best slice of about `seconds`."""
        end, best = time.perf_counter() + (SECONDS if seconds is None else seconds), 0.0
        while True:
            row = self.slice()
            best = max(best, row[column] / row[0])
            if time.perf_counter() >= end:
                return best

    def mips(self):
        """Return millions of instructions a second."""
        return self.rate(1) / 1e6

    def entries(self):
        """Return VM entries, which are exit round trips, a second."""
        return self.rate(2)


def running(loop):
    """Return a Running machine in a loop of the measuring kernel."""
    from emu.machine import Config, Machine
    machine = Machine(Config(memory_bytes=MEMORY_BYTES))
    machine.load(place(loop))
    return Running(machine)


def partitions(label, count=1, processors=1):
    """Return a Running machine whose hypervisor runs `count` partitions that are entered at a label of guests/partition.s."""
    from dataclasses import replace

    from emu import image
    from emu.machine import Config, Machine, partition
    memory = 4 << 20
    guest = assemble(HERE / "guests" / "partition.s")
    placed = image.of_assembly(guest, memory)
    placed = replace(placed, entry=replace(placed.entry, rip=guest.labels[label]))
    machine = Machine(Config(memory_bytes=MEMORY_BYTES + count * (8 << 20), processors=processors))
    machine.load_partitions([partition.Partition(name=f"{label[:9]} {n}", image=placed, enlightened=True) for n in range(count)])
    return Running(machine)


class Worker:
    """A program of perf/ in a process of its own: a line in, a number out.  For engines that must not see ours."""

    def __init__(self, name):
        self.process = subprocess.Popen([sys.executable, HERE / f"{name}.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self, *question):
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"{self.process.args[1]} ended with {self.process.wait()}")
        return json.loads(answer)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def serve(answer):
    """Answer the questions of a Worker until it closes."""
    for line in sys.stdin:
        print(json.dumps(answer(*json.loads(line))), flush=True)


def by_turns(*measures):
    """Call each measure in turn, ROUNDS times; returns the best of each."""
    best = [0.0] * len(measures)
    for _ in range(ROUNDS):
        for number, measure in enumerate(measures):
            best[number] = max(best[number], measure())
    return best


def between_lines(command):
    """Run a program whose guest writes `BEGIN name` and `END name` lines; returns {name: shortest seconds between the two}."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    found, began = {}, 0.0
    for line in child.stdout:
        now = time.perf_counter()
        if line.startswith(b"BEGIN "):
            began = now
        elif line.startswith(b"END "):
            name = line.split()[1].decode()
            found[name] = min(found.get(name, now - began), now - began)
    child.stdout.close()
    child.wait()
    return found


def qemu(loop, count, repeats=3):
    """Return the counts a second that QEMU TCG reaches in a loop of the measuring kernel, None where it is not installed."""
    if not shutil.which(QEMU):
        return None
    count = times(count)
    with tempfile.TemporaryDirectory() as folder:
        command = [QEMU, "-M", "pc", "-m", str(MEMORY_BYTES >> 20), "-smp", "1", "-display", "none", "-nodefaults", "-no-reboot",
                   "-serial", "stdio", "-device", "isa-debug-exit,iobase=0xf4,iosize=0x4", "-accel", "tcg,thread=single",
                   "-cpu", "max,+svm", "-kernel", write_kernel(folder), "-append", f"{loop} {count} {repeats}"]
        found = between_lines(command)
    return count / found[loop] if loop in found else None


def main(measure):
    """Print the rows of a question, for `python perf/NAME.py`."""
    for name, value, unit, baseline, goal in measure():
        text = f"{name:34} {number(value):>14} {unit}"
        text += f"   baseline {number(baseline)}: {value / baseline:.2f}x" if baseline else ""
        text += f"   goal {number(goal)}" if goal else ""
        print(text, flush=True)


def number(value):
    """Return a value with three or more digits."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
