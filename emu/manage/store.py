"""What is known of the virtual machines: one table of an embedded database, so that a service that was killed finds it as it was."""
import sqlite3
from contextlib import closing
from dataclasses import dataclass

from emu.errors import ConfigError, ManageError

OFF, RUNNING, PAUSED, FAILED = "off", "running", "paused", "failed"
TABLE = """create table if not exists vm (
    name text primary key, memory integer not null, disk text not null, state text not null, note text not null default '',
    processors integer not null default 1)"""
NAME_MOST = 32


@dataclass(frozen=True)
class Row:
    """A virtual machine: memory in bytes, the file that is its disk, its state and why it is in it, processors."""

    name: str
    memory: int
    disk: str
    state: str
    note: str
    processors: int


def check_name(name):
    """Raise ConfigError unless a name is 1 to 32 letters, digits, "-", "_" or ".", and begins with a letter or digit."""
    allowed = name.replace("-", "").replace("_", "").replace(".", "")
    if not (0 < len(name) <= NAME_MOST and name.isascii() and allowed.isalnum() and name[0].isalnum()):
        raise ConfigError(f"a virtual machine's name is 1 to {NAME_MOST} letters, digits, '-', '_' and '.', not {name!r}")
    return name


class Store:
    """The database in a folder; each change is on the disk when the method returns."""

    def __init__(self, folder):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.path = folder / "vms.sqlite"
        try:
            with closing(self._open()) as db, db:
                db.execute(TABLE)
                if "processors" not in {each[1] for each in db.execute("pragma table_info(vm)")}:       # made by an older version
                    db.execute("alter table vm add column processors integer not null default 1")
        except sqlite3.DatabaseError as error:
            raise ManageError(f"{self.path}: {error}; this is no database of virtual machines") from None

    def _open(self):
        return sqlite3.connect(self.path, timeout=10)

    def rows(self):
        """Return every virtual machine by name."""
        with closing(self._open()) as db:
            return [Row(*each) for each in db.execute("select name, memory, disk, state, note, processors from vm order by name")]

    def row(self, name):
        """Return one; raises ConfigError that names those there are."""
        for each in self.rows():
            if each.name == name:
                return each
        names = ", ".join(each.name for each in self.rows())
        raise ConfigError(f"there is no virtual machine {name!r}; " + (f"there are {names}" if names else "there is none yet"))

    def add(self, name, memory, disk, processors=1):
        """Add a virtual machine that is off."""
        try:
            with closing(self._open()) as db, db:
                db.execute("insert into vm (name, memory, disk, state, processors) values (?, ?, ?, ?, ?)",
                           (check_name(name), memory, disk, OFF, processors))
        except sqlite3.IntegrityError:
            raise ConfigError(f"there is a virtual machine {name!r} already") from None

    def note(self, name, state, note=""):
        """Note the state of one, and why."""
        with closing(self._open()) as db, db:
            db.execute("update vm set state = ?, note = ? where name = ?", (state, note, name))

    def delete(self, name):
        """Forget one that does not run."""
        if self.row(name).state in (RUNNING, PAUSED):
            raise ManageError(f"{name} is {self.row(name).state}: stop it first")
        with closing(self._open()) as db, db:
            db.execute("delete from vm where name = ?", (name,))

    def recover(self):
        """A service begins: what ran under an earlier one does not run any more."""
        with closing(self._open()) as db, db:
            db.execute("update vm set state = ?, note = ? where state in (?, ?)",
                       (OFF, "its service ended while it ran", RUNNING, PAUSED))
