"""Instructions of the model that are done without leaving the translated block's call, in the plain case.

VMREAD and VMWRITE between registers: the engine translates both as undefined opcodes, and its `raise_exception` helper comes here
first.  RDTSC, RDTSCP, PAUSE and MOV from CR: their helpers do.  The engine then goes on after the instruction.  Everything else takes
the ordinary way (`emu.model.event`), and so does any special circumstance: the results are the same.
Source: SDM 3C, "VMREAD" and "VMWRITE"; SDM 2B, "MOV—Move to/from Control Registers", "PAUSE", "RDTSC", "RDTSCP"
"""

from emu.bits import ALL_ONES, U64, get
from emu.core import clock, ledger, rows, undo
from emu.core.native import peek8
from emu.core.rows import ROW
from emu.core.state import block_at, core_at
from emu.jit import entry, kernel
from emu.model import guest_mode
from emu.model.cpu import cpl, real_mode
from emu.model.instructions.control import cr_seen
from emu.model.instructions.miscellaneous import put_time
from emu.spec.cost import COST
from emu.spec.cpu import CR4, RFLAGS
from emu.spec.engine import CC_OP, HFLAGS
from emu.spec.insn import INSN, MODRM, REX, REX_PREFIX
from emu.spec.outcome import MODE, WATCH
from emu.state import cpu_at, debug_at, env_of, machine_at

TWO_BYTE_ESCAPE = U64(0x0F)
OP_MOV_FROM_CR, OP_VMREAD, OP_VMWRITE = U64(0x20), U64(0x78), U64(0x79)
STATIC = U64(1)                             # cycles that the block stub charged for the instruction
PLAIN_MODE = HFLAGS.CS64 | HFLAGS.CPL
SLOW_FLAGS = RFLAGS.TF | RFLAGS.RF


@kernel
def undisturbed(c, e):
    """Return whether nothing but the instruction itself happens at its two boundaries.

    An interrupt may wait for RFLAGS.IF: then each block asks, but no boundary of an instruction that leaves IF clear is one to stop at.
    """
    if c.block == 0 or c.request | c.single or U64(e.hflags) & HFLAGS.INHIBIT or e.eflags & SLOW_FLAGS:
        return False
    if c.watch and (c.watch != WATCH.IF or e.eflags & RFLAGS.IF):
        return False
    debug = machine_at(c.machine)[0].debug
    return not debug or not (c.steps or debug_at(debug)[0].near)           # a debugger examines each boundary


@kernel
def plain(c, e):
    """Return whether the processor is where only the ordinary case can be: 64-bit root code at CPL 0."""
    if c.vmx_mode != MODE.ROOT or c.vmcs_pointer == ALL_ONES:
        return False
    return U64(e.hflags) & PLAIN_MODE == HFLAGS.CS64 and undisturbed(c, e)


@kernel
def between_registers(e, b):
    """Return (opcode after 0F, reg, rm, length) of the instruction at RIP: in 64-bit code, between registers, with REX at most; or 0s."""
    if b.host == 0:
        return U64(0), U64(0), U64(0), U64(0)
    code, length, rex = b.host + (e.rip - b.pc), U64(3), U64(0)
    if peek8(code) & REX.FIXED == REX_PREFIX:
        rex = peek8(code)
        code += 1
        length += 1
    opcode, modrm = peek8(code + 1), peek8(code + 2)
    if peek8(code) != TWO_BYTE_ESCAPE or modrm & MODRM.MOD != MODRM.MOD:
        return U64(0), U64(0), U64(0), U64(0)
    return opcode, get(modrm, MODRM.REG) | get(rex, REX.R) << 3, get(modrm, MODRM.RM) | get(rex, REX.B) << 3, length


@kernel
def field(c, e):
    """Execute VMREAD or VMWRITE at RIP and return 1, or return 0 with nothing done."""
    if not plain(c, e):
        return 0
    opcode, reg, rm, length = between_registers(e, block_at(c.block)[0])
    if opcode == OP_VMREAD:
        at, value = guest_mode.read_field(c, e.regs[reg])
        if at == 0:
            return 0
        e.regs[rm] = value
    elif opcode == OP_VMWRITE:
        if ledger.vmcs_has_code(c, machine_at(c.machine)[0]) or guest_mode.write_field(c, e.regs[reg], e.regs[rm]):
            return 0
    else:
        return 0
    c.cycles += COST.VMREAD - STATIC
    e.cc_src, e.cc_op = 0, CC_OP.EFLAGS
    e.rip += length
    return 1


@entry("uint64(uint64, uint64)")
def undefined(cpu, env):
    """Execute VMREAD or VMWRITE at RIP and return 1, or return 0 with nothing done."""
    c, e = cpu_at(cpu)[0], env_of(env)[0]
    k = core_at(c.core)[0]
    clock.arrive(c, k, e)
    done = field(c, e)
    clock.depart(c, k, e)
    return done


@kernel
def place(b, la):
    """Return (number, cycles of all after it) of the instruction at linear `la` in a block's entry; its count when there is none."""
    number, begin, _, offset = rows.until(b, la)
    after = 0
    if begin != offset:
        return U64(b.count), after
    for i in range(number + 1, b.count):
        after += rows.cost(b, U64(i))
    return number, after


@kernel
def timed(c, e, kind):
    """Execute the RDTSC, RDTSCP or PAUSE (kind: INSN) at RIP and return 1, or return 0 with nothing done.

    The block was charged whole when it began: what comes after the instruction has to fit before the deadline with its price, too.
    """
    if not undisturbed(c, e) or guest_mode.time_exits(c):
        return 0
    b = block_at(c.block)[0]
    number, after = place(b, undo.linear(e, e.rip))
    if number >= b.count:
        return 0
    row = rows.row(b, number)
    price = (COST.PAUSE if kind == INSN.PAUSE else COST.TSC) - get(row, ROW.COST)
    if c.cycles + price > (c.deadline if c.deadline else c.due):
        return 0
    if kind != INSN.PAUSE and e.cr[4] & CR4.TSD and not real_mode(e) and cpl(e) != 0:
        return 0
    if kind == INSN.PAUSE:
        c.cycles += price
        e.rip += row & ROW.LENGTH
        return 1
    c.cycles += price - after                              # the time at the end of the instruction
    put_time(c, e, kind)
    c.cycles += after
    return 1


@kernel
def control(c, e, k):
    """Execute the MOV from CR at RIP, in 64-bit code at CPL 0, but for what it writes, and return 1; or return 0 with nothing done.

    As where the model executes it: it takes no time beside that of what comes before and after it.
    """
    if not undisturbed(c, e) or U64(e.hflags) & PLAIN_MODE != HFLAGS.CS64:
        return 0
    b = block_at(c.block)[0]
    opcode, number, _, _ = between_registers(e, b)
    n, _ = place(b, e.rip)
    if opcode != OP_MOV_FROM_CR or n >= b.count or guest_mode.cr_read_exits(c, number):
        return 0
    k.value_read = cr_seen(c, e, number)
    c.cycles -= get(rows.row(b, n), ROW.COST)
    return 1


@entry("uint64(uint64, uint64, uint64)")
def quick(cpu, env, kind):
    """Execute the RDTSC, RDTSCP, PAUSE or MOV from CR (kind: INSN) at RIP and return 1, or return 0 with nothing done."""
    c, e = cpu_at(cpu)[0], env_of(env)[0]
    k = core_at(c.core)[0]
    clock.arrive(c, k, e)
    done = control(c, e, k) if kind == INSN.MOV_FROM_CR else timed(c, e, kind)
    clock.depart(c, k, e)
    return done
