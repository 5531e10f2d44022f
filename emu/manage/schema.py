"""A database that somebody else may have made: opened so that it can only hold rows, few and small, of tables that are ours.

sqlite runs what a file's schema says (triggers, views, defaults): a file whose schema is not word for word one of ours is refused before
anything else is asked of it, and no statement runs without a limit.
"""
import sqlite3
from contextlib import closing, contextmanager

from emu.errors import ManageError
from emu.files import shown

MACHINE = """create table if not exists machine (
    id integer primary key autoincrement, name text not null unique, memory integer not null, disk blob not null, state text not null,
    note text not null default '', processors integer not null default 1, was text)"""
OLDER = ("""create table vm (
    name text primary key, memory integer not null, disk text not null, state text not null, note text not null default '')""",
         """create table vm (
    name text primary key, memory integer not null, disk text not null, state text not null, note text not null default '',
    processors integer not null default 1)""")            # of versions that had no numbers
NUMBERS = "create table sqlite_sequence(name,seq)"        # sqlite makes it for autoincrement
INDEXES = ("sqlite_autoindex_machine_1", "sqlite_autoindex_vm_1")                      # and these for unique columns
ROWS_MOST = 10_000
BYTES_MOST = 1 << 20                                      # of a value or statement
SQL_STEPS, LOOKS_MOST = 10_000, 5_000                     # instructions of sqlite between two looks; looks in the life of a connection
DATABASE_SECONDS = 10                                     # seconds for another process that holds the database


def _plain(sql):
    return "".join(sql.lower().replace("if not exists ", "").split())


OURS = {_plain(each) for each in (MACHINE, *OLDER, NUMBERS)}


def _check(db, path):
    """Raise ManageError unless the schema is ours, or there is none yet."""
    for kind, name, sql in db.execute("select type, name, sql from sqlite_master"):
        ours = isinstance(sql, str) and _plain(sql) in OURS if kind == "table" else kind == "index" and name in INDEXES and sql is None
        if not ours:
            raise ManageError(f"{shown(path)}: its {kind} {str(name)[:64]!r} is not hvlab's: this is not a database of virtual machines")


def _bounded(db):
    left = [LOOKS_MOST]

    def look():
        left[0] -= 1
        return left[0] < 0                                # which interrupts the statement
    db.set_progress_handler(look, SQL_STEPS)
    db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, BYTES_MOST)
    db.execute("pragma trusted_schema = off")
    db.execute("pragma cell_size_check = on")


@contextmanager
def opened(path):
    """Give a connection to a database whose schema is ours; raises ManageError with a sentence when it cannot be used."""
    try:
        with closing(sqlite3.connect(path, timeout=DATABASE_SECONDS, isolation_level=None)) as db:
            _bounded(db)
            _check(db, path)
            yield db
    except sqlite3.OperationalError as error:             # locked, full, read-only, gone
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT:
            raise ManageError(f"{shown(path)}: the database is damaged: a statement on it does not end") from None
        raise ManageError(f"{shown(path)}: {error}") from None
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.IntegrityError):
            raise
        raise ManageError(f"{shown(path)}: {error}; this is not a database of virtual machines") from None
    except (OverflowError, UnicodeError, ValueError) as error:
        raise ManageError(f"{shown(path)}: the database is damaged: {error}") from None


def rows(db, query):
    """Return the rows of a query; raises ValueError when there are too many."""
    found = db.execute(query).fetchmany(ROWS_MOST + 1)
    if len(found) > ROWS_MOST:
        raise ValueError(f"it has more than {ROWS_MOST:,} rows")
    return found
