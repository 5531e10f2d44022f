"""Where a world that runs has its pages: translations kept while all that they were read from is what it was.

A debugger reads the same few places at each stop, and a walk with everything that people want to know of it takes 300 us.  The
registers and entries that a walk depends on are compared each time, so that the result is that of a fresh walk.
"""
from emu.bits import PAGE_BYTES
from emu.spec.cpu import CR0, EFER

PG, EFER_LMA = int(CR0.PG), int(EFER.LMA)
PAGES_KEPT = 256                                                 # pages


class Mapping:
    """Pages of the world that a processor is in: {page: (registers, entries, host-physical page)}."""

    def __init__(self, machine, processor):
        unit = machine.processors[processor]
        self._machine, self._c, self._worlds, self._pages = machine, unit.cells, unit.worlds, {}
        self._words = memoryview(machine.ram).cast("Q")

    def _registers(self):
        """Return what a walk depends on besides its entries; None: on what is not compared here."""
        c, m = self._c, self._machine.cells
        e = self._worlds[c.env]
        cr = e.cr
        if cr[0] & PG and not e.efer & EFER_LMA:                # 32-bit tables are rare, and those of PAE are read from registers
            return None
        return c.env, c.vmx_mode, c.proc2, c.eptp, c.apic_base, m.gated, cr[0], cr[3], cr[4], e.efer

    def find(self, linear):
        """Return the host-physical address of a linear one as it was found before; None: it has to be looked up."""
        kept = self._pages.get(linear // PAGE_BYTES)
        if kept is None or kept[0] != self._registers():
            return None
        words = self._words
        for at, entry in kept[1]:
            if words[at] != entry:
                return None
        return kept[2] + linear % PAGE_BYTES

    def keep(self, linear, steps):
        """Keep what a walk (emu.model.memory.steps.trace) of a linear address found, if all that it depends on can be compared."""
        registers, end, in_ram = self._registers(), steps[-1], self._machine.in_ram
        entries = [step for step in steps if step.level]
        if registers is None or end.verdict != "DONE" or not all(in_ram(step.address, 8) for step in entries):
            return
        if len(self._pages) >= PAGES_KEPT:
            self._pages.clear()
        words = [(step.address // 8, step.entry) for step in entries]
        self._pages[linear // PAGE_BYTES] = registers, words, end.address - linear % PAGE_BYTES
