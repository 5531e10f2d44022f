"""The cache of compiled kernels: where it lies, what its files are keyed by, and why a file in it can be trusted.

A kernel's folder is named by a hash of its source file, of every `emu` file which that one imports, and of the versions of
what compiles: changed code or another version never finds it.  Each file begins with a SEAL and the SHA-256 of the rest.
What is truncated or altered counts as absent, is removed, and is compiled again: machine code is never run unchecked.
Two processes that need the same kernel compile it once: the second waits at a lock that the system drops with its process.
A file that cannot be written (a full disk) costs the next start its time, nothing else.

The key is taken from the files, and the code that is compiled was read from them before.  When one of them has changed since this
process began, nobody can say which text it was read from: then nothing is taken from the cache and nothing is put there.
"""
import atexit
import contextlib
import fcntl
import glob
import hashlib
import os
import pickle
import re
import shutil
import stat
import sys
import tempfile
import time
from functools import cache
from pathlib import Path

import llvmlite
import numba
import numpy as np
from numba.core import caching

from emu import BEGAN, COARSE

PACKAGE = Path(__file__).resolve().parent
FLAGS = dict(nogil=False, error_model="numpy", boundscheck=False)
SEAL, PART = b"hvlab.kernel.1\n", ".part"
VERSIONS = (numba.__version__, llvmlite.__version__, np.__version__, sys.version, vars(numba.config)["OPT"])
# Import statements of a file.  Parsing every file properly would take a fifth of a warm start.
_IMPORT = re.compile(r"^[ \t]*(?:from[ \t]+(emu[\w.]*)[ \t]+import[ \t]+(\([^)]*\)|.*)|import[ \t]+(.*))", re.MULTILINE)
_WORD = re.compile(r"[\w.]+")


# ---- where ------------------------------------------------------------------------------------------------
def _writable(folder):
    """Return whether files can be made in a folder, which is made when it is not there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _shared_temporary():
    """Return the user's own folder below the temporary one, None when somebody else could have put files there."""
    folder = Path(tempfile.gettempdir()) / f"hvlab-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return None
    ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077
    return folder if ours and _writable(folder) else None


@cache
def _cache_in(base):
    """Return the folder of the cache in `base`, or a temporary one when nothing can be written there."""
    folder = Path(base) / "hvlab"
    if _writable(folder):
        return folder
    shared = _shared_temporary()
    if shared:
        return shared
    own = tempfile.mkdtemp(prefix="hvlab-")
    atexit.register(shutil.rmtree, own, ignore_errors=True)
    return Path(own)


def cache_root():
    """Return the folder that holds compiled kernels.

    It is `hvlab` in XDG_CACHE_HOME or ~/.cache; where that cannot be written, a folder that only this user can open, below the
    temporary one.
    """
    return _cache_in(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))


