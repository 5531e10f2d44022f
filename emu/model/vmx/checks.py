"""The checks of VM entry: verdict for the processor, explanation for people.

Each check is one row of `emu.spec.checks`; kernels answer a bitmap of failing rows a table.  Controls are
judged before host state, host state before guest state; the manual leaves the order of checks open.
Not modelled: rows of `emu.spec.checks.MISSING`, loading of MSR lists (`emu.model.vmx.entry`).
"""
from dataclasses import dataclass

import numpy as np

from emu.bits import U64
from emu.jit import kernel, words
from emu.model.cpu import long_mode
from emu.model.vmx.checks_controls import controls
from emu.model.vmx.checks_guest import guest_area
from emu.model.vmx.checks_host import host_area
from emu.model.vmx.checks_segments import segments, v86
from emu.model.vmx.vmcs import View, fields
from emu.spec.checks import BEYOND, CHECKS, GUEST, MISSING
from emu.spec.cpu import RFLAGS
from emu.spec.vmcs import FIELD, REGION_WORDS, VMCS, width_of
from emu.spec.vmx import ENTRYQ, EXIT, REASON, VMERROR
from emu.state import env_of, machine_at

__all__ = ["MISSING", "Failure", "entry", "explain", "failing", "lint"]

CONTROL_TABLE, HOST_TABLE, GUEST_TABLE, SEGMENT_TABLE, V86_TABLE, TABLE_COUNT = (U64(n) for n in range(6))
LISTED = U64(64)                                               # rows that CPU.failed holds
LINK = GUEST.LINK_ADDRESS | GUEST.LINK_REVISION | GUEST.LINK_CURRENT
PDPTE_ROWS = GUEST.PDPTE0 | GUEST.PDPTE1 | GUEST.PDPTE2 | GUEST.PDPTE3
NMI_STI = GUEST.BLOCKING_NMI_STI
GUEST_FAILURE = REASON.ENTRY_GUEST_STATE | EXIT.ENTRY_FAILURE


@kernel
def note(c, table, bad):
    """Append the rows of bitmap `bad` of a table to the failing rows of a CPU record."""
    bit = 0
    while bad:
        if bad & 1:
            if c.failed_count < LISTED:
                c.failed[c.failed_count] = table * 64 + bit
            c.failed_count += 1
        bad >>= 1
        bit += 1


@kernel
def qualification(bad, other):
    """Return the exit qualification for failing GUEST rows `bad`; `other`: rows of segments fail too.

    A failure with a qualification of its own is reported only if nothing else fails.
    Source: SDM 3C, "VM-Entry Failures During or After Loading Guest State"
    """
    if other or bad & ~(LINK | PDPTE_ROWS | NMI_STI):
        return ENTRYQ.OTHER
    if bad & LINK:
        return ENTRYQ.LINK_POINTER
    return ENTRYQ.PDPTE if bad & PDPTE_ROWS else ENTRYQ.NMI_STI


@kernel
def entry(c):
    """Judge the current VMCS for VM entry from the world that runs now.

    Returns 0, VMERROR 7 or 8, or the exit reason 33 with bit 31 set and c.fault_qualification its
    qualification; c.failed (row numbers) and c.failed_count hold the failing rows of the class that decided.
    """
    c.failed_count = 0
    v = fields(c)
    bad = controls(c, v)
    if bad:
        note(c, CONTROL_TABLE, bad)
        return VMERROR.CONTROL_FIELD
    bad = host_area(v, long_mode(env_of(c.env)[0]), ~machine_at(c.machine)[0].address_mask)
    if bad:
        note(c, HOST_TABLE, bad)
        return VMERROR.HOST_STATE
    bad, parts = guest_area(c, v), segments(v)
    virtual = v86(v) if v[FIELD.GUEST_RFLAGS] & RFLAGS.VM else 0
    if bad | parts | virtual:
        note(c, GUEST_TABLE, bad)
        note(c, SEGMENT_TABLE, parts)
        note(c, V86_TABLE, virtual)
        c.fault_qualification = qualification(bad, parts | virtual)
        return GUEST_FAILURE
    return 0


