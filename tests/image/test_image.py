"""Loaders: where bytes go, and how images are entered."""

import gzip
import lzma
import struct

import pytest

from emu.errors import ImageError
from emu.image import load, module, of_assembly, packed
from emu.image.space import memory_map
from emu.image.symbols import from_map
from emu.spec.firmware import BLOCK, LOW, PAYLOAD
from tests.image import build
from tests.image.placed import MEMORY, byte_at, refused, text_at, words_at


def test_elf64_starts_in_64_bit_mode_at_its_entry(tmp_path):
    image = load(build.elf(tmp_path), MEMORY)
    assert (image.kind, image.entry.kind, image.entry.rip) == ("elf64", "LONG", 0x100000)
    assert image.entry.segments["CS"].selector == 0x08
    assert byte_at(image, 0x100000, 2) == b"\xf4\xc3"
    assert image.ranges == [(0x100000, 0x3006)]
    assert image.symbols.name(0x100001) == "helper"


def test_elf32_starts_flat(tmp_path):
    image = load(build.elf(tmp_path, bits=32), MEMORY)
    assert (image.kind, image.entry.kind, image.entry.cr0, image.entry.rflags) == ("elf32", "FLAT", 0x11, 2)


def test_elf_goes_to_its_physical_addresses(tmp_path):
    image = load(build.elf(tmp_path, virtual=0xFFFF_8000_0010_0000, physical=0x200000), MEMORY)
    assert (image.entry.rip, image.segments[0][0]) == (0x200000, 0x200000)


def test_entry_point_may_be_a_physical_address(tmp_path):
    path = build.elf(tmp_path, bits=32, flags=0, virtual=0xC010_0000, physical=0x100000)
    for entry in (0xC010_000C, 0x10_000C):
        path.write_bytes(path.read_bytes()[:24] + struct.pack("<I", entry) + path.read_bytes()[28:])
        assert load(path, MEMORY).entry.rip == 0x10_000C
    path.write_bytes(path.read_bytes()[:24] + struct.pack("<I", 0x90_0000) + path.read_bytes()[28:])
    refused(path, ".*: entry point 0x900000 is in no loadable segment")


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress])
def test_packed_image_is_unpacked(pack, tmp_path):
    plain = build.elf(tmp_path, bits=32, flags=0)
    path = tmp_path / "packed"
    path.write_bytes(pack(plain.read_bytes()))
    image = load(path, MEMORY)
    assert (image.kind, image.segments) == ("multiboot", load(plain, MEMORY).segments)
    assert image.symbols.name(image.entry.rip) == "_start"
    path.write_bytes(path.read_bytes()[:-20])
    refused(path, ".*: (truncated: the packed image does not end in the file|a packed image that cannot be unpacked: .*)")


def test_packed_image_that_cannot_be_unpacked(tmp_path, monkeypatch):
    path = tmp_path / "packed"
    path.write_bytes(gzip.compress(bytes(range(256)))[:10] + b"\xff" * 40)
    refused(path, ".*: a packed image that cannot be unpacked: .*")
    path.write_bytes(b"\x28\xb5\x2f\xfd" + bytes(100))
    refused(path, r".*: packed with zstd: must be unpacked first \(gzip and xz are unpacked here\)")
    monkeypatch.setattr(packed, "UNPACKED_LIMIT", 1 << 20)
    path.write_bytes(gzip.compress(bytes(2 << 20)))
    refused(path, ".*: a packed image of more than 1 MiB")


def test_module_whose_name_has_a_comma(tmp_path):
    (tmp_path / "a,b").write_bytes(b"one")
    assert module(tmp_path / "a,b") == (tmp_path / "a,b", "")
    assert module(f"{tmp_path / 'a,b'}") == (tmp_path / "a,b", "")


