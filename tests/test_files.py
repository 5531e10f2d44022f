"""Files of the user: only ordinary ones are read, and what is written is whole or not there."""
import errno
import itertools
import os
import resource
import subprocess
import sys

import pytest
import zstandard

from emu.cli import group
from emu.errors import ConfigError, ImageError
from emu.files import Part, check_writable, printable, read, text, unpack, write


def refusal(function, *given):
    with pytest.raises(ConfigError) as error:
        function(*given)
    return str(error.value)


# ---- reading ---------------------------------------------------------------------------------------------------------
def test_device_fifo_and_folder_are_not_read(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    assert refusal(read, "/dev/zero") == "/dev/zero: cannot be read: it is a character device, not a regular file"
    assert refusal(read, tmp_path / "fifo") == f"{tmp_path}/fifo: cannot be read: it is a FIFO, not a regular file"
    assert refusal(read, tmp_path) == f"{tmp_path}: cannot be read (Is a directory)"
    assert refusal(read, tmp_path / "none") == f"{tmp_path}/none: cannot be read (No such file or directory)"
    assert refusal(read, "a\0b") == "'a\\x00b': cannot be read (embedded null byte)"


def test_file_above_the_limit_is_not_read(tmp_path):
    (tmp_path / "a").write_bytes(bytes(11))
    assert len(read(tmp_path / "a", 11)) == 11
    assert refusal(read, tmp_path / "a", 10) == f"{tmp_path}/a: cannot be read: it has 11 bytes, at most 10 are"


def test_text_that_is_not_utf8_is_refused(tmp_path):
    (tmp_path / "a").write_bytes(b"ab\xffc")
    assert refusal(text, tmp_path / "a") == f"{tmp_path}/a: not UTF-8 text: byte 0xff at offset 2"


def test_error_is_of_the_kind_asked_for_and_prints_any_name(tmp_path):
    with pytest.raises(ImageError, match=r"none\\xff: cannot be read \(No such file"):
        read(os.fsdecode(os.fsencode(tmp_path) + b"/none\xff"), error=ImageError)


def test_frame_that_claims_or_holds_more_than_its_size_is_not_unpacked():
    bomb = zstandard.ZstdCompressor().compress(bytes(1 << 24))
    silent = zstandard.ZstdCompressor(write_content_size=False).compress(bytes(1 << 24))
    assert unpack(bomb, 1 << 24) == unpack(silent, 1 << 24) == bytes(1 << 24)
    for packed in (bomb, silent):
        with pytest.raises(zstandard.ZstdError):
            unpack(packed, 4096)


# ---- writing ---------------------------------------------------------------------------------------------------------
def test_file_appears_whole_and_an_interrupt_leaves_the_old_one(tmp_path):
    write(tmp_path / "a", [b"old"])
    with pytest.raises(KeyboardInterrupt), Part(tmp_path / "a") as part:
        part.write(b"new")
        raise KeyboardInterrupt
    assert (tmp_path / "a").read_bytes() == b"old" and os.listdir(tmp_path) == ["a"]


def test_device_is_written_as_it_stands():
    before = os.stat("/dev/full")
    assert refusal(write, "/dev/full", [b"x" * 100_000]) == "/dev/full: cannot be written (No space left on device)"
    write("/dev/null", [b"x"])
    assert os.stat("/dev/full").st_rdev == before.st_rdev


def test_link_stays_a_link(tmp_path):
    (tmp_path / "a").write_bytes(b"old")
    (tmp_path / "link").symlink_to("a")
    write(tmp_path / "link", [b"new"])
    assert (tmp_path / "link").is_symlink() and (tmp_path / "a").read_bytes() == b"new"


def test_name_that_cannot_be_written_is_refused_before_the_work(tmp_path):
    assert refusal(check_writable, tmp_path) == f"{tmp_path}: cannot be written: it is a folder"
    assert refusal(check_writable, tmp_path / "no" / "a") == f"{tmp_path}/no/a: cannot be written (No such file or directory)"
    check_writable(tmp_path / "a")
    assert not os.listdir(tmp_path)


def test_what_a_killed_process_left_goes_and_what_another_makes_stays(tmp_path):
    others = [".a.mine.part", ".b.1.0.part"]
    for name in (".a.1.0.part", *others):
        (tmp_path / name).write_bytes(b"left")
    with Part(tmp_path / "a") as first, Part(tmp_path / "a") as second:
        assert sorted(os.listdir(tmp_path)) == sorted([*others, first.part.name, second.part.name])
        first.write(b"first")
        first.finish()
        second.write(b"second")
        second.finish()
    assert (tmp_path / "a").read_bytes() == b"second" and sorted(os.listdir(tmp_path)) == [*others, "a"]


def test_part_of_the_assemblers_cache_that_was_left_goes(tmp_path, monkeypatch):
    import emu.asm

    (tmp_path / "asm").mkdir()
    (tmp_path / "a.s").write_text("start: jmp start\n")
    monkeypatch.setattr(emu.asm, "cache_root", lambda: tmp_path)
    place = emu.asm._cache_file([tmp_path / "a.s"], None, 0)
    left = place.with_name(f".{place.name}.1.0.part")
    left.write_bytes(b"left")
    emu.asm.assemble(tmp_path / "a.s", base=0)
    assert os.listdir(tmp_path / "asm") == [place.name]


# ---- a disk that is full: a limit on the size of files stands for it ---------------------------------------------------
PROGRAM = ".org 0x100000\nstart: mov eax, 10\n cpuid\n jmp start\n"
COMMANDS = {
    "record": ["--record", "out"], "save": ["--save", "out"], "asm": ["-o", "out"], "trace": ["-o", "out"],
    "exits": ["--as", "partition", "--trace-exits", "out"],
}


@pytest.mark.parametrize("kind", COMMANDS)
def test_full_disk_ends_a_command_in_words_and_leaves_nothing(kind, tmp_path):
    (tmp_path / "a.s").write_text(PROGRAM + ".space 10000\n")
    command = {"asm": ["asm", "a.s"], "trace": ["trace", "a.s", "--max-cycles", "2M"]}.get(kind, ["run", "a.s", "--max-cycles", "2M"])
    done = subprocess.run([sys.executable, "-c", "from emu.cli import main; main()", *command, *COMMANDS[kind]], cwd=tmp_path,
                          capture_output=True, text=True, timeout=120, env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100)))
    assert done.returncode == 2 and done.stderr.endswith("hvlab: out: cannot be written (File too large)\n")
    assert os.listdir(tmp_path) == ["a.s"]


