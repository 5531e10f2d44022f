"""What can fail under the service, and whom it belongs to: workers, clients, files, the database, the disk's space."""
import base64
import contextlib
import os
import resource
import selectors
import signal
import socket
import sqlite3
import subprocess
import time

import pytest

from emu.errors import ConfigError, HvlabError, ManageError
from emu.manage import clients, files, link, schema, store
from tests.manage.lab import ECHO, gone, nothing_is_wrong, processes

KERNEL = ("--kernel", str(ECHO), "--disk-size", "64K", "--memory", "4M")
MANY = base64.b64encode(bytes(48 << 10)).decode()


class Worker:
    """A Link by itself: what it answered, why it ended."""

    def __init__(self, folder):
        (folder / "disk").write_bytes(bytes(2048))
        self.selector, self.answers, self.why = selectors.DefaultSelector(), [], []
        self.link = link.Link(self.selector, str(folder / "disk"), str(folder / "console"), self.answers.append, self.why.append)

    def until(self, done):
        end = time.monotonic() + 60
        while not done():
            assert time.monotonic() < end, (self.answers, self.why)
            for key, _ in self.selector.select(0.02):
                key.data(key.fileobj)
            self.link.tick()

    def ends(self):
        self.until(lambda: self.why)
        assert gone(self.link.pid) and self.link.over and not self.selector.get_map()
        self.link.send({"serial": ""})                    # nothing happens any more
        self.link.finish()
        self.link.tick()
        return self.why


def test_worker_that_is_killed_ends_and_harms_nobody(tmp_path):
    worker = Worker(tmp_path)
    os.kill(worker.link.pid, signal.SIGKILL)
    while not gone(worker.link.pid):
        time.sleep(0.01)
    for _ in range(100):                                  # into a pipe that nobody reads any more
        worker.link.send({"serial": MANY})
    assert worker.ends() == ["signal 9"]


def test_worker_that_is_stopped_keeps_nobody_waiting(tmp_path, monkeypatch):
    monkeypatch.setattr(link, "FAREWELL_SECONDS", 0.2)
    worker = Worker(tmp_path)
    os.kill(worker.link.pid, signal.SIGSTOP)
    for _ in range(20):
        worker.link.send({"serial": MANY})
    worker.link.finish()
    assert worker.ends() == ["signal 9"]


def test_worker_that_leaves_everything_waiting_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(link, "WAITS_MOST", 1 << 20)
    worker = Worker(tmp_path)
    os.kill(worker.link.pid, signal.SIGSTOP)
    for _ in range(40):
        worker.link.send({"serial": MANY})
    assert worker.ends() == ["it has left 1 MiB of requests waiting"]


@pytest.mark.parametrize("said", [b"nonsense", b"[1]", b"{", b"7", b"\xff", b"[" * 50_000])
def test_worker_that_says_no_answer_is_ended(tmp_path, monkeypatch, said):
    (tmp_path / "said").write_bytes(said + b"\n")
    monkeypatch.setattr(link, "command", lambda *_: ["/bin/sh", "-c", f"cat {tmp_path / 'said'}; cat"])
    assert Worker(tmp_path).ends()[0].startswith("it sent a malformed answer")


def test_worker_does_what_it_was_asked_before_it_ends(tmp_path):
    worker = Worker(tmp_path)
    worker.link.send({"id": 0, "sector": 1, "count": 1, "data": base64.b64encode(b"x" * 512).decode()})
    for _ in range(50):
        worker.link.send({"serial": MANY})
    worker.link.finish()
    assert worker.ends() == ["exit code 0"]
    assert (tmp_path / "console").stat().st_size == 50 * (48 << 10)
    assert (tmp_path / "disk").read_bytes() == bytes(512) + b"x" * 512 + bytes(1024)


def test_two_workers_never_have_one_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(link, "FAREWELL_SECONDS", 30)
    first, second = Worker(tmp_path), Worker(tmp_path)
    first.link.send({"id": 0, "sector": 0, "count": 1})
    second.link.send({"id": 0, "sector": 0, "count": 1})
    first.until(lambda: first.answers)
    second.until(lambda: second.answers)
    failed, other = (second, first) if "failed" in second.answers[0] else (first, second)
    assert failed.ends() == ["exit code 1"] and failed.answers == [
        {"failed": f"{tmp_path / 'disk'}: the disk of another virtual machine that runs"}]
    other.link.finish()
    assert other.ends() == ["exit code 0"]


