"""Files of the user: read whole when they are ordinary files of a reasonable size, written whole or not at all.

    data = read("kernel.elf", error=ImageError)
    write("walk.svg", [text.encode()])
    with Part("run.hvt") as part:                          # beside its name until `finish`
        part.write(...)
        part.finish()

Inside `kept_apart`, which is around every command, no file is both read and written: `claim` names what will be written, before the work;
reading it is refused then, under whatever name, and so is writing what was read.

A device, a FIFO or a folder is never read: a name may come out of a file that somebody else made.  What is written lies beside its
name until it is whole; a failure (a full disk, an interrupt) leaves what was there before.  Whoever makes a file holds its lock, which
ends with the process: what a killed one left is removed by the next that writes the same file.
"""
import fcntl
import itertools
import os
import re
import stat
from contextlib import contextmanager, suppress
from pathlib import Path

import zstandard

from emu.errors import ConfigError

FILE_LIMIT = 2 << 30                                       # bytes of an image, a module, a snapshot
NAME_LIMIT, PART = 200, ".part"                                  # characters of a file's name in that of its parts, and how theirs end
_numbers = itertools.count()
KINDS = ((stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a FIFO"), (stat.S_ISSOCK, "a socket"), (stat.S_ISCHR, "a character device"),
         (stat.S_ISBLK, "a block device"))


_apart = None                                              # inside `kept_apart`: ({identity: name} read, {identity: option} to be written)


@contextmanager
def kept_apart():
    """Let the block read no file that it writes."""
    global _apart
    _apart, before = ({}, {}), _apart
    try:
        yield
    finally:
        _apart = before


def _identity(path):
    """Return what two names of one file have in common; None for what is not a regular file."""
    with suppress(OSError, ValueError):
        found = os.stat(path)
        return (found.st_dev, found.st_ino) if stat.S_ISREG(found.st_mode) else None
    return os.path.realpath(path)


def claim(path, option):
    """Say that `option` names a file to be written; raises ConfigError when another option names the same."""
    identity = _identity(path)
    if _apart and identity is not None:
        other = _apart[1].setdefault(identity, option)
        if other != option:
            raise ConfigError(f"{shown(path)}: {other} and {option} would both write it: give two names")


def heed(path, found):
    """Note that a file (its stat) is read; raises ConfigError when it is to be written, too."""
    if _apart:
        identity = found.st_dev, found.st_ino
        if identity in _apart[1]:
            raise ConfigError(f"{shown(path)}: it is read, and {_apart[1][identity]} would write over it: give another name")
        _apart[0][identity] = shown(path)


def _check_apart(path):
    """Raise ConfigError when what would be written was read."""
    read = _apart and _apart[0].get(_identity(path))
    if read:
        raise ConfigError(f"{shown(path)}: cannot be written: it is {read}, which was read: give another name")


def kind(mode):
    """Return what a file of this st_mode is, in words; "" for a regular file."""
    return next((words for test, words in KINDS if test(mode)), "")


def shown(path):
    """Return a path as text that can be printed and encoded: bytes that are not UTF-8 as \\xNN."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def plain(text):
    """Return text of others with its control characters as escapes: a terminal would obey them."""
    return "".join(c if c.isprintable() or c == "\t" else f"\\x{ord(c):02x}" for c in text)


def printable(text):
    """Return lines of text with the control characters in each as escapes."""
    return "\n".join(map(plain, text.split("\n")))


def read(path, limit=FILE_LIMIT, error=ConfigError, magic=b"", most=None, why=""):
    """Return the bytes of a regular file of at most `limit` bytes; raises `error`, which says why it cannot be read.

    why: what the limit comes from, for the message;
    magic: of a file that begins otherwise no more than that is read; most: no more than so many bytes are, however many it has.
    """
    try:
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(number, "rb") as file:
            found = os.fstat(number)
            if kind(found.st_mode):
                raise error(f"{shown(path)}: cannot be read: it is {kind(found.st_mode)}, not a regular file")
            heed(path, found)
            if most is not None:
                return file.read(most)
            data = file.read(len(magic))
            if data != magic:
                return data
            data += file.read(limit + 1) if found.st_size <= limit else b""
            if found.st_size > limit or len(data) > limit:
                raise error(f"{shown(path)}: cannot be read: it has {max(found.st_size, len(data)):,} bytes, at most {limit:,} are{why}")
            return data
    except OSError as failed:
        raise error(f"{shown(path)}: cannot be read ({failed.strerror})") from failed
    except ValueError as failed:                           # a NUL in the name
        raise error(f"{str(path)!r}: cannot be read ({failed})") from failed


def text(path, limit=FILE_LIMIT, error=ConfigError):
    """Return the text of a regular UTF-8 file; raises `error` as `read` does, and for other bytes."""
    data = read(path, limit, error)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as failed:
        raise error(f"{shown(path)}: not UTF-8 text: byte {data[failed.start]:#04x} at offset {failed.start:,}") from failed


def unpack(packed, size):
    """Return the `size` bytes that are packed as one zstd frame; raises ZstdError, with no more than `size` bytes made, for others.

    The library believes the size that a frame claims for itself: that one is compared first.
    """
    claimed = zstandard.get_frame_parameters(packed).content_size
    if claimed not in (size, zstandard.CONTENTSIZE_UNKNOWN):
        raise zstandard.ZstdError(f"its frame claims {claimed:,} bytes, not {size:,}")
    data = zstandard.ZstdDecompressor().decompress(packed, max_output_size=size) if size or claimed == size else b""
    if len(data) != size:
        raise zstandard.ZstdError(f"its frame holds {len(data):,} bytes, not {size:,}")
    return data


def locked(descriptor):
    """Take the lock of an open file, which others that open it do not get meanwhile; returns whether it could be taken."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _short(name):
    """Return as much of a file's name as leaves room for what a part's name has more: a file system counts bytes."""
    return os.fsdecode(os.fsencode(name)[:NAME_LIMIT])


def _sweep(target):
    """Remove the parts of a file that nobody makes any more; what has the name of one and is not a regular file stays, unopened."""
    ours = re.compile(re.escape(f".{_short(target.name)}.") + r"\d+\.\d+" + re.escape(PART))
    with suppress(OSError):
        for name in filter(ours.fullmatch, os.listdir(target.parent)):
            with suppress(OSError):
                _remove_unlocked(target.with_name(name))


def _remove_unlocked(path):
    held = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if stat.S_ISREG(os.fstat(held).st_mode) and locked(held):
            os.unlink(path)
    finally:
        os.close(held)


def _made(target):
    """Return a new file beside `target`, locked; its name is that of a part."""
    while True:
        try:
            file = open(target.with_name(f".{_short(target.name)}.{os.getpid()}.{next(_numbers)}{PART}"), "xb")
        except FileExistsError:                            # of a process that had this number: the next name is free
            continue
        with suppress(OSError):                            # a file system without locks
            locked(file.fileno())
        if os.path.exists(file.name):                      # else another process has swept it away before it was locked
            return file
        file.close()


class Part:
    """A file in the making.  It takes bytes, and its name when it is finished; leaving `with` before that removes it.

    A name that is there and no regular file (/dev/stdout, a FIFO) is written as it stands.
    """

    def __init__(self, path, error=ConfigError):
        """Raises `error` when the file cannot be written."""
        self.path, self.error, self.failure = Path(path), error, None
        _check_apart(path)
        with self._failing():
            straight = self.path.exists() and not self.path.is_file()
            target = self.path if straight else Path(os.path.realpath(self.path))
            self.target = target
            if not straight:
                _sweep(target)
            self.file = open(target, "wb") if straight else _made(target)
            self.part = Path(self.file.name)
            if not straight and target.exists():
                os.fchmod(self.file.fileno(), stat.S_IMODE(target.stat().st_mode))

    def _failing(self):
        return _Failing(self)

    def write(self, data):
        """Append bytes; raises the error, and leaves no part of the file, when they cannot be written."""
        with self._failing():
            self.file.write(data)

    def finish(self):
        """Give the file its name."""
        with self._failing():
            held = os.dup(self.file.fileno())              # the lock, until it has its name
            try:
                self.file.close()
                if self.part != self.target:
                    os.replace(self.part, self.target)
            finally:
                os.close(held)

    def drop(self):
        """Remove what was written, unless the file is finished."""
        try:
            self.file.close()
        except OSError:                                    # what it still held does not fit: it goes anyway
            pass
        if self.part != self.target:
            self.part.unlink(missing_ok=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.drop()


class _Failing:
    """Turn an OSError into the error of a Part, which is removed; raise the same again once it has failed."""

    def __init__(self, part):
        self.part = part

    def __enter__(self):
        if self.part.failure:
            raise self.part.failure

    def __exit__(self, kind, error, trace):
        if isinstance(error, OSError | ValueError):
            if hasattr(self.part, "file"):
                self.part.drop()
            reason = getattr(error, "strerror", None) or error
            self.part.failure = self.part.error(f"{shown(self.part.path)}: cannot be written ({reason})")
            raise self.part.failure from error


def write(path, pieces, error=ConfigError):
    """Write a file (an iterable of bytes) whole; raises `error` when it cannot be, and what was there before stays."""
    with Part(path, error) as part:
        for piece in pieces:
            part.write(piece)
        part.finish()


def check_writable(path, error=ConfigError):
    """Raise `error` when a file of this name could not be written: a command reports that before its work, not after it."""
    path = Path(path)
    if path.is_dir():
        raise error(f"{shown(path)}: cannot be written: it is a folder")
    if path.exists() and not path.is_file():
        return
    Part(path, error).drop()
