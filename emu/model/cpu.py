"""Registers of one processor: flags, segments, mode, and the engine's hidden flags."""
import numpy as np

from emu.bits import LOW_16, LOW_32, U64
from emu.jit import kernel
from emu.spec.cpu import CR0, CR4, DESCRIPTOR, EFER, RFLAGS, SEG
from emu.spec.engine import CC_OP, HFLAGS
from emu.spec.profile import LINEAR_BITS

STATUS = RFLAGS.OF | RFLAGS.SF | RFLAGS.ZF | RFLAGS.AF | RFLAGS.PF | RFLAGS.CF
SELECTOR = U64(0xFFFF)
SEGMENT_REGISTERS = U64(6)                                     # ES, CS, SS, DS, FS, GS: the SEG codes below this
FS_BASE, GS_BASE = SEG.FS * U64(3) + U64(1), SEG.GS * U64(3) + U64(1)      # words of ENV.seg
SS_WORD, TR_WORD = SEG.SS * U64(3) + U64(2), SEG.TR * U64(3) + U64(2)      # limit and attributes
FORWARD, BACKWARD = np.int32(1), np.int32(-1)              # ENV.df, a signed field
HALF_48, HALF_57, HALF_CPU = U64(1 << 47), U64(1 << 56), U64(1 << LINEAR_BITS - 1)
ONES_CPU = U64((1 << 64 - LINEAR_BITS) - 1)                # what lies above LINEAR_BITS in a canonical address of the upper half
BITS_48, BITS_57, LINEAR_BITS = U64(48), U64(57), U64(LINEAR_BITS)


@kernel
def rflags(e):
    """Return RFLAGS (uint64) of an ENV record whose arithmetic flags are normalised."""
    value = e.eflags & ~(STATUS | RFLAGS.DF) | e.cc_src & STATUS | RFLAGS.ONE
    if e.df == BACKWARD:
        value |= RFLAGS.DF
    return value


@kernel
def set_rflags(e, value):
    """Write RFLAGS (uint64) to an ENV record; the caller refreshes hflags."""
    e.cc_src = value & STATUS
    e.cc_dst = 0
    e.cc_op = CC_OP.EFLAGS
    e.df = BACKWARD if value & RFLAGS.DF else FORWARD
    e.eflags = value & ~(STATUS | RFLAGS.DF) | RFLAGS.ONE


@kernel
def selector(e, s):
    """Return the selector of segment register `s` (a SEG code)."""
    return e.seg[s * 3] & SELECTOR


@kernel
def base(e, s):
    """Return the base of segment register or table register `s`."""
    return e.seg[s * 3 + 1]


@kernel
def limit(e, s):
    """Return the limit in bytes (expanded) of segment register or table register `s`."""
    return e.seg[s * 3 + 2] & LOW_32


@kernel
def attributes(e, s):
    """Return the second descriptor word (DESCRIPTOR layout; base and limit bits are 0) of segment register `s`."""
    return e.seg[s * 3 + 2] >> 32


@kernel
def set_segment(e, s, sel, bas, lim, attr):
    """Write a segment or table register: selector, base, expanded limit, second descriptor word."""
    e.seg[s * 3] = sel & SELECTOR
    e.seg[s * 3 + 1] = bas
    e.seg[s * 3 + 2] = lim & LOW_32 | (attr & (DESCRIPTOR.TYPE | DESCRIPTOR.S | DESCRIPTOR.DPL | DESCRIPTOR.P |
                                                    DESCRIPTOR.AVL | DESCRIPTOR.L | DESCRIPTOR.DB | DESCRIPTOR.G)) << 32


@kernel
def cpl(e):
    """Return the current privilege level: hflags bits 1:0, kept equal to SS.DPL."""
    return U64(e.hflags) & 3


@kernel
def long_mode(e):
    """Return whether IA-32e mode is active."""
    return e.efer & EFER.LMA != 0


@kernel
def code_64(e):
    """Return whether the processor runs 64-bit code (IA-32e mode and CS.L = 1)."""
    return (e.efer & EFER.LMA != 0) and (attributes(e, SEG.CS) & DESCRIPTOR.L != 0)


@kernel
def code_bits(e):
    """Return 16, 32 or 64: the default width of the code that runs."""
    if code_64(e):
        return 64
    if attributes(e, SEG.CS) & DESCRIPTOR.DB and not (e.eflags & RFLAGS.VM):
        return 32
    return 16


@kernel
def paging_canonical(cr4, address):
    """Return whether a linear address is canonical for the paging mode in IA-32e mode: 57 bits with CR4.LA57, else 48.

    Source: SDM 3A, "Canonicality Checking"
    """
    if cr4 & CR4.LA57:
        return address + HALF_57 >> BITS_57 == 0
    return address + HALF_48 >> BITS_48 == 0


@kernel
def cpu_canonical(address):
    """Return whether a linear address is canonical for the widest addresses of this processor, whatever CR4.LA57 is.

    So are checked: MSRs and descriptor-table, LDT and TSS bases when they are loaded, the bases of VM-entry checks,
    addresses to invalidate.  RIP, memory accesses, WRFSBASE and WRGSBASE are checked by `paging_canonical`.
    Source: SDM 3A, "System Registers Containing Linear Addresses"
    """
    return address + HALF_CPU >> LINEAR_BITS == 0


@kernel
def real_mode(e):
    """Return whether CR0.PE = 0."""
    return e.cr[0] & CR0.PE == 0


HF_KEPT = HFLAGS.INHIBIT | HFLAGS.TF


@kernel
def limit_flags(e):
    """Return HFLAGS.LIMITED and HFLAGS.SHORT as CS has them: code of each kind is translated by itself."""
    last = limit(e, SEG.CS)
    if code_64(e) or last == LOW_32:
        return 0
    return HFLAGS.LIMITED if last >= LOW_16 else HFLAGS.LIMITED | HFLAGS.SHORT


@kernel
def refresh_hflags(e, level):
    """Recompute the engine's hidden flags from CR0, CR4, EFER, CS, SS, RFLAGS.VM and privilege `level`.

    Keeps the interrupt-shadow and single-step bits; always sets HFLAGS.GUEST (intercepts on).
    """
    flags = U64(e.hflags) & HF_KEPT | HFLAGS.GUEST | level & 3 | limit_flags(e)
    cr0 = e.cr[0]
    flags |= HFLAGS.PE if cr0 & CR0.PE else 0
    flags |= (cr0 & (CR0.MP | CR0.EM | CR0.TS)) << 8
    if e.cr[4] & CR4.OSFXSR:
        flags |= HFLAGS.OSFXSR
    if e.cr[4] & CR4.SMAP:
        flags |= HFLAGS.SMAP
    if e.efer & EFER.LMA:
        flags |= HFLAGS.LMA
    if code_64(e):
        flags |= HFLAGS.CS64 | HFLAGS.CS32 | HFLAGS.SS32
    else:
        cs32 = attributes(e, SEG.CS) & DESCRIPTOR.DB != 0
        vm86 = e.eflags & RFLAGS.VM != 0
        if cs32 and not vm86:
            flags |= HFLAGS.CS32
        if attributes(e, SEG.SS) & DESCRIPTOR.DB and not vm86:
            flags |= HFLAGS.SS32
        if not cr0 & CR0.PE or vm86 or not cs32:
            flags |= HFLAGS.ADDSEG
        elif base(e, SEG.DS) | base(e, SEG.ES) | base(e, SEG.SS):
            flags |= HFLAGS.ADDSEG
    e.hflags = flags