def test_worker_whose_console_is_full_says_so_and_goes_on(tmp_path):
    worker = Worker(tmp_path)
    resource.prlimit(worker.link.pid, resource.RLIMIT_FSIZE, (4096, 4096))
    for _ in range(3):
        worker.link.send({"serial": MANY})
    worker.link.send({"id": 0, "sector": 0, "count": 1})
    worker.until(lambda: len(worker.answers) == 2)
    assert worker.answers[0] == {"console": "File too large"} and "data" in worker.answers[1]
    worker.link.finish()
    assert worker.ends() == ["exit code 0"]


# ---- commands ------------------------------------------------------------------------------------------------------

def test_full_disk_leaves_nothing_of_a_machine(lab):
    for most in (4096, 40 << 10):                         # neither database nor disk; no disk
        said = lab("create", "one", *KERNEL, fails=1, file_bytes=most)
        assert "cannot be written (File too large)" in said or "disk is full" in said or "disk I/O error" in said, said
    assert lab.ask("list") is None and store.Store(lab.folder).rows() == []
    assert list((lab.folder / files.MACHINES).iterdir()) == []
    lab("create", "one", *KERNEL)
    nothing_is_wrong(lab.folder)


def test_large_disk_that_is_empty_takes_little(lab):
    lab.inside("create", "one", "--kernel", str(ECHO), "--disk-size", "8G", "--memory", "4M")
    found = lab.file("one", files.DISK).stat()
    assert found.st_size == 8 << 30 and found.st_blocks * 512 < 1 << 20
    assert "at most 1024 GiB each" in lab.inside("create", "two", "--kernel", str(ECHO), "--disk-size", "2048G", fails=2)
    assert "at most 1024 GiB each" in lab.inside("create", "two", "--kernel", str(ECHO), "--memory", "16000000000G", fails=2)


def test_create_that_is_killed_leaves_what_the_next_one_removes(lab):
    made = store.Store(lab.folder)
    (lab.folder / files.MACHINES).mkdir()
    (lab.folder / files.MACHINES / "making-killed").mkdir()
    (lab.folder / files.MACHINES / "1").mkdir()           # it had its number, but not its row
    with files.making(made.folder) as own:
        (own / files.DISK).write_bytes(bytes(64 << 10))
        with files.making(made.folder) as other:          # one that is being made meanwhile stays
            made.add("one", 4 << 20, made=own)
            assert other.is_dir()
    assert {path.name for path in (lab.folder / files.MACHINES).iterdir()} == {"1"}
    assert made.row("one").path(files.DISK).stat().st_size == 64 << 10


def test_names_are_no_paths(lab):
    for name in ("a", "a.checkpoint", "a.console", "a.disk", "1", "making-1", "con..sole", "vms.sqlite"):
        lab.folder.mkdir(parents=True, exist_ok=True)
        made = store.Store(lab.folder)
        with files.making(made.folder) as own:
            (own / files.DISK).write_bytes(name.encode().ljust(64 << 10))
            made.add(name, 4 << 20, made=own)
    rows = made.rows()
    assert len({row.folder for row in rows}) == len(rows)
    for row in rows:
        made.delete(row.name)
        for other in made.rows():
            assert other.path(files.DISK).read_bytes().strip() == other.name.encode()
    again = made.add("a", 4 << 20)
    assert again.id > max(row.id for row in rows)         # a number is never used again


def test_damaged_rows_are_named(tmp_path):
    made = store.Store(tmp_path)
    made.add("one", 4 << 20)
    good = sqlite3.connect(made.path)
    for column, value in [("memory", "x"), ("memory", -1), ("state", "flying"), ("note", b"\xff"), ("processors", b""), ("name", b"\xff"),
                          ("name", "../x"), ("disk", 7), ("disk", b"a\0b"), ("id", -1)]:
        before = good.execute(f"select {column} from machine").fetchone()[0]
        good.execute(f"update machine set {column} = ?", (value,))
        good.commit()
        with pytest.raises((ManageError, ConfigError)):
            made.rows()
        good.execute(f"update machine set {column} = ?", (before,))
        good.commit()
    good.close()
    assert len(made.rows()) == 1


