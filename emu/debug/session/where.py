"""Where the processors of a machine are, read in a microsecond: a session asks at each step."""
from emu.bits import PAGE_BYTES
from emu.debug.session.mapping import EFER_LMA
from emu.debug.session.thread import GUEST_WORLD, NONROOT, ROOT_WORLD
from emu.spec.cpu import DESCRIPTOR, SEG
from emu.spec.vmx import PROC2

EPT, TABLE_ADDRESS = int(PROC2.EPT), -PAGE_BYTES
LONG, CS = int(DESCRIPTOR.L), int(SEG.CS)


class Where:
    """The records of a machine as cells, and what a session asks of them; `cpu[n]` is that of a processor."""

    def __init__(self, machine):
        self.cpu = [processor.cells for processor in machine.processors]
        self._worlds = [processor.worlds for processor in machine.processors]

    def env(self, number):
        """Return the ENV of the world that a processor is in."""
        return self._worlds[number][self.cpu[number].env]

    def world(self, number):
        """Return the number of that world."""
        return GUEST_WORLD if self.cpu[number].vmx_mode == NONROOT else ROOT_WORLD

    def pc(self, number):
        """Return the linear address of the next instruction of a processor; see `emu.model.event.linear_rip`."""
        e = self.env(number)
        segments = e.seg
        if e.efer & EFER_LMA and segments[3 * CS + 2] >> 32 & LONG:
            return e.rip
        return e.rip + segments[3 * CS + 1] & 0xFFFF_FFFF

    def guest(self, number):
        """Return (address of the current VMCS, its partition: its EPT PML4 table, or the VMCS) of a processor in a guest."""
        c = self.cpu[number]
        return c.vmcs_pointer, (c.eptp & TABLE_ADDRESS if c.proc2 & EPT else 0) or c.vmcs_pointer
