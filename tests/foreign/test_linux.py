"""Debian's Linux kernel boots to a busybox shell: on the bare machine, on two processors, as the guest of a partition."""
import re

import pytest

from emu import image
from emu.bits import MIB
from emu.machine.partition import Partition
from tests.foreign import linux

pytestmark = pytest.mark.slow
MEMORY, BUDGET = 256, 30_000_000_000
# What the kernel says of every machine, or of hardware that this one does not have.
USUAL = re.compile(r"use .pci=nocrs. and report a bug|i8042: probe of i8042 failed|^ *ERR:|RAS: Correctable Errors collector|"
                   r"tsc: Marking TSC unstable due to running on Hyper-V")
COMPLAINT = re.compile(r"\bwarn|\bbug\b|error|fail|unhandled|unchecked|call trace|panic:|lockup|unstable|doesn't work|not work",
                       re.IGNORECASE)


def boot(machine, folder, place="bare", processors=1):
    """Boot the kernel with the initial RAM disk until it powers off; returns (machine, Result, console text)."""
    unit = machine(memory_mib=MEMORY + (48 if place == "partition" else 0), processors=processors)
    loaded = image.load(linux.kernel(), MEMORY * MIB, linux.CONSOLE, (str(linux.initrd(folder)),))
    (unit.load_partition if place == "partition" else unit.load)(loaded)
    result = unit.run(max_cycles=BUDGET)
    return unit, result, unit.text.decode("latin-1").replace("\r", "")


def check(text, processors, clock):
    """Fail unless the shell script ran to its end and the kernel complained of nothing that is ours."""
    for line in (f"processors: {processors}", f"clock: {clock}", "counted: 200", f"{linux.SHA256}  -", "slept: 1", "end of the shell",
                 f"command line: {linux.CONSOLE}"):
        assert line in text.splitlines(), (line, text[-3000:])
    assert "reboot: Power down" in text
    interrupts = re.search(r"^ *4:(.*)ttyS0", text, re.MULTILINE)
    assert interrupts and sum(map(int, re.findall(r"\b\d+\b", interrupts[1].split("IO-APIC")[0]))) > 5, text[-3000:]
    complaints = [line for line in text.splitlines() if COMPLAINT.search(line) and not USUAL.search(line)]
    assert not complaints, complaints


def test_kernel_on_the_bare_machine_the_same_each_time(machine, tmp_path):
    digests = set()
    for _ in range(2):
        unit, result, text = boot(machine, tmp_path)
        assert result.reason == "POWER_OFF"
        check(text, 1, "tsc")
        digests.add((unit.digest(), result.cycles))
    assert len(digests) == 1


def test_kernel_on_two_processors(machine, tmp_path):
    _, result, text = boot(machine, tmp_path, processors=2)
    assert result.reason == "POWER_OFF" and "smp: Brought up 1 node, 2 CPUs" in text
    check(text, 2, "tsc")


def test_kernel_as_the_guest_of_a_partition(machine, tmp_path):
    unit, result, text = boot(machine, tmp_path, "partition")
    assert (result.reason, result.exit_code) == ("EXIT_CODE", 0) and result.partitions[0].state == "ended"
    assert "Hypervisor detected: Microsoft Hyper-V" in text and "Hyper-V: Using enlightened APIC" in text
    assert "Hyper-V: Using IPI hypercalls" in text and "Hyper-V: Using hypercall for remote TLB flush" in text
    check(text, 1, "hyperv_clocksource_tsc_page")
    ticks = re.search(r"^HVS: +(\d+) +Hyper-V stimer0 interrupts", text, re.MULTILINE)
    assert ticks and int(ticks[1]) > 100, text[-3000:]
    assert result.exits and unit.cpu[0].entries > 10_000


def test_kernel_as_the_guest_of_a_partition_of_two_processors(machine, tmp_path):
    unit = machine(memory_mib=MEMORY + 48, processors=2)
    loaded = image.load(linux.kernel(), MEMORY * MIB, linux.CONSOLE, (str(linux.initrd(tmp_path)),))
    unit.load_partitions([Partition(name="two", image=loaded, enlightened=True, processors=2)])
    result = unit.run(max_cycles=2 * BUDGET)
    text = unit.text.decode("latin-1").replace("\r", "")
    assert (result.reason, result.exit_code) == ("EXIT_CODE", 0) and "smp: Brought up 1 node, 2 CPUs" in text, text[-3000:]
    check(text, 2, "hyperv_clocksource_tsc_page")


@pytest.mark.parametrize("place", ["bare", "partition"])
def test_shell_answers_what_is_typed(machine, tmp_path, place):
    unit = machine(memory_mib=MEMORY + (48 if place == "partition" else 0))
    loaded = image.load(linux.kernel(), MEMORY * MIB, linux.CONSOLE, (str(linux.initrd(tmp_path, linux.SHELL)),))
    (unit.load_partition if place == "partition" else unit.load)(loaded)
    typed = [(b"# ", b"echo answer $((6 * 7))\n"), (b"answer 42\r\n", b"busybox poweroff -f\n")]

    def answer():
        if typed and typed[0][0] in unit.text:
            unit.console_input(typed.pop(0)[1])
    result = unit.run(max_cycles=BUDGET, pause=answer)
    text = unit.text.decode("latin-1").replace("\r", "")
    assert not typed and "reboot: Power down" in text, text[-2000:]
    assert re.search(r"echo answer \$\(\(6 \* 7\)\)\nanswer 42\n", text), text[-2000:]
    assert result.reason == ("EXIT_CODE" if place == "partition" else "POWER_OFF")
