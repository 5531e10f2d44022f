"""Breakpoints on execution and on data: those of the debug registers, and a debugger's points.

Both are found the same way.  For execution, the execution core marks the blocks that hold one of the addresses
(`marked`) and asks before such an instruction (`executes`).  For data, pages that hold watched bytes (`on_page`) are
asked for at each access (`data`, `points`); the instruction then runs alone, and what it met is dealt with after it.
A debugger's points live here, not in guest memory, and nothing that a guest can see depends on them.  All that are met
up to a boundary are noted, and those to be ignored dropped there (`settle`): which of the rest stops is the debugger's choice.
Not modelled: an instruction breakpoint at an instruction whose fetch faults (the fault comes first, by the manual the
breakpoint), data breakpoints on what event delivery pushes, and an uninitialised pair of R/Wn = 0 and LENn > 0 (never met).
Source: SDM 3B, "Debug Registers", "Debug Exceptions"
"""
from emu.bits import ALL_ONES, LOW_8, LOW_32, PAGE_MASK, PAGE_SIZE, U64, get
from emu.jit import kernel, words
from emu.model.cpu import code_64
from emu.spec.cpu import CR4, DR7, DR7_ENABLES, DR7_ENABLES_STEP, DR7_STEP, RFLAGS
from emu.spec.debug import ARMED, CONDITION, LENGTHS, POINT, UNTIL
from emu.spec.outcome import MODE
from emu.spec.profile import PROCESSORS
from emu.spec.vmx import PENDING
from emu.state import cpu_at, debug_at, env_of, machine_at, tlb_at, watch_at

MARKS = U64(8 * PROCESSORS)                                 # of each processor 4 registers, with and without the upper half
LENGTH_CODES = U64(sum((n - 1) << 8 * i for i, n in enumerate(LENGTHS)))


# ---- the debug registers ------------------------------------------------------------------------------------
@kernel
def enabled(e, n):
    """Return whether breakpoint `n` is enabled, locally or globally."""
    return e.dr[7] >> n * DR7_ENABLES_STEP & (DR7.L0 | DR7.G0) != 0


@kernel
def condition(e, n):
    """Return R/Wn, a CONDITION."""
    return get(e.dr[7] >> n * DR7_STEP, DR7.RW0)


@kernel
def last_byte(e, n):
    """Return the distance from the first to the last byte that breakpoint `n` covers: its length less one."""
    code = get(e.dr[7] >> n * DR7_STEP, DR7.LEN0)
    return LENGTH_CODES >> code * 8 & LOW_8


@kernel
def _linear(e, address):
    """Return the part of a debug register that takes part in comparisons: 32 bits outside 64-bit mode."""
    return address if code_64(e) else address & LOW_32


@kernel
def _touches(e, n, first, last):
    """Return whether breakpoint `n` covers some byte of `first` .. `last`; its address is aligned to its length."""
    length = U64(last_byte(e, n))
    start = U64(_linear(e, e.dr[n])) & ~length
    return first <= start + length and start <= last


@kernel
def data(e, la, size, write):
    """Return the breakpoints, as DR6 bits 3:0, that a data access of `size` bytes at linear `la` meets."""
    met = 0
    for i in range(4):
        n = U64(i)
        if enabled(e, n):
            kind = condition(e, n)
            if (kind == CONDITION.ACCESS or kind == CONDITION.WRITE and write) and _touches(e, n, la, la + size - 1):
                met |= 1 << n
    return met


@kernel
def port(c, e, number, size):
    """Note the breakpoints that an access to `size` ports from `number` on meets: a trap after the instruction."""
    if not c.armed & ARMED.REGISTERS or not e.cr[4] & CR4.DE:
        return
    for i in range(4):
        n = U64(i)
        if enabled(e, n) and condition(e, n) == CONDITION.PORT and _touches(e, n, number, number + size - 1):
            c.watch_hits |= 1 << n


@kernel
def code(c, e, la):
    """Return the breakpoints, as DR6 bits 3:0, that execution of the instruction at linear `la` meets.

    A repeated string instruction meets one before its first iteration only.
    """
    met = 0
    if c.repeated_at and c.repeated == la and c.repeated_at == c.instructions:
        return met
    if e.dr[7] & DR7_ENABLES == 0 or e.eflags & RFLAGS.RF or c.blocked == la and c.blocked_at == c.instructions + 1:
        return met
    for i in range(4):
        n = U64(i)
        if enabled(e, n) and condition(e, n) == CONDITION.EXECUTE and last_byte(e, n) == 0 and _linear(e, e.dr[n]) == la:
            met |= 1 << n
    return met


@kernel
def _in_use(m, address):
    """Return whether some processor has linear `address` in DR0-DR3."""
    for p in range(m.cpu_count):
        dr = env_of(cpu_at(m.cpus[p])[0].env)[0].dr
        for i in range(4):
            if dr[U64(i)] == address or dr[U64(i)] & LOW_32 == address:
                return True
    return False


