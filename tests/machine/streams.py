"""Random programs in every mode, and random VMCSs: what they find in memory, how one is made, how one is run.

A `Stream` holds one machine in one mode, with paging, tables, handlers that go on (stream_host.s) and a snapshot of that.
`run(number)` brings the snapshot back, writes program `number` of the mode and runs it; the number decides everything.
What a program reaches is made awkward: addresses are those of RAM, ends of pages, pages that are absent, read-only, not
executable, ROM, devices, nothing, and not canonical; descriptor tables, TSS, stack and page tables lie in device pages now
and then.
"""
import hashlib
import struct
from dataclasses import dataclass
from functools import cache
from random import Random

import numpy as np

from emu.bits import name_of
from emu.debug.history.snapshot import restore, take
from emu.errors import Unmodelled
from emu.machine import Config, Machine
from emu.machine.machine import floats, vectors
from emu.model import cpu
from emu.model.memory.memory import PAGE
from emu.model.observe import breakpoint
from emu.model.vmx.vmcs import View
from emu.spec import insn
from emu.spec.cpu import CR0, CR4, EFER, RFLAGS, SEG
from emu.spec.outcome import STOP
from emu.spec.profile import CR0_MUST, ENTRY_RULE, EXIT_RULE, PIN_RULE, PROC2_RULE, PROC_RULE
from emu.spec.vmcs import VMCS, width_of
from emu.spec.vmx import ENTRYC, EXITC, FEATURE_CONTROL, PIN, PROC, PROC2
from emu.state import U64
from tests.machine.stream_memory import (
    BITMAPS,
    CODE_16,
    CODE_32,
    CODE_64,
    CODE_PAGE,
    DATA,
    EPT,
    FAR_PLACES,
    FLAT,
    GDT,
    HIGH_PD,
    IDT_32,
    IDT_64,
    LDT,
    LIST,
    LOCAL,
    LOW_PD,
    PD_32,
    PDPT_PAE,
    PLACES,
    PML4,
    RAM_BYTES,
    STACK_0,
    STACK_3,
    START,
    TABLES,
    TASK,
    TSS,
    TSS_64,
    USER,
    VIRTUAL_APIC,
    VMCS_AT,
    VMXON,
    host,
    memory,
)

CYCLES, GUEST_CYCLES = 4000, 12_000
MODES = ("real", "virtual", "protected16", "protected16_user", "protected32", "protected32_user", "compat", "compat_user", "long",
         "long_user", "guest_real", "guest_protected32", "guest_long", "guest_long_user")


# ---- programs ---------------------------------------------------------------------------------------------------
@cache
def encodings():
    """Return [(prefix bytes, opcode bytes, ModRM bytes or None)] of the instructions that the model knows."""
    escapes, mandatory = (b"", b"\x0f", b"\x0f\x38", b"\x0f\x3a"), (b"", b"\x66", b"\xf3", b"\xf2")
    rows = []
    for name in insn.ROWS:
        for prefixes, number, opcode, forms in insn.encodings(name):
            modrm = insn.FORMS[number, opcode] & int(insn.FORM.MODRM) or len(forms) < 256
            rows.append((tuple(mandatory[n] for n in prefixes), escapes[number] + bytes([opcode]), tuple(forms) if modrm else None))
    return rows


def operand(rng, modrm, wide):
    """Return what follows a ModRM byte: SIB and displacement of 32-bit and 64-bit addresses."""
    if modrm >= 0xC0:
        return b""
    text, base = b"", modrm & 7
    if base == 4:
        sib = rng.randrange(256)
        text, base = bytes([sib]), sib & 7
    if modrm < 0x40 and base == 5:
        return text + struct.pack("<I", rng.choice(PLACES) & 0x7FFF_FFFF if wide and text else rng.choice(PLACES))
    return text + (rng.choice((b"\0", b"\4", b"\xf8", b"\x7f")) if modrm >> 6 == 1 else
                   struct.pack("<i", rng.choice((0, 16, -4, 0xFFC))) if modrm >> 6 == 2 else b"")


