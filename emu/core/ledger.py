"""The page ledger: which engine holds translated code of a page of RAM and which may write to it, and what follows for their TLBs.

The rule: while any engine holds code of a page, no engine writes to it unnoticed.  Either no engine has the page writable, or
the page is MIXED and the one that has it writable is the one that holds the code: it then compares each store with its
translations, at about 40 ns a store.  A page is a physical one: it does not matter through which linear addresses, EPTs or
processors it is written and executed.

The engine compares stores to a TLB entry that it marks for that.  It would take the mark off at the first store to an entry that
is not executable, though other entries, of other linear addresses or of another privilege, let the same page be executed.
`written` decides that in its place: the mark goes only while the engine holds no code of the page, and the first fetch after that
takes every entry of the page away again.
Source: Unicorn 2.1.4 `notdirty_write`, `tlb_set_dirty`, `tb_invalidate_phys_page_fast`
"""
from emu.bits import ALL_ONES, PAGE_SHIFT, PAGE_SIZE, U64
from emu.core import context as at
from emu.core.native import call, peek64, poke64
from emu.core.state import ENGINES, NOTED, core_at
from emu.jit import kernel, words
from emu.model import ram
from emu.model.memory import tlb
from emu.model.memory.memory import PAGE, STALE_PAGES
from emu.spec.outcome import ACCESS
from emu.state import ENV, cpu_at, env_of

READ, WRITE, EXECUTE = U64(1), U64(2), U64(4)                  # the engine's page protection
FLIP_SHIFT, FLIP_MAX = U64(40), U64(6)
FLIPS = U64(0xFF << 40)
FEW, SOME, NOTED, NOTED_GLOBAL = U64(8), U64(64), U64(NOTED), U64(1)        # of CORE.filled
WRAP = U64(1 << 32)
WRITABLE_SHIFT = U64(16)
ENGINE_TLB, DESCRIPTORS, DESCRIPTOR_SIZE = U64(at.ENGINE_TLB), U64(at.TLB_DESCRIPTORS), U64(at.TLB_DESCRIPTOR_BYTES)
USED, FAST_TABLES, TABLE_SIZE, ENTRY_TABLE = U64(at.TLB_USED), U64(at.TLB_TABLES), U64(at.TLB_TABLE_BYTES), U64(at.TLB_TABLE_ENTRIES)
ENGINE_MODES, ENTRY_SHIFT, NOT_DIRTY = U64(at.TLB_MODES), U64(at.TLB_ENTRY_SHIFT), U64(1 << 10)
ENTRY_WRITE, ENTRY_CODE, ENTRY_FRAME = U64(at.ENTRY_WRITE), U64(at.ENTRY_CODE), U64(at.ENTRY_FRAME)
CS_ENV, CS_OWNER, MOST_USED = U64(at.CS_ENV), U64(at.CS_ENV + at.offset(ENV, "owner")), U64(at.TLB_MOST_USED)
CS_JUMPS, JUMPS, JUMPS_OF_PAGE, JUMP_SHIFT = U64(at.CS_JUMPS), U64(at.JUMPS), U64(64), U64(6)
VICTIMS, VICTIM_COUNT = U64(at.TLB_VICTIMS), U64(at.TLB_VICTIM_COUNT)
VALID_PAGE = ~U64(0x7FF)                                       # an entry with bit 11 set is not valid


# ---- the engine's TLB ---------------------------------------------------------------------------------------
@kernel
def _descriptor(cs, mode):
    """Return the host address of the descriptor of one MMU mode's TLB."""
    return cs + CS_ENV - ENGINE_TLB + DESCRIPTORS + mode * DESCRIPTOR_SIZE


@kernel
def _drop_entry(fast, descriptor, page):
    """Drop the entry of linear `page` from the TLB of one MMU mode: its table's record and its descriptor, at host addresses."""
    entry = peek64(fast + ENTRY_TABLE) + (page >> PAGE_SHIFT << ENTRY_SHIFT & peek64(fast))
    if peek64(entry) & VALID_PAGE == page or peek64(entry + ENTRY_WRITE) & VALID_PAGE == page or \
            peek64(entry + ENTRY_CODE) & VALID_PAGE == page:
        poke64(entry, ALL_ONES)
        poke64(entry + ENTRY_WRITE, ALL_ONES)
        poke64(entry + ENTRY_CODE, ALL_ONES)
        poke64(descriptor + USED, peek64(descriptor + USED) - 1)


