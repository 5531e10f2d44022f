"""Compile (or load from the cache) the C functions that the engines and the run loop are made of.

Each unit is a module whose import compiles it.  What the model does at an event takes as long to compile as all
other units together (measured: 24 and 18 s): when it is not cached, a second process compiles it meanwhile and leaves
it in the cache.  Whatever becomes of that process, this one goes on: what it does not find it compiles.
"""
import contextlib
import ctypes
import importlib
import subprocess
import sys

from emu import kernel_cache
from emu.core import context as at
from emu.core import native

BIG = "emu.core.model"                                           # last: the second process compiles it
UNITS = ("emu.core.fill", "emu.core.block", "emu.core.fast", "emu.core.far", "emu.core.windows", "emu.core.loop", "emu.core.schedule",
         "emu.core.ports", BIG)
SOURCE = {"emu.core.ports": "emu.model.devices.ports"}           # the file of a unit's C functions where it is another
SYMBOLS = dict(f_exec="cpu_exec", f_exit_restore="cpu_loop_exit_restore", f_set_page="tlb_set_page", f_flush="tlb_flush",
               f_flush_page="tlb_flush_page", f_invalidate="tb_invalidate_phys_range", f_flags="cpu_cc_compute_all",
               f_restore="cpu_restore_state")
_ready = {}


def is_cached(unit):
    """Return whether compiled code of the unit is in the cache."""
    return kernel_cache.is_cached(kernel_cache.PACKAGE.parent / (SOURCE.get(unit, unit).replace(".", "/") + ".py"))


@contextlib.contextmanager
def _second_process():
    """Compile the big unit in another process; yields a function that waits for it."""
    code = f"import sys; sys.path[:] = {sys.path!r}; import {BIG}"
    try:
        process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
    except OSError:                                              # no second process: this one compiles everything
        yield lambda: None
        return
    try:
        yield process.wait
    finally:
        process.kill()
        process.wait()


def entries(progress=None):
    """Return the addresses of all entries and engine functions by name.

    progress: called with (done, total, unit) before each unit and once at the end, when something must be compiled.
    """
    if _ready:
        return _ready
    missing = [unit for unit in UNITS if not is_cached(unit)]
    report = progress if progress and missing else lambda done, total, unit: None
    modules = {}
    with _second_process() if BIG in missing else contextlib.nullcontext(lambda: None) as wait:
        for done, unit in enumerate(UNITS):
            report(done, len(UNITS), unit)
            if unit == BIG:
                wait()
            modules[unit.rsplit(".", 1)[1]] = importlib.import_module(unit)
    report(len(UNITS), len(UNITS), "")
    _ready.update(_addresses(modules))
    return _ready


def _addresses(modules):
    lib = native.library()
    found = dict(fill=modules["fill"].fill.address, on_event=modules["loop"].on_event.address,
                 device_read=modules["windows"].device_read.address, device_write=modules["windows"].device_write.address,
                 run=modules["schedule"].run.address, f_model=modules["model"].handle.address,
                 f_processor=modules["loop"].run_processor.address)
    for name, symbol in SYMBOLS.items():
        found[name] = lib.address(symbol + native.SUFFIX)
    found["f_block_of"] = lib.address("tcg_tb_lookup" + native.SUFFIX)
    native.install(at.stub_constants(), slow=modules["block"].slow.address, limit=modules["fill"].limit.address,
                   undefined=modules["fast"].undefined.address, quick=modules["fast"].quick.address,
                   forget=modules["block"].forget_blocks.address, written=modules["fill"].written.address,
                   modified=modules["loop"].modified.address,
                   storing=modules["loop"].storing.address,
                   before=modules["far"].before.address)
    found["f_forget"] = native.install_addresses()["forget"]
    found["call_run"] = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_uint64, ctypes.c_uint64, ctypes.c_uint64)(found["run"])
    return found
