"""The event unit as one C function, compiled apart from the run loop."""

from emu.jit import entry
from emu.model import event
from emu.state import cpu_at


@entry("uint64(uint64, uint64)")
def handle(cpu, number):
    """Handle event `number` of the processor whose record is at address `cpu`."""
    event.handle(cpu_at(cpu)[0], number)
    return 0
