"""What the engine asks for: address translation, the size of a block, the cost of a block.

`fill` answers the engine's TLB misses from our architectural TLB and the page ledger.  The ledger's rule: while
any engine holds translated code of a page, no engine may write to it unnoticed, unless the page is MIXED and the
writer is that engine (the engine then checks each store itself, at about 40 ns a store).
Not modelled: outside 64-bit mode the engine checks neither limit nor type of the segment of a data access in translated code
(instruction fetches, far transfers and event delivery are checked), and #AC is never raised (CR0.AM has no effect).
Source: Unicorn 2.1.4 `CPUClass.tlb_fill`, `translator_loop`, `check_exit_request`.
"""
from numba import types

from emu.bits import U64
from emu.core import context as at
from emu.core import native
from emu.core.native import call, peek8, peek32, peek64, poke32, poke64
from emu.core.state import core_at
from emu.jit import entry, kernel, octets, words
from emu.model import breakpoint, decode, memory, walk
from emu.model.cpu import HF_CS32, HF_CS64
from emu.model.fault import unmodelled
from emu.model.memory import PAGE
from emu.spec.cpu import RFLAGS, VECTOR
from emu.spec.debug import ARMED
from emu.spec.insn import INSN
from emu.spec.outcome import ACCESS, FAULT, UNMODELLED
from emu.state import ALL_ONES, cpu_at, env_of, insn_at, machine_at, tlb_at

ZERO, ONE, TWO, THREE, FOUR, EIGHT = U64(0), U64(1), U64(2), U64(3), U64(4), U64(8)
PAGE_SIZE, PAGE_MASK, OFFSET, SHIFT = U64(4096), U64(0xFFFF_FFFF_FFFF_F000), U64(0xFFF), U64(12)
READ, WRITE, EXECUTE = U64(1), U64(2), U64(4)                  # the engine's page protection
LOW_32, BYTE = U64(0xFFFF_FFFF), U64(0xFF)
USER_INDEX = U64(1)
CPL = U64(3)
FLIP_SHIFT, FLIP_MAX = U64(40), U64(6)
FLIPS = U64(0xFF << 40)
BLOCK_LIMIT, FILLED, KIND = U64(40), U64(16), U64(0xFFFF)
SIXTEEN, SIXTY_FOUR, THIRTY_TWO = U64(16), U64(64), U64(32)
WRITABLE_SHIFT = U64(16)
CS_OWNER = U64(at.CS_ENV + 4832)
CS_EXCEPTION, CS_ENV, UC_TCG = U64(at.CS_EXCEPTION), U64(at.CS_ENV), U64(at.UC_TCG_CTX)
TB_PC, TB_FLAGS, TB_SIZE, TB_ICOUNT = U64(at.TB_PC), U64(at.TB_FLAGS), U64(at.TB_SIZE), U64(at.TB_ICOUNT)
CS_CFLAGS, UC_EXITS = U64(at.CS_CFLAGS_NEXT), U64(at.UC_EXITS)
E_DEADLINE, E_DEVICE, E_FAULTED, E_SPLIT = U64(native.DEADLINE), U64(native.DEVICE), U64(native.FAULTED), U64(native.SPLIT)
E_STEPPED, E_WATCH, E_BREAK = U64(native.STEPPED), U64(native.WATCH), U64(native.BREAK)
E_GP = U64(native.PROTECTION)
E_COUNT, E_PC, E_ROWS, E_HOST = U64(2), U64(3), U64(5), U64(15)      # words of a block table entry, see emu.core.block
# The engine's TLB: CPUTLB lies before the ENV, with descriptors (entries in use) and tables (mask) for each MMU mode
ENGINE_TLB, DESCRIPTORS, DESCRIPTOR_SIZE, USED, TABLES = U64(2192), U64(32), U64(696), U64(32), U64(2128)
GROW_LIMIT = U64(1 << 17)
ASKED = TWO                                                    # see map_page
SEVEN, FIFTEEN, RCX, RSP = U64(7), U64(15), U64(1), U64(4)
STATE_FIRST, STATE_BYTES = U64(at.STATE_FIRST), U64(at.STATE_BYTES)
CALL_REL, GROUP_5, RET_IMM, RET, LOOP_FIRST, LOOP_LAST = U64(0xE8), U64(0xFF), U64(0xC2), U64(0xC3), U64(0xE0), U64(0xE2)
IRET, RET_FAR_IMM, RET_FAR = U64(0xCF), U64(0xCA), U64(0xCB)
KINDS_RAM, KINDS_ROM, KINDS_DEVICE = walk.KIND.RAM, walk.KIND.ROM, walk.KIND.DEVICE


