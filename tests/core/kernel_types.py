"""Compile every unit from nothing and print what numba computes in floating point or with one signed operand: run as a program."""
import importlib
import pkgutil

from numba import types
from numba.core import ccallback

import emu.core
import emu.model
from emu.core import build
from emu.jit import Kernel

_entries = []                                              # (name, what the compiler made of it) of every @entry
_compile = ccallback.CFunc._compile_uncached


def _noted(self):
    made = _compile(self)
    _entries.append((f"{self._pyfunc.__module__}.{self._pyfunc.__name__}", made))
    return made


def compiled():
    """Yield (name, what the compiler made of it) of every kernel and entry of the units."""
    ccallback.CFunc._compile_uncached = _noted
    for unit in build.UNITS:
        importlib.import_module(unit)
    for package in (emu.model, emu.core):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            for name, value in vars(importlib.import_module(module.name)).items():
                if isinstance(value, Kernel) and value.py_func.__module__ == module.name:
                    yield from ((f"{module.name}.{name}", result) for result in value.overloads.values())
    yield from _entries


def wrong(notes):
    """Yield (variable or expression, type) of each float, and of each operator with one signed and one unsigned operand."""
    for variable, kind in notes.typemap.items():
        if isinstance(kind, types.Float):
            yield variable, kind
    for expression, signature in notes.calltypes.items():
        operands = [kind for kind in getattr(signature, "args", ()) if isinstance(kind, types.Integer)]
        if getattr(expression, "op", "") in ("binop", "inplace_binop") and len({kind.signed for kind in operands}) > 1:
            yield expression, signature


if __name__ == "__main__":
    looked, rows = 0, []
    for name, result in compiled():
        looked += 1
        rows += [(name, *row) for row in wrong(result.type_annotation)]
    for row in rows:
        print(*row)
    print(f"{looked} kernels, {len(rows)} of wrong types")