@kernel
def _mark(m, address):
    """Have blocks with an instruction at linear `address` ask before it, from now on.

    There is a place for all that the processors can hold at a time; one that none of them holds is given up first.
    """
    place = m.mark_count
    for i in range(m.mark_count):
        if m.mark[U64(i)] == address:
            return
        if place == m.mark_count and place == MARKS and not _in_use(m, m.mark[U64(i)]):
            place = U64(i)
    m.mark[place] = address
    if place == m.mark_count:
        m.mark_count += 1
    m.marks_changed = 1


@kernel
def arm(c, e):
    """Take note of the debug registers of ENV `e`, which the processor runs with from now on."""
    m = machine_at(c.machine)[0]
    if e.dr[7] & DR7_ENABLES == 0:
        c.armed &= ~ARMED.REGISTERS
        return
    found = 0
    for i in range(4):
        n = U64(i)
        if enabled(e, n):
            if condition(e, n) == CONDITION.EXECUTE:
                _mark(m, e.dr[n])
                _mark(m, e.dr[n] & LOW_32)
            else:
                found = ARMED.REGISTERS
    c.armed = c.armed & ~ARMED.REGISTERS | found


@kernel
def _moved(c, e, world):
    """Return whether an address differs from those that the engine of `world` looked up its pages for."""
    for i in range(4):
        if c.watched[world * 4 + U64(i)] != e.dr[U64(i)]:
            return True
    return False


@kernel
def renew(c, e, world):
    """Have the engine of `world`, about to run, look up its pages again if it did so for other data breakpoints than those armed.

    Pages with watched bytes are asked for at each access.  `watched_control` and `watched` say what the pages that the
    engine holds were looked up for; 0: for none.  Compared here, it does not matter what changed the debug registers, nor
    what ran while they were off.
    """
    if not c.armed & ARMED.REGISTERS:
        c.watched_control[world] = 0
    elif c.watched_control[world] != e.dr[7] or _moved(c, e, world):
        c.watched_control[world] = e.dr[7]
        for i in range(4):
            c.watched[world * 4 + U64(i)] = e.dr[U64(i)]
        tlb_at(c.tlb)[0].engine_flush += 1


@kernel
def pend(c):
    """Make what the instruction before this boundary met a debug exception that is due here."""
    if c.watch_hits:
        c.pending_debug |= c.watch_hits | PENDING.ENABLED
        c.watch_hits = 0


# ---- a debugger's points --------------------------------------------------------------------------------------
@kernel
def _in_scope(c, e, d, i):
    """Return whether point `i` is for the world, the partition and the address space that the processor is in."""
    world = 1 if c.vmx_mode == MODE.NONROOT else 0
    if d.world[i] != ALL_ONES and d.world[i] != world:
        return False
    if d.eptp[i] != ALL_ONES and (world == 0 or d.eptp[i] != c.eptp & PAGE_MASK):
        return False
    return d.space[i] == ALL_ONES or d.space[i] == e.cr[3] & PAGE_MASK


@kernel
def count(d, i):
    """Count that point `i` was met; returns whether it stops the machine, not one of those to be ignored."""
    d.hits[i] += 1
    if d.ignore[i]:
        d.ignore[i] -= 1
        return False
    return True


@kernel
def note(d, i, la, size, write):
    """Note that the point in place `i` was met, and the access that met it: of those of one instruction the last."""
    at = d.hit
    for j in range(d.hit):
        if d.point[d.met[U64(j)]] == d.point[i]:
            at = U64(j)
    d.hit += 1 if at == d.hit else 0
    d.met[at], d.met_address[i], d.met_size[i], d.met_write[i] = i, la, size, 1 if write else 0


@kernel
def here(c, e, d, i, la):
    """Return whether point `i` stands before the instruction at linear `la`, in the scope that the processor is in."""
    return d.kind[i] == POINT.EXECUTE and d.address[i] == la and _in_scope(c, e, d, i)


@kernel
def asked(c, e, la):
    """Return whether a debugger is to be asked before the instruction at linear `la`.

    It is not a second time before an instruction that it let go on.
    """
    m = machine_at(c.machine)[0]
    if m.debug == 0 or c.passed == la and c.passed_at == c.instructions + 1:
        return False
    d = debug_at(m.debug)[0]
    for i in range(d.count):
        if here(c, e, d, U64(i), la):
            return True
    return False


@kernel
def points(c, e, la, pa, size, write):
    """Note the debugger's points that a data access of `size` bytes at linear `la`, host-physical `pa`, meets; returns whether any."""
    m, found = machine_at(c.machine)[0], False
    if m.debug == 0:
        return False
    d, wanted = debug_at(m.debug)[0], POINT.WRITE if write else POINT.READ
    for j in range(d.count):
        i = U64(j)
        if d.kind[i] & wanted:
            start = pa if d.kind[i] & POINT.PHYSICAL else la
            if start < d.address[i] + d.length[i] and d.address[i] < start + size and _in_scope(c, e, d, i):
                note(d, i, start, size, write)
                found = True
    return found


