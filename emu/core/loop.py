"""Running the engines: events out of translated code, world switches, and the scheduler of processors.

One processor is two engines on one host stack at most: a VM entry runs the non-root engine inside the root
engine's event, so that a world switch costs one engine start, not two.
Source: Unicorn 2.1.4 `cpu_exec`, `cpu_handle_exception`.
"""
from numba import types

from emu.bits import U64
from emu.core import context as at
from emu.core import ledger, native, undo
from emu.core.block import repeats_at, roll
from emu.core.fill import (
    CS_CFLAGS,
    CS_OWNER,
    E_DEADLINE,
    E_DEVICE,
    E_SPLIT,
    E_STEPPED,
    E_WATCH,
    EIGHT,
    FOUR,
    ONE,
    SIXTEEN,
    THIRTY_TWO,
    TWO,
    ZERO,
)
from emu.core.native import call, peek32, peek64, poke8, poke32
from emu.core.state import core_at
from emu.jit import entry, kernel, octets, words
from emu.model import breakpoint, decode, look, memory
from emu.model.cpu import CC_OP_EFLAGS, HF_CS64, HF_MP, HF_TS, STATUS, code_bits
from emu.model.memory import PAGE
from emu.spec.cpu import CR0
from emu.spec.insn import INSN
from emu.spec.outcome import FAULT, STOP
from emu.state import ALL_ONES, cpu_at, env_of, insn_at, machine_at, tlb_at