@kernel
def judge(c, maps):
    """Write to `maps` (uint64[5]) the failing rows of every table, whichever class would decide."""
    v = fields(c)
    maps[CONTROL_TABLE] = controls(c, v)
    maps[HOST_TABLE] = host_area(v, long_mode(env_of(c.env)[0]), ~machine_at(c.machine)[0].address_mask)
    maps[GUEST_TABLE] = guest_area(c, v)
    maps[SEGMENT_TABLE] = segments(v)
    maps[V86_TABLE] = v86(v) if v[FIELD.GUEST_RFLAGS] & RFLAGS.VM else 0


# ---- for people ------------------------------------------------------------------------------------------------

@dataclass(frozen=True, kw_only=True)
class Failure:
    """One failing check: its row, the values of the fields it reads, and which bits of the first are at fault."""

    id: str
    kind: str                                                  # control, host or guest
    fields: tuple                                              # ((name, encoding, value), ...), the judged one first
    bits: int
    rule: str
    section: str
    repair: str

    def __str__(self):
        """Return the failure as lines of text for a terminal."""
        values = "\n".join(f"    {name} ({encoding:04X}H) = {value:#x}" for name, encoding, value in self.fields)
        return (f"{self.id}\n{values}\n    at fault: {_positions(self.bits)} of {self.fields[0][0]}\n"
                f"    rule: {self.rule}\n    source: {self.section}\n    repair: {self.repair}")


def _positions(bits):
    """Return a bit mask as text: "bits 31:4, 0"; "no single bit" for 0."""
    runs, position = [], 0
    while bits >> position:
        if bits >> position & 1:
            low = position
            while bits >> position & 1:
                position += 1
            runs.append(f"{position - 1}:{low}" if position - 1 > low else f"{low}")
        else:
            position += 1
    if not runs:
        return "no single bit"
    plural = "s" if len(runs) > 1 or ":" in runs[0] else ""
    return f"bit{plural} " + ", ".join(reversed(runs))


def _wide(zero, mask):
    """Return bits that must be 0 as they are for a machine: a row's address bits that do not exist begin at its width."""
    if zero & BEYOND == BEYOND and not zero & (BEYOND >> 1 & ~BEYOND):
        return zero & ~BEYOND | ~int(mask) & (1 << 64) - 1
    return zero


def _failure(check, view, mask):
    values = tuple((name, int(getattr(VMCS, name)), view[name]) for name in check.fields)
    first = values[0][2]
    bits = (first & _wide(check.zero, mask) | ~first & check.one or check.part) & (1 << width_of(values[0][1])) - 1
    return Failure(id=check.id, kind=check.kind, fields=values, bits=bits, rule=check.rule, section=check.section,
                   repair=check.repair)


def _cpu(owner):
    """Return the CPU record of a machine (its first processor), of a one-element array, or the record itself."""
    owner = getattr(owner, "cpu", owner)
    return owner if isinstance(owner, np.record) else owner[0]


def _mask(c):
    return machine_at(c.machine)[0].address_mask


def explain(owner):
    """Return a list of Failure for the rows that the last VM entry failed by.

    owner: a CPU record, a one-element array of it, or a machine with `cpu`.
    """
    c = _cpu(owner)
    view = View(words(c.vmcs, REGION_WORDS))
    return [_failure(CHECKS[int(row)], view, _mask(c)) for row in c.failed[:min(int(c.failed_count), int(LISTED))]]


def failing(owner):
    """Return the Check rows of all classes that the current VMCS fails now, whichever class would decide."""
    maps = np.zeros(int(TABLE_COUNT), np.uint64)
    judge(_cpu(owner), maps)
    return [check for number, check in CHECKS.items() if int(maps[number // 64]) >> number % 64 & 1]


def lint(owner):
    """Return a list of Failure for everything that is wrong in the current VMCS, before any VM entry."""
    c = _cpu(owner)
    view = View(words(c.vmcs, REGION_WORDS))
    return [_failure(check, view, _mask(c)) for check in failing(c)]
