"""Running the engines: events out of translated code, world switches, and the scheduler of processors.

One processor is two engines on one host stack at most: a VM entry runs the non-root engine inside the root
engine's event, so that a world switch costs one engine start, not two.
Source: Unicorn 2.1.4 `cpu_exec`, `cpu_handle_exception`.
"""

from emu.bits import ALL_ONES, LOW_32, U64
from emu.core import clock, ledger, native, rows, undo
from emu.core import context as at
from emu.core.block import renew, repeats_at, roll
from emu.core.fill import CS_CFLAGS
from emu.core.native import call, peek32, peek64, poke8, poke32
from emu.core.rows import CYCLES
from emu.core.state import block_at, core_at
from emu.jit import entry, kernel, octets, words
from emu.model import ram
from emu.model.cpu import STATUS, code_bits
from emu.model.memory import look
from emu.model.memory.memory import PAGE
from emu.model.observe import breakpoint
from emu.model.processor import decode
from emu.spec.cpu import CR0
from emu.spec.engine import CC_OP, ENGINE, HFLAGS
from emu.spec.insn import INSN
from emu.spec.outcome import FAULT, STOP
from emu.state import ENV, cpu_at, env_of, insn_at, machine_at, tlb_at

CS_EXIT, CS_HALTED = U64(at.CS_EXIT_REQUEST), U64(at.CS_HALTED)
CS_EXCEPTION, CS_TCG_EXIT = U64(at.CS_EXCEPTION), U64(at.CS_TCG_EXIT)
UC_STOP, UC_ERROR = U64(at.UC_STOP_REQUEST), U64(at.UC_INVALID_ERROR)
NO_EXCEPTION = U64(0xFFFF_FFFF)                  # -1 in a field of 32 bits
FP_FIRST, FP_LAST, ENV_WORDS = U64(at.offset(ENV, "fpstt") // 8), U64(at.ENV_SSE_END // 8), U64(ENV.itemsize // 8)
CARRY = U64(1)                              # bits 3:1 of the number of the conditions B and AE
CPU_EXEC_STOPPED = U64(0x10000)             # what `cpu_exec` returns when an event stopped it


@kernel
def give_back(c, rip):
    """Take back what the current block was charged for instructions from `rip` (linear) on; they did not run."""
    if not c.block:
        return
    b = block_at(c.block)[0]
    count, _, cost, offset = rows.until(b, rip)
    if offset <= U64(b.length):
        c.cycles -= (b.cost & CYCLES) - cost
        c.instructions -= b.count - count
    c.block = 0


@kernel
def normalise(k, e, world):
    """Bring the arithmetic flags into `cc_src`."""
    if e.cc_op != CC_OP.EFLAGS:
        e.cc_src = call(k.f_flags, k.env[world], U64(e.cc_op), 0, 0, 0, 0) & STATUS
        e.cc_op = CC_OP.EFLAGS


@kernel
def lazy_registers(c, k, world):
    """Set the engine's task-switched flag while the other engine holds the x87 and SSE registers."""
    if k.owner != world:
        e = env_of(k.env[world])[0]
        e.hflags = U64(e.hflags) | HFLAGS.TS | HFLAGS.MP


@kernel
def fetch_registers(k, world):
    """Copy x87 and SSE state from the engine that holds it to this one."""
    here, there = words(k.env[world], ENV_WORDS), words(k.env[world ^ 1], ENV_WORDS)
    for i in range(FP_FIRST, FP_LAST):
        here[U64(i)] = there[U64(i)]
    k.owner = world


@kernel
def sync(c, k, world):
    """Make the engine forget what the architecture or the model made stale; set what stops its next block."""
    m, t, cs = machine_at(c.machine)[0], tlb_at(c.tlb)[0], k.cs[world]
    e = env_of(k.env[world])[0]
    breakpoint.renew(c, e, world)
    if k.gated[world] != m.gated or k.wrapped[world] and U64(e.hflags) & HFLAGS.CS64:
        k.gated[world] = m.gated
        ledger.flush(t, k, world, False)
    ledger.forget_dropped(t, k, world)
    if m.stale_count:
        ledger.drop_stale(m, k)
    ledger.drop_vmcs(c, m, k)
    if m.monitors_new:
        guard_lines(m, k)
    lazy_registers(c, k, world)
    if c.mtf_step | c.iret_step | c.steps:
        c.single = 1
        poke32(cs + CS_CFLAGS, 1)
    c.deadline = 0 if c.request | c.watch | c.single else c.due
    if m.marks_changed:
        forget_costs(m)
    if m.disturb:
        disturb(c, m, k, world)


@kernel
def forget_costs(m):
    """Have each block of every engine examined again, whether a breakpoint is in it."""
    for i in range(m.cpu_count):
        k = core_at(cpu_at(m.cpus[U64(i)])[0].core)[0]
        renew(k.blocks[0])
        renew(k.blocks[1])
    m.marks_changed = 0


@kernel
def disturb(c, m, k, world):
    """For tests: make the engine forget its TLB or its translations now and then, and report again at an arbitrary block.

    None of it may show in anything that a guest or a person can see.
    """
    if m.disturb == ALL_ONES:                  # the other extreme: each instruction is looked up and translated from memory
        ledger.drop_code(m, k)
        call(k.f_flush, k.cs[world], 0, 0, 0, 0, 0)
        k.filled_count[world] = c.deadline = 0
        c.single = 1
        poke32(k.cs[world] + CS_CFLAGS, 1)
        return
    dice = roll(m)
    if dice & 15 == 0:
        call(k.f_forget, k.cs[world], 0, 0, 0, 0, 0)
    if dice >> 4 & 3 == 0:
        call(k.f_flush, k.cs[world], 0, 0, 0, 0, 0)
        k.filled_count[world] = 0
    soon = c.cycles + (dice >> 8 & 0x7FF)
    if c.deadline and soon < c.deadline:
        c.deadline = soon


@kernel
def guard_lines(m, k):
    """Take the pages of newly armed monitors from engines of other processors that may write to them unasked."""
    pages = words(m.ledger, ram.top(m) >> 12)
    for i in range(m.cpu_count):
        at = cpu_at(m.cpus[U64(i)])[0].monitor_address
        if m.monitors_new >> U64(i) & 1 and ram.is_ram(m, at):
            page = at >> 12
            others = (pages[page] & PAGE.WRITABLE) >> 16 & ~(3 << 2 * U64(i))
            if others:
                ledger.drop_everywhere(k, page, others, False)
                pages[page] &= ~(others << 16)
    m.monitors_new = 0


@kernel
def execute(c, k, world):
    """Run an engine until one of its events stops it.

    It also stops when its code buffer is full, before a block that it would translate, and has emptied it then.  That is not an event:
    it goes on as it was, but for having forgotten that one instruction was to run alone.
    Source: Unicorn 2.1.4 `tb_gen_code`
    """
    uc, cs, e = k.uc[world], k.cs[world], env_of(k.env[world])[0]
    k.switches += 1
    k.depth += 1
    while True:
        poke8(cs + CS_EXIT, 0)
        poke32(cs + CS_HALTED, 0)
        poke32(cs + CS_EXCEPTION, NO_EXCEPTION)
        poke32(cs + CS_TCG_EXIT, 0)
        poke8(uc + UC_STOP, 0)
        poke32(uc + UC_ERROR, 0)
        clock.depart(c, k, e)
        reason = call(k.f_exec, uc, cs, 0, 0, 0, 0) & LOW_32
        clock.arrive(c, k, e)
        if k.stopped or reason != CPU_EXEC_STOPPED or peek32(uc + UC_ERROR):
            break
        if c.single == 1:
            poke32(cs + CS_CFLAGS, 1)
    k.stopped = 0
    k.depth -= 1
    if reason != CPU_EXEC_STOPPED or peek32(uc + UC_ERROR):
        c.stop, c.stop_a, c.stop_b = STOP.INTERNAL, reason, peek32(uc + UC_ERROR)
        c.stop_rip = e.rip
        c.halted_or_stopped = 1


@kernel
def world_of(c, k):
    """Return 1 when the processor is in VMX non-root operation, else 0."""
    return 1 if c.env == k.env[1] else 0


@kernel
def normal_rip(e):
    """Cut RIP to the 32 bits that it has outside 64-bit mode: the engine counts on past 4 GiB."""
    if not U64(e.hflags) & HFLAGS.CS64:
        e.rip &= LOW_32


@kernel
def note_flags(c, k, e):
    """Note that the flags are in `cc_src`, when the store of SETcc was not made: the engine has computed them there, and says so later.

    Such an instruction begins a block (`emu.core.fill.begins`): what flags there were is not known when it is translated, so all
    are computed, whatever the condition; but for carry, which is computed elsewhere.
    Source: Unicorn 2.1.4 `gen_prepare_cc`, `gen_compute_eflags`
    """
    if e.cc_op == CC_OP.EFLAGS:
        return
    insn, code = insn_at(k.scratch)[0], octets(k.code_buffer, 16)
    length = decode.decode(code, look.code(c, undo.linear(e, e.rip), code), code_bits(e), insn)
    if length and insn.kind == INSN.SET_CONDITION and insn.opcode >> 1 & 7 != CARRY:
        e.cc_op = CC_OP.EFLAGS


@kernel
def stores_x87(insn):
    """Return whether a decoded instruction stores ST0 to memory as a number of 16, 32 or 64 bits: FST, FSTP, FIST, FISTP, FISTTP.

    Source: SDM 2D, "x87 FPU Opcode Map"
    """
    if insn.map != 0 or insn.mod == 3:
        return False
    if insn.opcode == 0xD9:
        return insn.reg & 7 == 2 or insn.reg & 7 == 3
    if insn.opcode == 0xDF and insn.reg & 7 == 7:
        return True
    return (insn.opcode == 0xDB or insn.opcode == 0xDD or insn.opcode == 0xDF) and 1 <= insn.reg & 7 <= 3


@kernel
def undo_x87(c, k, e):
    """Take back what an x87 store did to the status word and to an empty ST0 when its access was not made: it comes again.

    Its helper runs before the access, so that what it noted is of the instruction at RIP if that is such a store.
    """
    if k.x87_stores == 0:
        return
    k.x87_stores = 0
    insn, code = insn_at(k.scratch)[0], octets(k.code_buffer, 16)
    if decode.decode(code, look.code(c, undo.linear(e, e.rip), code), code_bits(e), insn) and stores_x87(insn):
        e.fpus, e.fptags[k.x87_place] = k.x87_status, k.x87_tag
        e.fpregs[k.x87_place * 2], e.fpregs[k.x87_place * 2 + 1] = k.x87_value[0], k.x87_value[1]


@kernel
def prologue(c, k, e, world, number):
    """Bring time, flags and shadow to the exact instruction boundary that the event was reported at."""
    k.events += 1
    normal_rip(e)
    if k.amid:
        k.amid = 0
        note_flags(c, k, e)
        undo_x87(c, k, e)
    undo.busy(e)
    completed = number == ENGINE.STEPPED or number == ENGINE.DEADLINE and c.block == 0
    c.resumed_at = k.far_ra = c.repeat_step = c.crossing = c.crossing_end = c.crossing_size = 0
    rip = undo.linear(e, e.rip)
    if number == ENGINE.STEPPED:
        if repeats_at(c, rip):
            c.repeated, c.repeated_at = rip, c.instructions
        c.block = 0                                        # it ran whole, even if it jumped to itself
    give_back(c, rip)
    normalise(k, e, world)
    if c.device_step:
        c.device_step = 0
        c.recheck = 1
    if c.watch_step and number != ENGINE.DEVICE:
        c.watch_step = 0
        if not completed:
            breakpoint.forget_hits(c)
    if c.single == 2 or number != ENGINE.DEVICE:
        c.single = 0


@kernel
def step_device(c, k, cs):
    """Let exactly the instruction at RIP run, with device pages open to it."""
    c.device_step = 1
    c.single = 1
    c.fault = FAULT.NONE
    poke32(cs + CS_CFLAGS, 1)
    c.deadline = 0


@kernel
def step_iteration(c, k, cs):
    """Let one iteration of the repeated string instruction at RIP complete, in which an event has become due.

    Whether it is the first is not known inside it, but which RFLAGS.RF the event pushes depends on that.
    """
    c.repeat_step = 1
    c.single = 1
    c.fault = FAULT.NONE
    poke32(cs + CS_CFLAGS, 1)
    c.deadline = 0


@kernel
def step_watched(c, k, cs):
    """Let exactly the instruction at RIP run and note which watched bytes it reaches."""
    c.watch_step = 1
    c.crossing = c.crossing_end = c.watch_hits = 0
    c.single = 1
    c.fault = FAULT.NONE
    poke32(cs + CS_CFLAGS, 1)
    c.deadline = 0


@kernel
def store(c, k, start, size, ra):
    """Keep what is at offset `start` of RAM before `size` bytes are stored there: it may be one piece of an unaligned store."""
    m = machine_at(c.machine)[0]
    if start + size > ram.top(m) or size > 8:
        return
    if k.store_ra != ra or k.store_at != c.instructions or k.store_from + k.store_count != start or k.store_count > 8:
        k.store_ra, k.store_at, k.store_from, k.store_count = ra, c.instructions, start, 0
    now = octets(m.ram + start, size)
    for i in range(size):
        k.store_old[k.store_count + U64(i)] = now[U64(i)]
    k.store_count += size


@entry("void(uint64, uint64, uint64, uint64)")
def storing(cs, start, size, ra):
    """The engine is about to store `size` bytes at offset `start` of RAM, of a page with code: keep what is there.

    An unaligned store it makes byte by byte, and leaves the block before the first byte that changes the block's own code.
    Not kept: the bytes on the first page of a store over two, unless both have code and are neighbours in RAM (docs/limits.md).
    Source: Unicorn 2.1.4 `store_helper`, `notdirty_write`
    """
    c = cpu_at(peek64(cs + ledger.CS_OWNER))[0]
    k = core_at(c.core)[0]
    e = env_of(k.env[1] if cs == k.cs[1] else k.env[0])[0]
    away = clock.arrive(c, k, e)
    store(c, k, start, size, ra)
    if away:
        clock.depart(c, k, e)


@kernel
def unstore(c, k):
    """Take back the pieces of the store that has just been cut: a read-modify-write must find again what it found."""
    if k.store_ra and k.store_at == c.instructions:
        there = octets(machine_at(c.machine)[0].ram + k.store_from, k.store_count)
        for i in range(k.store_count):
            there[U64(i)] = k.store_old[U64(i)]
    k.store_ra = 0


@entry("void(uint64)")
def modified(cs):
    """The engine is about to leave a block whose store changed its own code (cpu_loop_exit_noexc): it begins again there.

    The state is that before the store, which then runs alone.
    """
    c = cpu_at(peek64(cs + ledger.CS_OWNER))[0]
    k = core_at(c.core)[0]
    e = env_of(k.env[1] if cs == k.cs[1] else k.env[0])[0]
    clock.arrive(c, k, e)
    unstore(c, k)
    normal_rip(e)
    k.amid = 0
    note_flags(c, k, e)
    undo_x87(c, k, e)
    give_back(c, undo.linear(e, e.rip))
    clock.depart(c, k, e)


@kernel
def bring_registers(c, k, e, world):
    """Give the engine the x87 and SSE registers that the other has: its #NM is not the guest's."""
    c.resumed_at = 0
    normal_rip(e)
    give_back(c, undo.linear(e, e.rip))
    fetch_registers(k, world)
    e.hflags = U64(e.hflags) & ~(HFLAGS.TS | HFLAGS.MP) | (e.cr[0] & (CR0.MP | CR0.TS)) << 8
    if c.single:
        c.single = 1
        poke32(k.cs[world] + CS_CFLAGS, 1)


@kernel
def respond(c, k, e, world, what):
    """Handle an event of the engine of `world`; returns whether the engine goes on by itself."""
    cs = k.cs[world]
    if what == ENGINE.SPLIT:
        return True
    if what == ENGINE.NOT_AVAILABLE and k.owner != world and not e.cr[0] & (CR0.TS | CR0.EM):
        bring_registers(c, k, e, world)
        return True
    amid = what == ENGINE.DEADLINE and c.block and repeats_at(c, undo.linear(e, e.rip))
    prologue(c, k, e, world, what)
    if amid:
        step_iteration(c, k, cs)
        return True
    if what == ENGINE.DEVICE:
        step_device(c, k, cs)
        return True
    if what == ENGINE.WATCH:
        step_watched(c, k, cs)
        return True
    call(k.f_model, c.self_address, what, 0, 0, 0, 0)
    while True:
        now = world_of(c, k)
        if c.halted_or_stopped:
            return False
        sync(c, k, now)
        if now == world:
            return True
        if now == 0 or k.depth > 1:
            return False                                   # the other engine is below on the stack, or starts from the loop
        execute(c, k, now)


@entry("void(voidptr, uint32, voidptr)")
def on_event(engine, number, user):
    """Everything the engine reports (UC_HOOK_INTR): handle it and let the engine go on, or stop it."""
    c = cpu_at(native.address(user))[0]
    k = core_at(c.core)[0]
    world = world_of(c, k)
    e = env_of(k.env[world])[0]
    clock.arrive(c, k, e)
    if respond(c, k, e, world, U64(number)):
        clock.depart(c, k, e)
        return
    k.stopped = 1
    poke8(k.cs[world] + CS_EXIT, 1)


@entry("uint64(uint64, uint64)")
def run_processor(cpu, quantum_end):
    """Run one processor until its clock reaches `quantum_end`, it halts, or the machine stops."""
    c = cpu_at(cpu)[0]
    k = core_at(c.core)[0]
    k.quantum_end = quantum_end
    c.quantum_end = quantum_end
    call(k.f_model, cpu, 0, 0, 0, 0, 0)
    while not c.halted_or_stopped:
        now = world_of(c, k)
        sync(c, k, now)
        execute(c, k, now)
    ledger.drop_vmcs(c, machine_at(c.machine)[0], k)       # the others run before this one does again
    return c.stop
