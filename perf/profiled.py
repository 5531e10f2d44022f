"""Run a loop of the measuring kernel under a profiler: writes /tmp/perf-PID.map, so that `perf` can name compiled kernels.

    perf record -e cpu-clock -F 5000 -g python perf/profiled.py cpuid 5
    perf report --no-children --sort symbol -g none
"""
import os
import sys
import time
from pathlib import Path


def short(name):
    """Return the readable part of a numba symbol: module and function."""
    for lead in ("cfunc._ZN", "_ZN"):
        if name.startswith(lead):
            rest, parts = name[len(lead):], []
            while rest[:1].isdigit():
                digits = len(rest) - len(rest.lstrip("0123456789"))
                size = int(rest[:digits])
                parts.append(rest[digits:digits + size])
                rest = rest[digits + size:]
            return ("C " if lead[0] == "c" else "") + ".".join(parts).replace("_2e", ".")
    return name


def write_map():
    """Write the map that `perf report` reads."""
    from emu.core import native
    from emu.jit import Entry
    lines = []
    for module in [m for name, m in sys.modules.items() if name.startswith("emu.")]:
        for compiled in [v for v in vars(module).values() if isinstance(v, Entry)]:
            lines += [f"{address:x} {size:x} {short(name)}" for name, address, size in compiled.functions]
    stubs = sorted((address, name) for name, address in native.install_addresses().items())
    for (address, name), (after, _) in zip(stubs, [*stubs[1:], (stubs[-1][0] + 64, "")], strict=True):
        lines.append(f"{address:x} {min(after - address, 4096):x} stub {name}")
    Path(f"/tmp/perf-{os.getpid()}.map").write_text("\n".join(lines) + "\n")


def main(loop, seconds):
    """Run a loop for about `seconds`."""
    from measuring import running
    machine = running(loop)
    write_map()
    end = time.perf_counter() + float(seconds)
    while time.perf_counter() < end:
        machine.slice()


if __name__ == "__main__":
    main(*sys.argv[1:])
