"""Virtual machines under the root partition: the command, its service and the workers, as people and kill(1) meet them."""
import json
import os
import signal
import time

import pytest

from emu.bits import MIB
from emu.manage import disk, files, store
from emu.manage.root import LOOK_CYCLES, Root
from tests.manage.lab import ECHO, gone

HELLO = "loader: reading the kernel\nhello from a child\nready\n"


def test_checkpoint_goes_on_where_it_was(lab):
    lab.created()
    lab("type", "one", "ab")
    lab.until(lambda: lab.heard("one").endswith("ready\nab"), "echo")
    lab("checkpoint", "one")
    lab("type", "one", "cq")
    lab.until(lambda: lab.row("one")["state"] == "off", "its end")
    lab("apply", "one")
    lab("type", "one", "de")                              # its timer wakes it; it has not begun again
    lab.until(lambda: lab.heard("one").endswith("ready\nabcnew!failed\ne"), "what follows")
    lab("stop", "one")
    path = lab.file("one", "checkpoint")
    path.write_bytes(path.read_bytes()[:-100])
    assert "the checkpoint is damaged" in lab("apply", "one", fails=2)
    path.unlink()
    assert "one has no checkpoint" in lab("apply", "one", fails=2)
    assert lab.row("one")["state"] == "off"


def test_life_of_a_virtual_machine(lab):
    lab.created()
    assert lab.heard("one") == HELLO
    lab("type", "one", "abc\\x64")                        # d: its disk takes what is written, and says when it cannot
    lab.until(lambda: "failed" in lab.heard("one"), "disk")
    assert lab.heard("one").endswith("ready\nabcnew!failed\n")
    disk_path = lab.file("one", "disk")
    assert disk_path.read_bytes()[64 * 512:64 * 512 + 4] == b"new!"
    lab("pause", "one")
    assert lab.row("one")["state"] == "paused"
    lab("type", "one", "later")
    time.sleep(0.3)
    assert "later" not in lab.heard("one")
    lab("resume", "one")
    lab.until(lambda: lab.heard("one").endswith("later"), "resume")
    lab("type", "one", "q")
    lab.until(lambda: lab.row("one")["state"] == "off", "its end")
    assert lab.row("one")["note"] == "ended with 0x0" and lab.row("one")["worker"] is None
    assert lab("console", "one").endswith("later")
    lab("start", "one")
    lab("stop", "one")
    assert lab.row("one")["note"] == "stopped"
    lab("delete", "one")
    assert json.loads(lab("list", "--json"))["vms"] == [] and not disk_path.parent.exists()


@pytest.mark.slow
def test_killed_worker_stops_only_its_virtual_machine(lab):
    for name in ("one", "two"):
        lab.created(name)
    os.kill(lab.row("one")["worker"], signal.SIGKILL)
    lab.until(lambda: lab.row("one")["state"] == "failed", "noticed")
    assert lab.row("one")["note"] == "its worker process ended (signal 9)"
    lab("type", "two", "alive")
    lab.until(lambda: lab.heard("two").endswith("alive"), "the other goes on")
    lab("start", "one")                                   # and it starts again: no memory was lost
    lab.until(lambda: lab.heard("one").count("ready\n") == 2, "again")


@pytest.mark.slow
def test_child_that_faults_is_reported_and_leaves_the_rest_alone(lab):
    lab.created()
    lab("type", "one", "u")
    lab.until(lambda: lab.row("one")["state"] == "failed", "the fault")
    assert lab.row("one")["note"].startswith("its root cannot answer message 0x80000021 at 0x10")


@pytest.mark.slow
def test_killed_service_comes_back_right(lab):
    lab.created()
    service = lab.row("one")["service"]
    worker = lab.row("one")["worker"]
    os.kill(service, signal.SIGKILL)
    lab.until(lambda: gone(worker), "its worker goes, too")
    row = lab.row("one")
    assert (row["state"], row["note"], row["service"]) == ("off", "its service ended while it ran", None)
    assert "no service runs" in lab("pause", "one", fails=1)
    lab("start", "one")
    lab.until(lambda: lab.heard("one").count("ready\n") == 2, "again")


@pytest.mark.parametrize("arguments, words", [
    (("create", "../x", "--kernel", str(ECHO)), "a virtual machine's name is 1 to 32 letters"),
    (("create", "x"), "give one of them"),
    (("create", "x", "--kernel", str(ECHO), "--memory", "3M"), "whole 2 MiB"),
    (("create", "x", "--disk", "/nowhere/disk"), "there is no such file"),
    (("start", "x"), "there is no virtual machine 'x'; there is none yet"),
    (("show", "x"), "there is no virtual machine 'x'"),
])
def test_wrong_requests_are_reported_in_words(lab, arguments, words):
    assert words in lab(*arguments, fails=2)


@pytest.mark.slow
def test_too_much_memory_is_refused_and_nothing_stays(lab):
    lab("create", "big", "--kernel", str(ECHO), "--memory", "2G")
    assert "the root refuses create of slot 0: NO_MEMORY" in lab("start", "big", fails=1)
    lab.created()