# ---- keys -------------------------------------------------------------------------------------------------
@cache
def _source_of(module):
    path = PACKAGE.parent / Path(*module.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


@cache
def imports_of(path):
    """Return the files of `emu` that a Python file imports."""
    found = []
    for module, members, modules in _IMPORT.findall(path.read_text()):
        found += [module, *(f"{module}.{name}" for name in _WORD.findall(members))] if module else _WORD.findall(modules)
    return [source for name in found if name.split(".")[0] == "emu" and (source := _source_of(name))]


@cache
def closure_of(path):
    """Return the file and every `emu` file that it imports, directly or not, in order."""
    todo, seen = [Path(path)], set()
    while todo:
        here = todo.pop()
        if here not in seen:
            seen.add(here)
            todo += imports_of(here)
    return sorted(seen)


@cache
def closure_key(path):
    """Return a hash of the file, of every `emu` file it imports, directly or not, of their names, and of what compiles them.

    Compiled code names its module: that of a file that was moved is another.
    """
    digest = hashlib.sha256(f"{VERSIONS} {sorted(FLAGS.items())}".encode())
    for here in closure_of(path):
        name = here.relative_to(PACKAGE.parent) if here.is_relative_to(PACKAGE.parent) else here.name
        digest.update(f"\0{name}\0".encode() + here.read_bytes())
    return digest.hexdigest()[:20]


def is_as_read(path):
    """Return whether the file, and every one that its key covers, is the one that this process has read: none changed since it began.

    A date in the future is of a clock that was wrong, not of a change in this time.
    """
    try:
        return not any(BEGAN <= here.stat().st_ctime_ns <= time.clock_gettime_ns(COARSE) for here in closure_of(path))
    except OSError:                                        # one was moved away
        return False


def folder_of(path):
    """Return the folder of a source file's compiled kernels; it need not exist."""
    return cache_root() / f"{Path(path).stem}-{closure_key(path)}"


class _Locator(caching._CacheLocator):
    """Place a file's compiled kernels in a folder keyed by what they depend on."""

    def __init__(self, py_func, py_file):
        self._py_file, self._line = py_file, py_func.__code__.co_firstlineno

    def get_cache_path(self):
        return str(folder_of(self._py_file))

    def get_source_stamp(self):
        return closure_key(self._py_file)

    def get_disambiguator(self):
        return str(self._line)

    @classmethod
    def from_function(cls, py_func, py_file):
        """Take every file of `emu`, and files elsewhere (tests, scripts) that import it."""
        path = Path(py_file)
        ours = path.is_relative_to(PACKAGE) or (path.is_file() and imports_of(path))
        return cls(py_func, py_file) if ours else None


caching.CacheImpl._locator_classes.insert(0, _Locator)


# ---- files that can be trusted ----------------------------------------------------------------------------
def read_sealed(path):
    """Return what `write_sealed` put into a file, None when it is not there; a damaged file is removed."""
    try:
        data = Path(path).read_bytes()
    except OSError:
        return None
    start = len(SEAL) + 32
    if data.startswith(SEAL) and hashlib.sha256(data[start:]).digest() == data[len(SEAL):start]:
        return data[start:]
    with contextlib.suppress(OSError):
        os.unlink(path)
    return None


def write_sealed(path, data):
    """Write a file under a temporary name, then give it its own; does nothing when it cannot be written."""
    part = f"{path}.{os.getpid()}{PART}"
    try:
        with open(part, "wb") as file:
            file.write(SEAL + hashlib.sha256(data).digest() + data)
        os.replace(part, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(part)


class _Files(caching.IndexDataCacheFile):
    """numba's index and data files, sealed."""

    def _load_index(self):
        data = read_sealed(self._index_path)
        stamp, overloads = pickle.loads(data) if data else (None, {})
        return overloads if stamp == self._source_stamp else {}

    def _save_index(self, overloads):
        write_sealed(self._index_path, self._dump((self._source_stamp, overloads)))

    def _load_data(self, name):
        data = read_sealed(self._data_path(name))
        if data is None:
            raise FileNotFoundError(name)                  # `load` takes it for a kernel that is not in the cache
        return pickle.loads(data)

    def _save_data(self, name, data):
        write_sealed(self._data_path(name), self._dump(data))


class KernelCache(caching.FunctionCache):
    """The cache of one kernel.  A process that does not find it there compiles it while others wait for it to be saved."""

    def __init__(self, py_func):
        super().__init__(py_func)
        locator = self._impl.locator
        self._source = locator._py_file
        self._cache_file = _Files(locator.get_cache_path(), self._impl.filename_base, locator.get_source_stamp())
        self._lock_path, self._turn = Path(locator.get_cache_path(), f"{self._impl.filename_base}.lock"), None

    def load_overload(self, sig, target_context):
        """Return the compiled kernel; None when the caller is to compile it and call `save_overload`."""
        if not is_as_read(self._source):
            return None
        found = super().load_overload(sig, target_context)
        if found is None and self._turn is None:
            self._take_turn()
            found = super().load_overload(sig, target_context)
            if found is not None:
                self._end_turn()
        return found

    def save_overload(self, sig, data):
        """Save a compiled kernel and let the others have it."""
        if is_as_read(self._source):
            with contextlib.suppress(OSError):             # no folder can be made: it stays in this process
                super().save_overload(sig, data)
        self._end_turn()

    @contextlib.contextmanager
    def compiling(self):
        """Let the others go on when the kernel cannot be compiled: an error, or an interrupt in a process that lives on."""
        try:
            yield
        except BaseException:
            self._end_turn()
            raise

    def _take_turn(self):
        try:
            self._lock_path.parent.mkdir(parents=True, exist_ok=True)
            self._turn = open(self._lock_path, "ab")
            fcntl.flock(self._turn, fcntl.LOCK_EX)
            for part in self._lock_path.parent.glob(f"{glob.escape(self._lock_path.stem)}.*{PART}"):
                part.unlink(missing_ok=True)               # of a process that was killed: this one holds the lock
        except OSError:                                    # a file system without locks: both compile
            self._end_turn()

    def _end_turn(self):
        if self._turn:
            self._turn.close()
        self._turn = None


def is_cached(path):
    """Return whether the kernels of a source file are in the cache, undamaged."""
    folder = folder_of(path)
    indexes, data = list(folder.glob("*.nbi")), list(folder.glob("*.nbc"))
    return bool(indexes and data) and all(read_sealed(file) is not None for file in indexes + data)
