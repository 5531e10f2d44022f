"""Checks on guest segment registers: bitmaps of the rows of SEGMENT and of V86 that fail."""
import numpy as np

from emu.bits import PAGE_OFFSET, U64, every, get, value_of
from emu.jit import kernel
from emu.model.cpu import SEGMENT_REGISTERS, cpu_canonical
from emu.model.processor.segment import ACCESSED, IS_CODE, RPL, TI
from emu.model.vmx.checks_controls import secondary
from emu.spec.checks import SEGMENT, V86
from emu.spec.cpu import CR0, RFLAGS, SEG, SEGTYPE, SYSTYPE
from emu.spec.vmcs import FIELD
from emu.spec.vmx import AR, ENTRYC, PROC2

# The rows of a segment follow each other alike: multiply a row relative to ES_BASE by the segment's BASE row.
TYPE, S, DPL, P, RESERVED_BITS, G = (
    U64(int(getattr(SEGMENT, f"ES_{name}")) // int(SEGMENT.ES_BASE))
    for name in ("TYPE", "S", "DPL", "P", "RESERVED", "G"))
FIRST = np.array([getattr(SEGMENT, f"{s}_BASE") for s in ("ES", "CS", "SS", "DS", "FS", "GS")], np.uint64)
V86_FIRST = np.array([getattr(V86, f"{s}_V86_BASE") for s in ("ES", "CS", "SS", "DS", "FS", "GS")], np.uint64)
V86_LIMIT, V86_RIGHTS = (U64(int(getattr(V86, f"ES_{name}")) // int(V86.ES_V86_BASE))
                         for name in ("V86_LIMIT", "V86_RIGHTS"))
NOT_AR = U64(0xFFFF_FFFF ^ every(AR))
SHAPE, CODE_OR_DATA, SYSTEM_SEGMENT = AR.S | AR.P | NOT_AR, AR.S | AR.P, AR.P
TOP_12 = U64(20)
READABLE = U64(2)
V86_RIGHT, V86_TOP = value_of(AR, P=1, DPL=3, S=1, TYPE=SEGTYPE.DATA), U64(0xFFFF)


@kernel
def segments(v):
    """Return the failing rows of SEGMENT for VMCS words `v`.

    Source: SDM 3C, "Checks on Guest Segment Registers"
    """
    bad = addresses(v) | task(v) | local(v)
    if v[FIELD.GUEST_RFLAGS] & RFLAGS.VM:
        return bad
    free = secondary(v) & PROC2.UNRESTRICTED != 0
    bad |= code(v, free) | stack(v, free) | data(v, SEG.ES, free) | data(v, SEG.DS, free)
    return bad | data(v, SEG.FS, free) | data(v, SEG.GS, free)


@kernel
def v86(v):
    """Return the failing rows of V86, which apply to virtual-8086 guests only."""
    bad, s = 0, 0
    while s < SEGMENT_REGISTERS:
        rows = 0
        if v[FIELD.GUEST_ES_BASE + s] != v[FIELD.GUEST_ES_SELECTOR + s] << 4:
            rows |= 1
        if v[FIELD.GUEST_ES_LIMIT + s] != V86_TOP:
            rows |= V86_LIMIT
        if v[FIELD.GUEST_ES_ACCESS_RIGHTS + s] != V86_RIGHT:
            rows |= V86_RIGHTS
        bad |= rows * V86_FIRST[s]
        s += 1
    return bad


@kernel
def addresses(v):
    """Check the base addresses of all segments but LDTR and TR."""
    bad = 0
    if v[FIELD.GUEST_CS_BASE] >> 32:
        bad |= SEGMENT.CS_BASE
    if not v[FIELD.GUEST_SS_ACCESS_RIGHTS] & AR.UNUSABLE and v[FIELD.GUEST_SS_BASE] >> 32:
        bad |= SEGMENT.SS_BASE
    if not v[FIELD.GUEST_DS_ACCESS_RIGHTS] & AR.UNUSABLE and v[FIELD.GUEST_DS_BASE] >> 32:
        bad |= SEGMENT.DS_BASE
    if not v[FIELD.GUEST_ES_ACCESS_RIGHTS] & AR.UNUSABLE and v[FIELD.GUEST_ES_BASE] >> 32:
        bad |= SEGMENT.ES_BASE
    if not cpu_canonical(v[FIELD.GUEST_FS_BASE]):
        bad |= SEGMENT.FS_BASE
    if not cpu_canonical(v[FIELD.GUEST_GS_BASE]):
        bad |= SEGMENT.GS_BASE
    return bad


@kernel
def granular(rights, limit):
    """Return whether G agrees with the limit."""
    if rights & AR.G:
        return limit & PAGE_OFFSET == PAGE_OFFSET
    return limit >> TOP_12 == 0


@kernel
def form(rights, limit):
    """Return the rows S, P, RESERVED_BITS and G (relative to ES_BASE) that a usable code or data segment fails."""
    bad = 0
    if rights & SHAPE != CODE_OR_DATA:
        if not rights & AR.S:
            bad |= S
        if not rights & AR.P:
            bad |= P
        if rights & NOT_AR:
            bad |= RESERVED_BITS
    if not granular(rights, limit):
        bad |= G
    return bad


@kernel
def data(v, s, free):
    """Check the access rights of ES, DS, FS or GS (`s`, a SEG code); `free`: unrestricted guest."""
    rights = v[FIELD.GUEST_ES_ACCESS_RIGHTS + s]
    if rights & AR.UNUSABLE:
        return 0
    bad, kind = form(rights, v[FIELD.GUEST_ES_LIMIT + s]), rights & AR.TYPE
    if not kind & ACCESSED or kind & (IS_CODE | READABLE) == IS_CODE:
        bad |= TYPE
    if not free and kind <= SEGTYPE.CODE and get(rights, AR.DPL) < v[FIELD.GUEST_ES_SELECTOR + s] & RPL:
        bad |= DPL
    return bad * FIRST[s]


@kernel
def code(v, free):
    """Check the access rights of CS."""
    rights, stack_dpl = v[FIELD.GUEST_CS_ACCESS_RIGHTS], get(v[FIELD.GUEST_SS_ACCESS_RIGHTS], AR.DPL)
    bad, kind, dpl = form(rights, v[FIELD.GUEST_CS_LIMIT]), rights & AR.TYPE, get(rights, AR.DPL)
    if kind == SEGTYPE.CODE_UNREADABLE or kind == SEGTYPE.CODE:
        if dpl != stack_dpl:
            bad |= DPL
    elif kind == SEGTYPE.CONFORMING_UNREADABLE or kind == SEGTYPE.CONFORMING:
        if dpl > stack_dpl:
            bad |= DPL
    elif kind != SEGTYPE.DATA or not free:
        bad |= TYPE
    if kind == SEGTYPE.DATA and dpl != 0:
        bad |= DPL
    bad *= SEGMENT.CS_BASE
    if v[FIELD.ENTRY_CONTROLS] & ENTRYC.GUEST_64 and rights & (AR.L | AR.DB) == AR.L | AR.DB:
        bad |= SEGMENT.CS_DB
    return bad


@kernel
def stack(v, free):
    """Check the selector and access rights of SS; its DPL counts even if it is unusable."""
    rights, rpl = v[FIELD.GUEST_SS_ACCESS_RIGHTS], v[FIELD.GUEST_SS_SELECTOR] & RPL
    bad, dpl = 0, get(rights, AR.DPL)
    if not rights & AR.UNUSABLE:
        bad = form(rights, v[FIELD.GUEST_SS_LIMIT])
        if rights & AR.TYPE != SEGTYPE.DATA and rights & AR.TYPE != SEGTYPE.DATA_DOWN:
            bad |= TYPE
    real = v[FIELD.GUEST_CS_ACCESS_RIGHTS] & AR.TYPE == SEGTYPE.DATA or not v[FIELD.GUEST_CR0] & CR0.PE
    if (not free and dpl != rpl) or (real and dpl != 0):
        bad |= DPL
    bad *= SEGMENT.SS_BASE
    if not free and rpl != v[FIELD.GUEST_CS_SELECTOR] & RPL:
        bad |= SEGMENT.SS_SELECTOR
    return bad


@kernel
def task(v):
    """Check TR."""
    bad, rights = 0, v[FIELD.GUEST_TR_ACCESS_RIGHTS]
    if v[FIELD.GUEST_TR_SELECTOR] & TI:
        bad |= SEGMENT.TR_SELECTOR
    if not cpu_canonical(v[FIELD.GUEST_TR_BASE]):
        bad |= SEGMENT.TR_BASE
    kind = rights & AR.TYPE
    if kind != SYSTYPE.BUSY_TSS and (kind != SYSTYPE.BUSY_TSS_16 or v[FIELD.ENTRY_CONTROLS] & ENTRYC.GUEST_64):
        bad |= SEGMENT.TR_TYPE
    if rights & (SHAPE | AR.UNUSABLE) != SYSTEM_SEGMENT:
        if rights & AR.S:
            bad |= SEGMENT.TR_S
        if not rights & AR.P:
            bad |= SEGMENT.TR_P
        if rights & NOT_AR:
            bad |= SEGMENT.TR_RESERVED
        if rights & AR.UNUSABLE:
            bad |= SEGMENT.TR_USABLE
    if not granular(rights, v[FIELD.GUEST_TR_LIMIT]):
        bad |= SEGMENT.TR_G
    return bad


@kernel
def local(v):
    """Check LDTR, which has no rule while it is unusable."""
    bad, rights = 0, v[FIELD.GUEST_LDTR_ACCESS_RIGHTS]
    if rights & AR.UNUSABLE:
        return bad
    if v[FIELD.GUEST_LDTR_SELECTOR] & TI:
        bad |= SEGMENT.LDTR_SELECTOR
    if not cpu_canonical(v[FIELD.GUEST_LDTR_BASE]):
        bad |= SEGMENT.LDTR_BASE
    if rights & AR.TYPE != SYSTYPE.LDT:
        bad |= SEGMENT.LDTR_TYPE
    if rights & AR.S:
        bad |= SEGMENT.LDTR_S
    if not rights & AR.P:
        bad |= SEGMENT.LDTR_P
    if rights & NOT_AR:
        bad |= SEGMENT.LDTR_RESERVED
    if not granular(rights, v[FIELD.GUEST_LDTR_LIMIT]):
        bad |= SEGMENT.LDTR_G
    return bad
