"""Clocks derived from processor cycles: exact conversion without overflow.

A clock of `hz` ticks has ticked floor(cycles * hz / TSC frequency) times at `cycles`.
"""
from emu.jit import kernel
from emu.spec.platform import HZ

TSC = HZ.TSC


@kernel
def ticks(cycles, hz):
    """Return how often a clock of `hz` (below 2**32) has ticked at `cycles` (uint64)."""
    return cycles // TSC * hz + cycles % TSC * hz // TSC


@kernel
def cycle_of(tick, hz):
    """Return the first cycle at which a clock of `hz` has ticked `tick` times: the inverse of `ticks`."""
    return tick // hz * TSC + (tick % hz * TSC + hz - 1) // hz
