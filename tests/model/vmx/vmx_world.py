"""A processor in VMX root operation with a VMCS that VM entry accepts: records only, no engine."""

from functools import partial

import numpy as np

from emu.bits import U64
from emu.model import cpu as cpu_model
from emu.model.vmx import entry, exit
from emu.model.vmx.vmcs import View
from emu.spec.cpu import CR0, CR4, EFER, SEG
from emu.spec.profile import CR0_MUST, ENTRY_RULE, EXIT_RULE, PIN_RULE, PROC_RULE, REVISION
from emu.spec.vmx import ENTRYC, EXITC, FEATURE_CONTROL, PROC
from emu.state import ALL_ONES, CPU, ENV, INSN, LOCAL_APIC, MACHINE, TLB
from tests.model import world
from tests.model.world import aligned

plain = partial(                                           # emptying a TLB is long in plain Python
    world.plain, "cpu", "fault", "ram", "interrupts.apic", "memory", "observe.watch", "processor.msr", "processor.operand",
    "processor.segment", "vmx.entry", "vmx.exit", "vmx.intercept", "vmx.intercept_instructions", "vmx.vmcs",
    "vmx.vmx", "vmx.world", compiled=("clear",),
)
RAM_BYTES = 1 << 20
VMXON_REGION, VMCS_REGION, IO_BITMAP, MSR_BITMAP, VIRTUAL_APIC = 0x1000, 0x2000, 0x3000, 0x5000, 0x7000
STORE_LIST, LOAD_LIST, ENTRY_LIST, DATA = 0x8000, 0x8400, 0x8800, 0x9000
PML4, PDPT, DIRECTORY, TSS = 0x10000, 0x11000, 0x12000, 0x13000
FLAT_RIGHTS = {
    "ES": 0xC093,
    "CS": 0xA09B,
    "SS": 0xC093,
    "DS": 0xC093,
    "FS": 0xC093,
    "GS": 0xC093,
    "LDTR": 0x10000,
    "TR": 0x8B,
}
SEGMENTS = ("ES", "CS", "SS", "DS", "FS", "GS", "LDTR", "TR")


