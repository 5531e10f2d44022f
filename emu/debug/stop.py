"""The public name of `emu.debug.history.run_to`."""
from emu.debug.history.run_to import (
    Missing,
    Place,
    Playback,
    before,
    exits,
    exits_of,
    run_to_cycle,
    run_to_entry_failure,
    run_to_exit,
    run_to_exits,
    run_to_launch,
)

__all__ = [
    "Missing", "Place", "Playback", "before", "exits", "exits_of", "run_to_cycle", "run_to_entry_failure", "run_to_exit",
    "run_to_exits", "run_to_launch",
]
