"""The slow path of the block stub: a block that nobody has examined yet, or that may not run whole.

In these kernels `b` is the entry of a block (`emu.core.state.BLOCK`), at host address `slot`.
Source: Unicorn 2.1.4 `tcg_tb_lookup`, `CPUState.cflags_next_tb`.
"""

from emu.bits import ALL_ONES, LOW_16, LOW_32, PAGE_OFFSET, PAGE_SIZE, U64, get, put
from emu.core import clock, head, rows, undo
from emu.core import context as at
from emu.core.fill import (
    CS_CFLAGS,
    TB_FLAGS,
    TB_ICOUNT,
    TB_PC,
    TB_SIZE,
    UC_TCG,
    by_model,
    code_host,
    leave,
    mode_of,
)
from emu.core.native import call, peek16, peek32, peek64, poke32, poke64
from emu.core.rows import ASKS, BY_MODEL, CYCLES, LAST, NEW, REPEATS, ROW
from emu.core.state import block_at, core_at
from emu.jit import entry, kernel, octets, words
from emu.model.cpu import base, limit, limit_flags
from emu.model.observe import breakpoint
from emu.model.processor import decode
from emu.spec.cpu import GPR, RFLAGS, SEG
from emu.spec.engine import ENGINE, HFLAGS
from emu.spec.insn import REX, REX_PREFIX, STEP
from emu.spec.outcome import WATCH
from emu.state import cpu_at, env_of, insn_at, machine_at

MULTIPLIER, INCREMENT = U64(6364136223846793005), U64(1442695040888963407)      # Knuth's, for 64-bit sequences
TB_PAGE0, TB_PAGE1 = U64(at.TB_PAGE0), U64(at.TB_PAGE1)
BUFFER, FOUND_WORDS = U64(1024), U64(at.FOUND_WORDS)
TWO_BYTE, X87, X87_BITS, HIGH_NIBBLE, NEAR_JCC = U64(0x0F), U64(0xD8), U64(0xF8), U64(0xF0), U64(0x80)
OPERAND_SIZE, ADDRESS_SIZE, REPNE, REP = U64(0x66), U64(0x67), U64(0xF2), U64(0xF3)
SEGMENT_ES, SEGMENT_BITS, SEGMENT_FS, SEGMENT_GS = U64(0x26), U64(0xE7), U64(0x64), U64(0x65)     # ES, CS, SS, DS alike
MOVSB, CMPSD, STOSB, SCASD = U64(0xA4), U64(0xA7), U64(0xAA), U64(0xAF)
UNAVAILABLE = HFLAGS.TS | HFLAGS.EM        # x87 and SSE instructions end in #NM or #UD
TCG_CODE_PTR, TCG_HIGHWATER = U64(at.TCG_CODE_PTR), U64(at.TCG_HIGHWATER)
TB_CS_BASE, LIMITS = U64(at.TB_CS_BASE), HFLAGS.LIMITED | HFLAGS.SHORT


@kernel
def fetch(m, k, block, size, pc):
    """Copy the bytes of a translated block into the decoder's buffer; returns that buffer (uint8[size])."""
    buffer = octets(k.code_buffer, BUFFER)
    page = code_host(m, k, peek64(block + TB_PAGE0)) + (pc & PAGE_OFFSET)
    rest = PAGE_SIZE - (pc & PAGE_OFFSET)
    first = octets(page, size if size < rest else rest)
    for i in range(len(first)):
        buffer[i] = first[i]
    if size > rest and peek64(block + TB_PAGE1) != ALL_ONES:
        second = octets(code_host(m, k, peek64(block + TB_PAGE1)), size - rest)
        for i in range(len(second)):
            buffer[rest + U64(i)] = second[i]
    return buffer