class World(world.Ram):
    """One processor, its two ENVs, a megabyte of RAM with identity paging, and a VMCS."""

    def __init__(self):
        self.ram = np.zeros(RAM_BYTES // 8 + 512, np.uint64)
        start = -self.ram.ctypes.data % 4096 // 8
        self.ram = self.ram[start : start + RAM_BYTES // 8]
        self.machine, self.cpu, self.ledger = aligned(MACHINE), aligned(CPU), np.zeros(RAM_BYTES >> 12, np.uint64)
        self.envs, self.tlbs = [aligned(ENV), aligned(ENV)], [aligned(TLB), aligned(TLB)]
        self.spare, self.apic, self.instruction = np.zeros(512, np.uint64), aligned(LOCAL_APIC), aligned(INSN)
        self._wire()
        self._memory()
        self._root()
        self.vmcs = View(self.ram[VMCS_REGION >> 3 :][:512])
        self._vmcs()

    def _wire(self):
        m, c = self.machine[0], self.cpu[0]
        m.ram, m.ram_bytes, m.ledger = self.ram.ctypes.data, RAM_BYTES, self.ledger.ctypes.data
        m.rom_base, m.address_mask, m.cpu_count = 0xFFFF_0000, (1 << 39) - 1, 1
        m.cpus[0], m.next_event = self.cpu.ctypes.data, ALL_ONES
        c.machine, c.apic = self.machine.ctypes.data, self.apic.ctypes.data
        c.root_env, c.guest_env = (e.ctypes.data for e in self.envs)
        c.root_tlb, c.guest_tlb = (t.ctypes.data for t in self.tlbs)
        c.env, c.tlb, c.insn = c.root_env, c.root_tlb, self.instruction.ctypes.data
        c.spare_vmcs = self.spare.ctypes.data
        c.vmx_mode, c.vmxon_pointer = 1, VMXON_REGION
        c.vmcs_pointer, c.vmcs = VMCS_REGION, self.ram.ctypes.data + VMCS_REGION
        c.feature_control = FEATURE_CONTROL.LOCK | FEATURE_CONTROL.VMX
        c.cycles = 1000

    def _memory(self):
        self.ram[PML4 >> 3] = PDPT | 7
        self.ram[PDPT >> 3] = DIRECTORY | 7
        self.ram[DIRECTORY >> 3] = 0xE7
        self.ram[VMXON_REGION >> 3] = self.ram[VMCS_REGION >> 3] = REVISION

    def _root(self):
        e = self.root
        e.cr[0], e.cr[3], e.cr[4] = CR0_MUST | int(CR0.WP | CR0.ET), PML4, int(CR4.PAE | CR4.VMXE)
        e.efer = EFER.LME | EFER.LMA | EFER.NXE | EFER.SCE
        cpu_model.set_rflags.py_func(e, U64(2))
        for s in range(8):
            name = SEGMENTS[s]
            attr = (FLAT_RIGHTS[name] & 0xF0FF) << 8
            cpu_model.set_segment.py_func(e, U64(s), U64(8 * s + 8), U64(0), U64(0xFFFF_FFFF), U64(attr))
        e.pat, e.rip, e.dr[7], e.dr[6] = 0x0007_0406_0007_0406, 0x4000, 0x400, 0xFFFF_0FF0
        with np.errstate(over="ignore"):
            cpu_model.refresh_hflags.py_func(e, U64(0))

    def _vmcs(self):
        v = self.vmcs
        v.pin_based_controls, v.primary_controls = int(PIN_RULE.must), int(PROC_RULE.must | PROC.HLT)
        v.exit_controls = int(
            EXIT_RULE.must
            | EXITC.HOST_64
            | EXITC.SAVE_EFER
            | EXITC.LOAD_EFER
            | EXITC.SAVE_PAT
            | EXITC.LOAD_PAT
            | EXITC.SAVE_DEBUG
        )
        v.entry_controls = int(
            ENTRY_RULE.must | ENTRYC.GUEST_64 | ENTRYC.LOAD_EFER | ENTRYC.LOAD_PAT | ENTRYC.LOAD_DEBUG
        )
        v.vmcs_link_pointer = int(ALL_ONES)
        for side in ("host", "guest"):
            v[f"{side.upper()}_CR0"], v[f"{side.upper()}_CR3"] = CR0_MUST | int(CR0.WP | CR0.ET), PML4
            v[f"{side.upper()}_CR4"] = int(CR4.PAE | CR4.VMXE | CR4.PGE)
            v[f"{side.upper()}_EFER"] = int(EFER.LME | EFER.LMA | EFER.NXE)
            v[f"{side.upper()}_PAT"] = 0x0007_0406_0007_0406
        for name, rights in FLAT_RIGHTS.items():
            v[f"GUEST_{name}_ACCESS_RIGHTS"], v[f"GUEST_{name}_LIMIT"] = rights, 0xFFFF_FFFF
            v[f"GUEST_{name}_SELECTOR"] = 0x10 + 8 * SEGMENTS.index(name)
        v.guest_tr_limit, v.guest_ldtr_limit, v.guest_tr_base = 0x67, 0, TSS
        v.guest_gdtr_limit = v.guest_idtr_limit = 0xFFF
        for name in ("ES", "CS", "SS", "DS", "FS", "GS", "TR"):
            v[f"HOST_{name}_SELECTOR"] = 0x20
        v.guest_rip, v.guest_rsp, v.guest_rflags, v.guest_dr7 = 0x6000, 0x6800, 2, 0x400
        v.host_rip, v.host_rsp = 0x5000, 0x5800

    @property
    def c(self):
        """The CPU record."""
        return self.cpu[0]

    @property
    def root(self):
        """The ENV of VMX root operation."""
        return self.envs[0][0]

    @property
    def guest(self):
        """The ENV of VMX non-root operation."""
        return self.envs[1][0]

    @property
    def insn(self):
        """An INSN record."""
        return self.instruction[0]

    def memory_of(self):
        """Return RAM as bytes that can be written."""
        return self.ram.view(np.uint8)

    def word(self, address):
        """Return the aligned word at an address of RAM."""
        return int(self.ram[address >> 3])

    def instruction_of(self, kind, **given):
        """Fill the INSN record: `kind` with a memory operand at DATA by default."""
        i = self.insn
        for name in INSN.names:
            setattr(i, name, 0)
        i.kind, i.length, i.memory, i.segment, i.base_reg, i.index_reg = kind, 4, 1, SEG.DS, 16, 16
        i.displacement, i.operand_size, i.address_size = DATA, 8, 8
        for name, value in given.items():
            setattr(i, name, value)
        return i

    def enter_guest(self):
        """Bring the processor to non-root operation."""
        assert entry.enter(self.c, U64(0)) == 0
        self.c.fault = 0

    def _all(self):
        return (*self.envs, *self.tlbs, self.cpu, self.machine, self.apic, self.ledger, self.ram, self.spare)

    def state(self):
        """Return all state as bytes."""
        return tuple(x.tobytes() for x in self._all())

    def restore(self, state):
        """Bring back what `state` returned."""
        for target, text in zip(self._all(), state, strict=True):
            target.view(np.uint8)[:] = np.frombuffer(text, np.uint8)

    def both(self, function, *arguments):
        """Run a kernel compiled and in plain Python from the same state; assert equal results and states."""
        before = self.state()
        result = function(self.c, *arguments)
        after = self.state()
        self.restore(before)
        with plain():
            again = getattr(function, "py_func", function)(self.c, *arguments)
        assert int(result) == int(again)
        differ = [n for n, (one, two) in enumerate(zip(self.state(), after, strict=True)) if one != two]
        assert differ == []  # places in _all
        return int(result)


def segment_of(e, s):
    """Return (selector, base, limit, attributes) of segment register `s` of an ENV as ints."""
    return (int(e.seg[3 * s]), int(e.seg[3 * s + 1]), int(e.seg[3 * s + 2]) & 0xFFFF_FFFF, int(e.seg[3 * s + 2]) >> 32)


GUEST_FIELDS = (
    "GUEST_CR0",
    "GUEST_CR3",
    "GUEST_CR4",
    "GUEST_DR7",
    "GUEST_RSP",
    "GUEST_RIP",
    "GUEST_RFLAGS",
    "GUEST_EFER",
    "GUEST_PAT",
    "GUEST_SYSENTER_CS",
    "GUEST_SYSENTER_ESP",
    "GUEST_SYSENTER_EIP",
    "GUEST_GDTR_BASE",
    "GUEST_GDTR_LIMIT",
    "GUEST_IDTR_BASE",
    "GUEST_IDTR_LIMIT",
    "GUEST_INTERRUPTIBILITY",
    "GUEST_ACTIVITY",
    "GUEST_PENDING_DEBUG",
    *(f"GUEST_{s}_{part}" for s in SEGMENTS for part in ("SELECTOR", "BASE", "LIMIT", "ACCESS_RIGHTS")),
)
HLT = U64(12)


def guest(**controls):
    """Return a world in non-root operation with these latched controls."""
    w = World()
    w.enter_guest()
    for name, value in controls.items():
        setattr(w.c, name, value)
    return w


def enter(w):
    """Enter by VMRESUME, compiled and plain."""
    return w.both(entry.enter, U64(0))


def leave(w, reason=HLT, qualification=0):
    """Exit with a reason, compiled and plain."""
    return w.both(exit.leave, U64(reason), U64(qualification))
