"""A linear address on its way to memory: each entry read, guest-physical and host-physical address, and what stops it.

The walk is that of `emu.model.memory.steps`, on copies of the processor's records: no flag is set, no TLB is asked or filled.
So the result is that of a fresh walk; a translation that the TLB still holds may differ from it.
"""
import re
from dataclasses import dataclass, field

import numpy as np

from emu.bits import ADDRESSES, name_of, show, text_of
from emu.debug.views.scratch import Copies
from emu.debug.views.vmcs import Vmcs, processor_of
from emu.errors import ConfigError, DebugError
from emu.jit import words
from emu.machine.host import host
from emu.model.memory import steps, walk
from emu.model.vmx import entry, exit
from emu.spec.cpu import CR0, CR4, EFER
from emu.spec.outcome import ACCESS, MODE
from emu.spec.paging import ADDRESS, KIND, OFFSET, PAGING, PFEC, PTE, SIZE, WALKSTEP
from emu.spec.vmcs import REGION_WORDS
from emu.spec.vmx import QUAL_EPT
from emu.state import env_of

KINDS = {"read": ACCESS.READ, "write": ACCESS.WRITE, "fetch": ACCESS.FETCH}
KIND_BITS = int(ACCESS.READ | ACCESS.WRITE | ACCESS.FETCH)
SIZES = {1: "4 KiB", 2: "2 MiB", 3: "1 GiB"}


@dataclass
class Entry:
    """One entry that the walk reads: its name and level, where it lies, what it holds, and whether the walk stops here."""

    name: str
    level: int
    host: int
    value: int
    decoded: str
    verdict: str
    guest: int | None = None                               # guest-physical address of the entry, for entries of guest tables
    stops: bool = False


@dataclass
class Group:
    """An entry of a guest table with the EPT entries that lead to it; `entry` is None for the access itself."""

    title: str
    address: int                                           # guest-physical address that EPT translates
    ept: list = field(default_factory=list)
    entry: Entry | None = None


@dataclass
class Translation:
    """How a linear address is translated, or what stops it; guest and host are None where the walk does not get so far."""

    linear: int
    access: str
    world: str
    mode: str
    cr3: int
    eptp: int | None
    groups: list = field(default_factory=list)
    guest: int | None = None
    host: int | None = None
    kind: str = ""                                         # what answers at the host-physical address
    page: str = ""                                         # size of the guest's page
    stop: str = ""                                         # which entry and which permission stop it
    outcome: str = ""                                      # the exception or VM exit that follows

    @property
    def reaches(self):
        """Return whether the access reaches memory."""
        return self.host is not None


def in_world(machine, processor, world, region=None):
    """Return (Copies, "root" | "guest" | "bare") with the copied processor in the world that is asked for.

    The guest's registers come from the current VMCS while the hypervisor runs; the root world's, while a guest runs, are
    those of its last VM entry.  region: uint64[512], a VMCS region to take in the place of the current VMCS.
    """
    c = processor_of(machine, processor)
    copies = Copies(machine, processor)
    copy, now = copies.cpu, "bare" if c.vmx_mode == MODE.BARE else "guest" if c.vmx_mode == MODE.NONROOT else "root"
    if region is None and (world is None or world == now or (world, now) == ("root", "bare")):
        return copies, now
    if world == "root":
        copies.enter(0)
        copy.vmx_mode = MODE.ROOT
        if walk.mode_of(copies.root) == PAGING.PAE:
            exit.load_pdptes(copy, copies.root.cr[3])
        return copies, world
    if region is not None:
        copies.take(region)
    elif now == "bare":
        raise ConfigError(f"processor {processor} is outside VMX operation: it has no guest")
    else:
        Vmcs(machine, processor)                           # there is one
    entry.load_registers(copy, copies.vmcs, copies.guest, copies.root)
    entry.latch(copy, copies.vmcs)
    entry.load_pdptes(copy, copies.vmcs, copies.guest)
    copies.enter(1)
    copy.vmx_mode = MODE.NONROOT
    return copies, world


def check_range(address, size=1):
    """Raise DebugError unless there are `size` bytes at an address of 64 bits."""
    address = int(address)
    if not 0 <= address < ADDRESSES or not 1 <= size <= ADDRESSES - address:
        raise DebugError(f"an address is 0 to {ADDRESSES - 1:#x} and a range ends there, not {size} bytes at {address:#x}")


