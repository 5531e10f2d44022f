"""A processor with tables, TSS and local APIC for deliveries and system instructions; the kernels as plain Python."""

from functools import partial

import numpy as np

from emu.jit import entry
from emu.model import cpu
from emu.model.delivery import interrupt
from emu.model.instructions import system
from emu.model.processor import msr
from emu.spec import outcome
from emu.spec.insn import INSN as KIND
from emu.spec.outcome import MODE
from emu.spec.platform import DEVICE
from emu.state import INSN, LOCAL_APIC, U64, cpu_at
from tests.model import world
from tests.model.memory.paging_world import World as PagingWorld

plain = partial(
    world.plain, "cpu", "fault", "guest_mode", "ram", "delivery", "devices.ports", "instructions", "interrupts.apic",
    "interrupts.apic_timer", "interrupts.message", "memory", "observe.watch", "processor", "vmx.intercept", "vmx.vmcs",
)
GDT, IDT, TSS, LDT, STACK, CODE = 0x6000, 0x7000, 0x8000, 0x9000, 0xC000, 0x5000
# As the manual numbers them, not from the tables under test.
REGISTERS = dict(RAX=0, RCX=1, RDX=2, RBX=3, RSP=4, RBP=5, RSI=6, RDI=7, R11=11)
SEGMENTS = dict(ES=0, CS=1, SS=2, DS=3, FS=4, GS=5, LDTR=6, TR=7, GDTR=8, IDTR=9)


@entry("uint64(uint64, uint64, uint64, uint64)")
def port_read(address, number, size, unused):
    """Answer a port read of the tests: a value that identifies the port, and one more access counted."""
    c = cpu_at(address)[0]
    c.chain[0] += 1
    return number * 0x0101_0101 + size


@entry("uint64(uint64, uint64, uint64, uint64)")
def port_write(address, number, size, value):
    """Take a port write of the tests: note port, size and value."""
    c = cpu_at(address)[0]
    c.chain[0] += 1
    c.chain[1], c.chain[2], c.chain[3] = number, size, value
    return 0


def descriptor_of(base=0, limit=0xFFFFF, access=0x9B, flags=0xC):
    """Return the 8 bytes of a segment descriptor."""
    return (
        limit & 0xFFFF
        | (base & 0xFFFFFF) << 16
        | access << 40
        | (limit >> 16 & 15) << 48
        | flags << 52
        | (base >> 24 & 255) << 56
    )