@kernel
def unavailable(code, size, flags):
    """Return whether the engine stopped reading a block at the opcode of an x87, MMX or SSE instruction.

    It does so while TS or EM is set: the instruction ends in #NM or #UD whatever follows.
    """
    if not flags & UNAVAILABLE:
        return False
    for i in range(size):
        byte = U64(code[i])
        if byte == TWO_BYTE:
            return i + 1 >= size or U64(code[i + 1]) & HIGH_NIBBLE != NEAR_JCC
        if byte & X87_BITS == X87:
            return True
        if byte & REX.FIXED != REX_PREFIX and byte != OPERAND_SIZE and byte != REPNE and byte != REP and \
                byte & SEGMENT_BITS != SEGMENT_ES and byte != SEGMENT_FS and byte != SEGMENT_GS and byte != ADDRESS_SIZE:
            return False
    return True


@kernel
def repeats(code, size):
    """Return whether the code begins with a repeated string instruction."""
    repeated = False
    for i in range(size):
        byte = U64(code[i])
        if byte == REPNE or byte == REP:
            repeated = True
        elif byte & REX.FIXED != REX_PREFIX and byte != OPERAND_SIZE and byte & SEGMENT_BITS != SEGMENT_ES and byte != SEGMENT_FS and \
                byte != SEGMENT_GS and byte != ADDRESS_SIZE:
            return repeated and (MOVSB <= byte <= CMPSD or STOSB <= byte <= SCASD)
    return False


@kernel
def may_end_outside(block, flags):
    """Return whether the block may reach past the limit of CS, which its translation does not depend on."""
    if not flags & HFLAGS.LIMITED:
        return False
    end = (peek64(block + TB_PC) - peek64(block + TB_CS_BASE) & LOW_32) + peek16(block + TB_SIZE)
    return flags & HFLAGS.SHORT != 0 or end > LOW_16 + 1


@kernel
def last_instruction(c):
    """Return the linear address of the last instruction of the block that ran, all ones when none has since the last event."""
    if not c.block:
        return ALL_ONES
    b = block_at(c.block)[0]
    if b.count == 0:                           # a block that ends before its first instruction
        return ALL_ONES
    return b.pc + rows.last_start(b)


@kernel
def repeats_at(c, rip):
    """Return whether the last instruction of the block that ran is a repeated string instruction at linear `rip`."""
    last = U64(last_instruction(c))
    if last == ALL_ONES:
        return False
    b = block_at(c.block)[0]
    return b.repeats != 0 and (last - rip) & (ALL_ONES if U64(b.mode) == 64 else LOW_32) == 0


@kernel
def count_mask(code, size, mode):
    """Return which bits of RCX a repeated string instruction counts in: those of its address size."""
    other = False
    for i in range(size):
        if U64(code[i]) == ADDRESS_SIZE:
            other = True
    if mode == 64:
        return LOW_32 if other else ALL_ONES
    return LOW_16 if other == (mode == 32) else LOW_32


@kernel
def note_repeat(c, k, uc, ra, b, e):
    """Note that the processor is between two iterations, when the block after the last instruction begins with it again.

    Returns whether that was the last iteration: the engine goes once more through the instruction, for nothing but its end.
    """
    block, mode = call(k.f_block_of, peek64(uc + UC_TCG), ra, 0, 0, 0, 0), U64(b.mode)
    size = peek16(block + TB_SIZE)
    code = fetch(machine_at(c.machine)[0], k, block, size, b.pc)
    if not repeats(code, size):
        return False
    if e.regs[GPR.RCX] & count_mask(code, size, mode) == 0:
        return True
    c.repeated, c.repeated_at = b.pc & (ALL_ONES if mode == 64 else LOW_32), c.instructions
    return False