@kernel
def _drop_page(cs, page):
    """Drop linear `page` from the TLBs of all MMU modes."""
    for mode in range(ENGINE_MODES):
        _drop_entry(cs + CS_ENV - ENGINE_TLB + FAST_TABLES + U64(mode) * TABLE_SIZE, _descriptor(cs, U64(mode)), page)


@kernel
def _drop_victims(descriptor):
    """Drop the entries that were thrown out of the TLB of an MMU mode, and not yet forgotten."""
    for i in range(VICTIM_COUNT):
        entry = descriptor + VICTIMS + (U64(i) << ENTRY_SHIFT)
        poke64(entry, ALL_ONES)
        poke64(entry + ENTRY_WRITE, ALL_ONES)
        poke64(entry + ENTRY_CODE, ALL_ONES)


@kernel
def _drop_jumps(cs, page):
    """Drop what the engine keeps of blocks by address (tb_jmp_cache) for linear `page`: 64 places that its address chooses."""
    first = (page ^ page >> JUMP_SHIFT) >> JUMP_SHIFT & JUMPS - JUMPS_OF_PAGE
    jumps = words(cs + CS_JUMPS + (first << 3), JUMPS_OF_PAGE)
    for i in range(JUMPS_OF_PAGE):
        jumps[U64(i)] = 0


@kernel
def empty(k, cs, bigger):
    """Make the engine drop its TLB whole; bigger: it doubles the tables while at that.

    It doubles them when they have been more than 70 % full, and halves them when less than 30 % for some of the host's time.
    """
    for mode in range(ENGINE_MODES):
        entries = (peek64(cs + CS_ENV - ENGINE_TLB + FAST_TABLES + U64(mode) * TABLE_SIZE) >> ENTRY_SHIFT) + 1
        poke64(_descriptor(cs, U64(mode)) + MOST_USED, entries if bigger else entries >> 1)
    call(k.f_flush, cs, 0, 0, 0, 0, 0)


@kernel
def _drop_noted(t, k, world, keep):
    """Make an engine forget the pages that it has got since it forgot all; keep: but for those that are global in ours."""
    cs, count, kept = k.cs[world], k.filled_count[world], 0
    for i in range(count):
        noted = k.filled[world * NOTED + U64(i)]
        page = noted & ~NOTED_GLOBAL
        if keep and noted & NOTED_GLOBAL and tlb.is_global(t, page):
            k.filled[world * NOTED + kept] = noted
            kept += 1
            continue
        _drop_page(cs, page)
        if count <= FEW:
            _drop_jumps(cs, page)
            _drop_jumps(cs, page - PAGE_SIZE)              # a block that begins there may end on this one
    for mode in range(ENGINE_MODES):
        _drop_victims(_descriptor(cs, U64(mode)))
    if count > FEW:
        jumps = words(cs + CS_JUMPS, JUMPS)
        for i in range(JUMPS):
            jumps[U64(i)] = 0
    k.filled_count[world] = kept


@kernel
def flush(t, k, world, keep):
    """Make an engine forget its TLB, page by page when it has got few since: its tables need not be cleared then.

    keep: what is global in ours, `t`, stays: the engine goes on to another address space.  A page whose translation was global when the
    engine got it, and is global in the new space, has the same one: what ours loses otherwise the engine learns of.  The new space may
    have one of its own beside it, which comes first.
    """
    e = env_of(k.env[world])[0]
    if k.filled_count[world] > (NOTED if keep else SOME) or k.wrapped[world]:
        empty(k, k.cs[world], False)
        k.filled_count[world] = k.wrapped[world] = 0
        return
    _drop_noted(t, k, world, keep)
    e.epoch += 1


