"""What precedes the engine's helpers of far transfers and segment loads, called by the stubs of `emu.core.native`.

The helpers reach stack and descriptors through the same entries of the engine's TLB.  Where the two differ in privilege,
the engine forgets its TLB first and then asks for each access, so that `emu.core.fill` can tell them apart
(`emu.core.operation`): at CPL 3 for what uses the stack, and elsewhere while SMAP is on and RFLAGS.AC is 1.
A return that may null FS or GS with a base is left to the model, which keeps the base (`emu.model.event`).
Source: SDM 3A, "Determination of Access Mode"; SDM 2A, "CALL", "IRET/IRETD/IRETQ"; SDM 2B, "RET"
"""
from numba import types

from emu.bits import U64
from emu.core import native
from emu.core.fill import leave
from emu.core.native import call
from emu.core.operation import FAR, PARAMETERS, PUSHED
from emu.core.state import core_at
from emu.jit import entry, kernel
from emu.model import look
from emu.model.cpu import LOW_32, attributes, base, code_64, cpl, real_mode
from emu.model.segment import CODE, CONFORMING, NOT_NULL, TABLE_READ, address, inside, kind, level
from emu.spec.cpu import CR4, DESCRIPTOR, GPR, RFLAGS, SEG
from emu.state import ALL_ONES, cpu_at, env_of

ZERO, ONE, TWO, THREE, FOUR = U64(0), U64(1), U64(2), U64(3), U64(4)
WORD_MASK, DPL_SHIFT, GATE, GATE_BITS = U64(0xFFFF), U64(45), U64(4), U64(7)      # call gates have types 4 and 12
POPPED = U64(40)
E_INSTRUCTION = U64(native.INSTRUCTION)


@kernel
def nulls_a_base(c, e):
    """Return whether a return to an outer level may null FS or GS while it has a base."""
    if real_mode(e) or c.iret_step:
        return False
    for n in range(2):
        s = SEG.FS + U64(n)
        if e.seg[s * THREE] & NOT_NULL and base(e, s) and e.seg[s * THREE + TWO] >> DPL_SHIFT & THREE != THREE:
            return True
    return False


@kernel
def goes_inward(c, e, select):
    """Return whether a far CALL to `select` goes through a gate to an inner level."""
    if e.eflags & RFLAGS.VM or not select & NOT_NULL or not inside(e, select):
        return False
    gate = look.load(c, address(e, select) + FOUR, FOUR, TABLE_READ)
    if gate & DESCRIPTOR.S or kind(gate) & GATE_BITS != GATE:
        return False
    target = look.load(c, address(e, select) + TWO, TWO, TABLE_READ)
    if not target & NOT_NULL or not inside(e, target):
        return False
    code = look.load(c, address(e, target) + FOUR, FOUR, TABLE_READ)
    return kind(code) & (CODE | CONFORMING) == CODE and level(code) < cpl(e)


@kernel
def note_stack(c, k, e, what, operand):
    """Note which bytes of the stack the instruction itself reaches.  operand: selector of a CALL, bytes that a RET drops."""
    k.far_kind, k.far_base, k.far_mask = what, ZERO, ALL_ONES
    k.far_sp, k.far_bytes = e.regs[GPR.RSP], ZERO
    if not code_64(e):
        k.far_base = base(e, SEG.SS)
        k.far_mask = LOW_32 if attributes(e, SEG.SS) & DESCRIPTOR.DB and not e.eflags & RFLAGS.VM else WORD_MASK
    if what == FAR.RETURN:
        k.far_bytes = POPPED + operand
    elif what == FAR.CALL:
        if goes_inward(c, e, operand):
            k.far_kind, k.far_bytes = FAR.GATE, PARAMETERS
        else:
            k.far_sp, k.far_bytes = k.far_sp - PUSHED, PUSHED
    k.far_sp &= k.far_mask


@entry(types.uint64(types.uint64, types.uint64, types.uint64, types.uint64))
def before(cpu, ra, what, operand):
    """Prepare a helper, called from host address `ra`, that does `what` (FAR) with the stack; returns 0."""
    c = cpu_at(cpu)[0]
    k, e = core_at(c.core)[0], env_of(c.env)[0]
    world = ONE if c.env == k.env[1] else ZERO
    outer = cpl(e) == THREE
    if what == FAR.RETURN and not outer and nulls_a_base(c, e):
        leave(c, k, k.cs[world], E_INSTRUCTION, ra)
    if what == FAR.TABLES if outer else e.cr[4] & CR4.SMAP == ZERO or e.eflags & RFLAGS.AC == ZERO:
        return ZERO
    note_stack(c, k, e, what, operand & WORD_MASK)
    k.far_ra, k.far_at = ra, c.instructions
    call(k.f_flush, k.cs[world], ZERO, ZERO, ZERO, ZERO, ZERO)
    k.filled_count[world] = ZERO
    return ZERO