@kernel
def leave(c, k, cs, number, ra):
    """Report an event: jump out of the running block, state restored to the instruction at `ra` (0: as it is)."""
    poke32(cs + CS_EXCEPTION, number)
    call(k.f_exit_restore, cs, ra, ZERO, ZERO, ZERO, ZERO)


@kernel
def host_of(m, k, pa):
    """Return the host address of a physical byte that code is fetched from, 0 when it is neither RAM nor ROM."""
    if pa < m.ram_bytes:
        return m.ram + pa
    if pa - m.rom_base < m.rom_bytes:
        return m.rom + (pa - m.rom_base)
    return ZERO


@kernel
def access_of(e, rw, index):
    """Return the ACCESS bits of an engine request: rw 0 load, 1 store, 2 fetch; index is its MMU mode."""
    access = ACCESS.FETCH if rw == TWO else (ACCESS.WRITE if rw == ONE else ACCESS.READ)
    if index == USER_INDEX:
        return access | ACCESS.USER
    if U64(e.hflags) & CPL == CPL:
        return access | ACCESS.IMPLICIT
    if e.eflags & RFLAGS.AC:
        return access | ACCESS.AC
    return access


@kernel
def flush(k, world):
    """Make an engine forget its TLB: page by page when it holds few, which spares clearing its tables."""
    cs, count = k.cs[world], k.filled_count[world]
    if count > FILLED:
        call(k.f_flush, cs, ZERO, ZERO, ZERO, ZERO, ZERO)
    else:
        for i in range(count):
            call(k.f_flush_page, cs, k.filled[world * FILLED + U64(i)], ZERO, ZERO, ZERO, ZERO)
    k.filled_count[world] = ZERO


@kernel
def note_filled(k, world, page):
    """Remember a page that the engine's TLB holds from now on."""
    count = k.filled_count[world]
    if count < FILLED:
        k.filled[world * FILLED + count] = page
    if count <= FILLED:
        k.filled_count[world] = count + ONE


@kernel
def drop_everywhere(k, page, engines, code):
    """Make each engine of the set `engines` forget its TLB, and with `code` its translations of the RAM page."""
    every_cs, every_uc = words(k.every_cs, SIXTEEN), words(k.every_uc, SIXTEEN)
    start = page << SHIFT
    for i in range(16):
        if engines >> U64(i) & ONE:
            if code:
                call(k.f_invalidate, every_uc[i], start, start + PAGE_SIZE, ZERO, ZERO, ZERO)
            call(k.f_flush, every_cs[i], ZERO, ZERO, ZERO, ZERO, ZERO)
            k.invalidations += ONE


@kernel
def protection(m, k, bit, page, rw, rights, here):
    """Decide the engine's rights to a RAM page, updating the ledger.

    bit: this engine's bit; rw as in `access_of`; rights: ACCESS kinds the translation allows; here: the page is
    the one that the running instruction is on.  Returns protection bits for the engine.
    """
    ledger = words(m.ledger, m.ram_bytes >> SHIFT)
    state = ledger[page]
    code, writers = state & PAGE.CODE, (state & PAGE.WRITABLE) >> WRITABLE_SHIFT
    mixed = state & PAGE.MIXED != ZERO
    read, execute = READ if rights & ACCESS.READ else ZERO, EXECUTE if rights & ACCESS.FETCH else ZERO
    if rw == TWO:
        others = writers if not mixed else writers & ~bit
        if others:
            drop_everywhere(k, page, others, False)
            state &= ~(others << WRITABLE_SHIFT)
        ledger[page] = state | bit
        if mixed and rights & ACCESS.WRITE and not code & ~bit:
            ledger[page] = state | bit | bit << WRITABLE_SHIFT | PAGE.DIRTY
            return READ | WRITE | EXECUTE
        return read | EXECUTE
    if rw == ZERO and (code or not rights & ACCESS.WRITE):
        return READ | execute if code & bit else READ
    if not rights & ACCESS.WRITE:
        return READ
    if code:
        flips = ((state & FLIPS) >> FLIP_SHIFT) + ONE
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
def on_page(m, row, la, page):
    """Return whether the block of a table entry has code on the RAM page (physical `page`, linear `la`)."""
    if row[E_HOST]:
        return row[E_HOST] & PAGE_MASK == m.ram + page
    return row[E_PC] & PAGE_MASK == la or (row[E_PC] & PAGE_MASK) + PAGE_SIZE == la


