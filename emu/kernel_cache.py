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
import hashlib
import importlib
import os
import re
import shutil
import stat
import sys
import tempfile
import time
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from emu import BEGAN, COARSE

PACKAGE = Path(__file__).resolve().parent
FLAGS = dict(nogil=False, error_model="numpy", boundscheck=False)
SEAL, PART = b"hvlab.kernel.1\n", ".part"
COMPILERS = ("numba", "llvmlite", "numpy")
# Settings of what compiles: all of these but those that change no code.  numba reads them from a file too.
SETTINGS = ("NUMBA_", "LLVMLITE_")
NO_CODE = ("NUMBA_CACHE_", "NUMBA_COLOR_SCHEME", "NUMBA_CUDA_", "NUMBA_NUM_THREADS", "NUMBA_SHOW_HELP", "NUMBA_FULL_TRACEBACKS")
SETTINGS_FILE = ".numba_config.yaml"
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
def _settings():
    """Return the settings of what compiles: rows (name, value), and the text of numba's file of them."""
    rows = sorted((name, value) for name, value in os.environ.items() if name.startswith(SETTINGS) and not name.startswith(NO_CODE))
    try:
        return rows, Path(SETTINGS_FILE).read_bytes()
    except OSError:
        return rows, b""


@cache
def versions():
    """Return what distinguishes the programs that compile, none of which is imported for it: the names of their installed versions."""
    found = [sys.version, _settings()]
    for name in COMPILERS:
        spec = find_spec(name)
        folder = Path(spec.origin).parent.parent if spec and spec.origin else None
        names = [each for each in os.listdir(folder) if each.startswith(f"{name}-") and each.endswith(".dist-info")] if folder else []
        found.append(names[0] if len(names) == 1 else importlib.import_module(name).__version__)
    return tuple(found)


@cache
def processor():
    """Return what Linux says of this computer's first processor, without what changes while it runs; empty where it says nothing."""
    try:
        with open("/proc/cpuinfo", "rb", buffering=0) as file:
            lines = file.read(1 << 14).decode("ascii", "replace").split("\n\n")[0].splitlines()
    except OSError:
        return {}
    rows = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return {name: rows.get(name, "") for name in ("vendor_id", "cpu family", "model", "stepping", "flags")} if rows.get("flags") else {}


@cache
def _object_suffix():
    """Return how the names of object files for this computer's processor end."""
    return f".{hashlib.sha256(repr(processor()).encode()).hexdigest()[:12]}.o"


def object_path(function, signature=""):
    """Return where the machine code of a C function of this signature lies; None for code that is kept nowhere.

    That is where this computer's processor is not known (code is for one alone), and of a function that is made again with other
    values of its closure, which are in no key.
    """
    if not processor() or function.__closure__:
        return None
    code, types = function.__code__, hashlib.sha256(str(signature).encode()).hexdigest()[:8]
    return folder_of(code.co_filename) / f"{function.__qualname__}-{code.co_firstlineno}-{types}{_object_suffix()}"


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
def _text_key(path):
    """Return a hash of a file's name and text."""
    name = path.relative_to(PACKAGE.parent) if path.is_relative_to(PACKAGE.parent) else path.name
    return hashlib.sha256(f"{name}\0".encode() + path.read_bytes()).digest()


@cache
def closure_key(path):
    """Return a hash of the file, of every `emu` file it imports, directly or not, of their names, and of what compiles them.

    Compiled code names its module: that of a file that was moved is another.
    """
    digest = hashlib.sha256(f"{versions()} {sorted(FLAGS.items())}".encode())
    for here in closure_of(path):
        digest.update(_text_key(here))
    return digest.hexdigest()[:20]


@cache
def _names_of(path):
    return [str(here) for here in closure_of(path)]


def is_as_read(path):
    """Return whether the file, and every one that its key covers, is the one that this process has read: none changed since it began.

    A date in the future is of a clock that was wrong, not of a change in this time.
    """
    try:
        return not any(BEGAN <= os.stat(here).st_ctime_ns <= time.clock_gettime_ns(COARSE) for here in _names_of(path))
    except OSError:                                        # one was moved away
        return False


def folder_of(path):
    """Return the folder of a source file's compiled kernels; it need not exist."""
    return cache_root() / f"{Path(path).stem}-{closure_key(path)}"


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
    """Write a file under a name that no other has, thread, process or container, then give it its own; nothing if it cannot be written."""
    part = f"{path}.{os.urandom(8).hex()}{PART}"
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with open(part, "xb") as file:
            file.write(SEAL + hashlib.sha256(data).digest() + data)
        os.replace(part, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(part)


def is_cached(path):
    """Return whether the C functions of a source file are in the cache, undamaged: as machine code, or as numba keeps them."""
    folder = folder_of(path)
    indexes, data, objects = list(folder.glob("*.nbi")), list(folder.glob("*.nbc")), list(folder.glob(f"*{_object_suffix()}"))
    found = objects or (indexes and data and indexes + data)
    return bool(found) and all(read_sealed(file) is not None for file in found)