def test_multiboot_registers_and_segments(tmp_path):
    image = load(build.elf(tmp_path, bits=32, flags=3), MEMORY)
    registers, segments = image.entry.registers, image.entry.segments
    assert (image.kind, image.entry.kind, registers["RAX"], image.entry.a20) == ("multiboot", "FLAT", 0x2BADB002, True)
    assert (segments["CS"].base, segments["CS"].limit, segments["CS"].attributes) == (0, 0xFFFFFFFF, 0xC09B00)
    assert {segments[name].attributes for name in ("DS", "ES", "FS", "GS", "SS")} == {0xC09300}


def test_multiboot_information(tmp_path):
    image = load(build.elf(tmp_path, bits=32, flags=3), MEMORY, "quiet  a=1")
    info = words_at(image, image.entry.registers["RBX"], 29)
    assert info[0] == 1 | 4 | 32 | 64 | 512 | 4096
    assert info[1:3] == (639, 15 * 1024)
    assert text_at(image, info[4]) == "quiet  a=1"
    assert text_at(image, info[16]) == "GRUB 2.12 (hvlab)"
    length, address = info[11:13]
    rows = [struct.unpack("<IQQI", byte_at(image, address + at, 24)) for at in range(0, length, 24)]
    assert rows == [(20, *row) for row in memory_map(MEMORY)]


def test_memory_beyond_the_hole_lies_at_4_gib(tmp_path):
    rows = memory_map(6 << 30)
    assert rows[-1] == (1 << 32, 3 << 30, 1) and (1 << 20, (3 << 30) - (1 << 20), 1) in rows
    image = load(build.elf(tmp_path, bits=32, flags=3), 6 << 30)
    assert words_at(image, image.entry.registers["RBX"], 3)[2] == (3 << 20) - 1024
    assert memory_map(3 << 30)[-1][2] == 2


@pytest.mark.parametrize("address", [0x500, 0x1000, 0x7000, 0x10000])
def test_image_may_lie_where_a_pc_has_conventional_memory(address, tmp_path):
    image = load(build.elf(tmp_path, virtual=address), MEMORY)
    assert (image.entry.rip, image.ranges[0][0]) == (address, address)


def test_multiboot_section_headers_lead_to_the_symbols(tmp_path):
    image = load(build.elf(tmp_path, bits=32, flags=0), MEMORY)
    count, size, address, names = words_at(image, image.entry.registers["RBX"] + 28, 4)
    rows = [words_at(image, address + n * size, 10) for n in range(count)]
    assert size == 40 and rows[names][1] == 3
    symbols = next(row for row in rows if row[1] == 2)
    strings = rows[symbols[6]]
    assert b"helper" in byte_at(image, strings[3], strings[5])


