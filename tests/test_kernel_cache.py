"""The cache of compiled kernels: damaged files heal, two processes compile once, no folder is needed."""
import os
import random
import resource
import subprocess
import sys

import pytest

from emu import kernel_cache

SCRIPT = """
import os, sys
from emu.bits import U64
from emu.jit import kernel

if os.path.exists("new.py"):
    os.replace("new.py", __file__)

@kernel
def twice(value):
    return value + value

before = twice._compiler.compile
def compile(*given):
    print("compiled", file=sys.stderr)
    return before(*given)
twice._compiler.compile = compile
print(int(twice(U64(21))))
"""


@pytest.fixture
def script(tmp_path):
    """Return a function that runs a script with one kernel; it returns (standard output, how often it compiled)."""
    path = tmp_path / "one.py"
    path.write_text(SCRIPT)

    def start(cache="cache", **options):
        return subprocess.Popen([sys.executable, str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                cwd=tmp_path, env=os.environ | {"XDG_CACHE_HOME": str(tmp_path / cache), "TMPDIR": str(tmp_path)},
                                **options)

    def run(cache="cache"):
        out, err = start(cache).communicate(timeout=120)
        assert err.replace("compiled\n", "") == ""
        return out, err.count("compiled")

    run.start, run.cache = start, tmp_path / "cache"
    return run


def files_of(script):
    return sorted(path for path in script.cache.rglob("one-*/*") if path.suffix in (".nbi", ".nbc"))


def test_kernel_is_compiled_once(script):
    assert [script(), script()] == [("42\n", 1), ("42\n", 0)]


def test_kernels_of_a_file_that_moved_are_others(tmp_path):
    """Compiled code names the module that it came from, and loading it would import that one."""
    keys = set()
    for name in ("one", "two"):
        path = tmp_path / f"{name}.py"
        path.write_text(SCRIPT)
        keys.add(kernel_cache.closure_key(path))
    assert len(keys) == 2


def test_damaged_cache_file_is_compiled_again_and_heals(script):
    script()
    rng = random.Random(12)
    whole = {path: path.read_bytes() for path in files_of(script)}
    assert len(whole) == 2
    for path, data in whole.items():
        place = rng.randrange(len(data))
        flipped = data[:place] + bytes([data[place] ^ 1 << rng.randrange(8)]) + data[place + 1:]
        for damaged in (b"", data[:place], flipped, rng.randbytes(len(data))):
            path.write_bytes(damaged)
            assert script() == ("42\n", 1), (path.suffix, len(damaged))
        assert script() == ("42\n", 0)


def test_cache_file_of_another_kernel_is_not_taken(script):
    """Whole and sealed, but of another source text."""
    script()
    for path in files_of(script):
        path.rename(path.with_name(path.name.replace("one.twice", "one.other")))
    assert script() == ("42\n", 1)


def test_full_disk_costs_the_next_start_its_time(script):
    """A limit on the size of files stands for it: each write ends in an OSError."""
    ends = []
    for _ in range(2):
        process = script.start(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100)))
        ends.append(process.communicate(timeout=120))
    assert ends == [("42\n", "compiled\n")] * 2
    assert not list(script.cache.rglob("*.part"))


def test_two_processes_compile_once(script):
    both = [script.start(), script.start()]
    ends = [process.communicate(timeout=120) for process in both]
    assert sorted(ends) == [("42\n", ""), ("42\n", "compiled\n")]


def test_file_that_changes_after_it_was_read_is_not_cached(script, tmp_path):
    """The process compiles the old text, and the key would be that of the new one."""
    (tmp_path / "new.py").write_text(SCRIPT.replace("value + value", "value * U64(3)"))
    assert script() == ("42\n", 1) and not files_of(script)
    assert [script(), script()] == [("63\n", 1), ("63\n", 0)]


def test_file_of_the_future_is_one_that_did_not_change(tmp_path, monkeypatch):
    path = tmp_path / "one.py"
    path.write_text("")
    changed = path.stat().st_ctime_ns
    for began, now, same in ((changed + 1, changed + 2, True), (changed, changed + 1, False), (changed - 1, changed, False),
                             (changed - 2, changed - 1, True)):
        monkeypatch.setattr(kernel_cache, "BEGAN", began)
        monkeypatch.setattr(kernel_cache.time, "clock_gettime_ns", lambda clock, now=now: now)
        assert kernel_cache.is_as_read(path) is same
    monkeypatch.setattr(kernel_cache, "BEGAN", changed + 1)
    path.unlink()
    assert not kernel_cache.is_as_read(path)


