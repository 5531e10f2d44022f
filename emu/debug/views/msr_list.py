"""The VM-entry MSR-load list: which entry a VM entry would fail at, tried on copies of the processor's records."""
import numpy as np

from emu.debug.views.scratch import Copies
from emu.machine.failure import msr_entry
from emu.model.vmx import entry, world
from emu.model.vmx.vmcs import View


def entry_list(machine, processor):
    """Return the MsrFailure of the first entry of the list that cannot be loaded, None when all can; nothing changes."""
    copies = Copies(machine, processor)
    c, view = copies.cpu, View.of(copies.cpu)
    if not view.entry_msr_load_count:
        return None
    v = copies.vmcs
    entry.load_registers(c, v, copies.guest, copies.root)
    c.env = c.guest_env
    number = int(world.load_list(c, np.uint64(view.entry_msr_load_address), np.uint64(view.entry_msr_load_count)))
    return msr_entry(machine, view, number) if number else None
