"""Software that is not written for this machine runs on it, and as the guest of a partition: memtest86+, a kernel of gcc.

Memtest86+ waits, in its bit fade test, for 160 seconds of the machine's time.  That test is taken out of the list: on the
bare machine by its menu and the keyboard; a partition has no keyboard, there its table of tests is edited in memory.
"""
import re
import zlib

import pytest

from emu import image
from emu.bits import MIB
from tests.foreign import foreign

F1, F2, F10, ONE, ZERO, ENTER = 0x3B, 0x3C, 0x44, 0x02, 0x0B, 0x1C
RESULT_BASE = 0x20_0400 + 0x288                           # hv/README.md: host-physical address of guest-physical 0
PAGES, PAGE, ROUNDS = 256, 4096, 4


# ---- the kernel of tests/foreign/kernel ----------------------------------------------------------------------------
def lazy_checksum(number):
    """Return what the kernel's lazy_memory prints in a round, from the pattern that it writes."""
    memory = bytearray(PAGES * PAGE)
    for page in range(0, PAGES, 2):
        for at in range(page, PAGE, 61):
            memory[page * PAGE + at] = (page + at + number) & 0xFF
    return zlib.crc32(memory)


def sort_checksums():
    """Return the checksums of the kernel's numbers, as they are made and sorted."""
    seed, numbers = 1, []
    for _ in range(65536):
        seed = (seed * 1664525 + 1013904223) & 0xFFFF_FFFF
        numbers.append(seed)
    return [zlib.crc32(b"".join(n.to_bytes(4, "little") for n in each)) for each in (numbers, sorted(numbers))]


def pi():
    """Return the kernel's sum, in the same order of operations."""
    total, sign = 0.0, 1.0
    for i in range(100_000):
        total += sign / (2 * i + 1)
        sign = -sign
    return int(4 * total * 1e9)


def expected(bits, memory):
    """Return all that the kernel must print."""
    made, ordered = sort_checksums()
    return "".join(f"{text}\n" for text in (
        f"{bits}-bit kernel", "command line: first second=2", f"KiB above 1 MiB: {(memory - MIB) >> 10}",
        "divide errors: 1", "breakpoints: 1", "invalid opcodes: 1",
        *(f"lazy memory: 0 then {lazy_checksum(number):#x}" for number in range(ROUNDS)),
        f"page faults, read: {PAGES * ROUNDS}", f"page faults, write to read-only: {PAGES // 2 * ROUNDS}",
        f"checksum {made:#x} sorted {ordered:#x} pi {pi()}", "wrong with ticks between: 0", "ticks waited for: 50",
        "system calls: 1000", "value from level 3: 500500", "general protection faults: 3", "page faults, level 3 read: 1",
        "page faults, level 3 write: 1", "ticks came at level 3: 1", "done"))


def texts(machine):
    """Return a dictionary that collects the machine's console output by source."""
    found = {}
    machine.on_console(lambda source, data: found.__setitem__(source, found.get(source, "") + data.decode("latin-1")))
    return found


@pytest.mark.parametrize("bits", [32, 64])
def test_a_kernel_compiled_by_gcc_prints_the_same_on_the_bare_machine_and_in_a_partition(bits, machine, tmp_path):
    program = foreign.kernel(bits, tmp_path)
    bare, host = machine(memory_mib=32), machine(memory_mib=64)
    bare.load(image.load(program, 32 * MIB, "first second=2"))
    host.load_partition(image.load(program, 32 * MIB, "first second=2"))
    for unit, source in ((bare, "serial"), (host, "partition 0")):
        said = texts(unit)
        result = unit.run(max_cycles=5_000_000_000)
        assert (result.reason, result.exit_code) == ("EXIT_CODE", 0), said
        output = said[source][said[source].index(f"{bits}-bit"):]     # after the firmware's line
        assert output == expected(bits, 32 * MIB)
    assert result.ept_violations > 0 and result.injected > 100


def test_the_firmware_shows_programs_that_ask_the_bios_data_area_where_low_memory_ends(machine, tmp_path):
    unit = machine(memory_mib=32)
    unit.load(image.load(foreign.kernel(32, tmp_path), 32 * MIB))
    unit.run(max_cycles=5_000_000_000)
    segment, kib = (int.from_bytes(unit.read(address, 2), "little") for address in (0x40E, 0x413))
    assert (segment << 4, kib << 10) == (0x9FC00, 0x9FC00)


# ---- memtest86+ ----------------------------------------------------------------------------------------------------
def until(unit, read, ready, max_cycles):
    """Run until the text of the screen that `read` returns satisfies `ready`; returns that text."""
    unit.run(max_cycles=max_cycles, pause=lambda: ready(read()))
    text = read()
    assert ready(text), text
    return text


def finished(text):
    """Return whether a pass is over or an error was found."""
    return "Pass:  1" in text or re.search(r"Errors: *[1-9]", text) is not None


def memtest(name):
    """Return the path of a memtest86+ image."""
    return foreign.package("memtest86+") / "boot" / name


@pytest.mark.slow
@pytest.mark.parametrize("name", ["memtest86+x64.bin", "memtest86+ia32.bin"])
def test_memtest_finishes_a_pass_over_64_mib_on_the_bare_machine(name, machine):
    unit = machine(memory_mib=72)
    unit.load(image.load(memtest(name), 72 * MIB))

    def read():
        return unit.board.screen(unit.ram)

    keys = [F1, F1, F2, ONE, ZERO, ENTER, F10, F10]       # test selection, remove one test, 10, back, start
    until(unit, read, lambda text: "Press <F1>" in text, 10_000_000_000)
    for key in keys:
        unit.board.press(key, key | 0x80)
        unit.run(max_cycles=int(unit.cpu[0].cycles) + 300_000_000)
    text = until(unit, read, finished, 300_000_000_000)
    assert "Errors: 0" in text and "Testing: " in text, text


@pytest.mark.slow
def test_memtest_finishes_a_pass_over_64_mib_in_a_partition(machine):
    unit = machine(memory_mib=96)
    unit.load_partition(image.load(memtest("memtest86+x64.bin"), 72 * MIB))

    def base():
        return int.from_bytes(unit.read(RESULT_BASE, 8), "little")

    def read():
        text = unit.read(base() + 0xB8000, 4000)[::2].decode("cp437") if base() else ""
        return "\n".join(text[i:i + 80] for i in range(0, 2000, 80))

    until(unit, read, lambda text: "Press <F1>" in text, 10_000_000_000)
    # struct test_pattern { bool enabled; int cpu_mode, stages, iterations, errors; char *description; }
    program = unit.read(base() + MIB, MIB)
    description = (MIB + program.index(b"[Bit fade test")).to_bytes(8, "little")
    enabled = program.index(description) - 24
    assert program[enabled:enabled + 4] == b"\1\0\0\0"
    unit.write(base() + MIB + enabled, b"\0")
    text = until(unit, read, finished, 300_000_000_000)
    assert "Errors: 0" in text, text