def instruction(rng, wide):
    """Return the bytes of an instruction, or of what is none."""
    dice = rng.random()
    if dice < 0.2:
        return rng.randbytes(rng.randrange(1, 16))
    prefixes = b"".join(rng.choice((b"\x66", b"\x67", b"\xf0", b"\xf2", b"\xf3", b"\x64", b"\x65", b"\x2e", b"\x36"))
                        for _ in range(rng.choice((0, 0, 0, 0, 1, 1, 2))))
    if dice < 0.65:
        needed, opcode, forms = rng.choice(encodings())
        prefixes += rng.choice(needed)
        modrm = None if forms is None else rng.choice(forms)
    else:
        number = rng.choice((0, 0, 1, 1, 2, 3))
        opcode = rng.randrange(256)
        modrm = rng.randrange(256) if insn.FORMS[number, opcode] & int(insn.FORM.MODRM) else None
        opcode = (b"", b"\x0f", b"\x0f\x38", b"\x0f\x3a")[number] + bytes([opcode])
    if wide and rng.random() < 0.4:
        prefixes += bytes([0x40 | rng.choice((8, 8, 0, rng.randrange(16)))])
    rest = b"" if modrm is None else bytes([modrm]) + operand(rng, modrm, wide)
    return prefixes + opcode + rest + rng.choice((b"", rng.randbytes(1), rng.randbytes(4)))[:4]


def value(rng, wide):
    """Return a value for a general register."""
    if rng.random() < 0.7:
        return rng.choice(PLACES)
    if rng.random() < 0.5:
        return rng.randrange(16)
    return rng.choice(FAR_PLACES) if wide else rng.getrandbits(32)


# ---- worlds -----------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Outcome:
    """How a program ended: a STOP name, what was not modelled, the machine's hash."""

    reason: str
    unmodelled: str
    digest: str


def segment(e, s, selector, base, limit, access, flags):
    """Load a segment register; access and flags as of `descriptor`."""
    cpu.set_segment(e, getattr(SEG, s), U64(selector), U64(base), U64(limit), U64(access << 8 | flags << 20))


def flat_segments(e, code, data, level, bits):
    """Load flat segments of a protected mode."""
    rights = level << 5
    flags = {64: 0xA, 32: 0xC, 16: 0}[bits]
    segment(e, "CS", code | level, CODE_PAGE if bits == 16 else 0, 0xFFFF if bits == 16 else 0xFFFF_FFFF, 0x9B | rights, flags)
    for s in ("ES", "SS", "DS", "FS", "GS"):
        segment(e, s, data | level, 0, 0xFFFF_FFFF, 0x93 | rights, 0xC)