@kernel
def register(c, k, uc, ra, slot):
    """Fill the entry at `slot` of the block that host address `ra` belongs to."""
    m = machine_at(c.machine)[0]
    block = call(k.f_block_of, peek64(uc + UC_TCG), ra, 0, 0, 0, 0)
    flags, size, count = peek32(block + TB_FLAGS), peek16(block + TB_SIZE), peek16(block + TB_ICOUNT)
    pc = peek64(block + TB_PC) & (ALL_ONES if mode_of(flags) == 64 else LOW_32)
    b = block_at(slot)[0]
    steps, code, cost = words(k.steps, rows.LIMIT), fetch(m, k, block, size, pc), 0
    found = decode.block(code, size, mode_of(flags), insn_at(k.scratch)[0], steps)
    for i in range(rows.ROW_WORDS):
        b.rows[U64(i)] = 0
    for i in range(count):
        j = U64(i)
        length = steps[j] & STEP.LENGTH if j < found else 15
        cycles = get(steps[j], STEP.COST) if j < found else 1
        cost += cycles
        both = ROW.MODIFIES if j < found and steps[j] & STEP.MODIFIES else 0
        rows.put_row(b, j, put(length | both, ROW.COST, cycles))
    if found + 1 < count:                      # the last may be cut short: the engine stops reading an undefined opcode early
        k.mismatch += 1
        k.mismatch_pc = pc
    if found == 0:                             # longer than the engine takes it for
        cost = cost if unavailable(code, size, flags) else BY_MODEL
    elif by_model(get(steps[0], STEP.KIND)):
        cost = BY_MODEL
    if cost != BY_MODEL and (flags & RFLAGS.RF or may_end_outside(block, flags) or breakpoint.marked(m, pc, size)):
        cost |= ASKS | (REPEATS if repeats(code, size) else 0)
    b.cost, b.count, b.pc = cost, count, pc
    b.length, b.mode = size, mode_of(flags)
    ends = rows.last_start(b)
    b.repeats = 1 if count and repeats(code[ends:], size - ends) else 0
    one_page = (pc & PAGE_OFFSET) + size <= PAGE_SIZE
    b.host = code_host(m, k, peek64(block + TB_PAGE0)) + (pc & PAGE_OFFSET) if one_page else 0
    head.write(slot)


@kernel
def renew(first):
    """Have each block of the list that begins at host address `first` examined again, before it runs."""
    while first != LAST:
        b = block_at(first)[0]
        b.cost = NEW
        head.forget_test(first)
        first = b.next


@kernel
def keep(c, k):
    """Copy the entry of the block that ran last to a place of its own: the engine is about to use all places again.

    What undoes a block, or counts what of it ran, reads its entry.
    """
    if c.block and c.block != k.kept:
        rows.copy(c.block, k.kept)
        c.block = k.kept


@kernel
def fitting(c, b):
    """Return how many instructions of the block entry fit before the processor's deadline, at least one."""
    left, done = c.due - c.cycles, 0
    for i in range(b.count):
        j = U64(i)
        cycles = rows.cost(b, j)
        if cycles > left:
            break
        left -= cycles
        done += 1
    return done if done else 1


@kernel
def charge(c, b, slot):
    """Charge the block and let it run."""
    c.cycles += b.cost & CYCLES
    c.instructions += b.count
    c.block = slot


@kernel
def must_leave(c, flags, eflags):
    """Return whether something waits for the boundary that the processor is at."""
    if c.request:
        return True
    if c.cycles >= c.due:
        return True
    if c.watch and not flags & HFLAGS.INHIBIT:
        return c.watch != WATCH.IF or eflags & RFLAGS.IF != 0
    return False


@kernel
def at_breakpoint(c, e, la):
    """Return whether the instruction at linear `la` is not to run before the model has seen it."""
    return breakpoint.code(c, e, la) != 0 or breakpoint.asked(c, e, la)


@kernel
def before_break(c, b, e):
    """Return how many instructions of the block entry come before the first breakpoint in it."""
    m = machine_at(c.machine)[0]
    if not m.mark_count and not m.debug:
        return b.count
    at, wrap = b.pc, ALL_ONES if U64(b.mode) == 64 else LOW_32
    for i in range(b.count):
        j = U64(i)
        if at_breakpoint(c, e, at & wrap):
            return j
        at += rows.length(b, j)
    return b.count


