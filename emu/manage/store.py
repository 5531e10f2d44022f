"""What is known of the virtual machines: one table of an embedded database, so that a service that was killed finds it as it was."""
import os
import sqlite3
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from emu.errors import ConfigError, ManageError
from emu.manage import files, older

OFF, RUNNING, PAUSED, FAILED = "off", "running", "paused", "failed"
STATES = (OFF, RUNNING, PAUSED, FAILED)
TABLE = """create table if not exists machine (
    id integer primary key autoincrement, name text not null unique, memory integer not null, disk blob not null, state text not null,
    note text not null default '', processors integer not null default 1, was text)"""
COLUMNS = "id, name, memory, disk, state, note, processors"
NAME_MOST = 32
PATIENCE = 10                                             # seconds for another process that holds the database


@dataclass(frozen=True)
class Row:
    """A virtual machine: its number and folder, memory in bytes, the file that is its disk, its state and why it is in it, processors."""

    id: int
    name: str
    memory: int
    disk: str
    state: str
    note: str
    processors: int
    folder: str

    def path(self, name):
        """Return the path of one of its files."""
        return Path(self.folder) / name


def check_name(name):
    """Raise ConfigError unless a name is 1 to 32 letters, digits, "-", "_" or ".", and begins with a letter or digit."""
    allowed = name.replace("-", "").replace("_", "").replace(".", "")
    if not (0 < len(name) <= NAME_MOST and name.isascii() and allowed.isalnum() and name[0].isalnum()):
        raise ConfigError(f"a virtual machine's name is 1 to {NAME_MOST} letters, digits, '-', '_' and '.', not {name!r}")
    return name


class Store:
    """The database in a folder; each change is on the disk when the method returns.

    Every method raises ManageError with a sentence when the database cannot be read or written.
    """

    def __init__(self, folder):
        self.folder = files.state_folder(folder)
        self.path = self.folder / "vms.sqlite"
        with self._changing() as db:
            db.execute(TABLE)
            older.take_over(db, self.folder)

    @contextmanager
    def _open(self):
        try:
            with closing(sqlite3.connect(self.path, timeout=PATIENCE, isolation_level=None)) as db:
                yield db
        except sqlite3.OperationalError as error:         # locked, full, read-only, gone
            raise ManageError(f"{files.shown(self.path)}: {error}") from None
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.IntegrityError):
                raise
            raise ManageError(f"{files.shown(self.path)}: {error}; this is no database of virtual machines") from None
        except (OverflowError, UnicodeError, ValueError) as error:
            raise ManageError(f"{files.shown(self.path)}: the database is damaged: {error}") from None

    @contextmanager
    def _changing(self):
        """Give the database; nobody else changes it meanwhile, and nothing is changed when an exception comes."""
        with self._open() as db:
            db.execute("begin immediate")
            try:
                yield db
            except BaseException:
                if db.in_transaction:
                    db.execute("rollback")
                raise
            db.execute("commit")

    def _row(self, values):
        """Return a Row of a row of the table, whose values may be anything when the file is damaged."""
        ident, name, memory, disk, state, note, processors = values
        good = (isinstance(ident, int) and isinstance(memory, int) and isinstance(processors, int) and isinstance(name, str)
                and isinstance(note, str) and state in STATES and isinstance(disk, bytes | str) and memory > 0 and processors > 0)
        if not good:
            raise ManageError(f"{files.shown(self.path)}: the row of virtual machine {name!r} is damaged")
        folder = files.folder_of(self.folder, ident)
        return Row(ident, check_name(name), memory, os.fsdecode(disk) or str(folder / files.DISK), state, note, processors, str(folder))

    def rows(self):
        """Return every virtual machine by name."""
        with self._open() as db:
            return [self._row(each) for each in db.execute(f"select {COLUMNS} from machine order by name")]

    def row(self, name):
        """Return one; raises ConfigError that names those there are."""
        rows = self.rows()
        for each in rows:
            if each.name == name:
                return each
        names = ", ".join(each.name for each in rows)
        raise ConfigError(f"there is no virtual machine {name!r}; " + (f"there are {names}" if names else "there is none yet"))

    def add(self, name, memory, disk="", processors=1, made=None):
        """Add a virtual machine that is off; returns its Row.

        disk: a file of the user, or "" for the one in its own folder; made: the folder that becomes its own (files.making).
        """
        try:
            with self._changing() as db:
                ident = db.execute("insert into machine (name, memory, disk, state, processors) values (?, ?, ?, ?, ?)",
                                   (check_name(name), memory, os.fsencode(disk), OFF, processors)).lastrowid
                if made:
                    files.sweep(self.folder, {each[0] for each in db.execute("select id from machine")} - {ident})
                    made.rename(files.folder_of(self.folder, ident))
        except sqlite3.IntegrityError:
            raise ConfigError(f"there is a virtual machine {name!r} already") from None
        except OSError as error:
            raise ManageError(f"{files.shown(self.folder)}: {error.strerror}; {name} was not made") from None
        except ManageError:                               # a full disk, perhaps only when all else was done
            self._sweep()
            raise
        return self.row(name)

    def _sweep(self):
        """Remove folders that are of no virtual machine, unless the database cannot be read just now: then the next one does."""
        with suppress(ManageError), self._changing() as db:
            files.sweep(self.folder, {each[0] for each in db.execute("select id from machine")})

    def note(self, name, state, note=""):
        """Note the state of one, and why."""
        with self._changing() as db:
            db.execute("update machine set state = ?, note = ? where name = ?", (state, note, name))

    def delete(self, name):
        """Forget one that does not run, with the files in its folder."""
        if self.row(name).state in (RUNNING, PAUSED):
            raise ManageError(f"{name} is {self.row(name).state}: stop it first")
        with self._changing() as db:
            db.execute("delete from machine where name = ?", (name,))
        self._sweep()                                     # a folder goes when its row is gone for good

    def recover(self):
        """A service begins, or none runs: what ran under an earlier one does not run any more.  The caller holds the service's lock."""
        with self._changing() as db:
            db.execute("update machine set state = ?, note = ? where state in (?, ?)",
                       (OFF, "its service ended while it ran", RUNNING, PAUSED))
        with self._changing() as db:
            rows = list(db.execute("select id, disk from machine"))
            files.sweep(self.folder, {ident for ident, _ in rows})
        files.sweep_parts(self.folder, [os.fsdecode(disk) for _, disk in rows if isinstance(disk, bytes | str) and disk])
