"""Explain a translation to people: the steps of a walk, from the step kernels of walk and ept, changing nothing."""
from collections import namedtuple

from emu.bits import U64, details, name_of, shift_of, show
from emu.model import ram
from emu.model.memory import ept, memory, walk
from emu.spec.cpu import EFER
from emu.spec.outcome import ACCESS
from emu.spec.paging import ADDRESS, ENTRY, EPT_ENTRY, KIND, OFFSET, PAGING, PTE, TLBE, WALKSTEP
from emu.spec.vmx import EPTP
from emu.state import env_of

Step = namedtuple("Step", "what level address entry decoded verdict")      # address: host-physical, of the entry
ACCESS_KINDS = int(walk.ACCESS_KINDS)
FLAGS = "EPT violation by a flag"


def _layout(table, key):
    return table.get(key) or table[(*key[:-1], 0)]


def _in_device(c, address, steps):
    """Append that a paging structure at a physical address lies in a device's page, which stops the machine; returns whether."""
    if not memory.device(c, U64(address)):
        return False
    steps.append(Step("paging structure", 0, address, 0, "in a device's page: not modelled", "DENIED"))
    return True


def _ept(c, m, gpa, access, steps):
    """Append the steps of an EPT walk; returns (host-physical address, rights), or None when it ends in an exit."""
    table, level, along = int(c.eptp & EPTP.ROOT & m.address_mask), 4, 7
    while True:
        address = table + (gpa >> 12 + 9 * (level - 1) & 0x1FF) * 8
        if _in_device(c, address, steps):
            return None
        entry = int(memory.load(m, U64(address), U64(8)))
        step = ept.verdict(m, U64(level), U64(entry))
        row = _layout(EPT_ENTRY, (level, entry >> 7 & 1))
        steps.append(Step(details(row).name, level, address, entry, show(row, entry), name_of(WALKSTEP, step)))
        along &= entry
        if step == WALKSTEP.PAGE:
            break
        if step != WALKSTEP.TABLE:
            return None
        table, level = entry & int(ADDRESS), level - 1
    if access & ACCESS_KINDS & ~along:
        steps.append(Step("EPT violation", 0, gpa, along, f"{show(ACCESS, access & ACCESS_KINDS)} denied", "DENIED"))
        return None
    below = (1 << 12 + 9 * (level - 1)) - 1
    return entry & int(ADDRESS) & ~below | gpa & below, along


def _place(c, m, gpa, access, steps):
    """Append the EPT steps to a guest-physical address, if there are any; returns (host-physical address, rights), or None."""
    return _ept(c, m, gpa, int(access), steps) if ept.active(c) else (gpa, ACCESS_KINDS)


def _end(c, m, gpa, access, steps):
    found = _place(c, m, gpa, access, steps)
    if found is not None:
        host = int(ram.gated(m, U64(found[0])))
        steps.append(Step("physical address", 0, host, 0, name_of(KIND, walk.kind(c, U64(host))), "DONE"))
    return steps


def _marks(gpa, rights, flags, entry, steps):
    """Append the EPT violation by which a processor fails to set `flags` (PTE.A, PTE.D) in an entry; returns whether it sets them.

    Source: SDM 3C, "EPT Violations"
    """
    missing = int(flags) & ~entry
    if not missing or rights & int(ACCESS.WRITE):
        return True
    names = " and ".join(name for name, bit in (("A", PTE.A), ("D", PTE.D)) if missing & int(bit))
    steps.append(Step(FLAGS, 0, gpa, rights, names, "DENIED"))
    return False


def _tables(c, m, e, mode, la, access, steps):
    """Append the steps of a walk through guest tables; returns the guest's translation word, or None.

    access: ACCESS, None for one that sets no flags.
    """
    table, level = map(int, walk.first_table(c, e, mode, U64(la)))
    if table == int(walk.ALL_ONES):
        steps.append(Step("PDPTE register", 3, la >> 30, int(c.pdpte[la >> 30]), "not present", "NOT_PRESENT"))
        return None
    along, size = int(walk.ANDED), U64(4 if mode == PAGING.BITS_32 else 8)
    while True:
        gpa = int(walk.entry_address(mode, U64(level), U64(table), U64(la)))
        found = _place(c, m, gpa, walk.table_access(c), steps)
        if found is None:
            return None
        place, granted = found
        if _in_device(c, place, steps):
            return None
        entry = int(memory.load(m, U64(place), size))
        step = walk.verdict(m, e, mode, U64(level), U64(entry))
        row = _layout(ENTRY, (int(mode), level, int(step == WALKSTEP.PAGE)))
        steps.append(Step(details(row).name, level, place, entry, show(row, entry), name_of(WALKSTEP, step)))
        along = along & (entry | ~int(walk.ANDED)) | entry & int(PTE.XD)
        if step == WALKSTEP.PAGE:
            return _leaf(c, e, mode, (level, gpa, granted, entry, along), la, access, steps)
        if step != WALKSTEP.TABLE or access is not None and not _marks(gpa, granted, PTE.A, entry, steps):
            return None
        table, level = entry & int(ADDRESS), level - 1


def _leaf(c, e, mode, row, la, access, steps):
    """Append what stops an access to the page that `row` (level, address, rights of EPT, entry, rights of the tables) maps.

    Returns the guest's translation word, or None.
    """
    level, gpa, granted, entry, along = row
    flags = int(PTE.A) | (int(PTE.D) if access is not None and int(access) & int(ACCESS.WRITE) else 0)
    word = int(walk.leaf_word(c, e, mode, U64(level), U64(entry | flags), U64(along)))
    if access is None:
        return word
    if int(access) & ACCESS_KINDS & ~int(walk.guest_rights(e, U64(word), access)):
        steps.append(Step("page fault", 0, la, 0, show(TLBE, word), "DENIED"))
        return None
    return word if _marks(gpa, granted, flags, entry, steps) else None


def trace(c, la, access, flags=True):
    """Return the Steps that a fresh walk of `la` would take, EPT steps before the guest entry they lead to.

    Changes nothing: no accessed flag, no TLB, no cycles. The last step says how the walk ends; a verdict that is not DONE is
    the reason for a fault. flags: the access sets accessed and dirty flags, as a processor's does, and may fail by that;
    without, it has all rights and only looks: a debugger's.
    """
    steps, e, m = [], env_of(c.env)[0], memory.machine_of(c)
    la, access, mode = int(la), U64(access), U64(walk.mode_of(e))
    if not e.efer & EFER.LMA:
        la &= 0xFFFF_FFFF
    elif not walk.canonical(e, U64(la)):
        return [Step("linear address", 0, la, 0, "not canonical", "GENERAL_PROTECTION")]
    if mode == PAGING.OFF:
        return _end(c, m, la, access, steps)
    word = _tables(c, m, e, mode, la, access if flags else None, steps)
    if word is None:
        return steps
    offset = int(OFFSET[(word & int(TLBE.SIZE)) >> shift_of(TLBE.SIZE)])
    return _end(c, m, word & int(TLBE.PAGE) | la & offset, access, steps)


def place(c, gpa):
    """Return the host-physical address of guest-physical `gpa` for a read of processor `c`, None when EPT refuses it."""
    found = _place(c, memory.machine_of(c), int(gpa), ACCESS.READ, [])
    return None if found is None else found[0]
