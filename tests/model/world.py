"""What the worlds of these tests share: kernels as plain Python, aligned records, numbers in RAM."""
import sys
from contextlib import contextmanager

import numpy as np


@contextmanager
def plain(*units, compiled=()):
    """Run kernels as plain Python: those of `units`, modules or rooms of emu.model, but for the names in `compiled`.

    A module that nothing has imported yet is left out: nothing calls its kernels.
    """
    whole = tuple(f"emu.model.{unit}" for unit in units)
    modules = [module for name, module in sys.modules.items() if name in whole or name.startswith(tuple(f"{each}." for each in whole))]
    kept = [(module, name, value) for module in modules for name, value in vars(module).items()
            if hasattr(value, "py_func") and name not in compiled]
    try:
        for module, name, value in kept:
            setattr(module, name, value.py_func)
        with np.errstate(over="ignore"):
            yield
    finally:
        for module, name, value in kept:
            setattr(module, name, value)


def aligned(dtype):
    """Return one zeroed record at an address that is a multiple of 64."""
    raw = np.zeros(dtype.itemsize + 64, np.uint8)
    shift = -raw.ctypes.data % 64
    return raw[shift:shift + dtype.itemsize].view(dtype)


class Ram:
    """What a world with its memory in `ram` (uint64) does with numbers in it."""

    ram: np.ndarray

    def put(self, address, value, size=8):
        """Write a number to RAM."""
        self.ram.view(np.uint8)[address:address + size] = list(int(value).to_bytes(size, "little"))

    def get(self, address, size=8):
        """Read a number from RAM."""
        return int.from_bytes(self.ram.view(np.uint8)[address:address + size].tobytes(), "little")
