"""Images that are refused: the message for each bad file."""

import os
import struct
import subprocess

import pytest

from emu import files
from emu.asm import assemble
from emu.errors import ConfigError, ImageError
from emu.image import load, of_assembly
from emu.image.space import Space
from emu.image.symbols import Symbols
from tests.image import build
from tests.image.placed import MEMORY, refused


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