@kernel
def other_code(k, e, world):
    """Return whether the engine looked the block up wrongly after a far transfer (emu.core.native).

    Its hidden flags are not those of the new limit of CS, or its TLB has pages past 4 GiB under addresses that are others now, or it
    has added a base that 64-bit code does not have.
    """
    if U64(e.hflags) & HFLAGS.CS64 and base(e, SEG.CS):
        return True
    return (U64(e.hflags) ^ limit_flags(e)) & LIMITS != 0 or (k.wrapped[world] != 0 and U64(e.hflags) & HFLAGS.CS64 != 0)


@kernel
def within_limit(b, e):
    """Return how many instructions of the block entry end within the limit of CS.

    Source: SDM 3A, "Limit Checking"; SDM 3B, "Segment Wraparound"
    """
    if U64(e.hflags) & LIMITS == 0:
        return b.count
    at = b.pc - base(e, SEG.CS) & LOW_32
    end, last = at + U64(b.length), limit(e, SEG.CS)           # an undefined opcode is as long as the engine reads it
    for i in range(b.count):
        j = U64(i)
        at += rows.length(b, j)
        if min(at, end) - 1 > last:
            return j
    return b.count


@kernel
def outside(c, k, cs, b, e, slot):
    """Report the #GP(0) of the branch that led past the limit of CS, as if it had not been made.

    RIP of a block that was jumped to directly is not written yet.
    """
    e.rip = b.pc - base(e, SEG.CS) & LOW_32
    if c.block and c.block != slot and undo.undo_branch(c, e):
        leave(c, k, cs, ENGINE.PROTECTION, 0)


@kernel
def resume_flag(c, k, cs, b, e, ra):
    """Clear RF after the instruction that it was set for, when the engine, which went on by a direct jump, did not.

    It stays set between the iterations of a repeated string instruction.
    """
    late = c.resumed_at == c.instructions and e.eflags & RFLAGS.RF
    c.resumed_at = 0
    if late and not (b.cost & REPEATS and b.pc == c.resumed):
        e.eflags &= ~RFLAGS.RF
        c.block = 0
        leave(c, k, cs, ENGINE.DEADLINE, ra)


@kernel
def ask(c, k, cs, b, e, ra):
    """Stop before a breakpoint in the block and before the limit of CS; let an instruction that RF is set for run alone."""
    count, inside = U64(before_break(c, b, e)), U64(within_limit(b, e))
    if count > 0 and inside == 0 and b.count:
        c.block, e.error_code = 0, 0
        leave(c, k, cs, ENGINE.PROTECTION, ra)
    count = min(count, inside)
    if count == 0 and b.count:
        c.block = 0
        leave(c, k, cs, ENGINE.BREAK, ra)
    if b.cost != BY_MODEL and e.eflags & RFLAGS.RF:
        count = 1
        c.resumed, c.resumed_at = b.pc, c.instructions + 1 if b.count == 1 else 0
    if count < b.count and c.single != 1:
        c.block = 0
        poke32(cs + CS_CFLAGS, count)
        leave(c, k, cs, ENGINE.SPLIT, ra)


@kernel
def roll(m):
    """For tests: return the next 32 bits of the sequence that `emu.core.loop.disturb` draws from."""
    m.disturb = m.disturb * MULTIPLIER + INCREMENT
    return m.disturb >> 32


@kernel
def crowd(m, uc):
    """For tests: let the engine find its code buffer full when it translates next, now and then: it drops all translations then."""
    if m.disturb != ALL_ONES and roll(m) & 3 == 0:
        tcg = peek64(uc + UC_TCG)
        poke64(tcg + TCG_CODE_PTR, peek64(tcg + TCG_HIGHWATER))


