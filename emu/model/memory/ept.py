"""Extended page tables: a guest-physical address to a host-physical one.

Not modelled: 5-level EPT, mode-based execute control, sub-page permissions, page-modification logging, #VE;
the processor's capability MSRs do not offer them.  Guest-physical mappings are not cached apart from the
translations that use them, so each nested access reads all its EPT entries.
"""
from emu.bits import ALL_ONES, PAGE_SHIFT, U64, get, put, shift_of
from emu.jit import kernel
from emu.model.memory import memory
from emu.spec.cost import COST
from emu.spec.outcome import FAULT, MODE
from emu.spec.paging import ADDRESS, BAD_TYPES, EPT_RESERVED, EPTE, SIZE, TLBE, WALKSTEP
from emu.spec.vmx import EPTP, PROC2, QUAL_EPT

TABLE_INDEX = U64(0x1FF)
EPT_RIGHTS = EPTE.R | EPTE.W | EPTE.X                   # ACCESS.READ, WRITE, FETCH stand at the same bits
GRANTED_SHIFT = U64(shift_of(QUAL_EPT.READABLE))
EPT_LEVELS = U64(4)
LINEAR_FINAL = QUAL_EPT.LINEAR | QUAL_EPT.FINAL    # how an access came to use EPT: qualification bits 8:7
LINEAR_TABLE = QUAL_EPT.LINEAR
IDENTITY_ENTRY = TLBE.ER | TLBE.EW | TLBE.EX | TLBE.ED | SIZE.G1 << U64(shift_of(TLBE.SIZE))


@kernel
def active(c):
    """Return whether guest-physical addresses of this processor are translated by EPT now."""
    return c.vmx_mode == MODE.NONROOT and c.proc2 & PROC2.EPT != 0


@kernel
def verdict(m, level, entry):
    """Return the STEP that EPT entry `entry` at `level` (4..1) means.

    Source: SDM 3C, "EPT Misconfigurations" and "EPT Violations"
    """
    if entry & EPT_RIGHTS == 0:
        return WALKSTEP.NOT_PRESENT
    if entry & (EPTE.R | EPTE.W) == EPTE.W:
        return WALKSTEP.MISCONFIGURED
    large = 1 if entry & EPTE.PS and (level == 2 or level == 3) else 0
    reserved = EPT_RESERVED[level << 1 | large] | ADDRESS & ~m.address_mask
    if entry & reserved:
        return WALKSTEP.MISCONFIGURED
    if level != 1 and large == 0:
        return WALKSTEP.TABLE
    if BAD_TYPES >> get(entry, EPTE.TYPE) & 1:
        return WALKSTEP.MISCONFIGURED
    return WALKSTEP.PAGE


@kernel
def violation(c, gpa, la, access, how, granted):
    """Note an EPT violation; `granted` is the AND of bits 2:0 over the entries used. Returns ALL_ONES.

    Source: SDM 3C, "Exit Qualification for EPT Violations"
    """
    c.fault = FAULT.EPT_VIOLATION
    c.fault_gpa = gpa
    c.fault_address = la
    c.fault_qualification = access & EPT_RIGHTS | granted << GRANTED_SHIFT | how
    return ALL_ONES


@kernel
def misconfiguration(c, gpa, la):
    """Note an EPT misconfiguration. Returns ALL_ONES."""
    c.fault = FAULT.EPT_MISCONFIG
    c.fault_gpa = gpa
    c.fault_address = la
    c.fault_qualification = 0
    return ALL_ONES


@kernel
def granted(word):
    """Return R, W, X (bits 2:0) of a translation word."""
    result = 0
    if word & TLBE.ER:
        result |= EPTE.R
    if word & TLBE.EW:
        result |= EPTE.W
    if word & TLBE.EX:
        result |= EPTE.X
    return result


@kernel
def root(c):
    """Return the physical address of the first table."""
    return c.eptp & EPTP.ROOT & memory.machine_of(c).address_mask


@kernel
def entry_address(level, table, gpa):
    """Return the physical address of the entry of `gpa` in a table at `level`."""
    return table | (gpa >> (PAGE_SHIFT + 9 * (level - 1)) & TABLE_INDEX) * 8


@kernel
def page_of(level, entry, gpa):
    """Return the 4 KiB frame of `gpa` in the page that a leaf maps."""
    below = (1 << (PAGE_SHIFT + 9 * (level - 1))) - 1
    return entry & ADDRESS & ~below | gpa & below & ADDRESS


@kernel
def _word(level, entry, gpa, rights, dirty):
    """Return the translation word of a leaf; PAGE is the 4 KiB frame of `gpa`."""
    word = put(page_of(level, entry, gpa), TLBE.TYPE, get(entry, EPTE.TYPE))
    if entry & EPTE.IPAT:
        word |= TLBE.IPAT
    if rights & EPTE.R:
        word |= TLBE.ER
    if rights & EPTE.W:
        word |= TLBE.EW
    if rights & EPTE.X:
        word |= TLBE.EX
    if dirty:
        word |= TLBE.ED
    if level == 2:
        word = put(word, TLBE.SIZE, SIZE.M2)
    elif level == 3:
        word = put(word, TLBE.SIZE, SIZE.G1)
    return word


@kernel
def translate(c, gpa, la, access, how):
    """Walk the EPT at c.eptp for `gpa`; sets accessed and dirty flags when EPTP bit 6 is 1.

    access: ACCESS READ, WRITE, FETCH bits; how: qualification bits 8:7; la: the linear address that led to it

    Returns the translation word (guest bits 0), or ALL_ONES with c.fault set.
    Source: SDM 3C, "EPT Translation Mechanism" and "Accessed and Dirty Flags for EPT"
    """
    m = memory.machine_of(c)
    ad = c.eptp & EPTP.AD != 0
    table = root(c)
    rights = EPT_RIGHTS
    level = EPT_LEVELS
    while True:
        address = entry_address(level, table, gpa)
        if memory.paging_in_device(c, address):
            return ALL_ONES
        entry = memory.load(m, address, 8)
        c.walk_loads += 1
        c.cycles += COST.WALK_LOAD
        step = verdict(m, level, entry)
        if step == WALKSTEP.NOT_PRESENT:
            return violation(c, gpa, la, access, how, 0)
        if step == WALKSTEP.MISCONFIGURED:
            return misconfiguration(c, gpa, la)
        rights &= entry
        if step == WALKSTEP.PAGE:
            break
        if ad and entry & EPTE.A == 0:
            memory.store(m, address, 8, entry | EPTE.A)
        table = entry & ADDRESS
        level -= 1
    if access & EPT_RIGHTS & ~rights:
        return violation(c, gpa, la, access, how, rights)
    if ad:
        marked = entry | EPTE.A
        if access & EPTE.W:
            marked |= EPTE.D
        if marked != entry:
            memory.store(m, address, 8, marked)
        return _word(level, entry, gpa, rights, marked & EPTE.D != 0)
    return _word(level, entry, gpa, rights, True)
