"""Linear addresses to physical ones: page walks of every mode, nested through EPT, below our TLB.

The accessed flag of an entry that refers to a table is set when the walk follows it, also when the walk then
faults; the flags of the entry that maps the page are set only when the access is allowed.

Not modelled: protection keys, shadow-stack accesses, PSE-36, HLAT, the APIC-access page.
"""
from emu.bits import ALL_ONES, LOW_32, PAGE_SHIFT, U64, get, put
from emu.jit import kernel
from emu.model import ram
from emu.model.cpu import paging_canonical
from emu.model.fault import gp0, raise_exception
from emu.model.memory import ept, memory, tlb
from emu.spec.cost import COST
from emu.spec.cpu import CR0, CR4, EFER, VECTOR
from emu.spec.outcome import ACCESS, FAULT
from emu.spec.paging import (
    ADDRESS,
    CR3,
    CR3_LEGACY,
    CR3_PDPT,
    KIND,
    LARGE,
    OFFSET,
    PAGING,
    PDE_2M,
    PDPTE_PAE,
    PDPTE_PAE_RESERVED,
    PFEC,
    PTE,
    RESERVED,
    SIZE,
    TLBE,
    WALKSTEP,
)
from emu.spec.vmx import EPTP
from emu.state import env_of, tlb_at

ACCESS_KINDS = ACCESS.READ | ACCESS.WRITE | ACCESS.FETCH
DATA_ACCESS = ACCESS.READ | ACCESS.WRITE
CARRIED = PTE.PWT | PTE.PCD | PTE.D                      # leaf bits that stand alike in TLBE
PAT_4K, PAT_LARGE = PTE.PAT, PDE_2M.PAT
ANDED = PTE.RW | PTE.US                                  # rights are the AND over all levels, XD the OR
PDPT_SHIFT, PDPT_INDEX = U64(30), U64(3)
UNPAGED = TLBE.UNPAGED | TLBE.RW | TLBE.US | TLBE.D


@kernel
def mode_of(e):
    """Return the PAGING mode of an ENV record."""
    if e.cr[0] & CR0.PG == 0:
        return PAGING.OFF
    if e.efer & EFER.LMA:
        return PAGING.LEVEL_5 if e.cr[4] & CR4.LA57 else PAGING.LEVEL_4
    return PAGING.PAE if e.cr[4] & CR4.PAE else PAGING.BITS_32


@kernel
def canonical(e, la):
    """Return whether `la` is canonical for the linear-address width in use: 57 bits with CR4.LA57, else 48."""
    return paging_canonical(e.cr[4], la)


@kernel
def kind(c, pa):
    """Return the KIND of what answers at physical address `pa` for this processor."""
    if memory.device(c, pa):
        return KIND.DEVICE
    m = memory.machine_of(c)
    if ram.is_ram(m, pa):
        return KIND.RAM
    return KIND.ROM if pa - m.rom_base < m.rom_bytes else KIND.NONE


@kernel
def user(access):
    """Return whether an access is a user-mode access: CPL 3 and not implicit."""
    return access & (ACCESS.USER | ACCESS.IMPLICIT) == ACCESS.USER


@kernel
def guest_rights(e, word, access):
    """Return the ACCESS kinds that guest paging allows for a translation word at the privilege of `access`.

    Source: SDM 3A, "Determination of Access Rights"
    """
    if word & TLBE.UNPAGED:
        return ACCESS_KINDS
    if user(access):
        if word & TLBE.US == 0:
            return 0
        allowed = ACCESS.READ
        if word & TLBE.RW:
            allowed |= ACCESS.WRITE
        return allowed if word & TLBE.XD else allowed | ACCESS.FETCH
    allowed = ACCESS_KINDS
    if word & TLBE.RW == 0 and e.cr[0] & CR0.WP:
        allowed &= ~ACCESS.WRITE
    if word & TLBE.XD:
        allowed &= ~ACCESS.FETCH
    if word & TLBE.US:
        if e.cr[4] & CR4.SMEP:
            allowed &= ~ACCESS.FETCH
        if e.cr[4] & CR4.SMAP and access & (ACCESS.AC | ACCESS.IMPLICIT) != ACCESS.AC:
            allowed &= ~DATA_ACCESS
    return allowed


