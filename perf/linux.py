"""How long does Debian's Linux kernel take to a busybox shell and off again, beside QEMU TCG in the same run?

    python perf/linux.py            downloads the kernel and busybox with apt-get the first time
"""
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import measuring
from measuring import HERE, QEMU

sys.path.insert(0, str(HERE.parent))
from tests.foreign import foreign, linux  # noqa: E402

QUESTION = "How long does Linux take to a shell?"
MEMORY, END = "256M", "end of the shell"


def boot(*command):
    """Run a command until it ends; returns the seconds to the end of the shell."""
    started, shell = time.perf_counter(), None
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace") as process:
        for line in process.stdout:
            if END in line and shell is None:
                shell = time.perf_counter() - started
    if process.returncode or shell is None:
        raise SystemExit(f"{command[0]} ended with {process.returncode} {'without' if shell is None else 'after'} the shell")
    return shell


def child(processors, kernel, initrd):
    """Boot as a child that the root partition creates, the devices of its host in this process; prints what the serial line says."""
    from emu import image
    from emu.bits import MIB
    from emu.machine.partition import assembled
    from emu.manage.disk import kernel_disk
    from emu.manage.root import LOOK_CYCLES, Root
    memory, loader = 256 * MIB, 0x7C00
    disk = kernel_disk(image.load(kernel, memory, linux.CONSOLE, (initrd,)))
    root = Root(memory)
    base = root.command("CREATE", 0, memory, processors)
    root.place(base + loader, assembled("firmware/loader").code)
    root.command("START", 0, loader)
    while True:
        root.run(LOOK_CYCLES)
        while root.serial:
            sys.stdout.buffer.write(root.serial.popleft()[1])
        sys.stdout.flush()
        while root.said:
            told = root.said.popleft()
            if told.kind != "DISK":
                return 0 if (told.kind, told.values) == ("ENDED", (0,)) else 1
            sector, count, address, _ = told.values
            root.place(base + address, disk[sector * 512:(sector + count) * 512])
            root.command("DISK_DONE", 0, 0)


def measure():
    """Yield rows (name, value, unit, baseline, goal): seconds to the end of the shell; the baseline is QEMU TCG's."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            kernel, initrd = str(linux.kernel()), str(linux.initrd(Path(folder)))
        except foreign.Missing as missing:
            print(f"Linux is not measured: {missing}", file=sys.stderr)
            return
        qemu = (QEMU, "-accel", "tcg,thread=single", "-cpu", "max", "-m", MEMORY, "-kernel", kernel, "-initrd", initrd, "-append",
                linux.CONSOLE, "-nographic", "-no-reboot")
        base = {smp: boot(*qemu, "-smp", smp) if shutil.which(QEMU) else None for smp in "12"}
        run = (sys.executable, "-c", "from emu.cli import main; main()", "run", kernel, "--module", initrd, "--append", linux.CONSOLE,
               "--memory", MEMORY, "--max-cycles", "60G")
        yield "to the shell's end, bare machine", boot(*run), "s", base["1"], None
        yield "the same, two processors", boot(*run, "--smp", "2"), "s", base["2"], None
        yield "the same, guest of hv", boot(*run, "--as", "partition"), "s", base["1"], None
        for smp, words in (("1", "one processor"), ("2", "two processors")):
            seconds = boot(sys.executable, __file__, "child", smp, kernel, initrd)
            yield f"the same, child of the root partition, {words}", seconds, "s", base[smp], None


if __name__ == "__main__":
    if sys.argv[1:2] == ["child"]:                         # of `measure`
        raise SystemExit(child(int(sys.argv[2]), *sys.argv[3:]))
    measuring.main(measure)