@kernel
def map_page(c, k, world, page, pa, rw, how):
    """Enter one translation into the engine's TLB; returns False when the access must be stepped (a device).

    how: the engine's MMU mode (7:0) and the size that the entry is good for, 4096, or 1 to be asked again each time, or
    ASKED for a fetch, after which data accesses are asked for.
    """
    m = machine_at(c.machine)[0]
    cs, la, index, size, mask = k.cs[world], page, how & BYTE, how >> U64(8), READ | WRITE | EXECUTE
    if size == ASKED:
        size, mask = PAGE_SIZE, EXECUTE
    kind = walk.kind(c, pa)
    if kind == KINDS_RAM:
        here = rw == ONE and c.block != ZERO and on_page(m, words(c.block, SIXTEEN), la, pa & PAGE_MASK)
        prot = protection(m, k, k.bit[world], pa >> SHIFT, rw, c.walk_rights, here)
        call(k.f_set_page, cs, la, pa & PAGE_MASK, prot & mask, index, size)
        return True
    if kind == KINDS_ROM and rw != ONE:
        call(k.f_set_page, cs, la, pa & PAGE_MASK, (READ | EXECUTE) & mask, index, size)
        return True
    if rw == TWO or (kind != KINDS_DEVICE and rw == ZERO):
        call(k.f_set_page, cs, la, k.void_page, READ | EXECUTE, index, size)
        return True
    if not c.device_step:
        return False
    k.device_page = pa & PAGE_MASK
    call(k.f_set_page, cs, la, k.device_window, READ | WRITE, index, ONE)     # size 1: asked again at each access
    return True


@kernel
def grow(k, cs, world, index):
    """Flush the engine's TLB when it is crowded and missing: it doubles only at a flush."""
    env = cs + CS_ENV
    used = peek64(env - ENGINE_TLB + DESCRIPTORS + index * DESCRIPTOR_SIZE + USED)
    entries = (peek64(env - ENGINE_TLB + TABLES + index * SIXTEEN) >> U64(6)) + ONE
    if used * U64(10) > entries * U64(7) and k.fills > k.grow_at[world] and entries < GROW_LIMIT:
        call(k.f_flush, cs, ZERO, ZERO, ZERO, ZERO, ZERO)
    k.grow_at[world] = k.fills + entries * FOUR if k.fills > k.grow_at[world] else k.grow_at[world]


