"""The machine: processors, memory and devices put together, what it starts with, and how a run of it ended.

`from emu.machine import Config, Machine` are the public names, with the others of `__all__`; nothing is imported before somebody asks
for them.
"""
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emu.machine.machine import DIRTY, FOREVER, MEMORY_LIMIT, PAUSE_CYCLES, ROM_BASE, ROM_BYTES, Config, Machine, Processor
    from emu.machine.result import Result

__all__ = ["DIRTY", "FOREVER", "MEMORY_LIMIT", "PAUSE_CYCLES", "ROM_BASE", "ROM_BYTES", "Config", "Machine", "Processor", "Result"]


def __getattr__(name):
    if name == "Result":
        from emu.machine.result import Result

        return Result
    if name in __all__:
        from emu.machine import machine

        return getattr(machine, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