@kernel
def rights(e, word, access):
    """Return the ACCESS kinds that a translation allows with no side effect: WRITE only when already dirty."""
    allowed = guest_rights(e, word, access) & ept.granted(word)
    if word & (TLBE.D | TLBE.ED) != TLBE.D | TLBE.ED:
        allowed &= ~ACCESS.WRITE
    return allowed


@kernel
def page_fault(c, e, la, access, code):
    """Note #PF for `access`, with P and RSVD in `code`. Returns ALL_ONES.

    Source: SDM 3A, "Page-Fault Exceptions"
    """
    if access & ACCESS.WRITE:
        code |= PFEC.WR
    if user(access):
        code |= PFEC.US
    if access & ACCESS.FETCH and (e.cr[4] & CR4.SMEP or (e.cr[4] & CR4.PAE and e.efer & EFER.NXE)):
        code |= PFEC.ID
    raise_exception(c, VECTOR.PF, code)
    c.fault_address = la
    return ALL_ONES


# ---- one step -------------------------------------------------------------------------------------------
@kernel
def shift_at(mode, level):
    """Return the lowest linear-address bit that indexes the table at `level` (1 = page table)."""
    return PAGE_SHIFT + (10 if mode == PAGING.BITS_32 else 9) * (level - 1)


@kernel
def entry_address(mode, level, table, la):
    """Return the guest-physical address of the entry of `la` in a table at `level`."""
    index = la >> shift_at(mode, level)
    if mode == PAGING.BITS_32:
        return table | (index & 0x3FF) << 2
    return table | (index & 0x1FF) << 3


@kernel
def verdict(m, e, mode, level, entry):
    """Return the STEP that a paging-structure entry means: reserved bits follow from mode, level, PS, NXE, MAXPHYADDR.

    Source: SDM 3A, "32-Bit Paging", "PAE Paging", "4-Level Paging and 5-Level Paging"
    """
    if entry & PTE.P == 0:
        return WALKSTEP.NOT_PRESENT
    large = LARGE[mode << 3 | level]
    if entry & PDE_2M.PS == 0 or (mode == PAGING.BITS_32 and e.cr[4] & CR4.PSE == 0):
        large = 0
    reserved = RESERVED[mode << 4 | level << 1 | large]
    if mode != PAGING.BITS_32:
        reserved |= ADDRESS & ~m.address_mask
        if e.efer & EFER.NXE == 0:
            reserved |= PTE.XD
    if entry & reserved:
        return WALKSTEP.RESERVED
    return WALKSTEP.PAGE if level == 1 or large != 0 else WALKSTEP.TABLE


@kernel
def first_table(c, e, mode, la):
    """Return (table, level) at which the walk of `la` begins; table is ALL_ONES when its PDPTE is not present."""
    if mode == PAGING.PAE:
        pdpte = c.pdpte[la >> PDPT_SHIFT & PDPT_INDEX]
        return pdpte & ADDRESS if pdpte & PDPTE_PAE.P else ALL_ONES, 2
    if mode == PAGING.BITS_32:
        return e.cr[3] & CR3_LEGACY.ADDRESS, 2
    table = e.cr[3] & CR3.ADDRESS & memory.machine_of(c).address_mask
    return table, 5 if mode == PAGING.LEVEL_5 else 4


@kernel
def leaf_word(c, e, mode, level, entry, along):
    """Return the guest part of a translation word: PAGE is the guest-physical page, SIZE the guest's page size."""
    word = along & (ANDED | PTE.XD) | entry & CARRIED
    size = SIZE.K4
    if level == 1:
        word |= entry & PAT_4K
    else:
        word |= TLBE.PAT if entry & PAT_LARGE else 0
        size = SIZE.G1 if level == 3 else (SIZE.M4 if mode == PAGING.BITS_32 else SIZE.M2)
    if entry & PTE.G and e.cr[4] & CR4.PGE:
        word |= TLBE.G
    return put(word | entry & ADDRESS & ~OFFSET[size], TLBE.SIZE, size)


@kernel
def table_access(c):
    """Return the ACCESS kinds of a guest paging-structure access under EPT: also a write with A/D flags for EPT.

    Source: SDM 3C, "Accessed and Dirty Flags for EPT"
    """
    return DATA_ACCESS if c.eptp & EPTP.AD else ACCESS.READ


