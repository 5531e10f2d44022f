"""What the engine asks for: address translation, the size of a block, the cost of a block.

`fill` answers the engine's TLB misses from our architectural TLB and the page ledger (`emu.core.ledger`).  What our TLB drops
meanwhile the engine drops before the instruction goes on, so that what it holds never is more than what ours holds.
Not modelled: outside 64-bit mode the engine checks neither limit nor type of the segment of a data access in translated code
(instruction fetches, far transfers and event delivery are checked), and #AC is never raised (CR0.AM has no effect).
Source: Unicorn 2.1.4 `CPUClass.tlb_fill`, `translator_loop`, `check_exit_request`.
"""
from emu.bits import ALL_ONES, LOW_8, LOW_32, PAGE_MASK, PAGE_OFFSET, PAGE_SHIFT, PAGE_SIZE, U64, get
from emu.core import clock, ledger, operation, undo
from emu.core import context as at
from emu.core.native import call, peek8, peek32, peek64, poke32, poke64
from emu.core.rows import LIMIT
from emu.core.state import block_at, core_at
from emu.jit import entry, kernel, octets, words
from emu.model import ram
from emu.model.fault import unmodelled
from emu.model.memory import look, memory, walk
from emu.model.observe import breakpoint, monitor
from emu.model.processor import decode
from emu.spec.cpu import RFLAGS, VECTOR
from emu.spec.debug import ARMED
from emu.spec.engine import ENGINE, HFLAGS
from emu.spec.insn import INSN, STEP
from emu.spec.outcome import ACCESS, FAULT, UNMODELLED
from emu.state import cpu_at, env_of, insn_at, machine_at, tlb_at

READ, WRITE, EXECUTE = ledger.READ, ledger.WRITE, ledger.EXECUTE
USER_INDEX = U64(1)
CPL = U64(3)
CS_EXCEPTION, CS_ENV, UC_TCG = U64(at.CS_EXCEPTION), U64(at.CS_ENV), U64(at.UC_TCG_CTX)
TB_PC, TB_FLAGS, TB_SIZE, TB_ICOUNT = U64(at.TB_PC), U64(at.TB_FLAGS), U64(at.TB_SIZE), U64(at.TB_ICOUNT)
CS_CFLAGS, UC_EXITS = U64(at.CS_CFLAGS_NEXT), U64(at.UC_EXITS)
GROW_LIMIT, SMALL_TLB = U64(1 << 17), U64(1 << 10)
ASKED = U64(2)                                                 # see map_page
KINDS_RAM, KINDS_ROM, KINDS_DEVICE = walk.KIND.RAM, walk.KIND.ROM, walk.KIND.DEVICE


@kernel
def leave(c, k, cs, number, ra):
    """Report an event: jump out of the running block, state restored to the instruction at `ra` (0: as it is)."""
    poke32(cs + CS_EXCEPTION, number)
    call(k.f_exit_restore, cs, ra, 0, 0, 0, 0)


@kernel
def access_of(e, rw, index):
    """Return the ACCESS bits of an engine request: rw 0 load, 1 store, 2 fetch; index is its MMU mode."""
    access = ACCESS.FETCH if rw == 2 else (ACCESS.WRITE if rw == 1 else ACCESS.READ)
    if index == USER_INDEX:
        return access | ACCESS.USER
    if U64(e.hflags) & CPL == CPL:
        return access | ACCESS.IMPLICIT
    if e.eflags & RFLAGS.AC:
        return access | ACCESS.AC
    return access


@kernel
def on_page(m, b, la, page):
    """Return whether a block (its entry `b`) has code on the RAM page (physical `page`, linear `la`)."""
    if b.host:
        return b.host & PAGE_MASK == m.ram + page
    return b.pc & PAGE_MASK == la or (b.pc & PAGE_MASK) + PAGE_SIZE == la


