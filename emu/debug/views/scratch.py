"""Copies of a processor's records, on which kernels may act without changing the machine: only memory is shared."""
import numpy as np

from emu.jit import words
from emu.spec.vmcs import REGION_WORDS
from emu.state import TLB


def _aligned(record):
    """Return a copy of a one-element record array whose address is a multiple of 64."""
    size = record.dtype.itemsize
    raw = np.zeros(size + 64, np.uint8)
    start = -raw.ctypes.data % 64
    copy = raw[start:start + size].view(record.dtype)
    copy[:] = record
    return copy


class Copies:
    """Copies of machine record, processor, both worlds, TLBs, local APIC and current VMCS; `cpu` is wired to the others."""

    def __init__(self, machine, processor):
        unit = machine.processors[processor]
        self.records = [_aligned(unit.record), _aligned(machine.record), _aligned(unit.apic)]
        self.worlds = [_aligned(engine.env) for engine in unit.engines]
        self.tlbs = [np.zeros(1, TLB), np.zeros(1, TLB)]
        c, m = self.cpu, self.machine = self.records[0][0], self.records[1][0]
        self.vmcs = words(c.vmcs, REGION_WORDS).copy()
        now = 0 if c.env == c.root_env else 1
        c.self_address, c.machine, c.apic = (record.ctypes.data for record in self.records)
        c.root_env, c.guest_env = (env.ctypes.data for env in self.worlds)
        c.root_tlb, c.guest_tlb = (tlb.ctypes.data for tlb in self.tlbs)
        c.vmcs = self.vmcs.ctypes.data
        self.root, self.guest = (env[0] for env in self.worlds)
        self.enter(now)
        m.cpus[processor] = c.self_address

    def take(self, region):
        """Put a copy of a VMCS region (uint64[512]) in the place of the current VMCS."""
        self.vmcs = region.copy()
        self.cpu.vmcs = self.vmcs.ctypes.data

    def enter(self, world):
        """Make world 0 (root) or 1 (guest) the one that the copy is in; its operation mode stays."""
        c = self.cpu
        c.env, c.tlb = (c.guest_env, c.guest_tlb) if world else (c.root_env, c.root_tlb)