def test_damaged_database_never_ends_in_a_traceback(tmp_path):
    import random
    made = store.Store(tmp_path)
    made.add("one", 4 << 20)
    whole, dice = made.path.read_bytes(), random.Random(12)
    for _ in range(300):
        data = bytearray(whole)
        for _ in range(dice.choice((1, 4, 100))):
            data[dice.randrange(len(data))] = dice.randrange(256)
        made.path.write_bytes(data[:dice.choice((len(data), dice.randrange(len(data))))])
        try:
            again = store.Store(tmp_path)
            again.recover()
            again.rows()
        except (ManageError, ConfigError):
            pass


ENDLESS = "with recursive c(i) as (select 1 union all select i + 1 from c) select i from c where i < 0"
VIEW = f"create view machine as select i as id, 'a' as name, 1 as memory, '' as disk, 'off' as state, '' as note, 1 as processors, " \
       f"null as was from ({ENDLESS})"


@pytest.mark.parametrize("script", [
    f"create trigger t after update on machine begin delete from machine where id in ({ENDLESS}); end",
    f"drop table machine; {VIEW}; create trigger t instead of update on machine begin select 1; end",
    "create view other as select 1", "create table other (id)", "create index i on machine (note)",
    "alter table machine add column more text default 'x'", "create table vm (name text, memory integer)"])
def test_database_with_a_schema_that_is_not_ours_is_refused(lab, script):
    made = store.Store(lab.folder)
    made.add("one", 4 << 20)
    made.note("one", store.RUNNING)
    with sqlite3.connect(made.path) as db:
        db.executescript(script)
    db.close()
    before = made.path.read_bytes()
    for use in (made.rows, made.recover, lambda: made.add("two", 4 << 20), lambda: store.Store(lab.folder)):
        with pytest.raises(ManageError, match="is not hvlab's: this is not a database of virtual machines"):
            use()
    assert made.path.read_bytes() == before
    assert "is not hvlab's" in lab.inside("list", fails=1)


def test_work_for_the_database_has_an_end(tmp_path):
    path = tmp_path / "d"
    with pytest.raises(ManageError, match="a statement on it does not end"), schema.opened(path) as db:
        db.execute(ENDLESS).fetchall()
    with pytest.raises(ManageError, match="it has more than 10,000 rows"), schema.opened(path) as db:
        schema.rows(db, ENDLESS.replace(" where i < 0", ""))
    with pytest.raises(ManageError, match="too big"), schema.opened(path) as db:
        db.execute("select zeroblob(100000000)")


@pytest.mark.parametrize("what", ["insert into machine (id, name, memory, disk, state) values (?, 'last', 4194304, '', 'off')",
                                  "update sqlite_sequence set seq = ?"])
def test_numbers_that_have_run_out_are_said(tmp_path, what):
    made = store.Store(tmp_path)
    made.add("one", 4 << 20)
    with sqlite3.connect(made.path) as db:
        db.execute(what, ((1 << 63) - 1,))
    db.close()
    with pytest.raises(ManageError, match="no number is left for another virtual machine: 9223372036854775807, the last one, was given"):
        made.add("two", 4 << 20)


@pytest.mark.parametrize("folder, words", [("f/vms", "the state folder cannot be made (Not a directory)"),
                                           ("/".join(["x" * 100] * 5), "it can have 480")])
def test_state_folder_that_cannot_be_is_refused(lab, tmp_path, folder, words):
    (tmp_path / "f").write_bytes(b"")
    lab.folder = tmp_path / folder
    for arguments in (("list",), ("create", "one", *KERNEL)):
        assert words in lab.inside(*arguments, fails=2)


def test_bytes_that_are_no_text_are_taken(lab, tmp_path):
    path = tmp_path / os.fsdecode(b"\xff.disk")
    path.write_bytes(bytes(64 << 10))
    lab.inside("create", "one", "--disk", str(path), "--memory", "4M")
    assert "/\\xff.disk" in lab.inside("show", "one") and "/\\\\xff.disk" in lab.inside("list", "--json")
    assert store.Store(lab.folder).row("one").disk == str(path)
    bad = os.fsdecode(b"\xff")
    assert "a virtual machine's name is 1 to 32 letters" in lab.inside("create", bad, *KERNEL, fails=2)
    for verb in (("start", bad), ("show", bad), ("delete", bad), ("console", bad), ("type", bad, bad)):
        assert "there is no virtual machine" in lab.inside(*verb, fails=2)
    assert "there is no such file" in lab.inside("create", "two", "--disk", bad, fails=2)