FIFTEEN, THREE, FIVE, COST_MASK = U64(15), U64(3), U64(5), U64(0x7FF)
CYCLES = U64((1 << 60) - 1)                 # see emu.core.block: above are marks
CS_EXIT, CS_STOPPED, CS_CREATED = U64(at.CS_EXIT_REQUEST), U64(at.CS_STOPPED), U64(at.CS_CREATED)
CS_HALTED, CS_EXCEPTION, CS_TCG_EXIT = U64(at.CS_HALTED), U64(at.CS_EXCEPTION), U64(at.CS_TCG_EXIT)
UC_STOP, UC_ERROR = U64(at.UC_STOP_REQUEST), U64(at.UC_INVALID_ERROR)
NO_EXCEPTION = U64(0xFFFF_FFFF)                  # -1 in a field of 32 bits
E_NM = U64(0x147)                           # the engine's #NM: perhaps only our lazy switch of its registers
FP_FIRST, FP_LAST = U64(600 // 8), U64(3200 // 8)     # words of ENV that hold x87, MMX and SSE state
MASK_32 = U64(0xFFFF_FFFF)
CARRY = ONE                                 # bits 3:1 of the number of the conditions B and AE
STOPPED = U64(0x10000)                      # what `cpu_exec` returns when an event stopped it


@kernel
def give_back(c, rip):
    """Take back what the current block was charged for instructions from `rip` (linear) on; they did not run."""
    if not c.block:
        return
    e = words(c.block, SIXTEEN)
    offset, place, cost, count = rip - e[3], ZERO, ZERO, ZERO
    if e[4] >> THIRTY_TWO != U64(64):
        offset &= MASK_32
    if offset <= e[4] & MASK_32:
        while count < e[2] and place < offset:
            row = e[FIVE + count // FOUR] >> count % FOUR * SIXTEEN
            place += row & FIFTEEN
            cost += row >> FOUR & COST_MASK
            count += ONE
        c.cycles -= (e[1] & CYCLES) - cost
        c.instructions -= e[2] - count
    c.block = ZERO


@kernel
def normalise(k, e, world):
    """Bring the arithmetic flags into `cc_src`."""
    if e.cc_op != CC_OP_EFLAGS:
        e.cc_src = call(k.f_flags, k.env[world], U64(e.cc_op), ZERO, ZERO, ZERO, ZERO) & STATUS
        e.cc_op = CC_OP_EFLAGS


@kernel
def lazy_registers(c, k, world):
    """Set the engine's task-switched flag while the other engine holds the x87 and SSE registers."""
    if k.owner != world:
        e = env_of(k.env[world])[0]
        e.hflags = U64(e.hflags) | HF_TS | HF_MP


@kernel
def fetch_registers(k, world):
    """Copy x87 and SSE state from the engine that holds it to this one."""
    here, there = words(k.env[world], U64(876)), words(k.env[world ^ ONE], U64(876))
    for i in range(FP_FIRST, FP_LAST):
        here[U64(i)] = there[U64(i)]
    k.owner = world


@kernel
def sync(c, k, world):
    """Make the engine forget what the architecture or the model made stale; set what stops its next block."""
    m, t, cs = machine_at(c.machine)[0], tlb_at(c.tlb)[0], k.cs[world]
    e = env_of(k.env[world])[0]
    breakpoint.renew(c, e, world)
    if k.gated[world] != m.gated or k.wrapped[world] and U64(e.hflags) & HF_CS64:
        k.gated[world] = m.gated
        ledger.flush(k, world)
    ledger.forget(t, k, world)
    if m.stale_count:
        ledger.drop_stale(m, k)
    ledger.drop_vmcs(c, m, k)
    if m.monitors_new:
        guard_lines(m, k)
    lazy_registers(c, k, world)
    if c.mtf_step | c.iret_step | c.steps:
        c.single = ONE
        poke32(cs + CS_CFLAGS, ONE)
    c.deadline = ZERO if c.request | c.watch | c.single else c.due
    if m.marks_changed:
        forget_costs(m, k)
    if m.disturb:
        disturb(c, m, k, world)


@kernel
def forget_costs(m, k):
    """Empty the block table: each block is looked at again, whether a breakpoint is in it."""
    rows = words(k.table, (k.table_mask + ONE) * SIXTEEN)
    for i in range(k.table_mask + ONE):
        rows[U64(i) * SIXTEEN] = ZERO
    m.marks_changed = ZERO


@kernel
def disturb(c, m, k, world):
    """For tests: make the engine forget its TLB or its translations now and then, and report again at an arbitrary block.

    None of it may show in anything that a guest or a person can see.
    """
    if m.disturb == ALL_ONES:                  # the other extreme: each instruction is looked up and translated from memory
        ledger.drop_code(m, k)
        call(k.f_flush, k.cs[world], ZERO, ZERO, ZERO, ZERO, ZERO)
        k.filled_count[world] = c.deadline = ZERO
        c.single = ONE
        poke32(k.cs[world] + CS_CFLAGS, ONE)
        return
    dice = roll(m)
    if dice & FIFTEEN == ZERO:
        call(k.f_forget, k.cs[world], ZERO, ZERO, ZERO, ZERO, ZERO)
    if dice >> FOUR & THREE == ZERO:
        call(k.f_flush, k.cs[world], ZERO, ZERO, ZERO, ZERO, ZERO)
        k.filled_count[world] = ZERO
    soon = c.cycles + (dice >> EIGHT & U64(0x7FF))
    if c.deadline and soon < c.deadline:
        c.deadline = soon


@kernel
def guard_lines(m, k):
    """Take the pages of newly armed monitors from engines of other processors that may write to them unasked."""
    pages = words(m.ledger, memory.top(m) >> U64(12))
    for i in range(m.cpu_count):
        at = cpu_at(m.cpus[U64(i)])[0].monitor_address
        if m.monitors_new >> U64(i) & ONE and memory.is_ram(m, at):
            page = at >> U64(12)
            others = (pages[page] & PAGE.WRITABLE) >> SIXTEEN & ~(THREE << TWO * U64(i))
            if others:
                ledger.drop_everywhere(k, page, others, False)
                pages[page] &= ~(others << SIXTEEN)
    m.monitors_new = ZERO


@kernel
def execute(c, k, world):
    """Run an engine until one of its events stops it.

    It also stops when its code buffer is full, before a block that it would translate, and has emptied it then.  That is no event:
    it goes on as it was, but for having forgotten that one instruction was to run alone.
    Source: Unicorn 2.1.4 `tb_gen_code`
    """
    uc, cs = k.uc[world], k.cs[world]
    k.switches += ONE
    k.depth += ONE
    while True:
        poke8(cs + CS_EXIT, ZERO)
        poke32(cs + CS_HALTED, ZERO)
        poke32(cs + CS_EXCEPTION, NO_EXCEPTION)
        poke32(cs + CS_TCG_EXIT, ZERO)
        poke8(uc + UC_STOP, ZERO)
        poke32(uc + UC_ERROR, ZERO)
        reason = call(k.f_exec, uc, cs, ZERO, ZERO, ZERO, ZERO) & MASK_32
        if k.stopped or reason != STOPPED or peek32(uc + UC_ERROR):
            break
        if c.single == ONE:
            poke32(cs + CS_CFLAGS, ONE)
    k.stopped = ZERO
    k.depth -= ONE
    if reason != STOPPED or peek32(uc + UC_ERROR):
        c.stop, c.stop_a, c.stop_b = STOP.INTERNAL, reason, peek32(uc + UC_ERROR)
        c.stop_rip = env_of(k.env[world])[0].rip
        c.halted_or_stopped = ONE


@kernel
def world_of(c, k):
    """Return 1 when the processor is in VMX non-root operation, else 0."""
    return ONE if c.env == k.env[1] else ZERO


@kernel
def normal_rip(e):
    """Cut RIP to the 32 bits that it has outside 64-bit mode: the engine counts on past 4 GiB."""
    if not U64(e.hflags) & HF_CS64:
        e.rip &= MASK_32


@kernel
def note_flags(c, k, e):
    """Note that the flags are in `cc_src`, when the store of SETcc was not made: the engine has computed them there, and says so later.

    Such an instruction begins a block (`emu.core.fill.begins`): what flags there were is not known when it is translated, so all
    are computed, whatever the condition; but for carry, which is computed elsewhere.
    Source: Unicorn 2.1.4 `gen_prepare_cc`, `gen_compute_eflags`
    """
    if e.cc_op == CC_OP_EFLAGS:
        return
    insn, code = insn_at(k.scratch)[0], octets(k.code_buffer, SIXTEEN)
    length = decode.decode(code, look.code(c, undo.linear(e, e.rip), code), code_bits(e), insn)
    if length and insn.kind == INSN.SET_CONDITION and insn.opcode >> ONE & U64(7) != CARRY:
        e.cc_op = CC_OP_EFLAGS


@kernel
def prologue(c, k, e, world, number):
    """Bring time, flags and shadow to the exact instruction boundary that the event was reported at."""
    k.events += ONE
    normal_rip(e)
    if k.amid:
        k.amid = ZERO
        note_flags(c, k, e)
    undo.busy(e)
    completed = number == E_STEPPED or number == E_DEADLINE and c.block == ZERO
    c.resumed_at = k.far_ra = c.repeat_step = c.crossing = c.crossing_end = c.crossing_size = ZERO
    rip = undo.linear(e, e.rip)
    if number == E_STEPPED:
        if repeats_at(c, k, k.uc[world], rip):
            c.repeated, c.repeated_at = rip, c.instructions
        c.block = ZERO                                     # it ran whole, even if it jumped to itself
    give_back(c, rip)
    normalise(k, e, world)
    if c.device_step:
        c.device_step = ZERO
        c.recheck = ONE
    if c.watch_step and number != E_DEVICE:
        c.watch_step = ZERO
        if not completed:
            breakpoint.forget(c)
    if c.single == TWO or number != E_DEVICE:
        c.single = ZERO


@kernel
def step_device(c, k, cs):
    """Let exactly the instruction at RIP run, with device pages open to it."""
    c.device_step = ONE
    c.single = ONE
    c.fault = FAULT.NONE
    poke32(cs + CS_CFLAGS, ONE)
    c.deadline = ZERO


@kernel
def step_iteration(c, k, cs):
    """Let one iteration of the repeated string instruction at RIP complete, in which an event has become due.

    Whether it is the first is not known inside it, but which RFLAGS.RF the event pushes depends on that.
    """
    c.repeat_step = ONE
    c.single = ONE
    c.fault = FAULT.NONE
    poke32(cs + CS_CFLAGS, ONE)
    c.deadline = ZERO


@kernel
def step_watched(c, k, cs):
    """Let exactly the instruction at RIP run and note which watched bytes it reaches."""
    c.watch_step = ONE
    c.crossing = c.crossing_end = c.watch_hits = ZERO
    c.single = ONE
    c.fault = FAULT.NONE
    poke32(cs + CS_CFLAGS, ONE)
    c.deadline = ZERO


@entry(types.void(*[types.uint64] * 4))
def storing(cs, start, size, ra):
    """The engine is about to store `size` bytes at offset `start` of RAM, of a page with code: keep what is there.

    An unaligned store it makes byte by byte, and leaves the block before the first byte that changes the block's own code.
    Not kept: bytes on the page before, where it has no code.
    Source: Unicorn 2.1.4 `store_helper`, `notdirty_write`
    """
    c = cpu_at(peek64(cs + CS_OWNER))[0]
    k, m = core_at(c.core)[0], machine_at(c.machine)[0]
    if start + size > memory.top(m) or size > EIGHT:
        return
    if k.store_ra != ra or k.store_at != c.instructions or k.store_from + k.store_count != start or k.store_count > EIGHT:
        k.store_ra, k.store_at, k.store_from, k.store_count = ra, c.instructions, start, ZERO
    now = octets(m.ram + start, size)
    for i in range(size):
        k.store_old[k.store_count + U64(i)] = now[U64(i)]
    k.store_count += size


@kernel
def unstore(c, k):
    """Take back the pieces of the store that has just been cut: a read-modify-write must find again what it found."""
    if k.store_ra and k.store_at == c.instructions:
        there = octets(machine_at(c.machine)[0].ram + k.store_from, k.store_count)
        for i in range(k.store_count):
            there[U64(i)] = k.store_old[U64(i)]
    k.store_ra = ZERO


@entry(types.void(types.uint64))
def modified(cs):
    """The engine is about to leave a block whose store changed its own code (cpu_loop_exit_noexc): it begins again there.

    The state is that before the store, which then runs alone.
    """
    c = cpu_at(peek64(cs + CS_OWNER))[0]
    k = core_at(c.core)[0]
    unstore(c, k)
    e = env_of(k.env[1] if cs == k.cs[1] else k.env[0])[0]
    normal_rip(e)
    k.amid = ZERO
    note_flags(c, k, e)
    give_back(c, undo.linear(e, e.rip))


@entry(types.void(types.voidptr, types.uint32, types.voidptr))
def on_event(engine, number, user):
    """Everything the engine reports (UC_HOOK_INTR): handle it and let the engine go on, or stop it."""
    c = cpu_at(native.address(user))[0]
    k = core_at(c.core)[0]
    world = world_of(c, k)
    cs, what = k.cs[world], U64(number)
    if what == E_SPLIT:
        return
    e = env_of(k.env[world])[0]
    if what == E_NM and k.owner != world and not e.cr[0] & (CR0.TS | CR0.EM):
        c.resumed_at = ZERO
        normal_rip(e)
        give_back(c, undo.linear(e, e.rip))
        fetch_registers(k, world)
        e.hflags = U64(e.hflags) & ~(HF_TS | HF_MP) | (e.cr[0] & (CR0.MP | CR0.TS)) << EIGHT
        if c.single:
            c.single = ONE
            poke32(cs + CS_CFLAGS, ONE)
        return
    amid = what == E_DEADLINE and c.block and repeats_at(c, k, k.uc[world], undo.linear(e, e.rip))
    prologue(c, k, e, world, what)
    if amid:
        step_iteration(c, k, cs)
        return
    if what == E_DEVICE:
        step_device(c, k, cs)
        return
    if what == E_WATCH:
        step_watched(c, k, cs)
        return
    call(k.f_model, c.self_address, what, ZERO, ZERO, ZERO, ZERO)
    while True:
        now = world_of(c, k)
        if c.halted_or_stopped:
            break
        sync(c, k, now)
        if now == world:
            return                                         # the engine goes on by itself
        if now == ZERO or k.depth > ONE:
            break                                          # the other engine is below on the stack, or starts from the loop
        execute(c, k, now)
    k.stopped = ONE
    poke8(cs + CS_EXIT, ONE)


@entry(types.uint64(types.uint64, types.uint64))
def run_processor(cpu, quantum_end):
    """Run one processor until its clock reaches `quantum_end`, it halts, or the machine stops."""
    c = cpu_at(cpu)[0]
    k = core_at(c.core)[0]
    k.quantum_end = quantum_end
    c.quantum_end = quantum_end
    call(k.f_model, cpu, ZERO, ZERO, ZERO, ZERO, ZERO)
    while not c.halted_or_stopped:
        now = world_of(c, k)
        sync(c, k, now)
        execute(c, k, now)
    return c.stop
