"""Compile (or load from the cache) the C functions that the engines and the run loop are made of.

Each unit is a module whose import compiles it.  A cold cache is filled by two processes, since compiling is the
longest thing a first start does; `entries` reports each unit as it is ready.
"""
import ctypes
import importlib
import subprocess
import sys

from emu.core import context as at
from emu.core import native
from emu.jit import cache_root, closure_key

UNITS = ("emu.core.fill", "emu.core.block", "emu.core.fast", "emu.core.windows", "emu.core.model", "emu.core.loop", "emu.core.schedule", "emu.core.ports")
BIG = ("emu.core.model", "emu.core.ports")                       # compiled by the second process
SYMBOLS = dict(f_exec="cpu_exec", f_exit_restore="cpu_loop_exit_restore", f_set_page="tlb_set_page", f_flush="tlb_flush",
               f_flush_page="tlb_flush_page", f_invalidate="tb_invalidate_phys_range", f_flags="cpu_cc_compute_all")
_ready = {}


def is_warm():
    """Return whether every unit is in the cache."""
    for unit in UNITS:
        path = native.__file__.rsplit("/core/", 1)[0] + "/" + unit.split(".", 1)[1].replace(".", "/") + ".py"
        folder = cache_root() / f"{path.rsplit('/', 1)[1][:-3]}-{closure_key(path)}"
        if not any(folder.glob("*.nbc")):
            return False
    return True


def entries(progress=None):
    """Return the addresses of all entries and engine functions by name.

    progress: called with (done, total, unit) before each unit and once at the end.
    """
    if _ready:
        return _ready
    helper = None
    if not is_warm() and "fakechecks" not in sys.modules:
        helper = subprocess.Popen([sys.executable, "-c", f"import {', '.join(BIG)}"], stdin=subprocess.DEVNULL)
    order = [u for u in UNITS if u not in BIG] + list(BIG)
    modules = {}
    for done, unit in enumerate(order):
        if progress:
            progress(done, len(order), unit)
        if helper and unit in BIG:
            helper.wait()
        modules[unit.rsplit(".", 1)[1]] = importlib.import_module(unit)
    if progress:
        progress(len(order), len(order), "")
    _ready.update(_addresses(modules))
    return _ready


def _addresses(modules):
    from emu.core.engine import TABLE_ADDRESS
    lib = native.library()
    found = dict(fill=modules["fill"].fill.address, on_event=modules["loop"].on_event.address,
                 device_read=modules["windows"].device_read.address, device_write=modules["windows"].device_write.address,
                 run=modules["schedule"].run.address, f_model=modules["model"].handle.address,
                 f_processor=modules["loop"].run_processor.address)
    for name, symbol in SYMBOLS.items():
        found[name] = lib.address(symbol + native.SUFFIX)
    found["f_block_of"] = lib.address("tcg_tb_lookup" + native.SUFFIX)
    native.install(at.stub_constants(TABLE_ADDRESS), modules["block"].slow.address, modules["fill"].limit.address,
                   modules["fast"].undefined.address, modules["block"].forget.address)
    found["call_run"] = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_uint64, ctypes.c_uint64, ctypes.c_uint64)(found["run"])
    return found