class Stream:
    """A machine in one of MODES, whose programs are numbered."""

    def __init__(self, mode):
        self.mode = mode
        self.machine = Machine(Config(memory_bytes=RAM_BYTES))
        for address, text in memory().items():
            self.machine.write(address, text)
        self.guest = mode.startswith("guest")
        name = mode.removeprefix("guest_")
        self.level = 3 if name.endswith("_user") or name == "virtual" else 0
        self.shape = name.removesuffix("_user")
        self.bits = {"real": 16, "virtual": 16, "protected16": 16, "protected32": 32, "compat": 32, "long": 64}[self.shape]
        if self.guest:
            self._virtual_machine()
        self.start = take(self.machine)
        self.ram = self.machine.ram.reshape(-1, 4096).copy()

    def close(self):
        """Let the machine's engines go."""
        for processor in self.machine.processors:
            for unit in processor.engines:
                unit.close()

    # ---- states
    def _long(self, e, cr3=PML4):
        """Bring an ENV to 64-bit mode."""
        e.cr[0], e.cr[3] = CR0_MUST | int(CR0.WP | CR0.ET), cr3
        e.cr[4] = int(CR4.PAE | CR4.OSFXSR)
        e.efer = EFER.LME | EFER.LMA | EFER.NXE | EFER.SCE
        segment(e, "TR", TASK, TSS_64, 0x7FF, 0x8B, 0)
        segment(e, "LDTR", LOCAL, LDT, 0xFF, 0x82, 0)
        segment(e, "GDTR", 0, GDT, 0xFF, 0, 0)
        segment(e, "IDTR", 0, IDT_64, 0xFFF, 0, 0)
        flat_segments(e, CODE_64, FLAT, 0, 64)

    def _virtual_machine(self):
        """Bring the machine to VMX root operation with a current VMCS."""
        c, e = self.machine.cpu[0], self.machine.env()
        c.feature_control = FEATURE_CONTROL.LOCK | FEATURE_CONTROL.VMX
        self._long(e)
        e.cr[4] |= int(CR4.VMXE)
        e.rip, e.regs[4] = host().labels["root"], STACK_0
        cpu.set_rflags(e, U64(2))
        cpu.refresh_hflags(e, U64(0))
        self.machine.run(max_cycles=20_000)
        assert c.vmcs_pointer == VMCS_AT
        e.rip = host().labels["launch"]

    def _bare(self, e, rng):
        """Bring an ENV to the mode, with random control bits."""
        level = self.level
        self._long(e)
        e.cr[4] |= rng.choice((0, 0, every_bit(rng, CR4.DE, CR4.TSD, CR4.PGE, CR4.SMEP, CR4.SMAP, CR4.OSXSAVE, CR4.FSGSBASE,
                                               CR4.OSXMMEXCPT, CR4.VMXE)))
        e.cr[0] |= int(every_bit(rng, CR0.TS, CR0.EM, CR0.MP, CR0.AM)) if rng.random() < 0.3 else 0
        if self.shape == "long":
            flat_segments(e, CODE_64 + (USER if level else 0), FLAT + (USER if level else 0), level, 64)
            return
        if self.shape == "compat":
            flat_segments(e, CODE_32 + (USER if level else 0), FLAT + (USER if level else 0), level, 32)
            return
        e.efer = EFER.NXE
        segment(e, "IDTR", 0, IDT_32, 0x7FF, 0, 0)
        segment(e, "TR", TASK, TSS, 0x7FF, 0x8B, 0)
        if self.shape in ("real", "virtual"):
            for s in ("CS", "ES", "SS", "DS", "FS", "GS"):
                base = CODE_PAGE if s == "CS" else rng.choice((DATA, DATA, 0, 0x40000, 0xFFFF0))
                segment(e, s, base >> 4, base, 0xFFFF, 0x93 | level << 5, 0)
        else:
            data = FLAT + (USER if level else 0)
            flat_segments(e, (CODE_16 if self.bits == 16 else CODE_32) + (USER if level else 0), data, level, self.bits)
        paging = rng.choice(("off", "32", "pae")) if self.shape != "real" else "off"
        e.cr[0] &= ~(U64(0) if paging != "off" else CR0.PG)
        if self.shape == "real":
            e.cr[0] &= ~CR0.PE
            segment(e, "IDTR", 0, 0, 0x3FF, 0, 0)
        if paging == "32":
            e.cr[3], e.cr[4] = PD_32, e.cr[4] & ~CR4.PAE | CR4.PSE
        elif paging == "pae":
            e.cr[3] = PDPT_PAE
            self.machine.cpu[0].pdpte[:] = [LOW_PD | 1, 0, 0, HIGH_PD | 1]
        else:
            e.cr[4] &= ~CR4.PAE

    def _registers(self, e, rng):
        """Give general registers, flags, and now and then the tables, awkward values."""
        for n in range(16):
            e.regs[n] = value(rng, self.bits == 64)
        if rng.random() < 0.8:
            e.regs[4] = 0x800 if self.bits == 16 and self.shape in ("real", "virtual") else STACK_3 if self.level else STACK_0
        if rng.random() < 0.5:
            e.regs[1] = rng.choice((0, 1, 2, 3, 0x10, 0x1B, 0x174, 0x277, 0x3A, 0x480, 0x830, 0xC000_0080, 0xC000_0102, 0x6E0))
        if rng.random() < 0.5:
            e.regs[2] = rng.choice((0, 0x20, 0x21, 0x40, 0x43, 0x60, 0x64, 0x70, 0x71, 0xCF8, 0xCFC, 0x3F8, 0x3D4, 0x511, 0xE9, 0x604,
                                    0xFFFF))
        flags = int(every_bit(rng, RFLAGS.CF, RFLAGS.ZF, RFLAGS.DF, RFLAGS.IF, RFLAGS.AC)) | 2
        if rng.random() < 0.2:
            flags |= int(every_bit(rng, RFLAGS.TF, RFLAGS.NT, RFLAGS.RF))
        flags |= rng.choice((0, 0, 3)) << 12 | (int(RFLAGS.VM) | 3 << 12 if self.shape == "virtual" else 0)
        cpu.set_rflags(e, U64(flags))
        for s, chance in (("IDTR", 0.04), ("GDTR", 0.04), ("TR", 0.04), ("LDTR", 0.04)):
            if rng.random() < chance:
                e.seg[3 * int(getattr(SEG, s)) + 1] = rng.choice(TABLES)
        if rng.random() < 0.03:
            e.cr[3] = rng.choice(TABLES) & ~0xFFF
        e.rip = START if self.bits == 16 else CODE_PAGE + START

    # ---- programs
    def program(self, rng):
        """Return the bytes of a program."""
        text = b"".join(instruction(rng, self.bits == 64) for _ in range(rng.randrange(1, 24)))
        return text[:0x800] + b"\xeb\xfe"

    def prepare(self, number):
        """Bring the machine to where program `number` of this mode begins."""
        machine, rng = self.machine, Random(f"{self.mode} {number}")
        restore(machine, self.start, again=False)
        self.limit = int(machine.cpu[0].cycles) + (GUEST_CYCLES if self.guest else CYCLES)
        machine.write(CODE_PAGE + START, self.program(rng))
        c, e = machine.cpu[0], machine.env()
        if self.guest:
            self.virtual(rng, View.of(c), e)
            return
        self._bare(e, rng)
        self._registers(e, rng)
        cpu.refresh_hflags(e, U64(self.level))
        if rng.random() < 0.1:
            e.dr[0], e.dr[1] = rng.choice(PLACES), CODE_PAGE + START + rng.randrange(32)
            e.dr[7] = 0x400 | rng.choice((0xF0002, 0x8, 0x2000, 0xD000A))
        if int(e.dr[7]) & 0xFF:
            breakpoint.arm(c, e)

    def virtual(self, rng, v, e):
        """Fill the VMCS `v` for a guest in this mode; `e`: the root's ENV, whose registers the guest gets."""
        scratch = e.copy()
        self._bare(scratch, rng)
        self._registers(scratch, rng)
        e.regs[:] = scratch.regs
        for name, given in fields_of(scratch, self.shape, self.level, rng).items():
            v[name] = given

    def run(self, number):
        """Run program `number`; returns its Outcome.  Whatever is not Unmodelled goes through."""
        self.prepare(number)
        stop, text = self.finish(), ""
        try:
            self.machine.result(stop)                      # with all that explains the end
        except Unmodelled as error:
            text = str(error)
        return Outcome(name_of(STOP, stop), text, self.digest())

    def repeat(self, number):
        """Run program `number`; returns the STOP name it ended by and the machine's hash."""
        self.prepare(number)
        return name_of(STOP, self.finish()), self.digest()

    def finish(self):
        """Run what was prepared; returns a STOP code."""
        return self.advance(self.limit)

    def advance(self, until):
        """Run what was prepared up to a cycle; returns a STOP code."""
        stop = STOP.NONE
        while stop == STOP.NONE:
            stop = self.machine.advance(until)
        return stop

    def digest(self):
        """Return a hash over processor and memory: of the pages that the program changed."""
        h, machine = hashlib.blake2b(), self.machine
        for unit in machine.processors[0].engines:
            e = unit.env[0]
            for name in ("regs", "seg", "cr", "dr", "rip", "efer", "star", "lstar", "cstar", "fmask", "kernel_gs_base"):
                h.update(e[name].tobytes())
            h.update(int(cpu.rflags(e)).to_bytes(8, "little"))
        e, c = machine.processors[0].engines[int(machine.processors[0].core[0].owner)].env[0], machine.cpu[0]
        for name in ("fptags", "fpstt", "fpuc", "mxcsr"):
            h.update(e[name].tobytes())
        h.update(floats(e).tobytes() + vectors(e).tobytes())
        h.update(f"{c.cycles} {c.instructions} {c.activity} {c.vmx_mode} {c.walks} {c.stop_a} {c.stop_b} {c.stop_c}".encode())
        pages = np.flatnonzero(machine.ledger & PAGE.DIRTY)
        rows = machine.ram.reshape(-1, 4096)[pages]
        changed = (rows != self.ram[pages]).any(axis=1)
        h.update(pages[changed].tobytes() + rows[changed].tobytes())
        return h.hexdigest()