@kernel
def _mark(c, m, place, gpa, la, size, entry):
    """Write an entry whose A or D was set; `place` translates its address. Returns False on an EPT violation.

    It is reported as a read and a write: the update is one locked access (docs/choices.md).
    """
    if place & TLBE.EW == 0:
        ept.violation(c, gpa, la, DATA_ACCESS, ept.LINEAR_TABLE, ept.granted(place))
        return False
    memory.store(m, place & ADDRESS | gpa & OFFSET[0], size, entry)
    return True


# ---- the walk -------------------------------------------------------------------------------------------
@kernel
def _leaf(c, m, e, mode, la, access):
    """Walk guest tables to the page of `la`, check the access, set A and D; returns the guest word, or ALL_ONES."""
    nested = ept.active(c)
    table, level = first_table(c, e, mode, la)
    if table == ALL_ONES:
        return page_fault(c, e, la, access, 0)
    size = 4 if mode == PAGING.BITS_32 else 8
    along, place = ANDED, ept.IDENTITY_ENTRY
    while True:
        gpa = entry_address(mode, level, table, la)
        if nested:
            place = ept.translate(c, gpa, la, table_access(c), ept.LINEAR_TABLE)
            if place == ALL_ONES:
                return ALL_ONES
        else:
            place = ept.IDENTITY_ENTRY | gpa & ADDRESS
        where = place & ADDRESS | gpa & OFFSET[0]
        if memory.paging_in_device(c, where):
            return ALL_ONES
        entry = memory.load(m, where, size)
        c.walk_loads += 1
        c.cycles += COST.WALK_LOAD
        step = verdict(m, e, mode, level, entry)
        if step == WALKSTEP.NOT_PRESENT:
            return page_fault(c, e, la, access, 0)
        if step == WALKSTEP.RESERVED:
            return page_fault(c, e, la, access, PFEC.P | PFEC.RSVD)
        along = along & (entry | ~ANDED) | entry & PTE.XD
        if step == WALKSTEP.PAGE:
            break
        if entry & PTE.A == 0 and not _mark(c, m, place, gpa, la, size, entry | PTE.A):
            return ALL_ONES
        table = entry & ADDRESS
        level -= 1
    marked = entry | PTE.A
    if access & ACCESS.WRITE:
        marked |= PTE.D
    word = leaf_word(c, e, mode, level, marked, along)
    if access & ACCESS_KINDS & ~guest_rights(e, word, access):
        return page_fault(c, e, la, access, PFEC.P)
    if marked != entry and not _mark(c, m, place, gpa, la, size, marked):
        return ALL_ONES
    return word


@kernel
def _combine(word, host, la):
    """Return the guest word with the EPT word of its page: the smaller size, both sets of rights, the host page."""
    size = word & TLBE.SIZE
    if host & TLBE.SIZE < size:
        size = host & TLBE.SIZE
        word |= TLBE.FRACTURED
    page = host & ADDRESS & ~OFFSET[get(size, TLBE.SIZE)]
    return word & ~(TLBE.PAGE | TLBE.SIZE) | host & ~(TLBE.PAGE | TLBE.SIZE) | page | size


@kernel
def walk(c, la, access):
    """Walk for `la` (canonical or 32-bit) without our TLB; returns a translation word, or ALL_ONES with c.fault set."""
    e = env_of(c.env)[0]
    mode = mode_of(e)
    if mode == PAGING.OFF:
        if not ept.active(c):
            return UNPAGED | ept.IDENTITY_ENTRY | la & ADDRESS & ~OFFSET[SIZE.G1]
        word = ept.translate(c, la, la, access, ept.LINEAR_FINAL)
        if word == ALL_ONES:
            return ALL_ONES
        return UNPAGED | word & ~OFFSET[get(word, TLBE.SIZE)] & TLBE.PAGE | word & ~TLBE.PAGE
    word = _leaf(c, memory.machine_of(c), e, mode, la, access)
    if word == ALL_ONES:
        return ALL_ONES
    if not ept.active(c):
        return word | ept.IDENTITY_ENTRY & ~TLBE.SIZE
    offset = OFFSET[get(word, TLBE.SIZE)]
    host = ept.translate(c, word & TLBE.PAGE | la & offset, la, access, ept.LINEAR_FINAL)
    if host == ALL_ONES:
        return ALL_ONES
    return _combine(word, host, la)


@kernel
def _finish(c, e, word, la, access):
    pa = ram.gated(memory.machine_of(c), word & TLBE.PAGE | la & OFFSET[get(word, TLBE.SIZE)])
    c.walk_rights = rights(e, word, access)
    return pa