@kernel
def map_page(c, k, world, page, pa, rw, how):
    """Enter one translation into the engine's TLB; returns False when the access must be stepped (a device).

    how: the engine's MMU mode (7:0) and the size that the entry is good for, 4096, or 1 to be asked again each time, or
    ASKED for a fetch, after which data accesses are asked for.
    """
    m = machine_at(c.machine)[0]
    cs, la, index, size, mask = k.cs[world], page, how & LOW_8, how >> 8, READ | WRITE | EXECUTE
    if size == ASKED:
        size, mask = PAGE_SIZE, EXECUTE
    kind = walk.kind(c, pa)
    if kind == KINDS_RAM:
        here = rw == 1 and c.block != 0 and on_page(m, block_at(c.block)[0], la, pa & PAGE_MASK)
        guarded = m.monitors != 0 and monitor.guards(m, c, pa)
        rights = c.walk_rights & ~ACCESS.WRITE if guarded and rw != 1 else c.walk_rights
        prot = ledger.protection(m, k, k.bit[world], pa >> PAGE_SHIFT, rw, rights, here)
        if guarded and rw == 1:                                # asked again at each store
            size = 1
            words(m.ledger, ram.top(m) >> PAGE_SHIFT)[pa >> PAGE_SHIFT] &= ~(k.bit[world] << ledger.WRITABLE_SHIFT)
        call(k.f_set_page, cs, la, pa & PAGE_MASK, prot & mask, index, size)
        return True
    if kind == KINDS_ROM and rw != 1:
        call(k.f_set_page, cs, la, k.rom_window + (pa - m.rom_base & PAGE_MASK), (READ | EXECUTE) & mask, index, size)
        return True
    if rw == 2 or (kind != KINDS_DEVICE and rw == 0):
        call(k.f_set_page, cs, la, k.void_page, READ | EXECUTE, index, size)
        return True
    if not c.device_step:
        return False
    k.device_page = pa & PAGE_MASK
    call(k.f_set_page, cs, la, k.device_window, READ | WRITE, index, 1)  # size 1: asked again at each access
    return True


@kernel
def grow(k, cs, world, index):
    """Double the engine's TLB, which it does only at a flush, when it is crowded and misses: an address has one place there.

    A large one takes long to clear, so that it has to be more crowded than a small one.
    """
    env = cs + CS_ENV
    used = peek64(env - ledger.ENGINE_TLB + ledger.DESCRIPTORS + index * ledger.DESCRIPTOR_SIZE + ledger.USED)
    entries = (peek64(env - ledger.ENGINE_TLB + ledger.FAST_TABLES + index * ledger.TABLE_SIZE) >> ledger.ENTRY_SHIFT) + 1
    if used * 10 > entries * (3 if entries < SMALL_TLB else 7) and k.fills > k.grow_at[world] and entries < GROW_LIMIT:
        ledger.empty(k, cs, True)
    k.grow_at[world] = k.fills + entries * 4 if k.fills > k.grow_at[world] else k.grow_at[world]


@kernel
def met(c, e, la, pa, size, rw):
    """Note the watched bytes that the engine's access at linear `la`, host-physical `pa`, reaches; returns whether it does.

    A load over a page end is done in three parts: the engine asks for the whole, for the aligned word before the
    end, which says nothing new, and for the aligned word after it, of which only the first bytes count.  An unaligned
    store asks for the whole, then for what lies on the page of its end, from the page's first byte even when that is
    the page it began on, then for each byte.
    """
    write, to_end = rw == 1, PAGE_SIZE - (la & PAGE_OFFSET)
    if write and c.watch_step and la == c.crossing_end & PAGE_MASK and size == c.crossing_end & PAGE_OFFSET and la == c.crossing:
        return False
    if not write and size == c.crossing_size and c.crossing:
        if la + size == c.crossing:
            c.crossing_size = size | 64                    # once; the part after the end follows
            return False
    if not write and la == c.crossing and size | 64 == c.crossing_size | 64:
        size = c.crossing_end - la
        c.crossing = 0
    elif write:
        c.crossing, c.crossing_end, c.crossing_size = la & PAGE_MASK, la + size, 0
        size = min(size, to_end)
    elif size > to_end:
        c.crossing, c.crossing_end, c.crossing_size = la + to_end, la + size, size
        size = to_end
    found = False
    if c.armed & ARMED.REGISTERS:
        hits = U64(breakpoint.data(e, la, size, write))
        c.watch_hits |= hits
        found = hits != 0
    return breakpoint.points(c, e, la, pa, size, write) or found


