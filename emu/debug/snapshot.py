"""The public name of `emu.debug.history.snapshot`."""
from emu.debug.history.snapshot import About, Named, Snapshot, check_config, position, restore, rows_of, take

__all__ = ["About", "Named", "Snapshot", "check_config", "position", "restore", "rows_of", "take"]