@kernel
def decide(c, k, uc, world, ra, slot):
    """Decide about a block that could not charge itself: charge it, or leave."""
    b = block_at(slot)[0]
    last = last_instruction(c)
    if b.cost == NEW:
        k.blocks[world] = rows.listed(k.blocks[world], slot)
        register(c, k, uc, ra, slot)
    m = machine_at(c.machine)[0]
    if m.disturb:
        crowd(m, uc)
    cs = k.cs[world]
    e = env_of(k.env[world])[0]
    hidden = U64(e.hflags)
    if last == b.pc:
        if note_repeat(c, k, uc, ra, b, e):
            charge(c, b, slot)
            c.resumed_at = c.instructions if c.resumed_at else 0           # RF ends with the instruction
            return
        if c.repeated_at == c.instructions:    # the shadow of STI or MOV SS ended with the first iteration
            hidden &= ~HFLAGS.INHIBIT
    if c.deadline == 0:
        undo.busy(e)
    free = c.request | c.watch | c.single == 0
    if c.deadline == 0 and other_code(k, e, world):
        if undo.past_limit(e, b.pc):
            outside(c, k, cs, b, e, slot)
        c.block = 0
        leave(c, k, cs, ENGINE.DEADLINE, ra)
    if c.deadline == 0 and free:
        c.deadline = c.due
    if b.cost >= ASKS and within_limit(b, e) == 0 and b.count:
        outside(c, k, cs, b, e, slot)
    if c.resumed_at:
        resume_flag(c, k, cs, b, e, ra)
    if c.single == 1 and c.cycles >= c.due and not (c.mtf_step | c.iret_step | c.repeat_step):
        c.block = 0                            # its fetch reached an event, which comes first as it does when nobody steps
        leave(c, k, cs, ENGINE.DEADLINE, ra)
    if b.cost >= ASKS and (c.single == 1 or not (c.single or must_leave(c, hidden, e.eflags))):
        ask(c, k, cs, b, e, ra)
    if b.cost == BY_MODEL and (c.single == 1 or not (c.single or must_leave(c, hidden, e.eflags))):
        c.block = 0
        leave(c, k, cs, ENGINE.INSTRUCTION, ra)
    if c.single == 1:                          # one instruction was asked for: this is it
        c.single = 2
        charge(c, b, slot)
        return
    if c.single or must_leave(c, hidden, e.eflags):
        c.block = 0
        leave(c, k, cs, ENGINE.DEADLINE, ra)
    if c.deadline and c.deadline < c.due and c.cycles + (b.cost & CYCLES) > c.deadline:   # see emu.core.loop.disturb
        c.block = 0
        leave(c, k, cs, ENGINE.DEADLINE, ra)
    if c.cycles + (b.cost & CYCLES) > c.due and b.count > 1:
        count = fitting(c, b)
        if count < b.count:
            c.block = 0
            poke32(cs + CS_CFLAGS, count)
            leave(c, k, cs, ENGINE.SPLIT, ra)
    charge(c, b, slot)


@entry("void(uint64, uint64, uint64, uint64)")
def slow(cpu, uc, ra, slot):
    """Before a block of the engine `uc`, called from host address `ra`, whose entry is at `slot`: it has not charged itself."""
    c = cpu_at(cpu)[0]
    k = core_at(c.core)[0]
    world = 1 if uc == k.uc[1] else 0
    e = env_of(k.env[world])[0]
    clock.arrive(c, k, e)
    decide(c, k, uc, world, ra, slot)
    clock.depart(c, k, e)


@entry("uint64(uint64, uint64)")
def forget_blocks(cpu, cs):
    """The engine at `cs` is about to drop all its blocks (tb_flush)."""
    c = cpu_at(cpu)[0]
    if c.core:                                 # 0 while the processor is made
        k = core_at(c.core)[0]
        world = 1 if cs == k.cs[1] else 0
        e = env_of(c.env)[0]
        away = clock.arrive(c, k, e)
        keep(c, k)
        if away:
            clock.depart(c, k, e)
        k.blocks[world] = LAST
        found = words(env_of(k.env[world])[0].found, FOUND_WORDS)
        for i in range(FOUND_WORDS):
            found[U64(i)] = 0
    return 0