@kernel
def first_asked(e, address, size):
    """Return the byte of an access of `size` bytes to translate first: the last one if it is not canonical.

    Whether an access is canonical is decided before its first page fault.  x87 and SSE operands of more than 8 bytes
    are accesses of their own for each piece, of which the first may be done when the next faults.
    Source: SDM 3A, "Canonicality Checking", "Guaranteed Atomic Operations"
    """
    last = address + size - 1
    return last if size > 1 and (address ^ last) & PAGE_MASK and not walk.canonical(e, last) else address


@kernel
def unfetchable(c, k, cs, e, address):
    """Report the #GP(0) of code that may not be fetched: that of the branch there if there was one."""
    if not (c.block and address == undo.linear(e, e.rip) and undo.undo_branch(c, e)):
        c.block, e.error_code = 0, 0
    leave(c, k, cs, ENGINE.PROTECTION, 0)


@kernel
def passed(c, before):
    """Return whether walks since cycle `before` went past an event, which is due in this block then."""
    return c.cycles != before and c.cycles > c.due and not c.repeat_step


@kernel
def again(c, k, cs, ra):
    """Leave the block before the instruction at `ra`, which is then done again: it is looked up and fetched as any other."""
    if ra and not c.device_step:                           # what a device was asked for is not asked a second time
        c.fault = FAULT.RETRY
        leave(c, k, cs, ENGINE.DEADLINE, ra)


@kernel
def watched(c, k, cs, e, address, pa, size, rw, ra):
    """Note the watched bytes that the access reaches; the instruction then runs alone, from its start unless it has asked a device."""
    if met(c, e, address, pa, size, rw) and not c.watch_step and ra:
        if not c.device_step:
            leave(c, k, cs, ENGINE.WATCH, ra)
        c.watch_step = 1


@kernel
def answer(c, k, cs, address, size, rw, index, probe, ra):
    """Answer a TLB miss (1 when the page is mapped), or leave the block."""
    t = tlb_at(c.tlb)[0]
    world = 1 if cs == k.cs[1] else 0
    e = env_of(k.env[world])[0]
    address = first_asked(e, address, size & LOW_8)
    rw, index, silent = rw & 3, index & 3, probe & LOW_8 != 0
    k.fills += 1
    page, access_size, size = address & PAGE_MASK, size & LOW_32, PAGE_SIZE
    if not e.hflags & HFLAGS.CS64 and address > LOW_32:    # past 4 GiB: data is asked for each time
        address, size = address & LOW_32, 1
        k.wrapped[world] |= 1 if rw == 2 else 0
    if rw == 2 and not silent and undo.past_limit(e, address):
        unfetchable(c, k, cs, e, address)
    before = c.cycles
    access, start = access_of(e, rw, index), address
    if ra and k.far_ra == ra and k.far_at == c.instructions and rw != 2:
        access, size = operation.far_access(k, e, address, access), 1
    elif rw == 0 and ra and c.block and operation.may_modify(block_at(c.block)[0]) and not walk.writable(c, address, access):
        start = operation.modified(c, k, cs, e, address, ra)
        if start != ALL_ONES:
            access |= ACCESS.WRITE
    pa = ALL_ONES
    if start == address or start == ALL_ONES:
        pa = walk.translate(c, address, access)
    elif walk.translate(c, start, access) != ALL_ONES:     # the first page of an operand that goes on at `address`
        if passed(c, before):
            again(c, k, cs, ra)
        pa = walk.translate(c, address, access)
    changed = ledger.forget_dropped(t, k, world)
    if machine_at(c.machine)[0].stale_count:               # the walk marked an entry that lies on a page of code
        ledger.drop_stale(machine_at(c.machine)[0], k)
    grow(k, cs, world, index)
    if pa != ALL_ONES:
        if changed or passed(c, before):
            again(c, k, cs, ra)
        if rw == 2 and memory.device(c, pa):
            unmodelled(c, UNMODELLED.CODE, address, pa)
            c.block = c.block if ra else 0
            leave(c, k, cs, ENGINE.FAULTED, ra)
        ledger.note_filled(t, k, world, page)
        if rw == 2 and size == 1:
            size = ASKED
        if c.armed and breakpoint.on_page(c, e, address, pa):
            size = ASKED if rw == 2 else 1
            if rw != 2 and not silent:
                watched(c, k, cs, e, address, pa, access_size, rw, ra)
        m = machine_at(c.machine)[0]
        if rw == 1 and m.monitors and not silent and monitor.meets(m, c, pa, min(access_size, PAGE_SIZE - (pa & PAGE_OFFSET))):
            if not c.watch_step and ra and not c.device_step:   # the store gets a boundary of its own: the time of waking is exact
                leave(c, k, cs, ENGINE.WATCH, ra)
            monitor.stored(m, c.id, pa, min(access_size, PAGE_SIZE - (pa & PAGE_OFFSET)))
        if map_page(c, k, world, page, pa, rw, index | size << 8):
            return 1
        if silent:
            return 0
        c.fault = FAULT.DEVICE
        c.fault_gpa = pa
        leave(c, k, cs, ENGINE.DEVICE, ra)
    if silent:
        return 0
    if not ra:                                             # at a block's start: nothing of it was charged
        if rw == 2 and c.fault == FAULT.EXCEPTION and c.fault_vector == VECTOR.GP and address == e.rip:
            unfetchable(c, k, cs, e, address)
        c.block = 0
    leave(c, k, cs, ENGINE.FAULTED, ra)
    return 0