@kernel
def _miss(c, t, la, access):
    """Walk and fill; returns the translation word, or ALL_ONES."""
    t.misses += 1
    c.walks += 1
    word = walk(c, la, access)
    if word != ALL_ONES:
        tlb.fill(t, la, word)
    return word


@kernel
def _renew(c, t, at, la, access):
    """Walk again for an access that a translation we hold does not allow: rights may be stale, or D has to be set."""
    old = t.word[at + 1]
    large = tlb.remove(t, la)
    word = _miss(c, t, la, access)
    tlb.replaced(t, la, old, word, large)
    return word


@kernel
def translate(c, la, access):
    """Return the physical address of the byte at linear address `la`, or ALL_ONES with c.fault set.

    access: ACCESS bits. A non-canonical address is #GP(0); who knows that it was a stack access makes it #SS(0).
    On success c.walk_rights are the kinds that need no further walk; of an earlier fault only c.fault is touched.
    Source: SDM 3A, "Paging"; SDM 3C, "VMX Support for Address Translation"
    """
    c.fault = FAULT.NONE
    e = env_of(c.env)[0]
    if e.efer & EFER.LMA == 0:
        la &= LOW_32
    elif not canonical(e, la):
        gp0(c)
        return ALL_ONES
    if e.cr[0] & CR0.PG == 0 and not ept.active(c):
        c.walk_rights = ACCESS_KINDS
        return ram.gated(memory.machine_of(c), la)
    t = tlb_at(c.tlb)[0]
    if t.asid == 0:
        tlb.select(c)
    at = tlb.find(t, la)
    if at != tlb.NONE:
        word = t.word[at + 1]
        if access & ACCESS_KINDS & ~rights(e, word, access) == 0:
            t.hits += 1
            return _finish(c, e, word, la, access)
        word = _renew(c, t, at, la, access)
    else:
        word = _miss(c, t, la, access)
    return ALL_ONES if word == ALL_ONES else _finish(c, e, word, la, access)


@kernel
def writable(c, la, access):
    """Return whether `la` can be written at the privilege of `access` with no walk: our TLB holds it so, or nothing translates."""
    e, t = env_of(c.env)[0], tlb_at(c.tlb)[0]
    if e.cr[0] & CR0.PG == 0 and not ept.active(c):
        return True
    if t.asid == 0:
        return False
    at = tlb.find(t, la)
    return at != tlb.NONE and rights(e, t.word[at + 1], access) & ACCESS.WRITE != 0


@kernel
def physical(c, gpa, access):
    """Return the physical address that guest-physical `gpa` maps to, for an access that has no linear address, or ALL_ONES."""
    c.fault = FAULT.NONE
    if not ept.active(c):
        c.walk_rights = ACCESS_KINDS
        return ram.gated(memory.machine_of(c), gpa)
    word = ept.translate(c, gpa, 0, access, 0)
    if word == ALL_ONES:
        return ALL_ONES
    c.walk_rights = ept.granted(word) if word & TLBE.ED else ept.granted(word) & ~ACCESS.WRITE
    return ram.gated(memory.machine_of(c), word & ADDRESS | gpa & OFFSET[0])


@kernel
def load_pdptes(c, cr3):
    """Load the PDPTE registers from the table at `cr3`, as MOV to CR does with PAE paging.

    Returns False with c.fault set when it does not. Nothing is loaded when a present entry has a reserved bit set
    (#GP(0)). Under EPT the reads are no accesses to paging structures: never treated as writes, no linear address.
    Source: SDM 3A, "PDPTE Registers"; SDM 3C, "Accessed and Dirty Flags for EPT"
    """
    m = memory.machine_of(c)
    pa = physical(c, cr3 & CR3_PDPT, ACCESS.READ)
    if c.fault != FAULT.NONE or memory.paging_in_device(c, pa):
        return False
    reserved = PDPTE_PAE_RESERVED | ADDRESS & ~m.address_mask
    for i in range(4):
        entry = memory.load(m, pa + U64(i) * 8, 8)
        if entry & PDPTE_PAE.P and entry & reserved:
            gp0(c)
            return False
    for i in range(4):
        c.pdpte[i] = memory.load(m, pa + U64(i) * 8, 8)
    c.walk_loads += 4
    c.cycles += 4 * COST.WALK_LOAD
    return True