@kernel
def waiting(c):
    """Return whether a point was met and not dealt with yet."""
    m = machine_at(c.machine)[0]
    return m.debug != 0 and debug_at(m.debug)[0].hit != 0


@kernel
def changes(c):
    """Note the CHANGE points whose word is not what it was at the boundary before."""
    d = debug_at(machine_at(c.machine)[0].debug)[0]
    if d.near == 0:
        return
    for j in range(d.count):
        i = U64(j)
        if d.kind[i] == POINT.CHANGE:
            now = words(d.address[i], 1)[0]
            if now != d.value[i]:
                d.value[i] = now
                note(d, i, d.address[i], 8, True)


@kernel
def follow(c):
    """Note after a step whether the word that is followed has changed."""
    d = debug_at(machine_at(c.machine)[0].debug)[0]
    if d.followed:
        now = words(d.followed, 1)[0]
        if now != d.followed_value:
            d.followed_value, d.changed_left = now, c.steps
            d.changes += 1


@kernel
def settle(c):
    """Count the data points that were met and drop those to be ignored; returns whether a point, or a trace event, stops the machine.

    Those before an instruction are counted where they are met.
    """
    m, left = machine_at(c.machine)[0], 0
    if waiting(c):
        d = debug_at(m.debug)[0]
        for j in range(d.hit):
            i = U64(d.met[U64(j)])
            if d.kind[i] & POINT.EXECUTE or count(d, i):
                d.met[left] = i
                left += 1
        d.hit = left
    return left != 0 or m.watch != 0 and watch_at(m.watch)[0].hit != 0


@kernel
def transition(c):
    """Return whether the change of worlds that a debugger waits for has just come; `c.step_world` is the world before."""
    d = debug_at(machine_at(c.machine)[0].debug)[0]
    if d.until == UNTIL.NEVER:
        return False
    before, now = U64(c.step_world), 1 if c.vmx_mode == MODE.NONROOT else 0
    c.step_world = now
    wanted = 1 if d.until == UNTIL.ENTRY else 0
    return before != now and now == wanted and (d.until_vmcs == 0 or d.until_vmcs == c.vmcs_pointer)


@kernel
def forget_hits(c):
    """Forget what an instruction met that did not complete."""
    c.watch_hits = 0
    m = machine_at(c.machine)[0]
    if m.debug:
        debug_at(m.debug)[0].hit = 0


# ---- what the execution core asks -----------------------------------------------------------------------------
@kernel
def marked(m, first, size):
    """Return whether a block of `size` bytes at linear `first` has to ask before one of its instructions."""
    for i in range(m.mark_count):
        if m.mark[U64(i)] - first < size:
            return True
    if m.debug:
        d = debug_at(m.debug)[0]
        for i in range(d.count):
            if d.kind[U64(i)] == POINT.EXECUTE and d.address[U64(i)] - first < size:
                return True
    return False


@kernel
def on_page(c, e, la, pa):
    """Return whether accesses to the page of linear `la`, host-physical `pa`, are asked for each time.

    An access that crosses into a watched page begins on the page before.  The engine keeps its pages when code of another
    width runs, which compares less of the address.
    """
    page = la & PAGE_MASK
    if c.armed & ARMED.REGISTERS:
        for i in range(4):
            n = U64(i)
            if enabled(e, n) and condition(e, n) != CONDITION.EXECUTE:
                away, narrow = (e.dr[n] & PAGE_MASK) - page, (e.dr[n] & LOW_32 & PAGE_MASK) - page
                if away == 0 or away == PAGE_SIZE or narrow == 0 or narrow == PAGE_SIZE:
                    return True
    m = machine_at(c.machine)[0]
    if m.debug == 0:
        return False
    d, frame = debug_at(m.debug)[0], pa & PAGE_MASK
    for j in range(d.count):
        i = U64(j)
        if d.kind[i] & (POINT.READ | POINT.WRITE):
            start = frame if d.kind[i] & POINT.PHYSICAL else page
            if start < d.address[i] + d.length[i] and d.address[i] < start + PAGE_SIZE + 7:
                return True
    return False


@kernel
def access(c, la, pa, size, write):
    """Note what an access by an instruction that the model executes meets: linear `la`, its first byte at physical `pa`."""
    e = env_of(c.env)[0]
    if c.armed & ARMED.REGISTERS:
        c.watch_hits |= data(e, la, size, write)
    if c.armed & ~ARMED.REGISTERS:
        points(c, e, la, pa, size, write)


@kernel
def stored(m, address, size):
    """Note the debugger's physical points that a store of the model itself meets: page walks, event delivery, instructions."""
    if m.debug == 0:
        return
    d = debug_at(m.debug)[0]
    for j in range(d.count):
        i = U64(j)
        wanted = d.kind[i] & POINT.PHYSICAL and d.kind[i] & POINT.WRITE
        if wanted and address < d.address[i] + d.length[i] and d.address[i] < address + size:
            note(d, i, address, size, True)