@entry("uint64(uint64, uint64, uint64, uint64, uint64, uint64, uint64)")
def fill(cs, address, size, rw, index, probe, ra):
    """Answer a TLB miss of the engine (CPUClass.tlb_fill)."""
    c = cpu_at(peek64(cs + ledger.CS_OWNER))[0]
    k = core_at(c.core)[0]
    e = env_of(k.env[1] if cs == k.cs[1] else k.env[0])[0]
    away = clock.arrive(c, k, e)
    k.amid = 1 if ra and rw & 3 != 2 else 0
    found = answer(c, k, cs, address, size, rw, index, probe, ra)
    k.amid = 0
    if away:
        clock.depart(c, k, e)
    return found


@entry("void(uint64, uint64)")
def written(cs, address):
    """The engine would store to a page without a comparison from now on (tlb_set_dirty): where it may."""
    c = cpu_at(peek64(cs + ledger.CS_OWNER))[0]
    k = core_at(c.core)[0]
    ledger.written(machine_at(c.machine)[0], cs, k.bit[1] if cs == k.cs[1] else k.bit[0], address & PAGE_MASK)


@kernel
def code_host(m, k, page):
    """Return the host address of a page of the engine's RAM list (a block's page_addr)."""
    if page >= k.void_offset:
        return k.void
    return m.ram + page if page < k.rom_offset else m.rom + (page - k.rom_offset)


@kernel
def mode_of(flags):
    """Return 16, 32 or 64 for the engine's block flags."""
    if flags & HFLAGS.CS64:
        return 64
    return 32 if flags & HFLAGS.CS32 else 16


@kernel
def by_model(kind):
    """Return whether the engine executes instructions of this kind where it should not; they begin a block."""
    if kind >= INSN.TPAUSE and kind <= INSN.UMONITOR:      # the engine takes them for MFENCE
        return True
    if kind == INSN.ROTATE_CARRY or kind == INSN.ROTATE_CARRY_BYTE:
        return True
    return kind == INSN.UNDEFINED or kind == INSN.NEAR_BRANCH or kind == INSN.CLFLUSH or kind == INSN.ENTER


@kernel
def begins(kind):
    """Return whether instructions of this kind begin a block.

    Of those that the engine executes, SETcc: see emu.core.loop.note_flags.  And LOOPE and LOOPNE: after an instruction that sets flags,
    the engine would note how they are computed only for the way on which it tests ZF, not for the one on which the count is zero.
    And what leaves some flags as they are, BT and its like and CMPXCHG8B: what it knows of them is whole only where a block begins.
    Source: Unicorn 2.1.4 `disas_insn`, cases 0xe0, bt_op and 0x1c7
    """
    return decode.for_flags(kind) or by_model(kind)


