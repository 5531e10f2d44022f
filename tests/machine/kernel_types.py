"""Compile every unit from nothing and print each kernel variable that numba made a float: run as a program."""
import importlib
import pkgutil

from numba import types

import emu.model
from emu.core import build
from emu.jit import _Kernel


def floats():
    """Return (kernel, variable, type) of every float in a compiled kernel, and how many kernels were looked at."""
    for unit in build.UNITS:
        importlib.import_module(unit)
    found, looked = [], 0
    for module in pkgutil.iter_modules(emu.model.__path__, "emu.model."):
        for name, value in vars(importlib.import_module(module.name)).items():
            if isinstance(value, _Kernel) and value.py_func.__module__ == module.name:
                for result in value.overloads.values():
                    looked += 1
                    found += [(f"{module.name}.{name}", variable, str(kind)) for variable, kind in result.type_annotation.typemap.items()
                              if isinstance(kind, types.Float)]
    return found, looked


if __name__ == "__main__":
    wrong, number = floats()
    for row in wrong:
        print(*row)
    print(f"{number} kernels, {len(wrong)} floats")