def test_full_disk_is_reported_as_what_was_asked_for(lab):
    said = lab("create", "one", *KERNEL[:2], "--disk-size", "8M", "--memory", "4M", fails=1, file_bytes=1 << 20)
    assert f"the disk of one, 8,388,608 bytes in {files.shown(lab.folder)}, cannot be written (File too large); nothing was made" in said
    assert not list((lab.folder / files.MACHINES).iterdir()) and not store.Store(lab.folder).rows()


def test_parts_of_a_disk_that_is_a_link_are_swept_where_it_lies(tmp_path):
    (tmp_path / "real").mkdir()
    disk = tmp_path / "real" / "disk"
    disk.write_bytes(bytes(512))
    (tmp_path / "link").symlink_to(disk)
    made = store.Store(tmp_path / "s")
    made.add("one", 4 << 20, str(tmp_path / "link"))
    for end in (files.PART, f".old{files.PART}"):
        (tmp_path / "real" / f"disk{end}").write_bytes(b"")
    made.recover()
    assert list((tmp_path / "real").iterdir()) == [disk]


def _turn(selector):
    for key, _ in selector.select(0):
        key.data(key.fileobj)


@pytest.mark.parametrize("first", [b"", b'{"do": "li'])
def test_clients_that_say_nothing_keep_nobody_waiting(tmp_path, first):
    """Nor those that say half a request, and none is closed that has said a whole one."""
    selector, asked, idle = selectors.DefaultSelector(), [], []
    served = clients.Clients(tmp_path, selector, lambda client, request: (asked.append(request["do"]), client.answer({"n": len(asked)})))

    def connected():
        idle.append(socket.socket(socket.AF_UNIX))
        with files.socket_path(tmp_path) as path:
            idle[-1].connect(path)
        return idle[-1]
    for _ in range(5):
        for _ in range(60):
            connected().sendall(first)
        who = connected()
        who.sendall(b'{"do": "list"}\n')
        for _ in range(60):
            connected().sendall(first)
        for _ in range(3):
            _turn(selector)
        assert who.recv(100) == b'{"n": %d}\n' % len(asked)
    assert asked == ["list"] * 5
    served.close()
    for each in idle:
        each.close()


# ---- a service -------------------------------------------------------------------------------------------------------

@pytest.mark.slow
def test_full_disk_makes_no_half_of_a_checkpoint(lab):
    lab.created()
    lab("checkpoint", "one")
    kept = lab.file("one", files.CHECKPOINT).read_bytes()
    service, folder = lab.row("one")["service"], lab.file("one", "")
    before = sorted(folder.iterdir())
    soft = resource.prlimit(service, resource.RLIMIT_FSIZE, (48 << 10, resource.RLIM_INFINITY))
    lab.hears("one", "ready\nab", base64.b64encode(b"ab").decode())
    assert "cannot be written (File too large); it is as it was" in lab("checkpoint", "one", fails=1)
    assert sorted(folder.iterdir()) == before and lab.file("one", files.CHECKPOINT).read_bytes() == kept
    lab.hears("one", "ready\nabc", base64.b64encode(b"c").decode())       # it goes on
    lab("stop", "one")
    disk = lab.file("one", files.DISK).read_bytes()
    assert "cannot be written" in lab("apply", "one", fails=1)
    assert lab.file("one", files.DISK).read_bytes() == disk and lab.row("one")["state"] == "off"
    resource.prlimit(service, resource.RLIMIT_FSIZE, soft)
    lab("apply", "one")
    lab.hears("one", "ready\nabcz", base64.b64encode(b"z").decode())


@pytest.mark.slow
def test_clients_that_do_not_behave_keep_nobody_waiting(lab):
    lab.created()
    clients = []
    for number in range(100):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(5)
        with files.socket_path(lab.folder) as path:
            connection.connect(path)
        if number % 3:
            connection.sendall(b'{"do": "li' if number % 3 == 1 else b'{"do": "list"}\n')       # and it takes no answer
        clients.append(connection)
    began = time.monotonic()
    lab.hears("one", "ready\nab", base64.b64encode(b"ab").decode())
    assert time.monotonic() - began < 60                  # the silent ones are let go after a while, however many wait
    for connection in clients:
        connection.close()
    lab.hears("one", "ready\nabc", base64.b64encode(b"c").decode())


