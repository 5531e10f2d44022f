"""Debian's cloud kernel and an initial RAM disk of Debian's static busybox, for tests and measurements."""
import re

from tests.foreign import foreign

KERNEL = "linux-image-cloud-amd64"
CONSOLE = "console=ttyS0,115200 panic=-1"
DIRECTORY, DEVICE, PROGRAM, LINK = 0o40755, 0o20600, 0o100755, 0o120777
INIT = """#!/bin/sh
PATH=/bin
busybox mkdir -p /proc /sys /dev
busybox mount -t proc proc /proc
busybox mount -t sysfs sys /sys
busybox mount -t devtmpfs dev /dev
echo "shell: $(busybox uname -sm)"
echo "processors: $(busybox grep -c ^processor /proc/cpuinfo)"
echo "clock: $(busybox cat /sys/devices/system/clocksource/clocksource0/current_clocksource)"
echo "command line: $(busybox cat /proc/cmdline)"
busybox grep -E "ttyS0|LOC|HVS" /proc/interrupts
i=0
while [ $i -lt 200 ]; do i=$((i + 1)); done
echo "counted: $i"
busybox seq 1 2000 | busybox sha256sum
before=$(busybox cut -d. -f1 /proc/uptime)
busybox sleep 1
echo "slept: $(($(busybox cut -d. -f1 /proc/uptime) - before))"
busybox stty -F /dev/ttyS0 >/dev/null
echo "end of the shell"
busybox sleep 1
busybox poweroff -f
"""
SHELL = """#!/bin/sh
PATH=/bin
exec busybox sh
"""
SHA256 = "6251e5743b6fd6a7d606130bdf7c15077ce85ebd3a0fdee284d15a46df199e38"      # seq 1 2000 | sha256sum


def kernel():
    """Return the path of the newest cloud kernel that Debian offers here."""
    depends = foreign.output("apt-cache", "depends", KERNEL)
    (name,) = re.findall(r"Depends: (linux-image-\S+)", depends)
    (path,) = (foreign.package(name) / "boot").glob("vmlinuz-*")
    return path


def _entry(number, name, mode, data=b"", device=(0, 0)):
    """Return a file in the cpio format "newc" (Linux: Documentation/driver-api/early-userspace/buffer-format.rst)."""
    path = name.encode() + b"\0"
    fields = number, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(path), 0
    head = b"070701" + "".join(f"{field:08x}" for field in fields).encode() + path
    return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)


def initrd(folder, init=INIT):
    """Write an initial RAM disk whose first program is the shell script `init`; returns its path."""
    busybox = (foreign.package("busybox-static") / "bin" / "busybox").read_bytes()
    files = [("bin", DIRECTORY), ("dev", DIRECTORY), ("dev/console", DEVICE, b"", (5, 1)), ("bin/busybox", PROGRAM, busybox),
             ("bin/sh", LINK, b"busybox"), ("init", PROGRAM, init.encode()), ("TRAILER!!!", 0)]
    path = folder / "initrd"
    path.write_bytes(b"".join(_entry(number, *file) for number, file in enumerate(files)))
    return path