def translate(machine, linear, processor=0, access="read", user=False, world=None, pointer=None):
    """Return the Translation of linear address `linear` for an access of a processor, changing nothing.

    access: "read", "write" or "fetch"; user: at privilege level 3; world: "root", "guest", None for the one that runs;
    pointer: physical address of the VMCS of a guest that waits, whose translation is meant.
    Raises ConfigError when that processor has no such world.
    """
    check_range(linear)
    region = None if pointer is None else words(machine.record[0].ram + pointer, REGION_WORDS)
    copies, where = in_world(machine, processor, world, region)
    c = copies.cpu
    e = env_of(c.env)[0]
    wanted = int(KINDS[access]) | (int(ACCESS.USER) if user else 0)
    mode = int(walk.mode_of(e))
    nested = bool(steps.ept.active(c))
    found = Translation(linear=linear, access=f"{'user' if user else 'supervisor'} {access}", world=where,
                        mode=text_of(PAGING, name_of(PAGING, mode)), cr3=host(e).cr[3], eptp=host(c).eptp if nested else None)
    walked = steps.trace(c, np.uint64(linear), np.uint64(wanted))
    if not e.efer & EFER.LMA:
        linear &= 0xFFFF_FFFF
    _group(found, walked, c, e, mode, linear)
    _end(found, walked, c, e, wanted, linear)
    return found


def _table(c, e, mode, linear):
    """Return the guest-physical address of the first table of a walk."""
    table, _ = walk.first_table(c, e, np.uint64(mode), np.uint64(linear))
    return int(table)


def _group(found, walked, c, e, mode, linear):
    """Sort the steps of a walk into groups, and find the guest-physical address that the guest's tables give."""
    table = 0 if mode == PAGING.OFF else _table(c, e, mode, linear)
    ept, guest = [], linear if mode == PAGING.OFF else None
    for step in walked:
        if step.what in ("physical address", "EPT violation", steps.FLAGS, "page fault", "linear address", "PDPTE register"):
            continue
        row = Entry(step.what, step.level, step.address, step.entry, _flags(step), step.verdict)
        if step.what.startswith("EP"):
            ept.append(row)
            continue
        row.guest = int(walk.entry_address(np.uint64(mode), np.uint64(step.level), np.uint64(table), np.uint64(linear)))
        found.groups.append(Group(step.what, row.guest, ept, row))
        ept, table = [], step.entry & int(ADDRESS)
        if step.verdict == "PAGE":
            guest = _leaf(found, mode, step, linear)
    if ept:
        found.groups.append(Group("access", guest if guest is not None else _next(mode, found, table, linear), ept))
    found.guest = guest if found.eptp is not None and walked[-1].what != "page fault" else None


def _flags(step):
    """Return an entry's bits by name, its address written out."""
    address = step.entry & int(ADDRESS)
    flags = re.sub(r" ?ADDRESS=0x[0-9a-f]+", "", step.decoded).strip()
    return " ".join(filter(None, (flags, f"-> {address:#x}" if step.verdict in ("TABLE", "PAGE") else "")))


def _leaf(found, mode, step, linear):
    """Return the guest-physical address that a page entry leads to, and note the size of the page."""
    wide = mode == PAGING.BITS_32 and step.level == 2
    size = int(SIZE.M4) if wide else (int(SIZE.K4), int(SIZE.M2), int(SIZE.G1))[step.level - 1]
    below = int(OFFSET[size])
    found.page = "4 MiB" if wide else SIZES[step.level]
    return step.entry & int(ADDRESS) & ~below | linear & below


def _next(mode, found, table, linear):
    """Return the guest-physical address of the entry that EPT did not let the walk read."""
    levels = [group.entry.level for group in found.groups]
    first = {int(PAGING.LEVEL_5): 5, int(PAGING.LEVEL_4): 4}.get(mode, 2)
    level = levels[-1] - 1 if levels else first
    return int(walk.entry_address(np.uint64(mode), np.uint64(level), np.uint64(table), np.uint64(linear)))