def test_multiboot_modules_are_page_aligned_above_the_image(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_bytes(b"one")
    second.write_bytes(b"two" * 2000)
    image = load(build.elf(tmp_path, bits=32, flags=1), MEMORY, None, [f"{first},a b", second])
    flags, *_ = info = words_at(image, image.entry.registers["RBX"], 7)
    assert flags & 8 and info[5] == 2
    rows = [words_at(image, info[6] + 16 * n, 4) for n in range(2)]
    assert [(row[0] % 4096, row[1] - row[0], row[3]) for row in rows] == [(0, 3, 0), (0, 6000, 0)]
    assert [byte_at(image, row[0], 3) for row in rows] == [b"one", b"two"]
    assert [text_at(image, row[2]) for row in rows] == ["a b", ""]
    assert rows[0][0] >= 0x104000


def test_multiboot_addresses(tmp_path):
    image = load(build.by_addresses(tmp_path), MEMORY)
    assert (image.entry.rip, image.segments[0][0]) == (0x200020, 0x200000)
    assert (0x200000, 0x8000) in image.ranges


def test_elf64_with_a_multiboot_header_is_a_multiboot_image(tmp_path):
    image = load(build.elf(tmp_path, flags=0), MEMORY)
    assert (image.kind, image.entry.rip) == ("multiboot", 0x10000C)


def test_linux_32_bit_entry(tmp_path):
    image = load(build.linux(tmp_path), MEMORY, "console=ttyS0")
    zero = image.entry.registers["RSI"]
    assert (image.kind, image.entry.kind, image.entry.rip) == ("linux", "LINUX", 0x100000)
    assert byte_at(image, zero + 0x202, 4) == b"HdrS"
    assert byte_at(image, zero + 0x210, 1) == b"\xff"
    assert text_at(image, words_at(image, zero + 0x228, 1)[0]) == "console=ttyS0"
    rows = [
        struct.unpack("<QQI", byte_at(image, zero + 0x2D0 + 20 * n, 20))
        for n in range(byte_at(image, zero + 0x1E8, 1)[0])
    ]
    assert rows == memory_map(MEMORY)


def test_linux_64_bit_entry(tmp_path):
    image = load(build.linux(tmp_path, xloadflags=1), MEMORY)
    assert (image.entry.kind, image.entry.rip, image.entry.segments["CS"].selector) == ("LINUX64", 0x100200, 0x10)


def test_linux_initial_ram_disk_lies_as_high_as_it_may(tmp_path):
    disk = tmp_path / "initrd"
    disk.write_bytes(b"disk" * 2000)
    image = load(build.linux(tmp_path), MEMORY, None, [disk])
    address, size = words_at(image, image.entry.registers["RSI"] + 0x218, 2)
    assert (address, size) == (MEMORY - 8192, 8000)
    assert byte_at(image, address, 4) == b"disk"


def test_raw_image_starts_as_a_boot_sector(tmp_path):
    path = tmp_path / "boot.bin"
    path.write_bytes(b"\xeb\xfe")
    image = load(path, MEMORY)
    assert (image.kind, image.entry.kind, image.entry.rip, image.entry.registers["RDX"]) == (
        "raw",
        "REAL",
        0x7C00,
        0x80,
    )
    assert image.entry.segments["CS"].limit == 0xFFFF


def test_boot_block_says_how_to_enter(tmp_path):
    image = load(build.elf(tmp_path, bits=32, flags=0), MEMORY)
    block = image.block()
    assert len(block) == int(BLOCK.SIZE)
    assert block[:8] == b"HVBOOT01"
    assert struct.unpack_from("<IIQQ", block, int(BLOCK.KIND)) == (PAYLOAD.FLAT, 0, 0x10000C, 0x2BADB002)
    (count,) = struct.unpack_from("<I", block, int(BLOCK.RANGES))
    assert [struct.unpack_from("<QQ", block, int(BLOCK.RANGE) + 16 * n) for n in range(count)] == image.ranges


def test_scaffold_holds_page_tables_and_descriptors(tmp_path):
    (gdt_at, gdt), (tables_at, tables) = load(build.elf(tmp_path), MEMORY).scaffold()
    assert (gdt_at, tables_at, len(tables)) == (LOW.GDT, LOW.PML4, 0x6000)
    assert struct.unpack_from("<Q", gdt, 8)[0] >> 40 & 0xFF == 0x9B
    assert struct.unpack_from("<Q", tables, 0x5FF8)[0] == 0xFFE0_0083


def test_assembled_program_is_an_image():
    class Assembly:
        code, base, entry, symbols, labels = b"\x90\xf4", 0x100000, 0x100001, {}, {"start": 0x100001}
        lines = [(0x100000, b"\x90", "a.s", 1, "nop"), (0x100001, b"\xf4", "a.s", 2, "hlt")]

    image = of_assembly(Assembly, MEMORY)
    assert (image.entry.kind, image.entry.rip, image.symbols.name(0x100001)) == ("LONG", 0x100001, "start")
    assert image.symbols.where(0x100001) == ("a.s", 2, "hlt")


def test_map_file(tmp_path):
    path = tmp_path / "System.map"
    path.write_text("# made by nm\n0000000000100000 T _start\n100010 helper\n                 U missing\n")
    symbols = from_map(path)
    assert (symbols.address("_start"), symbols.name(0x100014), len(symbols)) == (0x100000, "helper+0x4", 2)
    path.write_text("100000 T a b\n")
    with pytest.raises(ImageError, match=r":1: must be `address \[type\] name`, not '100000 T a b'$"):
        from_map(path)