def every_bit(rng, *masks):
    """Return the OR of a random choice of masks."""
    found = 0
    for mask in masks:
        found |= int(mask) if rng.random() < 0.5 else 0
    return found


# ---- VMCSs ------------------------------------------------------------------------------------------------------
def access_rights(attributes):
    """Return the access-rights field of a second descriptor word."""
    return attributes >> 8 & 0xF0FF if attributes else 1 << 16


def fields_of(e, shape, level, rng):
    """Return {field: value} of a VMCS whose guest is in the state of ENV `e`."""
    ept = shape in ("real", "virtual") or not int(e.cr[0]) & int(CR0.PG) or rng.random() < 0.7
    proc2 = int(PROC2.RDTSCP | PROC2.INVPCID) | (int(PROC2.EPT | PROC2.UNRESTRICTED) if ept else 0) | rng.choice((0, int(PROC2.VPID)))
    if rng.random() < 0.2:
        proc2 |= int(PROC2_RULE.may) & rng.getrandbits(32) & ~int(PROC2.UNRESTRICTED | PROC2.EPT)
    proc = int(PROC_RULE.must | PROC.SECONDARY | PROC.MSR_BITMAPS) | rng.choice((0, 0, int(PROC.IO), int(PROC.IO_BITMAPS)))
    if rng.random() < 0.3:
        proc |= int(PROC_RULE.may) & rng.getrandbits(32)
    pin = int(PIN_RULE.must) | rng.choice((0, int(PIN_RULE.may) & rng.getrandbits(8)))
    if not pin & int(PIN.VIRTUAL_NMIS):
        proc &= ~int(PROC.NMI_WINDOW)
    elif not pin & int(PIN.NMI):
        pin &= ~int(PIN.VIRTUAL_NMIS)
        proc &= ~int(PROC.NMI_WINDOW)
    long = int(e.efer) & int(EFER.LMA)
    entry = int(ENTRY_RULE.must | ENTRYC.LOAD_EFER | ENTRYC.LOAD_DEBUG) | (int(ENTRYC.GUEST_64) if long else 0)
    found = dict(
        pin_based_controls=pin, primary_controls=proc, secondary_controls=proc2,
        exit_controls=int(EXIT_RULE.must | EXITC.HOST_64 | EXITC.SAVE_EFER | EXITC.LOAD_EFER), entry_controls=entry,
        vmcs_link_pointer=2**64 - 1, vpid=1, tsc_multiplier=1 << 48, msr_bitmaps=BITMAPS, io_bitmap_a=BITMAPS,
        io_bitmap_b=BITMAPS + 0x1000, virtual_apic_address=VIRTUAL_APIC, ept_pointer=EPT | 3 << 3 | 6 | rng.choice((0, 0x40)),
        exception_bitmap=rng.choice((0, 0, rng.getrandbits(32))), preemption_timer=rng.randrange(1000),
        host_cr0=CR0_MUST | int(CR0.WP | CR0.ET), host_cr3=PML4, host_cr4=int(CR4.PAE | CR4.VMXE | CR4.OSFXSR),
        host_efer=int(EFER.LME | EFER.LMA | EFER.NXE), host_pat=0x0007_0406_0007_0406, host_cs_selector=CODE_64, host_ss_selector=FLAT,
        host_ds_selector=FLAT, host_es_selector=FLAT, host_tr_selector=TASK, host_tr_base=TSS_64, host_gdtr_base=GDT,
        host_idtr_base=IDT_64, host_rip=host().labels["vmexit"], host_rsp=STACK_0 + 0x8000,
        guest_cr0=int(e.cr[0]) | (int(CR0.NE)), guest_cr3=int(e.cr[3]), guest_cr4=int(e.cr[4] | CR4.VMXE), guest_efer=int(e.efer),
        guest_pat=0x0007_0406_0007_0406, guest_dr7=0x400, guest_rip=int(e.rip), guest_rsp=int(e.regs[4]), guest_rflags=int(cpu.rflags(e)),
        cr0_mask=rng.choice((0, int(CR0.TS | CR0.PE))), cr0_read_shadow=int(e.cr[0]), cr4_read_shadow=int(e.cr[4]))
    if not long and int(e.cr[4]) & int(CR4.PAE):
        found |= {f"guest_pdpte{n}": entry for n, entry in enumerate((LOW_PD | 1, 0, 0, HIGH_PD | 1))}
    for s in ("ES", "CS", "SS", "DS", "FS", "GS", "LDTR", "TR"):
        selector, base, shape_word = (int(word) for word in e.seg[3 * int(getattr(SEG, s)):][:3])
        rights = access_rights(shape_word >> 32)
        found |= {f"guest_{s}_selector": selector, f"guest_{s}_base": base, f"guest_{s}_limit": shape_word & 0xFFFF_FFFF,
                  f"guest_{s}_access_rights": rights}
    for s in ("GDTR", "IDTR"):
        at = 3 * int(getattr(SEG, s))
        found |= {f"guest_{s.lower()}_base": int(e.seg[at + 1]), f"guest_{s.lower()}_limit": int(e.seg[at + 2]) & 0xFFFF}
    return {name.upper(): given & (1 << 64) - 1 for name, given in found.items()}


class VmcsStream(Stream):
    """Guests whose VMCS has some fields changed at random."""

    def virtual(self, rng, v, e):
        super().virtual(rng, v, e)
        names = [name for name in VMCS._fields if name not in ("EXIT_REASON", "HOST_RIP")]
        for _ in range(rng.choice((1, 1, 2, 3, 8))):
            name = rng.choice(names)
            width = int(width_of(getattr(VMCS, name)))
            dice, old = rng.random(), v[name]
            new = (old ^ 1 << rng.randrange(width) if dice < 0.4 else rng.getrandbits(width) if dice < 0.5 else
                   rng.choice((*PLACES, *TABLES, *FAR_PLACES, BITMAPS, LIST, EPT, VMCS_AT, VMXON)))
            v[name] = new & (1 << width) - 1
        if rng.random() < 0.2:
            kind, vector = rng.choice((0, 2, 3, 3, 4, 5, 6, 7)), rng.choice((0, 1, 2, 3, 4, 6, 8, 13, 14, 0x80))
            v["ENTRY_INTERRUPTION_INFO"] = 1 << 31 | kind << 8 | vector | rng.choice((0, 1 << 11))
            v["ENTRY_INSTRUCTION_LENGTH"] = rng.randrange(16)
