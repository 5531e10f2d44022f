"""Between two worlds: what a VM entry or VM exit carries over, saves, and loads, one structure at a time.

Each processor has two ENVs.  What hardware has only once (general registers, CR2, debug registers, MSRs that
no VMCS field holds) is carried from one to the other; the rest comes from the VMCS.  x87 and SSE state is moved
by the execution core when it is first needed, not here.
"""
import numpy as np

from emu.bits import GOLDEN, LOW_32, U64, every
from emu.jit import kernel
from emu.model.cpu import SELECTOR, refresh_hflags
from emu.model.memory import memory
from emu.model.processor import msr
from emu.model.processor.segment import ACCESSED
from emu.spec.apic import X2APIC
from emu.spec.cpu import DESCRIPTOR, SEG
from emu.spec.engine import HFLAGS
from emu.spec.msr import MSR
from emu.spec.outcome import FAULT
from emu.spec.vmcs import FIELD
from emu.spec.vmx import AR, BLOCKING_SHADOW, MSR_ENTRY_BYTES

AR_BITS = U64(every(AR)) & ~AR.UNUSABLE
RIGHTS_SHIFT = U64(8)                              # access rights to second descriptor word
VMCS_SEGMENTS = U64(8)
_NAMES = ("ES", "CS", "SS", "DS", "FS", "GS", "LDTR", "TR")


def _at(form):
    return np.array([getattr(FIELD, form.format(name)) for name in _NAMES], np.uint64)


SELECTORS, BASES = _at("GUEST_{}_SELECTOR"), _at("GUEST_{}_BASE")
SEGMENT_LIMITS, ACCESS_RIGHTS = _at("GUEST_{}_LIMIT"), _at("GUEST_{}_ACCESS_RIGHTS")

# MSRs that a VM-entry or VM-exit MSR-load list must not name.
SMM_MONITOR_CTL = U64(0x9B)


@kernel
def attributes_of(rights):
    """Return the second descriptor word of VMCS access rights; an unusable segment is not present."""
    attr = (rights & AR_BITS) << RIGHTS_SHIFT
    if rights & AR.UNUSABLE:
        attr &= ~DESCRIPTOR.P
    return attr


@kernel
def rights_of(attr):
    """Return VMCS access rights of a second descriptor word; a segment that is not present is unusable.

    A code or data segment in a register has been accessed: loading it sets the bit (SDM 3A, "Code- and Data-Segment
    Descriptor Types"), which the engine's own far transfers leave out.
    """
    rights = attr >> RIGHTS_SHIFT & AR_BITS
    if not attr & DESCRIPTOR.P:
        rights |= AR.UNUSABLE
    elif attr & DESCRIPTOR.S:
        rights |= ACCESSED
    return rights


@kernel
def save_segments(e, v, level):
    """Save segment and table registers of ENV `e`; SS.DPL is privilege `level`.

    Source: SDM 3C, "Saving Segment Registers and Descriptor-Table Registers"
    """
    for s in range(VMCS_SEGMENTS):
        shape = e.seg[s * 3 + 2]
        v[SELECTORS[s]] = e.seg[s * 3] & SELECTOR
        v[BASES[s]] = e.seg[s * 3 + 1]
        v[SEGMENT_LIMITS[s]] = shape & LOW_32
        v[ACCESS_RIGHTS[s]] = rights_of(shape >> 32)
    v[FIELD.GUEST_SS_ACCESS_RIGHTS] = v[FIELD.GUEST_SS_ACCESS_RIGHTS] & ~AR.DPL | level * (AR.DPL & (~AR.DPL + 1))
    v[FIELD.GUEST_GDTR_BASE] = e.seg[SEG.GDTR * 3 + 1]
    v[FIELD.GUEST_GDTR_LIMIT] = e.seg[SEG.GDTR * 3 + 2] & LOW_32
    v[FIELD.GUEST_IDTR_BASE] = e.seg[SEG.IDTR * 3 + 1]
    v[FIELD.GUEST_IDTR_LIMIT] = e.seg[SEG.IDTR * 3 + 2] & LOW_32