def test_what_a_killed_process_left_goes(script):
    script()
    index, data = sorted(files_of(script), key=lambda path: path.suffix)[::-1]
    left = [path.with_name(f"{path.name}.1.part") for path in (index, data)]
    for path in left:
        path.write_bytes(b"left")
    other = index.with_name("one.other-1.py311.nbi.1.part")
    other.write_bytes(b"of another kernel")
    data.unlink()
    assert script() == ("42\n", 1) and [path.exists() for path in (*left, other)] == [False, False, True]


def test_process_killed_while_it_compiles_holds_nobody_up(script):
    first = script.start()
    first.kill()
    first.communicate()
    assert script()[0] == "42\n"


def test_home_that_cannot_be_written_uses_a_folder_of_the_user(script, tmp_path):
    (tmp_path / "file").write_text("")
    assert [script("file"), script("file")] == [("42\n", 1), ("42\n", 0)]
    folder = tmp_path / f"hvlab-{os.getuid()}"
    assert folder.stat().st_mode & 0o077 == 0 and list(folder.glob("one-*"))


def test_temporary_folder_that_others_can_write_is_not_trusted(script, tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / f"hvlab-{os.getuid()}").mkdir()
    (tmp_path / f"hvlab-{os.getuid()}").chmod(0o777)
    assert [script("file"), script("file")] == [("42\n", 1), ("42\n", 1)]
    assert not list((tmp_path / f"hvlab-{os.getuid()}").iterdir())


# ---- C functions: machine code that is loaded without the compiler ------------------------------------------------
ENTRY = """
import sys
from emu.jit import entry, kernel

@kernel
def twice(value):
    return value + value

@entry("uint64(uint64)")
def four(value):
    return twice(twice(value))

if "numba" in sys.modules:
    print("compiler", file=sys.stderr)
print(four.ctypes(21), int(twice.plain(4)))
"""


@pytest.fixture
def function(tmp_path):
    """Return a function that runs a script with one entry; it returns whether that imported the compiler."""
    path = tmp_path / "function.py"
    path.write_text(ENTRY)

    def run(**environment):
        done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, cwd=tmp_path, timeout=120, check=True,
                              env=os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache")} | environment)
        assert done.stdout == "84 8\n" and done.stderr in ("", "compiler\n")
        return done.stderr != ""

    run.files = lambda: list((tmp_path / "cache").rglob("function-*/*.o"))
    return run


def test_entry_in_the_cache_needs_no_compiler(function):
    assert [function(), function()] == [True, False]


def test_damaged_machine_code_heals(function):
    function()
    path, = function.files()
    whole, rng = path.read_bytes(), random.Random(3)
    for damaged in (b"", whole[:100], whole[:-1], whole[:200] + bytes([whole[200] ^ 4]) + whole[201:], rng.randbytes(len(whole))):
        path.write_bytes(damaged)
        assert [function(), function()] == [True, False]


def test_machine_code_that_cannot_be_loaded_is_made_again(function):
    """Whole and sealed, but no object file of ours."""
    function()
    path, = function.files()
    kernel_cache.write_sealed(path, b"\x7fELF")
    assert [function(), function()] == [True, False]


def test_machine_code_is_for_one_kind_of_processor(monkeypatch):
    def four(value):
        return value

    here = kernel_cache.object_path(four)
    kernel_cache._object_suffix.cache_clear()
    monkeypatch.setattr(kernel_cache, "processor", lambda: {"flags": "sse4_1"})
    there = kernel_cache.object_path(four)
    kernel_cache._object_suffix.cache_clear()
    assert here.parent == there.parent and here.name != there.name
    monkeypatch.setattr(kernel_cache, "processor", dict)
    assert kernel_cache.object_path(four) is None


def test_settings_of_the_compiler_are_part_of_the_key(function):
    assert [function(), function(NUMBA_OPT="1"), function(NUMBA_OPT="1"), function()] == [True, True, False, False]