@pytest.mark.slow
def test_descriptors_that_run_out_end_nobody(lab):
    lab.created()
    lab("create", "two", *KERNEL)
    service = lab.row("one")["service"]
    used = max(int(name) for name in os.listdir(f"/proc/{service}/fd")) + 1
    soft = resource.prlimit(service, resource.RLIMIT_NOFILE)
    for room in range(8):                                 # none for a client, the database, a worker's pipes, in turn
        resource.prlimit(service, resource.RLIMIT_NOFILE, (used + room, soft[1]))
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(3)
            with files.socket_path(lab.folder) as path:
                connection.connect(path)
            connection.sendall(b'{"do": "start", "name": "two"}\n')
            try:
                connection.recv(4096)
            except TimeoutError:
                pass
        resource.prlimit(service, resource.RLIMIT_NOFILE, soft)
        with contextlib.suppress(HvlabError):
            lab.ask("stop", name="two")
    assert lab.row("one")["service"] == service and lab.row("one")["state"] == "running"
    lab.hears("one", "ready\nab", base64.b64encode(b"ab").decode())
    lab("start", "two")
    lab("delete", "one", fails=1)


@pytest.mark.slow
def test_database_that_is_locked_ends_nobody(lab, monkeypatch):
    lab.created()
    service = lab.row("one")["service"]
    with sqlite3.connect(store.Store(lab.folder).path, isolation_level=None) as db:
        db.execute("begin exclusive")
        os.kill(lab_worker(service), signal.SIGKILL)
        time.sleep(1)
        db.execute("rollback")
    lab.until(lambda: lab.row("one")["state"] == "failed", "noticed")
    assert lab.row("one")["service"] == service


def lab_worker(service):
    """Return the first process that the service started."""
    return int(subprocess.run(["ps", "-o", "pid=", "--ppid", str(service)], capture_output=True, text=True, check=True).stdout.split()[0])


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signal_ends_the_service_in_order(lab, number):
    lab.created()
    row = lab.row("one")
    os.kill(row["service"], number)
    lab.until(lambda: gone(row["service"]) and gone(row["worker"]), "its end")
    after = store.Store(lab.folder).row("one")
    assert (after.state, after.note) == ("off", f"its service ended by {number.name}")
    assert not (lab.folder / files.SOCKET).exists()
    nothing_is_wrong(lab.folder)


@pytest.mark.slow
def test_socket_that_was_removed_comes_back_and_a_removed_folder_ends_the_service(lab):
    import shutil
    lab.created()
    service = lab.row("one")["service"]
    (lab.folder / files.SOCKET).unlink()
    lab.until(lambda: (lab.folder / files.SOCKET).exists(), "its socket")
    assert lab.row("one")["service"] == service
    shutil.rmtree(lab.folder)
    lab.until(lambda: gone(service), "its end")
    assert processes(lab.folder) == []


def test_note_is_text_and_no_markup(lab):
    made, note = store.Store(lab.folder), "[/x] [red]a[/red] :smile: \x1b[2J"
    made.add("one", 4 << 20)
    made.note("one", store.FAILED, note)
    shown = note.replace("\x1b", "\\x1b")
    assert shown in " ".join(lab.inside("list").split()) and f"note       {shown}\n" in lab.inside("show", "one")


def test_machines_that_lie_elsewhere_are_not_swept(tmp_path):
    folder, other = tmp_path / "s", tmp_path / "other"
    (other / "7").mkdir(parents=True)
    (other / "7" / f"a{files.PART}").write_text("precious")
    folder.mkdir()
    (folder / files.MACHINES).symlink_to(other)
    with pytest.raises(ConfigError, match="machines: it is a symbolic link: must be a folder"):
        store.Store(folder)
    (folder / files.MACHINES).unlink()
    made = store.Store(folder)
    (folder / files.MACHINES).symlink_to(other)           # it comes later, while somebody holds the folder
    with pytest.raises(ConfigError, match="must be a folder"):
        made.recover()
    (folder / files.MACHINES).unlink()
    (folder / files.MACHINES).mkdir()
    for name in ("7", "x", f"{files.MAKING}x"):
        (folder / files.MACHINES / name).symlink_to(other / "7")
    made.recover()
    assert (other / "7" / f"a{files.PART}").read_text() == "precious"


def test_what_is_written_goes_through_no_link(tmp_path):
    (tmp_path / "precious").write_text("kept")
    (tmp_path / f"disk{files.PART}").symlink_to("precious")
    files.write_whole(tmp_path / "disk", [b"new"])
    assert (tmp_path / "precious").read_text() == "kept" and (tmp_path / "disk").read_bytes() == b"new"