# ---- how it ends ------------------------------------------------------------------------------------------------------
def _end(found, walked, c, e, wanted, linear):
    """Note the host-physical address, or the entry and permission that stop the walk and what follows."""
    last = walked[-1]
    if last.verdict == "DONE":
        found.host, found.kind = last.address, text_of(KIND, name_of(KIND, walk.kind(c, np.uint64(last.address))))
        return
    if last.what == "linear address":
        found.stop, found.outcome = "the address is not canonical", "#GP(0), or #SS(0) for an access to the stack"
    elif last.what == "PDPTE register":
        found.stop = f"PDPTE register {last.address} is not present"
        found.outcome = _page_fault(e, wanted, linear, 0)
    elif last.what == "page fault":
        culprit, why = _denied(found, e, wanted)
        culprit.stops, found.stop = True, f"{culprit.name} (level {culprit.level}): {why}"
        found.outcome = _page_fault(e, wanted, linear, int(PFEC.P))
    elif last.what.startswith("EP"):
        _ept_stop(found, last, c, wanted)
    else:
        row = found.groups[-1].entry
        row.stops, reserved = True, last.verdict == "RESERVED"
        found.stop = f"{row.name} (level {row.level}): {text_of(WALKSTEP, last.verdict)}"
        found.outcome = _page_fault(e, wanted, linear, int(PFEC.P | PFEC.RSVD) if reserved else 0)


def _page_fault(e, wanted, linear, cause):
    """Return the page fault of an access in words.

    Source: SDM 3A, "Page-Fault Exceptions"
    """
    code = cause
    code |= int(PFEC.WR) if wanted & ACCESS.WRITE else 0
    code |= int(PFEC.US) if wanted & ACCESS.USER else 0
    reported = e.cr[4] & CR4.SMEP or e.cr[4] & CR4.PAE and e.efer & EFER.NXE
    code |= int(PFEC.ID) if wanted & ACCESS.FETCH and reported else 0
    return f"#PF with error code {code:#x} ({show(PFEC, code)}), CR2 = {linear:#x}"


def _denied(found, e, wanted):
    """Return (Entry, reason in words) of the first level whose permission denies the access.

    Source: SDM 3A, "Determination of Access Rights"
    """
    entries = [group.entry for group in found.groups if group.entry]
    user, write, fetch = (wanted & bit for bit in (ACCESS.USER, ACCESS.WRITE, ACCESS.FETCH))
    for row in entries:
        if user and not row.value & PTE.US:
            return row, "US = 0, a supervisor page"
        if write and not row.value & PTE.RW and (user or e.cr[0] & CR0.WP):
            return row, "RW = 0, read-only" + ("" if user else " (CR0.WP = 1)")
        if fetch and row.value & PTE.XD:
            return row, "XD = 1, not executable"
    why = "CR4.SMEP = 1: supervisor code does not execute user pages"
    if not fetch:
        why = "CR4.SMAP = 1: supervisor code does not touch user pages while RFLAGS.AC = 0"
    return entries[-1], f"US = 1 at every level and {why}"


def _ept_stop(found, last, c, wanted):
    """Note the EPT entry that stops the walk, and the VM exit that follows.

    Source: SDM 3C, "EPT Violations", "Exit Qualification for EPT Violations"
    """
    group = found.groups[-1]
    final, flags = group.entry is None and found.guest is not None, last.what == steps.FLAGS
    kinds = wanted & KIND_BITS if final else int(ACCESS.READ | ACCESS.WRITE) if flags else int(walk.table_access(c))
    granted = 7
    for row in group.ept:
        granted &= row.value
    if last.verdict == "MISCONFIGURED":
        row, why = group.ept[-1], text_of(WALKSTEP, last.verdict)
        found.outcome = f"exit 49 (EPT misconfiguration), guest-physical address {group.address:#x}"
    else:
        row = next(row for row in group.ept if kinds & ~row.value)
        missing = [name for name, bit in (("R", 1), ("W", 2), ("X", 4)) if kinds & bit and not row.value & bit]
        why = "not present" if not row.value & KIND_BITS else f"{' and '.join(missing)} = 0"
        how = int(QUAL_EPT.LINEAR) | (int(QUAL_EPT.FINAL) if final else 0)
        qualification = kinds | (granted if last.verdict == "DENIED" else 0) << 3 | how
        found.outcome = f"exit 48 (EPT violation), qualification {qualification:#x} ({show(QUAL_EPT, qualification)}), " \
                        f"guest-physical address {group.address:#x}"
    whose = "for the access itself" if final else "for a table of the guest"
    if flags:
        whose += f": the processor has to set {last.decoded} in the {group.entry.name}"
    row.stops, found.stop = True, f"{row.name} (level {row.level}): {why}, {whose}"