@pytest.mark.parametrize("command", [["explain", "exit", "48"], ["asm", "a.s", "--list"], ["--help"]])
def test_standard_output_that_is_full_is_reported(command, tmp_path):
    (tmp_path / "a.s").write_text("start: jmp start\n")
    with open("/dev/full", "wb") as full:
        done = subprocess.run([sys.executable, "-c", "from emu.cli import main; main()", *command], cwd=tmp_path, stdout=full,
                              stderr=subprocess.PIPE, text=True, timeout=120, env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)})
    assert done.returncode == 2 and done.stderr.endswith("hvlab: standard output: cannot be written (No space left on device)\n")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("name", "said"), [("/full/a.txt", "/full/a.txt"), (b"/full/\xff", "/full/\\xff"), (None, "a file")])
def test_file_that_does_not_fit_is_named(name, said, monkeypatch, capfd):
    def fail(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device", name)

    monkeypatch.setattr(group.hvlab, "main", fail)
    with pytest.raises(SystemExit) as ended:
        group.start([])
    assert ended.value.code == 2 and capfd.readouterr().err == f"hvlab: {said}: cannot be written (No space left on device)\n"


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1, 2)])
@pytest.mark.parametrize("command", [["explain", "exit", "48"], ["asm", "a.s", "--list"], ["--help"]])
def test_closed_streams_change_nothing_but_what_is_seen(command, closed, tmp_path):
    (tmp_path / "a.s").write_text("start: jmp start\n")
    done = subprocess.run([sys.executable, "-c", "from emu.cli import main; main()", *command], cwd=tmp_path, timeout=120,
                          capture_output=True, text=True, env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
                          preexec_fn=lambda: [os.close(number) for number in closed])
    assert done.returncode == 0 and "Traceback" not in done.stderr and bool(done.stdout) == (1 not in closed)


def test_standard_error_that_is_full_changes_no_exit_code(tmp_path):
    (tmp_path / "a.s").write_text("start: jmp start\n")
    with open("/dev/full", "wb") as full:
        done = subprocess.run([sys.executable, "-c", "from emu.cli import main; main()", "asm", "a.s"], cwd=tmp_path, stderr=full,
                              timeout=120, env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)})
    assert done.returncode == 0


def test_what_has_the_name_of_a_part_and_is_no_file_stays_unopened(tmp_path):
    os.mkfifo(tmp_path / ".a.1.0.part")
    (tmp_path / "precious").write_text("kept")
    (tmp_path / ".a.2.0.part").symlink_to("precious")
    (tmp_path / ".a.3.0.part").write_bytes(b"left")
    write(tmp_path / "a", [b"new"])
    assert sorted(os.listdir(tmp_path)) == [".a.1.0.part", ".a.2.0.part", "a", "precious"]
    assert (tmp_path / "precious").read_text() == "kept"


def test_a_part_is_not_written_through_a_link_of_its_name(tmp_path, monkeypatch):
    (tmp_path / "precious").write_text("kept")
    for number in range(3):
        (tmp_path / f".a.{os.getpid()}.{number}.part").symlink_to("precious")
    monkeypatch.setattr("emu.files._numbers", itertools.count())
    write(tmp_path / "a", [b"new"])
    assert (tmp_path / "precious").read_text() == "kept" and (tmp_path / "a").read_bytes() == b"new"


def test_printable_text_has_no_control_characters():
    assert printable("a\x1b[31m\n\tb\x9b\x07\u202e") == "a\\x1b[31m\n\tb\\x9b\\x07\\x202e"