@kernel
def load_segments(e, v, key):
    """Load segment and table registers of ENV `e`; return `key` mixed with every selector, limit and right.

    Source: SDM 3C, "Loading Guest Segment Registers and Descriptor-Table Registers"
    """
    for s in range(VMCS_SEGMENTS):
        select, limit, rights = v[SELECTORS[s]], v[SEGMENT_LIMITS[s]], v[ACCESS_RIGHTS[s]]
        e.seg[s * 3] = select
        e.seg[s * 3 + 1] = v[BASES[s]]
        e.seg[s * 3 + 2] = limit | attributes_of(rights) << 32
        key = mix(key + select * FACTOR, limit << 32 | rights)
    e.seg[SEG.GDTR * 3 + 1] = v[FIELD.GUEST_GDTR_BASE]
    e.seg[SEG.GDTR * 3 + 2] = v[FIELD.GUEST_GDTR_LIMIT]
    e.seg[SEG.IDTR * 3 + 1] = v[FIELD.GUEST_IDTR_BASE]
    e.seg[SEG.IDTR * 3 + 2] = v[FIELD.GUEST_IDTR_LIMIT]
    return key


FACTOR, FOLD = U64(0xD6E8_FEB8_6659_FD93), U64(29)


@kernel
def mix(key, value):
    """Return a 64-bit key that depends on every bit of `key` and `value`."""
    key = (key ^ value) * GOLDEN
    return key ^ key >> FOLD


@kernel
def carry(a, b):
    """Copy what the processor has only once from ENV `a` to ENV `b`."""
    for n in range(16):
        b.regs[n] = a.regs[n]
    b.cr[2] = a.cr[2]
    for n in range(8):
        b.dr[n] = a.dr[n]
    b.efer, b.pat, b.star, b.lstar = a.efer, a.pat, a.star, a.lstar
    b.cstar, b.fmask, b.kernel_gs_base, b.tsc_aux = a.cstar, a.fmask, a.kernel_gs_base, a.tsc_aux
    b.xcr0, b.pkru = a.xcr0, a.pkru
    b.sysenter_cs, b.sysenter_esp, b.sysenter_eip = a.sysenter_cs, a.sysenter_esp, a.sysenter_eip


@kernel
def settle(c, e, level):
    """Recompute the engine's hidden flags of ENV `e`, its interrupt shadow after `c.interruptibility`."""
    e.hflags = HFLAGS.INHIBIT if c.interruptibility & BLOCKING_SHADOW else 0
    refresh_hflags(e, level)


@kernel
def store_list(c, address, count):
    """Store `count` MSRs into the list at physical `address`; False when one cannot be read.

    The caller has set `c.vmx_mode` to ROOT, so that values are read as no control changes them.

    Source: SDM 3C, "Saving MSRs"
    """
    m = memory.machine_of(c)
    for n in range(count):
        at = address + n * MSR_ENTRY_BYTES
        index = memory.load(m, at, 8)
        if index > LOW_32 or X2APIC.FIRST <= index <= X2APIC.LAST:
            return False
        c.fault = FAULT.NONE
        value = msr.read(c, index)
        if c.fault != FAULT.NONE:
            return False
        memory.store(m, at + 8, 8, value)
    return True


@kernel
def load_list(c, address, count):
    """Load `count` MSRs from the list at physical `address`; return 0, or the number (from 1) that fails.

    Source: SDM 3C, "Loading MSRs" (of VM entries and of VM exits)
    """
    m = memory.machine_of(c)
    for n in range(count):
        at = address + n * MSR_ENTRY_BYTES
        index = memory.load(m, at, 8)
        if index > LOW_32 or X2APIC.FIRST <= index <= X2APIC.LAST or index == SMM_MONITOR_CTL or \
                index == MSR.FS_BASE or index == MSR.GS_BASE:
            return n + 1
        c.fault = FAULT.NONE
        msr.write(c, index, memory.load(m, at + 8, 8))
        if c.fault != FAULT.NONE:
            return n + 1
    return 0
