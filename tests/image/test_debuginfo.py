"""Symbol and line tables that were made to do harm: bounded, and said."""
import os
import shutil
import subprocess

import pytest

from emu.errors import HvlabError, ImageError
from emu.image import debuginfo, load

SOURCE = "void _start(void)\n{\n    for (;;) ;\n}\n"


@pytest.fixture
def build(tmp_path):
    """Return a function that compiles SOURCE under a file name with options; returns the path of the image."""
    assert shutil.which("gcc"), "the tests need gcc"

    def compiled(*options, name="program.c"):
        (tmp_path / name).write_text(SOURCE)
        subprocess.run(["gcc", "-g", "-static", "-nostdlib", "-ffreestanding", "-fno-pie", "-no-pie", "-Wl,-Ttext=0x200000",
                        "-Wl,--build-id=none", *options, name, "-o", "program.elf"], cwd=tmp_path, check=True)
        return tmp_path / "program.elf"
    return compiled


def symbols_of(path):
    return debuginfo.from_elf(path, path.read_bytes())


@pytest.mark.parametrize("kind, name", [("FIFO", "a FIFO"), ("folder", "directory"), ("link", "a character device"), ("large", "")])
def test_source_file_that_is_no_ordinary_file_is_not_read(build, tmp_path, kind, name):
    image, source = build(), tmp_path / "program.c"
    source.unlink()
    if kind == "FIFO":
        os.mkfifo(source)
    elif kind == "folder":
        source.mkdir()
    elif kind == "link":
        source.symlink_to("/dev/zero")
    else:
        source.write_bytes(b"x\n" * debuginfo.SOURCE_LIMIT)
    found = symbols_of(image)
    assert found.where(found.address("_start")) == (str(source), 2, "")
    assert len(found.refused) == 1 and found.refused[0].startswith(f"{image}: source file {source}: cannot be read")
    assert name in found.refused[0]


def test_source_file_that_is_gone_is_nothing_to_say(build, tmp_path):
    image = build()
    (tmp_path / "program.c").unlink()
    assert symbols_of(image).refused == []


@pytest.mark.parametrize("compression", ["none", "zlib"])
def test_debug_section_above_the_limit_is_left_out(build, monkeypatch, compression):
    image = build(f"-gz={compression}")
    assert symbols_of(image).lines
    monkeypatch.setattr(debuginfo, "SECTION_LIMIT", 16)
    found = symbols_of(image)
    assert found.address("_start") == 0x200000 and not found.lines
    assert "source lines are not known: section ." in found.refused[0] and "at most 16 are read" in found.refused[0]


def test_sections_compressed_in_the_old_way_are_said(build):
    found = symbols_of(build("-gz=zlib-gnu"))
    assert found.address("_start") == 0x200000 and not found.lines and "link with -gz=zlib" in found.refused[0]


def test_line_tables_above_the_limit_are_left_out(build, monkeypatch):
    image = build()
    monkeypatch.setattr(debuginfo, "LINE_TABLES_LIMIT", 16)
    assert not symbols_of(image).lines and "its line tables have" in symbols_of(image).refused[0]


def test_mutated_elf_files_load_or_are_refused_in_words(build, tmp_path):
    import random

    rng, whole = random.Random(12), build("-gz=zlib").read_bytes()
    for _ in range(300):
        data = bytearray(whole)
        for _ in range(rng.choice((1, 2, 10, 40))):
            data[rng.choice((rng.randrange(64), rng.randrange(len(data)), rng.randrange(len(data) // 2, len(data))))] = rng.randrange(256)
        (tmp_path / "bad.elf").write_bytes(data)
        try:
            load(tmp_path / "bad.elf", 64 << 20).symbols.where(0x200001)
        except HvlabError as error:
            assert isinstance(error, ImageError) and "\n" not in str(error)
