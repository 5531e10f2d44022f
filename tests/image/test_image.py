"""Loaders: where bytes go, how images are entered, and the message for each bad file."""

import gzip
import lzma
import os
import re
import struct
import subprocess

import pytest

from emu import files
from emu.asm import assemble
from emu.errors import ConfigError, ImageError
from emu.image import load, module, of_assembly, packed
from emu.image.space import Space, memory_map
from emu.image.symbols import Symbols, from_map
from emu.spec.firmware import BLOCK, LOW, PAYLOAD
from tests.image import build

MEMORY = 16 << 20


def byte_at(image, address, size):
    """Return bytes of the placed image."""
    for start, data in image.segments:
        if start <= address < start + len(data):
            return data[address - start : address - start + size]
    raise AssertionError(f"nothing at {address:#x}")


def words_at(image, address, count):
    return struct.unpack(f"<{count}I", byte_at(image, address, 4 * count))


def text_at(image, address):
    return byte_at(image, address, 4096).split(b"\0")[0].decode()


def refused(path, message, memory=MEMORY, **options):
    with pytest.raises(ImageError) as caught:
        load(path, memory, **options)
    assert re.fullmatch(message, str(caught.value)), str(caught.value)


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


# ---- bad input -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("memory", [0, -4096, 4097])
def test_memory_must_be_a_positive_multiple_of_a_page(memory, tmp_path):
    with pytest.raises(ConfigError, match=f"^memory_bytes must be a positive multiple of 4096, not {memory}$"):
        load(tmp_path / "any", memory)


def test_missing_file(tmp_path):
    refused(tmp_path / "none", r".*/none: cannot be read \(No such file or directory\)")
    refused(tmp_path, r".*: cannot be read \(Is a directory\)")


def test_foreign_file(tmp_path):
    path = tmp_path / "text"
    path.write_bytes(b"MZ\x90\0")
    refused(
        path,
        r".*/text: begins with 4d 5a 90 00: must be an ELF32 or ELF64 executable, multiboot-1 image, Linux bzImage, "
        r"raw \.bin \(the first three also packed by gzip or xz\)",
    )
    path.write_bytes(b"")
    refused(path, r".*/text: begins with nothing: must be an .*")


@pytest.mark.parametrize(
    "cut, message",
    [
        (10, "truncated: an ELF identification has 16 bytes, the file has 10"),
        (40, "truncated: the ELF header at 0x10 needs 48 bytes, the file has 40"),
        (100, "truncated: program header 0 at 0x40 needs 56 bytes, the file has 100"),
        (4096, "truncated: section header 0 at 0x[0-9a-f]+ needs 64 bytes, the file has 4096"),
    ],
)
def test_truncated_elf(cut, message, tmp_path):
    path = build.elf(tmp_path)
    path.write_bytes(path.read_bytes()[:cut])
    refused(path, f".*: {message}")


def _patched(folder, at, data, **options):
    path = build.elf(folder, **options)
    text = bytearray(path.read_bytes())
    text[at : at + len(data)] = data
    path.write_bytes(text)
    return path


@pytest.mark.parametrize(
    "at, data, message",
    [
        (5, b"\2", r"ELF class 2 with byte order 2: must be class 1 or 2, little-endian \(1\)"),
        (16, b"\3", r"ELF type 3 \(shared object or position-independent executable\): must be a static executable .*"),
        (16, b"\1", r"ELF type 1 \(relocatable object\): must be a static executable .*"),
        (18, b"\xb7", r"ELF machine 183: must be a static executable \(type 2\) for i386 or x86-64"),
        (18, b"\3", r"ELF class 64 for machine i386"),
        (24, b"\0\0\0\0", r"entry point 0x0 is in no loadable segment"),
        (
            40,
            bytes(8) + bytes(4) + b"\x40\0" + b"\x38\0" + b"\0\0",
            r"0 program headers of 56 bytes: must be at least one, of 56",
        ),
        (64, b"\3", r"a dynamically linked executable: must be static"),
        (64, b"\4", r"no loadable segment"),
        (64 + 32, b"\0\0\1\0", r"truncated: segment 0 ends at 0x11000, the file at 0x[0-9a-f]+"),
        (64 + 40, b"\1\0\0\0", r"segment 0 has 0x[0-9a-f]+ bytes in the file but 0x1 in memory"),
        (64 + 24, b"\0\0\0\0\1", r"segment 0 needs memory up to 0x[0-9a-f]+, the machine has 0x1000000 bytes"),
        (
            64 + 24,
            b"\0\0\x0b\0",
            r"segment 0 at 0xb0000\.\.0x[0-9a-f]+ overlaps video memory and firmware at 0xa0000\.\.0x100000",
        ),
        (
            64 + 24,
            b"\0\1\0\0",
            r"segment 0 at 0x100\.\.0x[0-9a-f]+ overlaps the BIOS data area at 0x0\.\.0x500",
        ),
    ],
)
def test_elf_that_cannot_be_loaded(at, data, message, tmp_path):
    refused(_patched(tmp_path, at, data), f".*: {message}")