def test_every_setting_that_changes_code_is_part_of_the_key(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = [kernel_cache.versions.__wrapped__()]
    for name in ("NUMBA_BOUNDSCHECK", "NUMBA_ENABLE_AVX", "NUMBA_DISABLE_INTEL_SVML", "NUMBA_LOOP_VECTORIZE", "NUMBA_DEBUGINFO"):
        with monkeypatch.context() as patch:
            patch.setenv(name, "1")
            found.append(kernel_cache.versions.__wrapped__())
    for text in ("boundscheck: 1\n", "boundscheck: 0\n"):
        (tmp_path / kernel_cache.SETTINGS_FILE).write_text(text)
        found.append(kernel_cache.versions.__wrapped__())
    assert len(set(map(repr, found))) == len(found) == 8
    (tmp_path / kernel_cache.SETTINGS_FILE).unlink()
    monkeypatch.setenv("NUMBA_CACHE_DIR", "elsewhere")
    assert kernel_cache.versions.__wrapped__() == found[0]


def test_two_that_write_one_file_write_it_one_after_the_other(tmp_path, monkeypatch):
    """Threads of a process, or processes of one number in containers that share a cache."""
    path, parts, replace = tmp_path / "one", [], os.replace

    def other_comes_first(part, whole):
        parts.append(part)
        if len(parts) == 1:
            kernel_cache.write_sealed(path, b"the other's")
        replace(part, whole)

    monkeypatch.setattr(os, "replace", other_comes_first)
    kernel_cache.write_sealed(path, b"mine")
    assert kernel_cache.read_sealed(path) == b"mine" and list(tmp_path.iterdir()) == [path]
    assert len(set(parts)) == 2 and all(part.endswith(kernel_cache.PART) for part in parts)


# ---- C functions whose machine code is for one process, or one of several functions ---------------------------------
ADDRESS = """
import ctypes
from emu.jit import entry, kernel

outer = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_uint64)(lambda value: value + 1)

@kernel
def through(value):
    return outer(value)

@entry("uint64(uint64)")
def f(value):
    return {call}(value) + 1

print(f.ctypes(40))
"""
CLOSURE = """
import numpy as np
from emu.jit import entry

def made(number):
    @entry("uint64(uint64)")
    def f(value):
        return value + number
    return f

first, second = made(np.uint64(1)), made(np.uint64(2))
print(first.ctypes(10), second.ctypes(10))
"""
SIGNATURES = """
import ctypes
from emu.jit import entry

def made(signature):
    def f(value):
        return value / 2
    return entry(signature)(f)

first, second = made("float64(float64)"), made("float64(uint64)")
print(ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(first.address)(5.0),
      ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_uint64)(second.address)(5))
"""
HELPERS = """
import ctypes, math
import numpy as np
from emu.jit import entry

@entry("int64(float64, int64)")
def f(value, power):
    fraction, exponent = math.frexp(value)
    return np.int64(exponent + math.ldexp(fraction, power))

@entry("uint64(uint64)")
def g(value):
    table = np.zeros(value, np.uint64)
    table[0] = value
    return table[0] + table[value - 1]

c_function = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_double, ctypes.c_int64)(f.address)
print(c_function(8.0, 5), g.ctypes(7), [(name, size) for name, at, size in f.functions] == [(f.functions[0][0], 0)])
"""


@pytest.mark.parametrize(
    "text, out, objects",
    [
        (ADDRESS.format(call="outer"), "42\n", 0),
        (ADDRESS.format(call="through"), "42\n", 0),
        (CLOSURE, "11 12\n", 0),
        (SIGNATURES, "2.5 2.5\n", 2),
        (HELPERS, "20 7 True\n", 0),
    ],
    ids=["address", "address of a callee", "closure", "signatures", "helpers"],
)
def test_each_start_runs_the_function_that_it_names(tmp_path, text, out, objects):
    path = tmp_path / "function.py"
    path.write_text(text)
    for _ in range(3):
        done = subprocess.run([sys.executable, "-W", "ignore", str(path)], capture_output=True, text=True, cwd=tmp_path, timeout=120,
                              env=os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache")})
        assert (done.stdout, done.stderr, done.returncode) == (out, "", 0)
        assert len(list((tmp_path / "cache").rglob("*.o"))) == objects