@kernel
def forget_dropped(t, k, world):
    """Make an engine forget what our TLB `t` has dropped; returns whether there was something.

    Code past 4 GiB is known to the engine under the address that was not wrapped.
    """
    if t.engine_flush != k.flush_seen[world]:
        k.flush_seen[world] = t.engine_flush
        k.switch_seen[world] = t.engine_switch
        t.engine_pages = 0
        flush(t, k, world, False)
        return True
    switches = t.engine_switch != k.switch_seen[world]
    if switches:
        k.switch_seen[world] = t.engine_switch
        flush(t, k, world, True)
    if t.engine_pages == 0:
        return switches
    for i in range(t.engine_pages):
        page = t.engine_page[U64(i)]
        call(k.f_flush_page, k.cs[world], page, 0, 0, 0, 0)
        if k.wrapped[world]:
            call(k.f_flush_page, k.cs[world], page + WRAP, 0, 0, 0, 0)
    t.engine_pages = 0
    return True


@kernel
def note_filled(t, k, world, page):
    """Remember a page that the engine's TLB holds from now on."""
    count = k.filled_count[world]
    if count < NOTED:
        k.filled[world * NOTED + count] = page | (NOTED_GLOBAL if tlb.is_global(t, page) else 0)
    if count <= NOTED:
        k.filled_count[world] = count + 1


# ---- code and writers ---------------------------------------------------------------------------------------
@kernel
def _drop_frame(cs, page):
    """Drop the engine's entries for the RAM page of this number, under whatever linear address: those that it has got are noted."""
    k = core_at(cpu_at(peek64(cs + CS_OWNER))[0].core)[0]
    world = 1 if cs == k.cs[1] else 0
    count = k.filled_count[world]
    if count > NOTED:
        empty(k, cs, False)
        return
    for mode in range(ENGINE_MODES):
        fast, descriptor = cs + CS_ENV - ENGINE_TLB + FAST_TABLES + U64(mode) * TABLE_SIZE, _descriptor(cs, U64(mode))
        table, mask = peek64(fast + ENTRY_TABLE), peek64(fast)
        for i in range(count):
            linear = k.filled[world * NOTED + U64(i)] & ~NOTED_GLOBAL
            if peek64(table + (linear >> PAGE_SHIFT << ENTRY_SHIFT & mask) + ENTRY_FRAME) >> PAGE_SHIFT == page:
                _drop_entry(fast, descriptor, linear)
        _drop_victims(descriptor)


@kernel
def drop_everywhere(k, page, engines, code):
    """Make each engine of the set `engines` forget its TLB entries of the RAM page, and with `code` its translations of it."""
    every_cs, every_uc = words(k.every_cs, ENGINES), words(k.every_uc, ENGINES)
    start = page << PAGE_SHIFT
    for i in range(ENGINES):
        if engines >> U64(i) & 1:
            if code:
                call(k.f_invalidate, every_uc[i], start, start + PAGE_SIZE, 0, 0, 0)
            _drop_frame(every_cs[i], page)
            k.invalidations += 1


@kernel
def drop_stale(m, k):
    """Drop translations of pages that the model wrote."""
    ledger = words(m.ledger, ram.top(m) >> PAGE_SHIFT)
    if m.stale_count > STALE_PAGES:
        for i in range(ram.top(m) >> PAGE_SHIFT):
            page = U64(i)
            if ledger[page] & PAGE.CODE:
                drop_everywhere(k, page, ledger[page] & PAGE.CODE, True)
                ledger[page] &= ~PAGE.CODE
    else:
        for i in range(m.stale_count):
            page = m.stale[U64(i)]
            drop_everywhere(k, page, ledger[page] & PAGE.CODE, True)
            ledger[page] &= ~PAGE.CODE
    m.stale_count = 0


@kernel
def _vmcs_page(c):
    """Return the number of the page of the current VMCS, all ones without one."""
    return ALL_ONES if c.vmcs == c.spare_vmcs else c.vmcs_pointer >> PAGE_SHIFT


