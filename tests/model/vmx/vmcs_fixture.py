"""A processor with 1 MiB of RAM and a current VMCS that passes every check: a 64-bit host and guest, EPT."""
import numpy as np

from emu.model.vmx.vmcs import View
from emu.spec.cpu import EFER
from emu.spec.profile import REVISION
from emu.state import CPU, ENV, MACHINE

RAM_BYTES, VMCS_AT, VIRTUAL_APIC, OTHER_VMCS, PDPT_AT = 1 << 20, 0x10000, 0x11000, 0x12000, 0x13000
VALID = dict(
    pin_based_controls=0x16 | 1 | 8 | 32, primary_controls=0x04006172 | 1 << 31 | 1 << 28,
    secondary_controls=1 << 1 | 1 << 5,
    exit_controls=0x36DFB | 1 << 9 | 1 << 21, entry_controls=0x11FB | 1 << 9 | 1 << 15 | 1 << 2,
    msr_bitmaps=0x14000, io_bitmap_a=0x15000, io_bitmap_b=0x16000, ept_pointer=0x18000 | 3 << 3 | 6, vpid=1,
    tsc_multiplier=1 << 48, virtual_apic_address=VIRTUAL_APIC, vmcs_link_pointer=2**64 - 1,
    host_cr0=0x80010031, host_cr3=0x2000, host_cr4=0x2020, host_efer=0xD00, host_pat=0x0007040600070406,
    host_cs_selector=8, host_ss_selector=16, host_tr_selector=24,
    host_rip=0xFFFF800000001000, host_rsp=0xFFFF800000002000,
    guest_cr0=0x80010031, guest_cr3=PDPT_AT, guest_cr4=0x2020, guest_efer=0xD00, guest_pat=0x0007040600070406,
    guest_dr7=0x400,
    guest_rip=0x1000, guest_rsp=0x2000, guest_rflags=0x2,
    guest_cs_selector=8, guest_cs_limit=0xFFFFFFFF, guest_cs_access_rights=0xA09B,
    guest_tr_selector=24, guest_tr_limit=0x67, guest_tr_access_rights=0x8B, guest_ldtr_access_rights=0x10000,
    guest_gdtr_limit=0xFFFF, guest_idtr_limit=0xFFF,
    **{f"guest_{s}_selector": 16 for s in ("es", "ss", "ds", "fs", "gs")},
    **{f"guest_{s}_limit": 0xFFFFFFFF for s in ("es", "ss", "ds", "fs", "gs")},
    **{f"guest_{s}_access_rights": 0xC093 for s in ("es", "ss", "ds", "fs", "gs")},
)


class Processor:
    """Records of one processor and its machine; `set` changes VMCS fields and memory for one case."""

    def __init__(self):
        self.ram = np.zeros(RAM_BYTES // 8, np.uint64)
        self.ledger = np.zeros(RAM_BYTES // 4096, np.uint64)
        self.region = self.ram[VMCS_AT // 8:VMCS_AT // 8 + 512]
        self.machine, self.env, self.cpu = np.zeros(1, MACHINE), np.zeros(1, ENV), np.zeros(1, CPU)
        m, self.c = self.machine[0], self.cpu[0]
        m.ram, m.ram_bytes, m.address_mask = self.ram.ctypes.data, RAM_BYTES, (1 << 39) - 1
        m.ledger = self.ledger.ctypes.data
        self.c.machine, self.c.env = self.machine.ctypes.data, self.env.ctypes.data
        self.c.vmcs, self.c.vmcs_pointer = self.region.ctypes.data, VMCS_AT
        self.view = View(self.region)

    def reset(self, changes=(), memory=(), ia32e=True):
        """Make the VMCS valid, then apply `changes` (field -> value) and `memory` (address -> word)."""
        self.ram[:] = 0
        self.region[0] = REVISION
        self.env[0].efer = EFER.LME | EFER.LMA if ia32e else 0
        for name, value in {**VALID, **dict(changes)}.items():
            setattr(self.view, name, value)
        for address, word in dict(memory).items():
            self.ram[address // 8] = word
        return self
