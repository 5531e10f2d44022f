"""VMREAD and VMWRITE between registers, without leaving the translated block's call.

The engine translates both as undefined opcodes.  Its `raise_exception` helper comes here first; when the
instruction is one of the two, the plain case, it is done here and the engine goes on after it.  Everything else
takes the ordinary way (`emu.model.event`), and so does any special circumstance: the results are the same.
Source: SDM 3C, "VMREAD" and "VMWRITE"
"""
from numba import types

from emu.bits import ALL_ONES, U64
from emu.core import ledger
from emu.core.native import peek8
from emu.core.state import block_at
from emu.jit import entry, kernel
from emu.model import guest_mode
from emu.spec.cost import COST
from emu.spec.cpu import RFLAGS
from emu.spec.engine import CC_OP, HFLAGS
from emu.spec.outcome import MODE
from emu.state import cpu_at, debug_at, env_of, machine_at

REX_PREFIX, REX_MASK, REX_R_SHIFT, REX_B_SHIFT = U64(0x40), U64(0xF0), U64(1), U64(3)
TWO_BYTE_ESCAPE, OP_VMREAD, OP_VMWRITE, REGISTER_FORM = U64(0x0F), U64(0x78), U64(0x79), U64(0xC0)
STATIC = U64(1)                             # cycles that the block stub charged for the instruction
PLAIN_MODE = HFLAGS.CS64 | HFLAGS.INHIBIT | U64(3)
SLOW_FLAGS = RFLAGS.TF | RFLAGS.RF


@kernel
def plain(c, e):
    """Return whether the processor is where only the ordinary case can be: 64-bit root code at CPL 0."""
    if c.vmx_mode != MODE.ROOT or c.block == 0 or c.deadline == 0 or c.vmcs_pointer == ALL_ONES:
        return False
    debug = machine_at(c.machine)[0].debug
    if debug and (c.steps or debug_at(debug)[0].near):     # a debugger looks at each boundary
        return False
    return U64(e.hflags) & PLAIN_MODE == HFLAGS.CS64 and not e.eflags & SLOW_FLAGS


@entry(types.uint64(types.uint64, types.uint64))
def undefined(cpu, env):
    """Execute VMREAD or VMWRITE at RIP and return 1, or return 0 with nothing done."""
    c, e = cpu_at(cpu)[0], env_of(env)[0]
    if not plain(c, e):
        return 0
    b = block_at(c.block)[0]
    if b.host == 0:
        return 0
    code, length, rex = b.host + (e.rip - b.pc), 3, 0
    if peek8(code) & REX_MASK == REX_PREFIX:
        rex = peek8(code)
        code += 1
        length += 1
    opcode, modrm = peek8(code + 1), peek8(code + 2)
    if peek8(code) != TWO_BYTE_ESCAPE or modrm < REGISTER_FORM:
        return 0
    reg, rm = modrm >> 3 & 7 | (rex & 4) << REX_R_SHIFT, modrm & 7 | (rex & 1) << REX_B_SHIFT
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
