"""Software that is not ours, for tests: Debian packages, unpacked in a cache folder, and a kernel that gcc compiles.

Nothing of it is committed.  A machine without the tool fails the test and says which tool is missing.
"""
import os
import shutil
import subprocess
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hvlab" / "packages"
KERNEL = Path(__file__).resolve().parent / "kernel"
FLAGS = ("-O2 -std=gnu11 -ffreestanding -fno-pic -fno-pie -fno-stack-protector -fno-asynchronous-unwind-tables -mno-red-zone "
         "-fcf-protection=none -Wall -Wextra -Werror").split()
LINK = "-nostdlib -static -no-pie -Wl,--build-id=none,-z,max-page-size=4096".split()


class Missing(AssertionError):
    """A tool or a package that the tests need is not there."""


def output(*command, cwd=None):
    """Run a command and return what it printed; raises Missing with what it said when it is not there or fails."""
    if shutil.which(command[0]) is None:
        raise Missing(f"this test needs the command {command[0]}")
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        raise Missing(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def run(*command, cwd=None):
    """Run a command for what it does; raises Missing as `output`."""
    output(*command, cwd=cwd)


def package(name):
    """Return the folder that a Debian package is unpacked in; downloads it the first time."""
    folder = CACHE / name
    if folder.is_dir():
        return folder
    part = CACHE / f"{name}.{os.getpid()}"
    part.mkdir(parents=True)
    try:
        try:
            run("apt-get", "download", name, cwd=part)
        except Missing:
            run("apt-get", "update", "-q")
            run("apt-get", "download", name, cwd=part)
        (file,) = part.glob("*.deb")
        run("dpkg", "-x", file, part / "root")
        if not folder.is_dir():
            (part / "root").rename(folder)
    finally:
        shutil.rmtree(part)
    return folder


def kernel(bits, folder):
    """Compile the multiboot kernel of tests/foreign/kernel for 32-bit or 64-bit mode; returns its path."""
    objects = []
    for source in sorted((*KERNEL.glob("*.c"), *KERNEL.glob("*.S"))):
        target = folder / f"{source.stem}.o"
        # Handlers must leave the SSE registers of the interrupted program alone.
        unit = ["-mgeneral-regs-only"] if source.name != "main.c" else ["-msse2", "-mfpmath=sse"]
        run("gcc", f"-m{bits}", *FLAGS, *unit, "-c", source, "-o", target)
        objects.append(target)
    program = folder / f"kernel{bits}.elf"
    run("gcc", f"-m{bits}", *LINK, f"-Wl,-T,{KERNEL / 'link.ld'}", *objects, "-o", program)
    return program