class World(PagingWorld):
    """Paging off (protected mode) or on with everything mapped alike (long mode); GDT, IDT, TSS in place."""

    def __init__(self, mode="protected", cpl=0):
        super().__init__()
        self.apics, self.insns = np.zeros(1, LOCAL_APIC), np.zeros(1, INSN)
        c, e, m = self.c, self.e, self.m
        c.apic, m.cpus[0], m.cpu_count = self.apics.ctypes.data, self.cpus.ctypes.data, 1
        c.insn = self.insns.ctypes.data
        m.devices[int(DEVICE.PORT_READ)], m.devices[int(DEVICE.PORT_WRITE)] = port_read.address, port_write.address
        msr.reset(c)
        for n in range(7):
            self.apics[0].lvt[n] = 0x10000
        e.cc_op, e.df, e.eflags = 1, 1, 2
        e.dr[6], e.dr[7], e.xcr0 = 0xFFFF_0FF0, 0x400, 1
        self.mode = mode
        e.cr[0], e.cr[3], e.cr[4], e.efer = dict(
            real=(0x10, 0, 0, 0), protected=(0x11, 0, 0, 0), long=(0x8001_0031, 0x1000, 0xA0, 0xD01)
        )[mode]
        if mode == "long":
            self.put(0x1000, 0x2027)
            self.put(0x2000, 0xE7)  # one page of 1 GiB, user
            self.put(0x1000 + 8 * 511, 0x2027)  # the same at the top of the address space
        self._segments(mode, cpl)
        e.hflags = cpl
        cpu.refresh_hflags(e, U64(cpl))

    def _segments(self, mode, cpl):
        for n, raw in enumerate(
            (
                0,
                descriptor_of(),
                descriptor_of(access=0x93),
                descriptor_of(access=0xFB),
                descriptor_of(access=0xF3),
                descriptor_of(access=0x9B, flags=0xA),
                descriptor_of(access=0xFB, flags=0xA),
                descriptor_of(limit=0xFFFF, access=0x9A, flags=0),
                descriptor_of(limit=0xFFFF, access=0x92, flags=0),
            )
        ):
            self.put(GDT + 8 * n, raw)
        wide = 0xA if mode == "long" else 0xC
        for name in ("ES", "DS", "FS", "GS"):
            self.segment(name, 0x10 | cpl, 0, 0xFFFFFFFF, 0xC093 | cpl << 5)
        code = (0x28 if cpl == 0 else 0x30) if mode == "long" else (8 if cpl == 0 else 0x18)
        self.segment("CS", code | cpl, 0, 0xFFFFFFFF, wide << 12 | 0x9B | cpl << 5)
        self.segment("SS", (0x10 if cpl == 0 else 0x20) | cpl, 0, 0xFFFFFFFF, 0xC093 | cpl << 5)
        if mode == "real":
            for name in ("ES", "DS", "FS", "GS", "SS", "CS"):
                self.segment(name, 0, 0, 0xFFFF, 0x93)
        self.segment("LDTR", 0, 0, 0, 0)
        self.segment("TR", 0x50, TSS, 0x67, 0x8B)
        self.segment("GDTR", 0, GDT, 0x7F, 0)
        self.segment("IDTR", 0, IDT, 0x3FF if mode == "real" else 0xFFF, 0)
        self.e.regs[4], self.e.rip = STACK, CODE

    def segment(self, name, selector, base, limit, rights):
        """Write a segment register; rights as in a VMCS (type, S, DPL, P in 7:0; AVL, L, D/B, G in 15:12)."""
        at = 3 * SEGMENTS[name]
        attributes = (rights & 0xFF) << 8 | (rights & 0xF000) << 8
        self.e.seg[at : at + 3] = selector, base, limit | attributes << 32

    def gate32(self, vector, offset=0x1234, selector=8, access=0x8E):
        """Write an 8-byte gate."""
        self.put(IDT + 8 * vector, offset & 0xFFFF | selector << 16 | access << 40 | (offset >> 16) << 48)

    def gate64(self, vector, offset=0x1234, selector=0x28, access=0x8E, ist=0):
        """Write a 16-byte gate."""
        self.put(
            IDT + 16 * vector,
            offset & 0xFFFF | selector << 16 | ist << 32 | access << 40 | (offset >> 16 & 0xFFFF) << 48,
        )
        self.put(IDT + 16 * vector + 8, offset >> 32)

    def register(self, name):
        """Return a general register as int."""
        return int(self.e.regs[REGISTERS[name]])

    def set(self, **registers):
        """Write general registers."""
        for name, value in registers.items():
            self.e.regs[REGISTERS[name]] = U64(value)

    def deliver(self, info, error=0, length=0):
        """Deliver an event; returns "delivered" or the fault as a tuple."""
        done = interrupt.deliver(self.c, U64(info), U64(error), U64(length))
        assert bool(done) == (self.c.fault == outcome.FAULT.NONE)
        return "delivered" if done else self.fault()

    def execute(self, kind, **fields):
        """Execute an instruction of this kind (a name of INSN); returns RESULT as int."""
        insn = self.insns[0]
        for field in insn.dtype.names:
            insn[field] = 0
        insn.kind, insn.length, insn.segment, insn.base_reg, insn.index_reg = getattr(KIND, kind), 3, 3, 16, 16
        wide = self.mode == "long"
        insn.operand_size, insn.address_size = 4, 8 if wide else 4
        for field, value in fields.items():
            insn[field] = value
        return int(system.execute(self.c, insn))

    def nonroot(self):
        """Enter non-root operation with an empty VMCS and no controls."""
        self.fields = np.zeros(512, U64)
        self.c.vmx_mode, self.c.vmcs = MODE.NONROOT, self.fields.ctypes.data


# RESULT and vectors as numbers on purpose: a wrong row of a table would otherwise agree with itself.
NEXT, JUMP, FAULT, HALT = 0, 1, 2, 3
UD, GP = ("exception", 6, 0), ("exception", 13, 0)
DATA = 0x5800


def faults(w, expected, kind, **fields):
    """Check that an instruction faults so, and leaves RIP where it is."""
    rip = int(w.e.rip)
    assert w.execute(kind, **fields) == FAULT and w.fault() == expected
    assert w.e.rip == rip


def memory(address):
    """Return the fields of an instruction with a memory operand at an absolute address."""
    return dict(memory=1, displacement=address)
