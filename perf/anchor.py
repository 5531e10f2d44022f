"""The measuring kernel as people run it: `hvlab run IMAGE`, timed from outside by the lines of its serial port.

Beside it the same image under QEMU TCG, which has no VMX: its exits are SVM's.  The serial port is read every
20 million cycles, so the counts make each loop last half a second and more.
"""
import sys
import tempfile

import measuring
from measuring import INSTRUCTIONS, between_lines, write_kernel

QUESTION = "How fast is the measuring kernel under `hvlab run`, by its serial lines?"
COUNTS = {"alu": 200_000_000, "load": 100_000_000, "store": 100_000_000, "call": 50_000_000, "touch": 10_000,
          "cpuid": 500_000, "cpuid-ept": 500_000, "cpuid-full": 500_000, "vmcall": 500_000}
QEMU = {"alu": ("alu", 200_000_000), "load": ("load", 100_000_000), "store": ("store", 100_000_000), "call": ("call", 50_000_000),
        "touch": ("touch", 1_000), "cpuid": ("svm", 50_000)}
REPEATS = 3


def rates(path):
    """Return {loop: counts a second} of one run; the best of REPEATS."""
    counts = {loop: measuring.times(count) for loop, count in COUNTS.items()}
    line = " ".join(f"{loop} {count} {REPEATS}" for loop, count in counts.items())
    command = [sys.executable, "-c", "from emu.cli.group import start; start()", "run", path,
               "--memory", f"{measuring.MEMORY_BYTES >> 20}M", "--append", line]
    found = between_lines(command)
    if found.keys() != counts.keys():
        raise RuntimeError(f"hvlab run wrote END lines of {', '.join(found) or 'no loop'}, not of {', '.join(counts)}")
    return {loop: counts[loop] / found[loop] for loop in counts}


def measure():
    """Yield rows (name, value, unit, baseline, goal); the baseline is QEMU, where it is installed."""
    with tempfile.TemporaryDirectory() as folder:
        found = rates(write_kernel(folder))
    for loop, rate in found.items():
        beside = measuring.qemu(*QEMU[loop]) if loop in QEMU else None
        factor, unit = (INSTRUCTIONS[loop] / 1e6, "MIPS") if loop in INSTRUCTIONS else (1, "exits/s")
        yield loop, rate * factor, unit, beside and beside * factor, None


if __name__ == "__main__":
    measuring.main(measure)
