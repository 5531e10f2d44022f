"""RAM beyond 3 GiB, which lies from 4 GiB on, other widths of physical addresses, and the firmware's tables of the computer."""
import struct

import pytest

from emu.debug.history import snapshot, snapshot_file
from emu.errors import ConfigError
from emu.machine import Config, Machine
from emu.spec.firmware import LOW
from tests.guests import guests
from tests.machines import close

GIB = 1 << 30


@pytest.mark.parametrize("bits", [36, 40, 46])
def test_reserved_address_bits_begin_at_the_width(machine, bits):
    guest = guests.parse(guests.FOLDER / "cpuid_basics.s")
    result = machine(guest, physical_bits=bits).run(max_cycles=guest.cycles)
    assert (result.reason, result.exit_code) == ("EXIT_CODE", 0)


VMXON_FAR = """
test:   mov     rax, cr4
        or      rax, CR4_VMXE
        mov     cr4, rax
        vmxon   [rip + far]
        setc    al
        movzx   eax, al
        out     PORT_DEBUG_EXIT, eax
        .align  8
far:    .quad   1 << 40
"""


@pytest.mark.parametrize("bits", [39, 46])
def test_vmx_pointers_may_be_as_wide_as_addresses(program, bits):
    unit = program(VMXON_FAR, physical_bits=bits)
    assert unit.run(max_cycles=10_000_000).exit_code == 1          # not a region, or not an address
    assert int(unit.record[0].address_mask) == (1 << bits) - 1


@pytest.mark.parametrize("options, message", [
    (dict(memory_bytes=65 * GIB), "memory_bytes must be a multiple of 4096 from 2 MiB to 64 GiB"),
    (dict(memory_bytes=64 * GIB, physical_bits=36), "needs addresses up to 0x1040000000: physical_bits must be at least 37, not 36"),
    (dict(physical_bits=47), "physical_bits must be 36 to 46, not 47")])
def test_what_no_machine_has(options, message):
    with pytest.raises(ConfigError, match=message):
        Config(**options)


def test_hole_is_no_memory(machine):
    unit = machine(memory_mib=4096)
    unit.write(5 * GIB - 4, b"last")
    assert unit.read(5 * GIB - 4, 4) == b"last"
    for address in (3 * GIB - 2, 3 * GIB, 4 * GIB - 4, 5 * GIB - 2):
        with pytest.raises(ConfigError, match=r"do not lie in RAM, which is 0x0\.\.0xc0000000 and 0x100000000\.\.0x140000000"):
            unit.write(address, b"four")
    assert unit.peek(3 * GIB, 4) is None and unit.peek(4 * GIB - 16, 1) is not None


def test_snapshot_and_file_of_memory_beyond_the_hole(machine, tmp_path):
    guest = guests.parse(guests.FOLDER / "memory_above_4g.s")
    unit = machine(guest)
    unit.run(max_cycles=100_000)
    before = snapshot.take(unit)
    unit.run()
    digest = unit.digest()
    snapshot_file.save(before, tmp_path / "a.hvz")
    snapshot.restore(unit, before)
    assert unit.run().exit_code == 0 and unit.digest() == digest
    loaded = snapshot_file.load(tmp_path / "a.hvz")
    other = Machine(loaded.config)
    snapshot.restore(other, loaded)
    assert other.run().exit_code == 0 and other.digest() == digest
    close(other)


def test_memory_that_nobody_writes_is_not_there_on_the_host(machine):
    def resident():
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * 4096
    machine(memory_mib=16)
    before = resident()
    unit = machine(guests.parse(guests.FOLDER / "memory_above_4g.s"))
    unit.run()
    unit.digest()
    assert resident() - before < GIB // 2


def test_mp_table_and_acpi_tables_agree(program):
    unit = program("test: PASS", processors=3)
    unit.run(max_cycles=10_000_000)
    pointer = unit.read(int(LOW.MP), 16)
    at, = struct.unpack_from("<I", pointer, 4)
    length, = struct.unpack("<H", unit.read(at + 4, 2))
    table = unit.read(at, length)
    assert pointer[:4] == b"_MP_" and table[:4] == b"PCMP" and sum(pointer) & 0xFF == sum(table) & 0xFF == 0
    count, place, kinds = int.from_bytes(table[34:36], "little"), 44, []
    for _ in range(count):
        kinds.append(table[place])
        place += 20 if table[place] == 0 else 8
    assert place == length and kinds == [0] * 3 + [1, 2] + [3] * 16 + [4] * 2
    assert [table[44 + 20 * n + 3] for n in range(3)] == [3, 1, 1]
    rsdt, = struct.unpack("<I", unit.read(int(LOW.ACPI) + 16, 4))
    size, = struct.unpack("<I", unit.read(rsdt + 4, 4))
    found = {}
    for each in struct.unpack(f"<{(size - 36) // 4}I", unit.read(rsdt + 36, size - 36)):
        name, size = struct.unpack("<4sI", unit.read(each, 8))
        found[name] = unit.read(each, size)
        assert sum(found[name]) & 0xFF == 0
    assert set(found) == {b"FACP", b"APIC", b"SPCR"}
    assert struct.unpack_from("<BBBBQ", found[b"SPCR"], 40) == (1, 8, 0, 1, 0x3F8)
