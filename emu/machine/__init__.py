"""The machine: processors, memory and devices put together, what it starts with, and how a run of it ended.

`from emu.machine import Config, Machine` are the public names; nothing is imported before somebody asks for them.
"""
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emu.machine.machine import Config, Machine

__all__ = ["Config", "Machine"]


def __getattr__(name):
    if name in __all__:
        from emu.machine import machine

        return getattr(machine, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
