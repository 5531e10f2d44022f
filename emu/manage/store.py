"""What is known of the virtual machines: one table of an embedded database, so that a service that was killed finds it as it was."""
import os
import sqlite3
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from emu.errors import ConfigError, ManageError
from emu.manage import files, names, older, schema
from emu.manage.names import FAILED, OFF, PAUSED, RUNNING, STATES, check_name

__all__ = ["FAILED", "OFF", "PAUSED", "RUNNING", "STATES", "Row", "Store", "check_name"]
COLUMNS = "id, name, memory, disk, state, note, processors"
LAST_NUMBER = (1 << 63) - 1                               # number that a row can have


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


class Store:
    """The database in a folder; each change is on the disk when the method returns.

    Every method raises ManageError with a sentence when the database cannot be read or written.
    """

    def __init__(self, folder):
        self.folder = files.state_folder(folder)
        self.path = self.folder / files.DATABASE
        with self._changing() as db:
            db.execute(schema.MACHINE)
            older.take_over(db, self.folder)

    @contextmanager
    def _changing(self):
        """Give the database; nobody else changes it meanwhile, and nothing is changed when an exception comes."""
        with schema.opened(self.path) as db:
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
        wrong = names.wrong(name, memory, disk, state, note, processors)
        if wrong or not isinstance(ident, int) or ident <= 0:
            wrong = wrong or f"the number of {name} is {names.cut(ident)}"
            raise ManageError(f"{files.shown(self.path)}: a row is damaged: {wrong}")
        folder = files.folder_of(self.folder, ident)
        return Row(ident, name, memory, os.fsdecode(disk) or str(folder / files.DISK), state, note, processors, str(folder))

    def _rows(self, db):
        return [self._row(each) for each in schema.rows(db, f"select {COLUMNS} from machine order by name")]

    def rows(self):
        """Return every virtual machine by name."""
        with schema.opened(self.path) as db:
            return self._rows(db)

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
                self._check_room(db)
                ident = db.execute("insert into machine (name, memory, disk, state, processors) values (?, ?, ?, ?, ?)",
                                   (check_name(name), memory, os.fsencode(disk), OFF, processors)).lastrowid
                if made:
                    files.sweep(self.folder, {each.id for each in self._rows(db)} - {ident})
                    made.rename(files.folder_of(self.folder, ident))
        except sqlite3.IntegrityError:
            raise ConfigError(f"there is a virtual machine {name!r} already") from None
        except OSError as error:
            raise ManageError(f"{files.shown(self.folder)}: {error.strerror}; {name} was not made") from None
        except ManageError:                               # a full disk, perhaps only when all else was done
            self._sweep()
            raise
        return self.row(name)

    def _check_room(self, db):
        """Raise ManageError unless there is a number for one more row: numbers are never used again."""
        if len(self._rows(db)) >= schema.ROWS_MOST:
            raise ManageError(f"{files.shown(self.path)}: there are {schema.ROWS_MOST:,} virtual machines: there can be no more")
        last = [each for query in ("select max(id) from machine", "select seq from sqlite_sequence") for each, in schema.rows(db, query)]
        if any(isinstance(each, int) and each >= LAST_NUMBER for each in last):
            raise ManageError(f"{files.shown(self.path)}: no number is left for another virtual machine: {LAST_NUMBER}, "
                              "the last one, was given")

    def _sweep(self):
        """Remove folders that are of no virtual machine, unless the database cannot be read just now: then the next one does."""
        with suppress(ManageError), self._changing() as db:
            files.sweep(self.folder, {each.id for each in self._rows(db)})

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
            self._rows(db)                                # a damaged table stays as it is
            db.execute("update machine set state = ?, note = ? where state in (?, ?)",
                       (OFF, "its service ended while it ran", RUNNING, PAUSED))
        with self._changing() as db:
            rows = self._rows(db)
            files.sweep(self.folder, {each.id for each in rows})
        files.sweep_parts(self.folder, [each.disk for each in rows])