def test_segment_of_the_files_own_headers_is_explained(tmp_path):
    source, target = tmp_path / "image.S", tmp_path / "image.elf"
    source.write_text(".globl _start\n_start: hlt\n")
    link = ["gcc", "-nostdlib", "-static", "-Wl,-Ttext=0x100000", "-Wl,--build-id=none", "-z", "noexecstack", "-o", target, source]
    subprocess.run(link, check=True)
    refused(target, r".*: segment 0 at 0xff000\.\..* overlaps video memory and firmware at 0xa0000\.\.0x100000; it begins with the "
                    r"headers of the file: link with -Wl,-n \(ld -n\), which leaves them out, or higher")
    subprocess.run([*link, "-Wl,-n", "-Wl,--no-warn-rwx-segments"], check=True)
    assert load(target, MEMORY).entry.rip == 0x100000


def test_program_without_an_origin_is_refused_by_its_name(tmp_path):
    source = tmp_path / "program.s"
    source.write_text("start: hlt\n")
    with pytest.raises(ImageError, match=r"^program\.s: the program at 0x0\.\.0x1 overlaps the BIOS data area at 0x0\.\.0x500; "
                                         r"begin it with `\.org 0x100000`, or another free address$"):
        of_assembly(assemble(source), MEMORY, path="program.s")


def test_plain_elf_takes_no_command_line(tmp_path):
    refused(
        build.elf(tmp_path),
        ".*: a plain ELF image takes no command line and no modules; multiboot and Linux images do",
        append="quiet",
    )


def test_multiboot_flag_that_is_not_supported(tmp_path):
    refused(
        build.elf(tmp_path, bits=32, flags=0x48),
        r".*: multiboot header flag 3, 6 is not supported; "
        r"0 \(page alignment\), 1 \(memory information\), 2 \(text mode\) and 16 \(addresses\) are",
    )


def test_multiboot_graphics_mode(tmp_path):
    refused(
        build.elf(tmp_path, bits=32, flags=4),
        r".*: multiboot header flag 2 asks for video mode type [0-9]+ "
        r"\(linear graphics\); only type 1 \(text, 80x25\) is there",
    )


def test_multiboot_neither_elf_nor_addresses(tmp_path):
    refused(
        build.by_addresses(tmp_path, flags=0), r".*: a multiboot header without address fields \(flag 16\) in a file .*"
    )


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(cut=20), "truncated: the multiboot header at 0x0 has 32 bytes, the file 20"),
        (dict(load_end=0x201000), "truncated: multiboot addresses need 4096 bytes, the file has 96"),
        (
            dict(header=0x1FF000),
            "multiboot addresses: header 0x1ff000, load 0x200000 .* do not fit a header at offset 0x0",
        ),
        (dict(header=0x200004), "multiboot addresses: .* do not fit a header at offset 0x0"),
        (dict(entry=0x300000), r"multiboot entry address 0x300000 is outside the image at 0x200000\.\.0x208000"),
        (dict(bss_end=0x2000000), "the image needs memory up to 0x2000000, the machine has 0x1000000 bytes"),
    ],
)
def test_multiboot_addresses_that_are_wrong(options, message, tmp_path):
    refused(build.by_addresses(tmp_path, **options), f".*: {message}")


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(cut=0x220), "truncated: a Linux setup header ends at 0x264, the file has 544 bytes"),
        (dict(kernel=b""), "truncated: the kernel begins at 0x600, the file has 1536 bytes"),
        (dict(version=0x0204), r"Linux boot protocol 2\.04: must be 2\.06 or later"),
        (dict(loadflags=0), r"a zImage, loaded below 1 MiB: must be a bzImage \(loadflags bit 0\)"),
        (dict(init_size=0x2000000), "the kernel needs memory up to 0x2100000, the machine has 0x1000000 bytes"),
    ],
)
def test_linux_image_that_cannot_be_loaded(options, message, tmp_path):
    refused(build.linux(tmp_path, **options), f".*: {message}")


def test_linux_command_line_too_long_and_two_modules(tmp_path):
    path, disk = build.linux(tmp_path), tmp_path / "disk"
    disk.write_bytes(b"x")
    refused(path, ".*: the command line has 256 bytes, this kernel takes 255", append="x" * 256)
    refused(path, ".*: a Linux image takes one module, the initial RAM disk, not 2", modules=[disk, disk])


def test_missing_module(tmp_path):
    refused(build.linux(tmp_path), "module none: no such file", modules=["none,x"])


