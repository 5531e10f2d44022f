"""How long does the work take that people do inside Linux, beside QEMU TCG in the same run?

    python perf/load.py             downloads the kernel and busybox with apt-get the first time

One script of busybox without a sleep in it, for a sleep is real time under QEMU and no time here.  It prints a mark before each
part; a part's seconds are those between two marks on the serial line.
"""
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import measuring
from measuring import HERE, QEMU

sys.path.insert(0, str(HERE.parent))
from tests.foreign import foreign, linux  # noqa: E402

QUESTION = "How long does the work take that people do inside Linux?"
MEMORY, MARK = "256M", "mark: "
PARTS = {
    "fork, exec, exit, 1,000 times": "i=0; while [ $i -lt 1000 ]; do /bin/busybox true; i=$((i + 1)); done",
    "dd 32 MiB of zeros to sha256sum": "busybox dd if=/dev/zero bs=1M count=32 2>/dev/null | busybox sha256sum",
    "seq 400,000 to gzip": "busybox seq 1 400000 | busybox gzip | busybox wc -c",
    "seq 100,000, sort -r, md5sum": "busybox seq 1 100000 | busybox sort -r | busybox md5sum",
    "400 small files made, found, removed": "busybox mkdir /d; i=0; while [ $i -lt 400 ]; do echo $i > /d/$i; i=$((i + 1)); done; "
                                            "busybox find /d -name '*7' | busybox wc -l; busybox rm -r /d",
    "a shell loop of 100,000": "i=0; while [ $i -lt 100000 ]; do i=$((i + 1)); done",
}
BOOT, END = "start to init", "end"
ROUNDS = 5


def script():
    """Return the first program of the initial RAM disk."""
    lines = ["#!/bin/sh", "PATH=/bin", f"echo '{MARK}{BOOT}'", "busybox mkdir -p /proc /dev", "busybox mount -t proc proc /proc",
             "busybox mount -t devtmpfs dev /dev"]
    for name, work in PARTS.items():
        lines += [work, f"echo '{MARK}{name}'"]
    written = "busybox stty -echo"                         # its tcsetattr(TCSADRAIN) waits until the line has sent everything
    return "\n".join([*lines, f"echo '{MARK}{END}'", written, "busybox poweroff -f", ""])


def once(command):
    """Run a command to its end; returns {part: seconds to its mark since the one before}."""
    last, found = time.perf_counter(), {}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace") as process:
        for line in process.stdout:
            if MARK in line and "echo" not in line:
                now = time.perf_counter()
                found[line.split(MARK, 1)[1].strip()], last = now - last, now
    if process.returncode or END not in found:
        raise SystemExit(f"{command[0]} ended with {process.returncode} {'after' if END in found else 'without'} its last mark")
    del found[END]
    return dict(found, all=sum(found.values()))


def commands(kernel, initrd):
    """Return {name: (command, name of its baseline)}."""
    qemu = (QEMU, "-cpu", "max", "-m", MEMORY, "-kernel", kernel, "-initrd", initrd, "-append", linux.CONSOLE, "-nographic", "-no-reboot")
    run = (sys.executable, "-c", "from emu.cli import main; main()", "run", kernel, "--module", initrd, "--append", linux.CONSOLE,
           "--memory", MEMORY, "--max-cycles", "200G")
    found = {"QEMU TCG": ((*qemu, "-accel", "tcg,thread=single"), None),
             "QEMU TCG, 2 processors, a thread each": ((*qemu, "-accel", "tcg,thread=multi", "-smp", "2"), None),
             "bare": (run, "QEMU TCG"), "partition": ((*run, "--as", "partition"), "QEMU TCG"),
             "2 processors": ((*run, "--smp", "2"), "QEMU TCG")}
    return found if shutil.which(QEMU) else {name: (command, None) for name, (command, base) in found.items() if "QEMU" not in name}


def measure():
    """Yield rows (name, value, unit, baseline, goal): medians of seconds, all by turns; the baseline is QEMU TCG's with one thread."""
    rounds = measuring.times(ROUNDS)
    with tempfile.TemporaryDirectory() as folder:
        try:
            kernel, initrd = str(linux.kernel()), str(linux.initrd(Path(folder), script()))
        except foreign.Missing as missing:
            print(f"The load is not measured: {missing}", file=sys.stderr)
            return
        asked = commands(kernel, initrd)
        found: dict = {name: [] for name in asked}
        for _ in range(rounds):
            for name, (command, _) in asked.items():
                found[name].append(once(command))
    middle = {name: {part: statistics.median(run[part] for run in runs) for part in runs[0]} for name, runs in found.items()}
    for name, (_, base) in asked.items():
        for part, seconds in middle[name].items():
            yield f"{name}: {part}", seconds, "s", middle[base][part] if base else None, None
        spread = [run["all"] for run in found[name]]
        yield f"{name}: spread of {rounds}", max(spread) - min(spread), "s", None, None


if __name__ == "__main__":
    measuring.main(measure)