@pytest.mark.slow
def test_hostile_requests_do_no_damage(lab):
    import socket
    lab.created()
    for text in (b"\n", b"{}\n", b"[1]\n", b'{"do": "start"}\n', b'{"do": "_end"}\n', b'{"do": "type", "name": "one", "data": 7}\n',
                 b"\xff\xfe\n", b"[" * 100_000 + b"\n", b"x" * (1 << 20) + b"x", b'{"do": "list", "client": 1, "function": 2, "self": 3}\n',
                 b'{"do": "start", "name": ["one"]}\n', b'{"do": "start", "name": "\\ud800"}\n', b'{"do": 7}\n'):
        with socket.socket(socket.AF_UNIX) as connection:
            with files.socket_path(lab.folder) as path:
                connection.connect(path)
            connection.sendall(text)
            assert b'"error"' in connection.recv(65536)
    assert lab.row("one")["state"] == "running"
    assert (lab.folder / files.SOCKET).stat().st_mode & 0o077 == 0


def test_database_that_is_none_is_named(tmp_path):
    (tmp_path / "vms.sqlite").write_bytes(b"nonsense" * 100)
    with pytest.raises(store.ManageError, match="this is not a database of virtual machines"):
        store.Store(tmp_path)


def test_root_gives_everything_back_and_repeats():
    def once():
        root = Root(16 * MIB)
        free = root.command("HELLO")
        for _ in range(3):
            slots = [root.command("CREATE", slot, 4 * MIB, 1) for slot in range(4)]
            assert slots == sorted(set(slots))
            with pytest.raises(store.ManageError, match="NO_MEMORY"):
                root.command("CREATE", 4, 4 * MIB, 1)
            for slot, base in enumerate(slots):
                root.place(base + 0x10000, b"\xEB\xFE")
                root.command("START", slot, 0x10000)
            root.run(5 * LOOK_CYCLES)
            for slot in range(4):
                root.command("STOP", slot)
        assert root.command("HELLO") == free
        assert not root.machine.ram[root.base + 0xC0_0000:root.base + 0x1C0_0000].any()
        return root.machine.digest()
    assert once() == once()


@pytest.mark.parametrize("op, slot, first, status", [
    ("CREATE", 8, 4 * MIB, "NO_SLOT"), ("CREATE", 0, 4097, "NO_MEMORY"), ("CREATE", 0, 1 << 40, "NO_MEMORY"), ("START", 0, 0, "NO_SLOT"),
    ("PAUSE", 3, 0, "NO_SLOT"), ("STOP", 1, 0, "NO_SLOT"), ("DISK_DONE", 0, 0, "NO_SLOT"), ("READ", 99, 1, "NO_SLOT")])
def test_root_refuses_what_cannot_be(root, op, slot, first, status):
    with pytest.raises(store.ManageError, match=f"the root refuses {op.lower()} of slot {slot}: {status}"):
        root.command(op, slot, first)


@pytest.fixture(scope="module")
def root():
    """Return a Root that nothing runs on."""
    return Root(16 * MIB)


def test_kernel_below_the_loaders_tables_is_refused():
    from dataclasses import replace

    from emu.asm import assemble
    from emu.errors import ConfigError
    from emu.image import of_assembly
    image = of_assembly(assemble(ECHO), 4 * MIB)
    assert disk.kernel_disk(image)[:8] == b"HVDISK02"
    with pytest.raises(ConfigError, match="lies from 0x10000 on, this one begins at 0x7c00"):
        disk.kernel_disk(replace(image, segments=((0x7C00, b"x"),)))


@pytest.mark.slow
@pytest.mark.parametrize("processors", [1, 2])
def test_linux_under_the_root_answers_what_is_typed(lab, tmp_path, processors):
    from tests.foreign import linux
    lab("create", "deb", "--kernel", str(linux.kernel()), "--initrd", str(linux.initrd(tmp_path, linux.SHELL)), "--append",
        f"{linux.CONSOLE} quiet", "--memory", "256M", "--processors", str(processors))
    lab("start", "deb")
    lab.until(lambda: "# " in lab.heard("deb"), "its shell")
    lab("type", "deb", "echo answer $((6 * 7)) $(busybox nproc)\\n")
    lab.until(lambda: f"answer 42 {processors}\r\n" in lab.heard("deb"), "the answer")
    lab("type", "deb", "busybox mkdir /sys; busybox mount -t sysfs sys /sys; busybox cat /sys/devices/system/clocksource/*/current_c*\\n")
    lab.until(lambda: "\r\nhyperv_clocksource_tsc_page\r\n" in lab.heard("deb"), "its clock")
    lab("type", "deb", "a=5; echo set\\n")
    lab.until(lambda: "\r\nset\r\n" in lab.heard("deb"), "a variable")
    lab("checkpoint", "deb")
    lab("type", "deb", "a=6; echo again\\n")
    lab.until(lambda: "\r\nagain\r\n" in lab.heard("deb"), "another value")
    lab("stop", "deb")
    lab("apply", "deb")
    lab("type", "deb", "busybox sleep 1; echo value $a $(busybox nproc)\\n")
    lab.until(lambda: f"\r\nvalue 5 {processors}\r\n" in lab.heard("deb"), "what it was at the checkpoint")
    lab("type", "deb", "busybox poweroff -f\\n")
    lab.until(lambda: lab.row("deb")["state"] == "off", "its end")
    assert lab.row("deb")["note"] == "ended with 0x0"
