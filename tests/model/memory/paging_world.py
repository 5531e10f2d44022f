"""A processor, its memory and both its TLBs, with helpers to build tables; and the kernels as plain Python."""
from functools import partial

import numpy as np

from emu.model.memory import walk
from emu.spec.outcome import FAULT, MODE
from emu.state import CPU, ENV, MACHINE, TLB, U64
from tests.model import world

plain = partial(world.plain, "fault", "ram", "memory")
PAGES = 64
PE_PG_WP, LONG = 0x8001_0001, 0xD00          # CR0; EFER: LME, LMA, NXE


class World(world.Ram):
    """One processor outside VMX operation, 4-level paging on, tables at page 1; `c`, `e`, `m` are its records."""

    def __init__(self, pages=PAGES):
        self.ram = np.zeros(pages * 512, U64)
        self.ledger, self.rom = np.zeros(pages, U64), np.full(512, 0xC3C3_C3C3_C3C3_C3C3, U64)
        self.machines, self.cpus, self.envs = np.zeros(1, MACHINE), np.zeros(1, CPU), np.zeros(1, ENV)
        self.root, self.guest = np.zeros(1, TLB), np.zeros(1, TLB)
        m, c, e = self.m, self.c, self.e = self.machines[0], self.cpus[0], self.envs[0]
        m.ram, m.ram_bytes, m.ledger = self.ram.ctypes.data, self.ram.nbytes, self.ledger.ctypes.data
        m.rom, m.rom_base, m.rom_bytes = self.rom.ctypes.data, 0xFFFF_F000, 4096
        m.address_mask = (1 << 39) - 1
        c.machine, c.env = self.machines.ctypes.data, self.envs.ctypes.data
        c.root_env = c.guest_env = c.env
        c.root_tlb, c.guest_tlb = self.root.ctypes.data, self.guest.ctypes.data
        c.tlb, c.apic_base = c.root_tlb, 0xFEE0_0900
        e.cr[0], e.cr[3], e.cr[4], e.efer = PE_PG_WP, 0x1000, 0xA0, LONG

    @property
    def t(self):
        """Return the TLB record in use."""
        return (self.guest if self.c.tlb == self.c.guest_tlb else self.root)[0]

    def map(self, la, entry, upper=7, top=0x1000):
        """Map 4 KiB at `la` by 4-level tables in pages 1..4 (PTE = `entry`, others with rights `upper`)."""
        table = top
        for shift in (39, 30, 21):
            place = table + 8 * (la >> shift & 511)
            table += 0x1000
            self.put(place, table | upper)
        self.put(table + 8 * (la >> 12 & 511), entry)
        return table + 8 * (la >> 12 & 511)

    def nest(self, pages=PAGES, rights=7, eptp=0x2_001E, flags=0):
        """Enter non-root operation under EPT that maps `pages` pages alike, tables in pages 32..35."""
        c = self.c
        c.vmx_mode, c.proc2, c.eptp, c.tlb = MODE.NONROOT, 2, eptp | flags, c.guest_tlb
        for n in range(3):
            self.put(0x2_0000 + n * 0x1000, 0x2_1000 + n * 0x1000 | 7)
        for n in range(pages):
            self.put(0x2_3000 + 8 * n, n << 12 | 0x30 | rights)
        return 0x2_3000

    def translate(self, la, access):
        """Translate; returns the tuple that the reference gives or raises."""
        c = self.c
        pa = walk.translate(c, U64(la), U64(access))
        if c.fault == FAULT.NONE:
            return "ok", int(pa), int(c.walk_rights)
        assert int(pa) == 0xFFFF_FFFF_FFFF_FFFF
        return self.fault()

    def fault(self):
        """Return c.fault as a tuple of plain integers."""
        c = self.c
        if c.fault == FAULT.EXCEPTION:
            result = "exception", int(c.fault_vector), int(c.fault_error)
            return (*result, int(c.fault_address)) if c.fault_vector == 14 else result
        if c.fault == FAULT.EPT_VIOLATION:
            return "violation", int(c.fault_qualification), int(c.fault_gpa), int(c.fault_address)
        return ("misconfiguration", int(c.fault_gpa)) if c.fault == FAULT.EPT_MISCONFIG else ("fault", int(c.fault))