@kernel
def last_of(c, k, e, row):
    """Decode the last instruction of the block that ran (table entry `row`); returns its linear address."""
    m, insn, code = machine_at(c.machine)[0], insn_at(k.scratch)[0], octets(k.code_buffer, SIXTEEN)
    at = row[E_PC]
    for i in range(row[E_COUNT] - ONE):
        at += row[E_ROWS + U64(i) // FOUR] >> U64(i) % FOUR * SIXTEEN & FIFTEEN
    access = ACCESS.FETCH | (ACCESS.USER if U64(e.hflags) & CPL == CPL else ZERO)
    for i in range(15):
        pa = walk.translate(c, at + U64(i), access)
        host = host_of(m, k, pa) if pa != ALL_ONES else ZERO
        code[i] = peek8(host) if host else ZERO
    insn.length = decode.decode(code, FIFTEEN, SIXTY_FOUR, insn)
    return at


@kernel
def undo_far(c, e, at):
    """Undo the IRET or far RET at `at` with the state that its stub kept (emu.core.native); False when that is another's."""
    kept, now = octets(c.far_state, STATE_BYTES), octets(c.env + STATE_FIRST, STATE_BYTES)
    if words(c.far_state, ONE)[ZERO] != at:
        return False
    for i in range(STATE_BYTES):
        now[i] = kept[i]
    e.regs[RSP] = words(c.far_state + STATE_BYTES, ONE)[ZERO]
    return True


@kernel
def undo_branch(c, k, e):
    """Undo the branch to the non-canonical address in RIP: the fault is the branch's own.  False: there was none.

    What CALL pushed stays below RSP.  Not modelled: far JMP and CALL through m16:64 fault at their target.
    Source: SDM 2A and 2B, "CALL", "JMP", "RET", "LOOP", "IRET": 64-bit mode exceptions
    """
    insn, target = insn_at(k.scratch)[0], e.rip
    at = last_of(c, k, e, words(c.block, SIXTEEN))
    opcode = insn.opcode
    if insn.length == ZERO or insn.map != ZERO or at + insn.length == target:
        return False
    if opcode == IRET or opcode == RET_FAR or opcode == RET_FAR_IMM:
        if not undo_far(c, e, at):
            return False
    elif opcode == CALL_REL or opcode == GROUP_5 and insn.modrm >> THREE & SEVEN == TWO:
        e.regs[RSP] += EIGHT
    elif opcode == RET or opcode == RET_IMM:
        e.regs[RSP] -= EIGHT + (insn.immediate if opcode == RET_IMM else ZERO)
    elif LOOP_FIRST <= opcode <= LOOP_LAST:
        e.regs[RCX] += ONE
    e.rip, e.error_code = at, ZERO                         # the block's charge is given back from here
    return True


@kernel
def met(c, e, la, pa, size, rw):
    """Note the watched bytes that the engine's access at linear `la`, host-physical `pa`, reaches; returns whether it does.

    A load over a page end is done in three parts: the engine asks for the whole, for the aligned word before the
    end, which says nothing new, and for the aligned word behind it, of which only the first bytes count.  An unaligned
    store asks for the whole, then for what lies on the page of its end, from the page's first byte even when that is
    the page it began on, then for each byte.
    """
    write, to_end = rw == ONE, PAGE_SIZE - (la & OFFSET)
    if write and c.watch_step and la == c.crossing_end & PAGE_MASK and size == c.crossing_end & OFFSET and la == c.crossing:
        return False
    if not write and size == c.crossing_size and c.crossing:
        if la + size == c.crossing:
            c.crossing_size = size | SIXTY_FOUR            # once; the part behind the end follows
            return False
    if not write and la == c.crossing and size | SIXTY_FOUR == c.crossing_size | SIXTY_FOUR:
        size = c.crossing_end - la
        c.crossing = ZERO
    elif write:
        c.crossing, c.crossing_end, c.crossing_size = la & PAGE_MASK, la + size, ZERO
        size = min(size, to_end)
    elif size > to_end:
        c.crossing, c.crossing_end, c.crossing_size = la + to_end, la + size, size
        size = to_end
    found = False
    if c.armed & ARMED.REGISTERS:
        hits = U64(breakpoint.data(e, la, size, write))
        c.watch_hits |= hits
        found = hits != ZERO
    return breakpoint.points(c, e, la, pa, size, write) or found


@kernel
def first_asked(e, address, size):
    """Return the byte of an access of `size` bytes to translate first: the last one if it is not canonical.

    Whether an access is canonical is decided before its first page fault.  x87 and SSE operands of more than 8 bytes
    are accesses of their own for each piece, of which the first may be done when the next faults.
    Source: SDM 3A, "Canonicality Checking", "Guaranteed Atomic Operations"
    """
    last = address + size - ONE
    return last if size > ONE and (address ^ last) & PAGE_MASK and not walk.canonical(e, last) else address


@entry(types.uint64(*[types.uint64] * 7))
def fill(cs, address, size, rw, index, probe, ra):
    """Answer a TLB miss of the engine (CPUClass.tlb_fill)."""
    c = cpu_at(peek64(cs + CS_OWNER))[0]
    k = core_at(c.core)[0]
    world = U64(1) if cs == k.cs[1] else U64(0)
    e = env_of(k.env[world])[0]
    t = tlb_at(c.tlb)[0]
    address = first_asked(e, address, size & BYTE)
    rw, index = rw & THREE, index & THREE
    k.fills += ONE
    page, access_size, size = address & PAGE_MASK, size & LOW_32, PAGE_SIZE
    if not e.hflags & U64(1 << 15) and address > LOW_32:  # an access that wraps past 4 GiB: asked again each time
        address, size = address & LOW_32, ONE
    before = c.cycles
    pa = walk.translate(c, address, access_of(e, rw, index))
    if t.engine_flush != k.flush_seen[world]:
        k.flush_seen[world] = t.engine_flush
        t.engine_pages = ZERO
        flush(k, world)
    grow(k, cs, world, index)
    if pa != ALL_ONES:
        if c.cycles != before and c.cycles > c.due and ra:     # the walk reached past an event: it is due in this block
            c.fault = FAULT.RETRY
            leave(c, k, cs, E_DEADLINE, ra)
        if rw == TWO and memory.device(c, pa):
            unmodelled(c, UNMODELLED.CODE, address, pa)
            c.block = c.block if ra else ZERO
            leave(c, k, cs, E_FAULTED, ra)
        note_filled(k, world, page)
        if c.armed and breakpoint.on_page(c, e, address, pa):
            size = ASKED if rw == TWO else ONE
            found = met(c, e, address, pa, access_size, rw) if rw != TWO and not probe & BYTE else False
            if found and not c.watch_step and ra:
                leave(c, k, cs, E_WATCH, ra)
        if map_page(c, k, world, page, pa, rw, index | size << U64(8)):
            return ONE
        if probe & BYTE:
            return ZERO
        c.fault = FAULT.DEVICE
        c.fault_gpa = pa
        leave(c, k, cs, E_DEVICE, ra)
    if probe & BYTE:
        return ZERO
    if not ra:                                             # at a block's start: nothing of it was charged
        if rw == TWO and c.block and c.fault == FAULT.EXCEPTION and c.fault_vector == VECTOR.GP and address == e.rip:
            if undo_branch(c, k, e):
                leave(c, k, cs, E_GP, ZERO)
            c.fault, c.fault_vector, c.fault_error = FAULT.EXCEPTION, VECTOR.GP, ZERO
        c.block = ZERO
    leave(c, k, cs, E_FAULTED, ra)
    return ZERO


@kernel
def code_host(m, k, page):
    """Return the host address of a page of the engine's RAM list (a block's page_addr)."""
    return m.ram + page if page < m.ram_bytes else m.rom + (page - k.rom_offset)


@kernel
def mode_of(flags):
    """Return 16, 32 or 64 for the engine's block flags."""
    if flags & HF_CS64:
        return SIXTY_FOUR
    return THIRTY_TWO if flags & HF_CS32 else SIXTEEN


@kernel
def by_model(kind):
    """Return whether the engine executes instructions of this kind where it should not; they begin a block."""
    return kind == INSN.UNDEFINED or kind == INSN.NEAR_BRANCH or kind == INSN.CLFLUSH or kind == INSN.ENTER


@kernel
def code_at(c, k, flags, pc):
    """Return the host address of the code at linear `pc` for a block with these flags, 0 when it has none."""
    user = ACCESS.USER if flags & CPL == CPL else ZERO
    keep, address, code = c.fault, c.fault_address, c.fault_error
    pa = walk.translate(c, pc, ACCESS.FETCH | user)
    c.fault, c.fault_address, c.fault_error = keep, address, code
    return host_of(machine_at(c.machine)[0], k, pa) if pa != ALL_ONES else ZERO


@kernel
def over_the_end(c, k, flags, pc, host, rest):
    """Decode the instruction at `pc` of which the page holds only `rest` bytes (at `host`); returns its length, as `decode`."""
    after, code = pc + rest, octets(k.code_buffer, SIXTEEN)
    second = code_at(c, k, flags, after if mode_of(flags) == SIXTY_FOUR else after & LOW_32)
    if not second:
        return ZERO                                        # the engine faults in reading it
    for i in range(15):
        code[i] = peek8(host + U64(i)) if U64(i) < rest else peek8(second + U64(i) - rest)
    return decode.decode(code, FIFTEEN, mode_of(flags), insn_at(k.scratch)[0])


@kernel
def unread(c, k, flags, pc, host, first):
    """Return the length of the instruction at `pc` if the engine must not read it, else 0.

    first: its STEP, 0 when it could not be decoded from its page alone.  To read some forms that do not exist ends the
    engine, and with it this process.
    """
    if first:
        return first & BYTE if by_model(first >> EIGHT & KIND) else ZERO
    insn, rest = insn_at(k.scratch)[0], PAGE_SIZE - (pc & OFFSET)
    length = ZERO
    if insn.kind == INSN.NONE:
        length = over_the_end(c, k, flags, pc, host, rest)
        rest = FIFTEEN
    if length:
        return length if by_model(insn.kind) else ZERO
    if insn.kind == INSN.UNDEFINED or insn.kind == INSN.TOO_LONG:
        return min(rest, FIFTEEN)
    return ZERO


@entry(types.uint64(types.uint64, types.uint64, types.uint64))
def limit(cpu, block, cs):
    """Return how many instructions a block may hold: those that end on its first page, at most BLOCK_LIMIT.

    An instruction that the engine must not read (`unread`) is alone, with its length in bits 47:32: the engine takes its
    address for the end of a run, which it translates to HLT.
    """
    c = cpu_at(cpu)[0]
    k = core_at(c.core)[0]
    pc, flags = peek64(block + TB_PC), peek32(block + TB_FLAGS)
    k.translations += ONE
    end = k.uc[1 if cs == k.cs[1] else 0] + UC_EXITS
    poke64(end, ~pc)
    host = code_at(c, k, flags, pc)
    if not host:
        return ONE
    rest = PAGE_SIZE - (pc & OFFSET)
    steps = words(k.steps, BLOCK_LIMIT)
    count = decode.block(octets(host, rest), rest, mode_of(flags), insn_at(k.scratch)[0], steps)
    length = unread(c, k, flags, pc, host, steps[ZERO] if count else ZERO)
    if length:
        poke64(end, pc)
        return ONE | length << THIRTY_TWO
    for i in range(count):
        if i and by_model(steps[U64(i)] >> EIGHT & KIND):
            return U64(i)
    return count if count else ONE