@kernel
def vmcs_has_code(c, m):
    """Return whether an engine holds code of the page of the current VMCS."""
    page = U64(_vmcs_page(c))
    return page != ALL_ONES and words(m.ledger, ram.top(m) >> PAGE_SHIFT)[page] & PAGE.CODE != 0


@kernel
def drop_vmcs(c, m, k):
    """Drop translations of the page of the current VMCS: its fields are written without a mark."""
    if vmcs_has_code(c, m):
        page, ledger = U64(_vmcs_page(c)), words(m.ledger, ram.top(m) >> PAGE_SHIFT)
        drop_everywhere(k, page, ledger[page] & PAGE.CODE, True)
        ledger[page] &= ~PAGE.CODE


@kernel
def drop_code(m, k):
    """Drop every translation of RAM in every engine; for tests."""
    ledger = words(m.ledger, ram.top(m) >> PAGE_SHIFT)
    for i in range(ram.top(m) >> PAGE_SHIFT):
        if ledger[U64(i)] & PAGE.CODE:
            drop_everywhere(k, U64(i), ledger[U64(i)] & PAGE.CODE, True)
            ledger[U64(i)] &= ~PAGE.CODE


@kernel
def protection(m, k, bit, page, rw, rights, here):
    """Decide the engine's rights to a RAM page, updating the ledger.

    bit: this engine's bit; rw: 0 load, 1 store, 2 fetch; rights: ACCESS kinds the translation allows; here: the page is
    the one that the running instruction is on.  Returns protection bits for the engine.
    """
    ledger = words(m.ledger, ram.top(m) >> PAGE_SHIFT)
    state = ledger[page]
    code, writers = state & PAGE.CODE, (state & PAGE.WRITABLE) >> WRITABLE_SHIFT
    mixed = state & PAGE.MIXED != 0
    read, execute = READ if rights & ACCESS.READ else 0, EXECUTE if rights & ACCESS.FETCH else 0
    if rw == 2:
        others = writers & ~bit if mixed and code & bit else writers
        if others:
            drop_everywhere(k, page, others, False)
            state &= ~(others << WRITABLE_SHIFT)
        ledger[page] = state | bit
        if mixed and rights & ACCESS.WRITE and not code & ~bit:
            ledger[page] = state | bit | bit << WRITABLE_SHIFT | PAGE.DIRTY
            return READ | WRITE | EXECUTE
        return read | EXECUTE
    if rw == 0 and (code or not rights & ACCESS.WRITE):
        return READ | execute if code & bit else READ
    if not rights & ACCESS.WRITE:
        return READ
    if code:
        flips = ((state & FLIPS) >> FLIP_SHIFT) + 1
        state = state & ~FLIPS | (flips if flips < FLIP_MAX else FLIP_MAX) << FLIP_SHIFT
        if here or flips >= FLIP_MAX:
            state |= PAGE.MIXED
            mixed = True
        others = code & ~bit if mixed else code
        if others:
            drop_everywhere(k, page, others, True)
            state &= ~others
    state |= bit << WRITABLE_SHIFT | PAGE.DIRTY
    ledger[page] = state
    return READ | WRITE | execute if state & PAGE.CODE & bit else READ | WRITE


@kernel
def written(m, cs, bit, page):
    """Let the engine's entries for the linear page be written without a comparison, those of RAM that it holds no code of.

    What the engine does at a first store (`tlb_set_dirty`) for entries that are not executable themselves.
    """
    ledger = words(m.ledger, ram.top(m) >> PAGE_SHIFT)
    for i in range(ENGINE_MODES):
        fast = cs + CS_ENV - ENGINE_TLB + FAST_TABLES + U64(i) * TABLE_SIZE
        entry = peek64(fast + ENTRY_TABLE) + (page >> PAGE_SHIFT << ENTRY_SHIFT & peek64(fast))
        if peek64(entry + ENTRY_WRITE) == page | NOT_DIRTY and peek64(entry + ENTRY_CODE) == ALL_ONES:
            frame = peek64(entry + ENTRY_FRAME)
            if frame < ram.top(m) and not ledger[frame >> PAGE_SHIFT] & PAGE.CODE & bit:
                poke64(entry + ENTRY_WRITE, page)
