"""State folders that earlier versions made: their table had no numbers, and their files lay side by side, named after the machines.

    NAME.disk  NAME.console  NAME.checkpoint  NAME.checkpoint.disk

So the disk of `a.checkpoint` and the checkpoint of `a` were one file: it becomes two then, and both machines say so.
"""
import os
import shutil
import socket
from contextlib import suppress
from pathlib import Path

from emu.errors import ManageError
from emu.manage import files, names, schema

SOCKET = "service.sock"
SHARED = "the disk of {} and the checkpoint of {} were one file in an older version: each has what was written there last"


def take_over(db, folder):
    """Move rows and files of an earlier version to where they belong; the caller holds the database.

    A process that is killed meanwhile leaves what the next one goes on with: column `was` has the names of files to be moved yet.  Raises
    ManageError, before anything is moved, when a value in a row is none that an earlier version wrote.
    """
    if db.execute("select 1 from sqlite_master where type = 'table' and name = 'vm'").fetchone():
        _no_service(folder)
        processors = "processors" if "processors" in {each[1] for each in db.execute("pragma table_info(vm)")} else "1"
        columns = f"name, memory, disk, state, note, {processors}"
        _check(folder, schema.rows(db, f"select {columns} from vm order by rowid"),
               [each for each, in schema.rows(db, "select name from machine")])
        db.execute(f"insert into machine (name, memory, disk, state, note, processors, was) select {columns}, name from vm order by rowid")
        db.execute("drop table vm")
        _unfinished(db, folder)                           # what an earlier process left may be damaged, too
        with suppress(OSError):
            (folder / SOCKET).unlink()
        db.execute("commit")
        db.execute("begin immediate")
    rows = _unfinished(db, folder)
    if rows:
        try:
            _move(db, folder, rows)
        except OSError as error:
            raise ManageError(f"{files.shown(error.filename or folder)}: the virtual machines of an older version cannot be moved "
                              f"({error.strerror})") from None


def _unfinished(db, folder):
    """Return (number, old name, disk) of rows whose files are not moved yet."""
    _check(folder, schema.rows(db, "select was, memory, disk, state, note, processors from machine where was is not null"))
    rows = schema.rows(db, "select id, was, disk from machine where was is not null")
    if any(not isinstance(ident, int) or ident <= 0 for ident, _, _ in rows):
        raise ManageError(f"{files.shown(folder)}: a row has no number that a virtual machine can have; nothing was changed")
    return rows


def _check(folder, rows, there=()):
    """Raise ManageError unless each row (name, memory, disk ...) is one that a virtual machine can have, and no name is there twice."""
    seen = set(there)
    for row in rows:
        wrong = names.wrong(*row) or (f"there are two virtual machines {row[0]}" if row[0] in seen else "")
        if wrong:
            raise ManageError(f"{files.shown(folder)}: the state folder of an older version is damaged: {wrong}; nothing was changed")
        seen.add(row[0])


def _no_service(folder):
    with suppress(OSError), files.socket_path(folder, SOCKET) as path, socket.socket(socket.AF_UNIX) as probe:
        probe.connect(path)
        raise ManageError("an older version's service runs for this state folder: end it with that version's `hvlab vm shutdown`")


def _move(db, folder, rows):
    claims: dict[Path, list[Path]] = {}
    for ident, was, disk in rows:
        own = files.folder_of(folder, ident)
        own.mkdir(parents=True, exist_ok=True, mode=0o700)
        old = folder / f"{was}.disk"
        if (own / files.DISK).exists() or _is_own(Path(os.fsdecode(disk)), old):
            claims.setdefault(old, []).append(own / files.DISK)
            db.execute("update machine set disk = ? where id = ?", (b"", ident))
        claims.setdefault(folder / f"{was}.console", []).append(own / files.CONSOLE)
        kept = folder / f"{was}.checkpoint"
        if kept.exists() or (own / files.CHECKPOINT).exists():
            claims.setdefault(kept, []).append(own / files.CHECKPOINT)
            claims.setdefault(folder / f"{was}.checkpoint.disk", []).append(own / files.CHECKPOINT_DISK)
    for source, targets in claims.items():
        if len(targets) > 1:
            _say_shared(db, rows, targets)
        for target in targets[:-1]:
            if source.exists() and not target.exists():
                files.write_whole(target, files.pieces(source))
        if source.exists():
            shutil.move(source, targets[-1])
    db.execute("update machine set was = null")


def _is_own(disk, old):
    """Is the disk of a row the file that `create` made?  The path may be of before its folder was moved, or from another folder."""
    return disk.name == old.name and old.exists() and (not disk.exists() or old.samefile(disk))


def _say_shared(db, rows, targets):
    called = {str(ident): was for ident, was, _ in rows}
    by_kind = {target.name: target.parent.name for target in targets}
    owner, other = by_kind[files.DISK], by_kind[files.CHECKPOINT_DISK]
    for ident in (owner, other):
        db.execute("update machine set note = ? where id = ?", (SHARED.format(called[owner], called[other]), int(ident)))
