"""Memory as the processor sees it now, without an access: nothing remembers that it happened.

No accessed or dirty flag, no translation in our TLB, no cycle, no fault: who explains, decodes or decides something between
a fault and its delivery looks, and the record of the fault (`c.fault*`) stays what the faulting access made it.
What an instruction does itself is `emu.model.memory.walk`'s and `emu.model.memory.linear`'s.
"""
from emu.bits import ALL_ONES, LOW_32, PAGE_OFFSET, U64, get
from emu.jit import kernel
from emu.model import ram
from emu.model.cpu import code_64, cpl
from emu.model.memory import ept, memory, tlb, walk
from emu.spec.cpu import CR0, EFER
from emu.spec.outcome import ACCESS
from emu.spec.paging import ADDRESS, OFFSET, PAGING, PTE, TLBE, WALKSTEP
from emu.state import env_of, tlb_at


@kernel
def _behind(c, gpa, access):
    """Return the physical address that guest-physical `gpa` maps to, or ALL_ONES when EPT does not allow the access."""
    if not ept.active(c):
        return ram.gated(memory.machine_of(c), gpa)
    m, level, rights = memory.machine_of(c), ept.EPT_LEVELS, ept.EPT_RIGHTS
    table = ept.root(c)
    while True:
        entry = memory.load(m, ept.entry_address(level, table, gpa), 8)
        step = ept.verdict(m, level, entry)
        if step != WALKSTEP.PAGE and step != WALKSTEP.TABLE:
            return ALL_ONES
        rights &= entry
        if step == WALKSTEP.PAGE:
            break
        table = entry & ADDRESS
        level -= 1
    return ALL_ONES if access & ept.EPT_RIGHTS & ~rights else ram.gated(m, ept.page_of(level, entry, gpa) | gpa & PAGE_OFFSET)


@kernel
def _guest_word(c, e, mode, la):
    """Return the guest's translation word of `la`, or ALL_ONES when the tables give none."""
    m = memory.machine_of(c)
    table, level = walk.first_table(c, e, mode, la)
    along, size = walk.ANDED, 4 if mode == PAGING.BITS_32 else 8
    while table != ALL_ONES:
        place = _behind(c, walk.entry_address(mode, level, table, la), walk.table_access(c))
        if place == ALL_ONES:
            break
        entry = memory.load(m, place, size)
        step = walk.verdict(m, e, mode, level, entry)
        if step != WALKSTEP.PAGE and step != WALKSTEP.TABLE:
            break
        along = along & (entry | ~walk.ANDED) | entry & PTE.XD
        if step == WALKSTEP.PAGE:
            return walk.leaf_word(c, e, mode, level, entry, along)
        table = entry & ADDRESS
        level -= 1
    return ALL_ONES


@kernel
def physical(c, la, access):
    """Return the physical address of the byte at linear `la`, or ALL_ONES where an access of this kind would fault.

    access: ACCESS bits.  Whether EPT lets the walk set an A or D flag is not examined.
    """
    e = env_of(c.env)[0]
    if e.efer & EFER.LMA == 0:
        la &= LOW_32
    elif not walk.canonical(e, la):
        return ALL_ONES
    if e.cr[0] & CR0.PG == 0:
        return _behind(c, la, access)
    t = tlb_at(c.tlb)[0]
    if t.asid:
        at = tlb.find(t, la)
        if at != tlb.NONE and access & walk.ACCESS_KINDS & ~walk.rights(e, t.word[at + 1], access) == 0:
            word = t.word[at + 1]
            return ram.gated(memory.machine_of(c), word & TLBE.PAGE | la & OFFSET[get(word, TLBE.SIZE)])
    word = _guest_word(c, e, walk.mode_of(e), la)
    if word == ALL_ONES or access & walk.ACCESS_KINDS & ~walk.guest_rights(e, word, access):
        return ALL_ONES
    return _behind(c, word & TLBE.PAGE | la & OFFSET[get(word, TLBE.SIZE)], access)


@kernel
def mapped(c, la):
    """Return the physical address of the byte at linear `la` by a fresh walk, or ALL_ONES: what a debugger reads, whatever tables allow."""
    e = env_of(c.env)[0]
    if e.efer & EFER.LMA == 0:
        la &= LOW_32
    elif not walk.canonical(e, la):
        return ALL_ONES
    if e.cr[0] & CR0.PG == 0:
        return _behind(c, la, ACCESS.READ)
    word = _guest_word(c, e, walk.mode_of(e), la)
    if word == ALL_ONES:
        return ALL_ONES
    return _behind(c, word & TLBE.PAGE | la & OFFSET[get(word, TLBE.SIZE)], ACCESS.READ)


@kernel
def load(c, la, size, access):
    """Return `size` (1..8) bytes at linear `la`; a byte that cannot be read is 0."""
    value, m = 0, memory.machine_of(c)
    for i in range(size):
        place = physical(c, la + U64(i), access)
        if place != ALL_ONES:
            value |= memory.load(m, place, 1) << U64(i) * 8
    return value


@kernel
def code(c, la, buffer):
    """Copy up to 15 bytes of code at linear `la` into `buffer` (uint8[16]); returns how many can be fetched."""
    e, m = env_of(c.env)[0], memory.machine_of(c)
    access = ACCESS.FETCH | (ACCESS.USER if cpl(e) == 3 else 0)
    wrap = ALL_ONES if code_64(e) else LOW_32
    place, done = ALL_ONES, 0
    while done < 15:
        at = la + done & wrap
        if done == 0 or at & PAGE_OFFSET == 0:
            place = physical(c, at, access)
            if place == ALL_ONES:
                break
            place -= done
        buffer[done] = memory.load(m, place + done, 1)
        done += 1
    return done
