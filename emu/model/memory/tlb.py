"""Our architectural TLB: look-up, fill, and every operation that invalidates.

Translations belong to a space.  Linear and combined mappings: (VPID, EP4TA, PCID); their global ones: (VPID,
EP4TA); guest-physical mappings (paging off under EPT): (EP4TA).  Invalidating a space gives it a fresh asid.
The table is emptied when it is 75 % full: capacity is deterministic too.  `engine_flush` counts the times that
the execution engine must drop all it has cached of this TLB, `engine_switch` those when it may keep what is global;
`engine_page` names single pages.

Paging-structure caches are not modelled: a miss reads every entry.
"""
from emu.bits import ALL_ONES, GOLDEN, PAGE_SHIFT, U64, get
from emu.jit import kernel
from emu.model.memory import ept
from emu.spec.cpu import CR0, CR4, EFER
from emu.spec.outcome import MODE
from emu.spec.paging import CR3, OFFSET, TLBE
from emu.spec.vmx import EPTP, INVEPT_TYPE, INVVPID_TYPE, PROC2
from emu.state import SPACES, TLB_BITS, TLB_ENTRIES, env_of, tlb_at

NONE = ALL_ONES
# tag: page number (63:19), SIZE (18:17), asid (16:0)
VPN_SHIFT, TAG_SIZE_SHIFT, LAST_ASID = U64(19), U64(17), U64(0x1FFFE)
VPN = U64((1 << 45) - 1)
DEAD = ALL_ONES                                # tag of a removed entry
HASH_SHIFT = U64(64 - TLB_BITS)
SLOT_MASK, TLB_FULL = U64(TLB_ENTRIES - 1), U64(TLB_ENTRIES * 3 // 4)
SPACE_LIMIT, ENGINE_PAGES = U64(SPACES - 2), U64(64)
IN_PIECES = U64(3)                             # space_state with pieces of larger guest pages
GLOBAL_SIZES = U64(4)                          # bit SIZE of t.sizes, bit SIZE + 4 for global translations
LARGER = U64(0x77)                             # of t.sizes, after a shift by one: bits that are of the same kind as before
# space_key: EP4TA (51:12), PCID (11:0) and these
UNDER_EPT, GUEST_PHYSICAL, GLOBAL = U64(1 << 63), U64(1 << 62), U64(1 << 61)
NOBODY = ALL_ONES                              # space_vpid of guest-physical mappings: they belong to no VPID
GRANTS = TLBE.ER | TLBE.RW | TLBE.EW | TLBE.D | TLBE.EX | TLBE.ED
ALIKE = TLBE.PAGE | TLBE.SIZE | TLBE.US | TLBE.UNPAGED
CONTEXT_CR0 = CR0.PG | CR0.WP
CONTEXT_CR4 = CR4.PSE | CR4.PAE | CR4.PGE | CR4.LA57 | CR4.SMEP | CR4.SMAP
CONTEXT_EFER = EFER.LMA | EFER.NXE
EFER_AWAY = U64(32)                            # EFER bits of the context stand 32 bits up, away from CR4's


# ---- the table ------------------------------------------------------------------------------------------
@kernel
def _tag(la, size, asid):
    vpn = (la & ~OFFSET[size]) >> PAGE_SHIFT & VPN
    return vpn << VPN_SHIFT | size << TAG_SIZE_SHIFT | asid


@kernel
def _probe(t, tag):
    """Return the index of the pair with this tag, or NONE."""
    slot = tag * GOLDEN >> HASH_SHIFT
    while True:
        found = t.word[slot << 1]
        if found == tag:
            return slot << 1
        if found == 0:
            return NONE
        slot = slot + 1 & SLOT_MASK


@kernel
def find(t, la):
    """Return the index (of the tag; the TLBE follows) of the translation of `la` in the spaces in use, or NONE.

    Of several the smallest: a larger one that another page brings in later changes nothing, so that the engine need not know.
    """
    sizes, size = t.sizes, U64(0)
    while sizes != 0:
        if sizes & 1:
            at = _probe(t, _tag(la, size, t.asid))
            if at != NONE:
                return at
        if sizes >> GLOBAL_SIZES & 1:
            at = _probe(t, _tag(la, size, t.global_asid))
            if at != NONE:
                return at
        sizes = sizes >> 1 & LARGER
        size += 1
    return NONE


@kernel
def is_global(t, la):
    """Return whether the translation of `la` in the spaces in use is a global one."""
    at = find(t, la)
    return at != NONE and t.word[at + 1] & TLBE.G != 0


@kernel
def _remove(t, la, asid):
    """Remove every translation of `la` under `asid`; return whether there was one larger than 4 KiB."""
    large = False
    for k in range(4):
        size = U64(k)
        at = _probe(t, _tag(la, size, asid))
        if at != NONE:
            t.word[at] = DEAD
            large = large or size != 0
    return large


@kernel
def drop_engine_page(t, la):
    """Have the engine drop the page of `la`."""
    if t.engine_pages < ENGINE_PAGES:
        t.engine_page[t.engine_pages] = la & ~OFFSET[0]
        t.engine_pages += 1
    else:
        t.engine_flush += 1


@kernel
def remove(t, la):
    """Remove the translations of `la` in the spaces in use; return whether there was one larger than 4 KiB."""
    large = _remove(t, la, t.asid)
    return _remove(t, la, t.global_asid) or large


@kernel
def replaced(t, la, old, new, large):
    """Have the engine drop what it has of `la`, unless `new` (ALL_ONES: nothing) allows all that `old` allowed."""
    if (old ^ new) & ALIKE or old & GRANTS & ~new or new & ~old & TLBE.XD:
        if large:
            t.engine_flush += 1
        else:
            drop_engine_page(t, la)


@kernel
def clear(t):
    """Empty the table; spaces stay known and are numbered afresh."""
    t.word[:] = 0
    for i in range(SPACES):
        t.space_asid[i] = U64(i) + 1
        t.space_state[i] = 0
    t.next_asid = U64(SPACES) + 1
    t.used = 0
    t.sizes = 0
    if t.asid != 0:
        t.asid = t.space_asid[t.space]
        t.global_asid = t.space_asid[t.global_space]
    t.flushes += 1
    t.engine_flush += 1


@kernel
def fill(t, la, word):
    """Enter a translation that a walk of the spaces in use found."""
    if t.used >= TLB_FULL:
        clear(t)
    size = get(word, TLBE.SIZE)
    shared = word & TLBE.G != 0
    space = t.global_space if shared else t.space
    t.space_state[space] |= IN_PIECES if word & TLBE.FRACTURED else 1
    t.sizes |= 1 << (size + GLOBAL_SIZES if shared else size)
    tag = _tag(la, size, t.global_asid if shared else t.asid)
    slot = tag * GOLDEN >> HASH_SHIFT
    while t.word[slot << 1] != 0 and t.word[slot << 1] != DEAD:
        slot = slot + 1 & SLOT_MASK
    if t.word[slot << 1] == 0:
        t.used += 1
    t.word[slot << 1] = tag
    t.word[(slot << 1) + 1] = word


# ---- spaces ---------------------------------------------------------------------------------------------
@kernel
def _kill(t, i):
    """Invalidate all translations of space `i`."""
    if t.space_state[i] == 0:
        return
    if t.next_asid > LAST_ASID:
        clear(t)
        return
    t.space_asid[i] = t.next_asid
    t.space_state[i] = 0
    t.next_asid += 1
    if i == t.space or i == t.global_space:
        t.asid = t.space_asid[t.space]
        t.global_asid = t.space_asid[t.global_space]
        if i == t.global_space:
            t.engine_flush += 1
        else:
            t.engine_switch += 1


@kernel
def _space(t, key, vpid):
    """Return the index of a space, made if it is new; the caller has left room."""
    for i in range(t.space_count):
        if t.space_key[i] == key and t.space_vpid[i] == vpid:
            return U64(i)
    i = t.space_count
    t.space_count += 1
    t.space_key[i] = key
    t.space_vpid[i] = vpid
    t.space_asid[i] = t.next_asid
    t.space_state[i] = 0
    t.next_asid += 1
    return i


@kernel
def _choose(t, key, vpid):
    if t.space_count > SPACE_LIMIT or t.next_asid == 0 or t.next_asid + 1 > LAST_ASID:
        t.space_count = 0
        t.asid = 0
        clear(t)
    t.space = _space(t, key, vpid)
    t.global_space = t.space if key & GUEST_PHYSICAL else _space(t, key & ~CR3.PCID | GLOBAL, vpid)
    t.asid = t.space_asid[t.space]
    t.global_asid = t.space_asid[t.global_space]
    t.key = key
    t.vpid = vpid


@kernel
def current_vpid(c):
    """Return the VPID that tags translations now: 0 outside non-root operation or without VPIDs."""
    if c.vmx_mode == MODE.NONROOT and c.proc2 & PROC2.VPID:
        return c.vpid
    return 0


@kernel
def current_pcid(c):
    """Return the PCID that tags translations now: 0 when CR4.PCIDE = 0."""
    e = env_of(c.env)[0]
    return e.cr[3] & CR3.PCID if e.cr[4] & CR4.PCIDE else 0


@kernel
def select(c):
    """Choose the spaces in use after CR3, control registers, VPID, EPTP or the world changed.

    When they change, or with them what the same translations allow (WP, SMEP, SMAP, ...), the engine learns of it.
    """
    t = tlb_at(c.tlb)[0]
    e = env_of(c.env)[0]
    key = current_pcid(c)
    vpid = current_vpid(c)
    if ept.active(c):
        key |= c.eptp & EPTP.ROOT | UNDER_EPT
        if e.cr[0] & CR0.PG == 0:
            key = key & ~CR3.PCID | GUEST_PHYSICAL
            vpid = NOBODY
    context = e.cr[0] & CONTEXT_CR0 | e.cr[4] & CONTEXT_CR4 | (e.efer & CONTEXT_EFER) << EFER_AWAY
    if t.asid == 0 or t.key != key or t.vpid != vpid:
        shared = t.global_asid if t.asid else 0
        _choose(t, key, vpid)
        if t.context == context and t.global_asid == shared:
            t.engine_switch += 1
        else:
            t.engine_flush += 1
    elif t.context != context:
        t.engine_flush += 1
    t.context = context


# ---- invalidation by linear address and space -----------------------------------------------------------
@kernel
def _invalidate_page(t, i, la):
    """Invalidate the translations of `la` in space `i`: all of the space when large guest pages lie there in pieces."""
    if t.space_state[i] == 0:
        return
    if t.space_state[i] == IN_PIECES:
        _kill(t, i)
        return
    large = _remove(t, la, t.space_asid[i])
    if i == t.space or i == t.global_space:
        if large:
            t.engine_flush += 1
        else:
            drop_engine_page(t, la)


@kernel
def _invalidate(t, vpid, pcid, shared):
    """Invalidate spaces of a VPID for every EP4TA.

    pcid: the one PCID concerned, ALL_ONES for all; shared: whether global translations go too
    """
    for n in range(t.space_count):
        i = U64(n)
        if t.space_vpid[i] == vpid:
            if t.space_key[i] & GLOBAL:
                if shared:
                    _kill(t, i)
            elif pcid == ALL_ONES or t.space_key[i] & CR3.PCID == pcid:
                _kill(t, i)


@kernel
def _invalidate_address(t, vpid, pcid, shared, la):
    """Invalidate the translations of `la`; arguments as for _invalidate."""
    for n in range(t.space_count):
        i = U64(n)
        if t.space_vpid[i] == vpid:
            if t.space_key[i] & GLOBAL:
                if shared:
                    _invalidate_page(t, i, la)
            elif pcid == ALL_ONES or t.space_key[i] & CR3.PCID == pcid:
                _invalidate_page(t, i, la)


@kernel
def flush_all(c):
    """Invalidate every translation of the current VPID, global ones and all PCIDs included."""
    _invalidate(tlb_at(c.tlb)[0], current_vpid(c), ALL_ONES, True)


@kernel
def flush_nonglobal(c):
    """Invalidate the translations of the current VPID and PCID, except global ones."""
    _invalidate(tlb_at(c.tlb)[0], current_vpid(c), current_pcid(c), False)


@kernel
def invlpg(c, la):
    """Invalidate the translations of `la` for the current PCID, and global ones.

    Source: SDM 3A, "Operations that Invalidate TLBs and Paging-Structure Caches"
    """
    _invalidate_address(tlb_at(c.tlb)[0], current_vpid(c), current_pcid(c), True, la)


@kernel
def invpcid(c, kind, pcid, la):
    """Do INVPCID of type 0 (address), 1 (single context), 2 (all, global too), 3 (all but global); the caller checked.

    Source: SDM 2A, "INVPCID"
    """
    t = tlb_at(c.tlb)[0]
    vpid = current_vpid(c)
    if kind == 0:
        _invalidate_address(t, vpid, pcid, False, la)
    elif kind == 1:
        _invalidate(t, vpid, pcid, False)
    else:
        _invalidate(t, vpid, ALL_ONES, kind == 2)


@kernel
def mov_cr3(c, keep):
    """Account for MOV to CR3, after cr[3] is written; `keep`: bit 63 of the operand with CR4.PCIDE = 1.

    Source: SDM 3A, "Operations that Invalidate TLBs and Paging-Structure Caches"
    """
    if keep == 0:
        flush_nonglobal(c)
    select(c)


@kernel
def control_change(c, which, old, new):
    """Account for a change of CR0 (which = 0) or CR4 (which = 4), after the register is written.

    Changing CR4.PSE invalidates as changing CR4.PAE does, which the manual permits and older editions ask for.
    Source: SDM 3A, "Operations that Invalidate TLBs and Paging-Structure Caches"
    """
    changed = old ^ new
    if which == 0:
        if changed & old & CR0.PG:
            flush_all(c)
    elif changed & CR4.PGE or changed & old & CR4.PCIDE:
        flush_all(c)
    elif changed & (CR4.PAE | CR4.PSE) or changed & new & CR4.SMEP:
        _invalidate(tlb_at(c.tlb)[0], current_vpid(c), current_pcid(c), True)
    select(c)


# ---- VMX ------------------------------------------------------------------------------------------------
@kernel
def vm_transition(c):
    """Account for a VM entry or VM exit: without VPIDs the mappings of VPID 0 go, in both worlds.

    Called while c.proc2 holds the controls of the VMCS concerned; `select` follows when the world is loaded.
    Source: SDM 3C, "VMX Transitions and Cached Information"
    """
    if c.proc2 & PROC2.VPID == 0:
        _invalidate(tlb_at(c.root_tlb)[0], 0, ALL_ONES, True)
        _invalidate(tlb_at(c.guest_tlb)[0], 0, ALL_ONES, True)


@kernel
def invept(c, kind, eptp):
    """Do INVEPT of type 1 (single context) or 2 (all): guest-physical and combined mappings of every VPID and PCID.

    Source: SDM 3C, "INVEPT"
    """
    t = tlb_at(c.guest_tlb)[0]
    for n in range(t.space_count):
        i = U64(n)
        if t.space_key[i] & UNDER_EPT and (kind == INVEPT_TYPE.ALL or (t.space_key[i] ^ eptp) & EPTP.ROOT == 0):
            _kill(t, i)


@kernel
def invvpid(c, kind, vpid, la):
    """Do INVVPID of type 0 (address), 1 (single context), 2 (all but VPID 0), 3 (single context, retaining globals).

    Source: SDM 3C, "INVVPID"
    """
    t = tlb_at(c.guest_tlb)[0]
    if kind == INVVPID_TYPE.ADDRESS:
        _invalidate_address(t, vpid, ALL_ONES, True, la)
    elif kind == INVVPID_TYPE.ALL:
        for n in range(t.space_count):
            i = U64(n)
            if t.space_vpid[i] != 0 and t.space_vpid[i] != NOBODY:
                _kill(t, i)
    else:
        _invalidate(t, vpid, ALL_ONES, kind == INVVPID_TYPE.SINGLE)