@kernel
def code_at(c, k, flags, pc):
    """Return the host address of the code at linear `pc` for a block with these flags, 0 when it has none."""
    user = ACCESS.USER if flags & CPL == CPL else 0
    pa = look.physical(c, pc if flags & HFLAGS.CS64 else pc & LOW_32, ACCESS.FETCH | user)
    return undo.host_of(machine_at(c.machine)[0], pa) if pa != ALL_ONES else 0


@kernel
def over_the_end(c, k, flags, pc, host, rest):
    """Decode the instruction at `pc` of which the page holds only `rest` bytes (at `host`); returns its length, as `decode`."""
    after, code = pc + rest, octets(k.code_buffer, 16)
    second = code_at(c, k, flags, after if mode_of(flags) == 64 else after & LOW_32)
    if not second:
        return 0                                           # the engine faults in reading it
    for i in range(15):
        code[i] = peek8(host + U64(i)) if U64(i) < rest else peek8(second + U64(i) - rest)
    return decode.decode(code, 15, mode_of(flags), insn_at(k.scratch)[0])


@kernel
def unread(c, k, flags, pc, host, first):
    """Return the length of the instruction at `pc` if the engine must not read it, else 0.

    first: its STEP, 0 when it could not be decoded from its page alone.  To read some forms that do not exist ends the
    engine, and with it this process.
    """
    if first:
        return first & STEP.LENGTH if by_model(get(first, STEP.KIND)) else 0
    insn, rest = insn_at(k.scratch)[0], PAGE_SIZE - (pc & PAGE_OFFSET)
    length = 0
    if insn.kind == INSN.NONE:
        length = over_the_end(c, k, flags, pc, host, rest)
        rest = 15
    if length:
        return length if by_model(insn.kind) else 0
    if insn.kind == INSN.UNDEFINED or insn.kind == INSN.TOO_LONG:
        return min(rest, 15)
    return 0


@kernel
def note_operands(steps, count, sets):
    """Set the words of `sets`, one for each code of emu.spec.simd.OPERAND from 1: bit n when instruction n has such an operand."""
    for i in range(count):
        how = get(steps[U64(i)], STEP.OPERAND)
        if how:
            sets[how - 1] |= 1 << U64(i)


@entry("uint64(uint64, uint64, uint64, uint64)")
def limit(cpu, block, cs, operands):
    """Return how many instructions a block may hold: those that end on its first page, at most rows.LIMIT.

    An instruction that the engine must not read (`unread`) is alone, with its length in bits 47:32: the engine takes its
    address for the end of a run, which it translates to HLT.
    operands: address of three words, all zero, that `note_operands` sets.
    """
    c = cpu_at(cpu)[0]
    k = core_at(c.core)[0]
    pc, flags = peek64(block + TB_PC), peek32(block + TB_FLAGS)
    k.translations += 1
    end = k.uc[1 if cs == k.cs[1] else 0] + UC_EXITS
    poke64(end, ~pc)
    host = code_at(c, k, flags, pc)
    if not host:
        return 1
    rest = PAGE_SIZE - (pc & PAGE_OFFSET)
    steps = words(k.steps, LIMIT)
    count = decode.block(octets(host, rest), rest, mode_of(flags), insn_at(k.scratch)[0], steps)
    length = unread(c, k, flags, pc, host, steps[0] if count else 0)
    if length:
        poke64(end, pc)
        return 1 | length << 32
    sets, insn = words(operands, 3), insn_at(k.scratch)[0]
    note_operands(steps, count, sets)
    if count == 0 and insn.length:                         # `unread` has decoded it over the end of the page
        how = decode.operand(insn)
        if how:
            sets[how - 1] = 1
    for i in range(count):
        if i and begins(get(steps[U64(i)], STEP.KIND)):
            return U64(i)
    return count if count else 1