@pytest.mark.parametrize("make", [build.linux, lambda folder: build.elf(folder, bits=32, flags=0)], ids=["linux", "multiboot"])
def test_module_that_memory_cannot_hold_is_not_read(make, tmp_path, monkeypatch):
    disk, path = tmp_path / "disk", make(tmp_path)
    disk.touch()
    os.truncate(disk, 2 << 30)
    got, read = [], files.read
    monkeypatch.setattr(files, "read", lambda *given, **named: got.append(read(*given, **named)) or got[-1])
    refused(path, r".*/disk: cannot be read: it has 2,147,483,648 bytes, at most 16,777,216 are: .* has to fit into the machine's memory",
            modules=[disk])
    assert sum(len(each) for each in got) < 1 << 20


def _elf(segments, sections=0):
    """Return an executable whose `segments` have a byte each, 64 KiB apart, and as many sections without an address."""
    start = 64 + 56 * segments
    places = range(0x10_0000, 0x10_0000 + segments * 0x1_0000, 0x1_0000)
    rows = b"".join(struct.pack("<IIQQQQQQ", 1, 7, start, at, at, 1, 1, 1) for at in places)
    counts = start + 1 if sections else 0, 0, 64, 56, segments, 64, sections, 0
    header = b"\x7fELF\2\1\1".ljust(16, b"\0") + struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0x10_0000, 64, *counts)
    return header + rows + b"\xf4" + struct.pack("<IIQQQQIIQQ", 0, 1, 0, 0, 0, 1, 0, 0, 0, 0) * sections


def test_executable_of_very_many_pieces_is_refused(tmp_path):
    path = tmp_path / "a.elf"
    for made, count in ((_elf(1025), "1,025 program headers and 0 section"), (_elf(1, 4097), "1 program headers and 4,097 section")):
        path.write_bytes(made)
        refused(path, f".*: {count} headers: at most 1,024 and 4,096 are read", memory=256 << 20)
    path.write_bytes(_elf(200))
    assert len(load(path, MEMORY).ranges) == 200


def test_image_in_more_places_than_the_firmware_keeps_is_refused(tmp_path):
    path = tmp_path / "a.elf"
    path.write_bytes(_elf(16))
    assert load(path, MEMORY).block()
    path.write_bytes(_elf(17))
    with pytest.raises(ImageError, match="it lies in 17 places of memory, with gaps between: at most 16 are loaded on the bare machine"):
        load(path, MEMORY).block()


def test_pieces_may_touch_but_not_overlap():
    space = Space("a", MEMORY)
    for at in (0x30_0000, 0x10_0000, 0x20_0000):
        space.put(at, bytes(0x1000), f"{at:x}")
    space.put(0x10_1000, bytes(0xF_F000), "between")
    clashes = (0x0F_F000, 0x1001, "100000"), (0x20_0FFF, 1, "200000"), (0x18_0000, 0x80_0000, "300000"), (0x15_0000, 1, "between")
    for at, size, other in clashes:
        with pytest.raises(ImageError, match=f"overlaps {other}"):
            space.put(at, bytes(size), "it")


def test_module_too_large(tmp_path):
    disk = tmp_path / "disk"
    disk.write_bytes(bytes(MEMORY))
    refused(
        build.linux(tmp_path),
        ".*: no room for initial RAM disk .* of 16777216 bytes below 0x80000000 in 0x1000000 bytes .*",
        modules=[disk],
    )
    refused(
        build.elf(tmp_path, bits=32, flags=0),
        ".*: no room for module .* of 16777216 bytes in 0x1000000 bytes of memory",
        modules=[disk],
    )


def test_raw_image_too_large(tmp_path):
    path = tmp_path / "large.bin"
    path.write_bytes(bytes(0xA0000))
    refused(path, r".*: a raw image has at most 623616 bytes \(0x7c00 to 0xa0000\), not 655360")


@pytest.mark.parametrize("name, head, words", [
    ("a", b"nothing", "begins with 6e 6f 74 68: must be an"), ("a.bin", b"\xf4", "2,147,483,648 bytes, at most 1,048,576 are"),
    ("a", b"\x28\xb5\x2f\xfd", "packed with zstd")])
def test_large_file_that_is_no_image_is_not_read(tmp_path, monkeypatch, name, head, words):
    path, got = tmp_path / name, []
    path.write_bytes(head)
    os.truncate(path, 2 << 30)
    read = files.read
    monkeypatch.setattr(files, "read", lambda *given, **named: got.append(read(*given, **named)) or got[-1])
    with pytest.raises(ImageError, match=words):
        load(path, 16 << 20)
    assert sum(len(each) for each in got) <= 8192


def test_names_and_source_text_of_others_hold_no_control_characters():
    odd, shown = "a\x1b[31m\x07", r"a\x1b[31m\x07"
    found = Symbols({odd: 16}, [(16, b"\x90", odd, 1, f"\t{odd}")], {odd: "/a"})
    assert (found.name(17), found.where(16), found.files) == (f"{shown}+0x1", (shown, 1, f"\t{shown}"), {shown: "/a"})
    assert found.with_more(Symbols({odd: 32})).addresses == {shown: 16}
