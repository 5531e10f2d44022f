"""State folders that earlier versions made are taken over: rows get numbers, files go where they belong, nothing is lost."""
import socket
import sqlite3

import pytest

from emu.errors import ManageError
from emu.manage import files, older, store

OLD_TABLE = """create table if not exists vm (
    name text primary key, memory integer not null, disk text not null, state text not null, note text not null default '',
    processors integer not null default 1)"""


def old_folder(folder, names, table=OLD_TABLE):
    """Make a state folder as version 0.1 made it: each machine has run, and has a checkpoint when its name begins with "a"."""
    folder.mkdir()
    db = sqlite3.connect(folder / "vms.sqlite")
    db.execute(table)
    for name in names:
        db.execute("insert into vm (name, memory, disk, state) values (?, ?, ?, ?)",
                   (name, 4 << 20, str(folder / f"{name}.disk"), "running"))
        (folder / f"{name}.disk").write_bytes(b"disk of " + name.encode())
        (folder / f"{name}.console").write_bytes(b"console of " + name.encode())
    db.commit()
    db.close()
    (folder / "a.checkpoint").write_bytes(b"checkpoint of a")
    if "a.checkpoint" not in names:
        (folder / "a.checkpoint.disk").write_bytes(b"disk of the checkpoint of a")
    return folder


def check(folder, names):
    rows = store.Store(folder).rows()
    assert [row.name for row in rows] == sorted(names)
    for row in rows:
        assert row.path(files.DISK).read_bytes() == b"disk of " + row.name.encode() and row.disk == str(row.path(files.DISK))
        assert row.path(files.CONSOLE).read_bytes() == b"console of " + row.name.encode()
        assert row.path(files.CHECKPOINT).is_file() == (row.name == "a")
        if row.name == "a":
            shared = "a.checkpoint" in names
            assert row.path(files.CHECKPOINT_DISK).read_bytes() == (b"disk of a.checkpoint" if shared else b"disk of the checkpoint of a")
        assert ("were one file" in row.note) == (row.name.startswith("a") and "a.checkpoint" in names)
    assert {path.name for path in folder.iterdir()} == {"vms.sqlite", files.MACHINES}
    return {row.name: row for row in rows}


@pytest.mark.parametrize("names", [("a", "b"), ("b", "a.checkpoint", "a"), ("a", "a.checkpoint", "b", "c.console")])
def test_each_machine_keeps_its_files(tmp_path, names):
    folder = old_folder(tmp_path / "s", names)
    check(folder, names)
    check(folder, names)                                  # and once is enough


def test_folder_without_processors_is_taken_over(tmp_path):
    table = OLD_TABLE.replace(",\n    processors integer not null default 1", "")
    rows = check(old_folder(tmp_path / "s", ("a", "b"), table), ("a", "b"))
    assert rows["a"].processors == 1


def test_folder_that_was_moved_is_taken_over_and_a_disk_of_the_user_stays(tmp_path):
    mine = tmp_path / "mine.disk"
    mine.write_bytes(b"mine")
    folder = old_folder(tmp_path / "s", ("a", "b"))
    with sqlite3.connect(folder / "vms.sqlite") as db:
        db.execute("insert into vm (name, memory, disk, state) values ('mine', 4194304, ?, 'off')", (str(mine),))
    folder = folder.rename(tmp_path / "elsewhere")
    row = store.Store(folder).row("mine")
    assert row.disk == str(mine) and mine.read_bytes() == b"mine" and not row.path(files.DISK).exists()
    assert store.Store(folder).row("a").path(files.DISK).read_bytes() == b"disk of a"


@pytest.mark.parametrize("steps", range(12))
def test_killed_at_any_file_the_next_process_goes_on(tmp_path, monkeypatch, steps):
    """Killed: an exception that nobody catches, at each call that changes a file in turn."""
    names = ("b", "a.checkpoint", "a")
    folder = old_folder(tmp_path / "s", names)
    left = [steps]

    def may(function):
        def call(*arguments, **named):
            if left[0] == 0:
                raise KeyboardInterrupt
            left[0] -= 1
            return function(*arguments, **named)
        return call
    with monkeypatch.context() as patch:
        patch.setattr(older.shutil, "move", may(older.shutil.move))
        patch.setattr(older.files, "write_whole", may(older.files.write_whole))
        patch.setattr(older.Path, "mkdir", may(older.Path.mkdir))
        try:
            store.Store(folder)
        except KeyboardInterrupt:
            pass
    check(folder, names)


def test_service_of_the_older_version_is_not_robbed(tmp_path):
    folder = old_folder(tmp_path / "s", ("a", "b"))
    with socket.socket(socket.AF_UNIX) as listener:
        with files.socket_path(folder, older.SOCKET) as path:
            listener.bind(path)
        listener.listen()
        with pytest.raises(ManageError, match="an older version's service runs for this state folder: end it"):
            store.Store(folder)
    check(folder, ("a", "b"))


def everything(folder):
    """Return the path and the bytes of every file of a folder, and what lies beside it."""
    return {path: path.read_bytes() for path in folder.parent.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name, disk, memory, words", [
    ("../victim/f", "x", 1, "'../victim/f' is not a name of a virtual machine"), ("", "x", 1, "'' is not a name"),
    (b"a", "x", 1, "b'a' is not a name"), ("c", "x\0y", 1, "which is not a path"),
    ("c", "x", "much", "memory of c is 'much'")])
def test_old_folder_with_a_row_that_is_none_stays_as_it_is(tmp_path, name, disk, memory, words):
    folder = old_folder(tmp_path / "s", ("a", "b"))
    (tmp_path / "victim").mkdir()
    (tmp_path / "victim" / "f.disk").write_bytes(b"precious")
    with sqlite3.connect(folder / "vms.sqlite") as db:
        db.execute("insert into vm (name, memory, disk, state) values (?, ?, ?, 'off')", (name, memory, disk))
    db.close()
    before = everything(folder)
    with pytest.raises(ManageError, match=words):
        store.Store(folder)
    assert everything(folder) == before


@pytest.mark.parametrize("column, value", [("was", "../victim/f"), ("was", b"x"), ("disk", 5), ("was", "b")])
def test_move_that_was_begun_does_not_go_on_with_what_is_no_row(tmp_path, monkeypatch, column, value):
    folder = old_folder(tmp_path / "s", ("a", "b"))
    (tmp_path / "victim").mkdir()
    (tmp_path / "victim" / "f.disk").write_bytes(b"precious")

    def killed(*_):
        raise KeyboardInterrupt
    with monkeypatch.context() as patch:
        patch.setattr(older, "_move", killed)
        with pytest.raises(KeyboardInterrupt):
            store.Store(folder)
    with sqlite3.connect(folder / "vms.sqlite") as db:
        db.execute(f"update machine set {column} = ? where name = 'a'", (value,))
    db.close()
    before = everything(folder)
    with pytest.raises(ManageError, match="nothing was changed"):
        store.Store(folder)
    assert everything(folder) == before
