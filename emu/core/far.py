"""What precedes the engine's helpers of far transfers and segment loads, called by the stubs of `emu.core.native`.

The helpers reach stack and descriptors through the same entries of the engine's TLB.  Where the two differ in privilege,
the engine forgets its TLB first and then asks for each access, so that `emu.core.fill` can distinguish them
(`emu.core.operation`): at CPL 3 for what uses the stack, and elsewhere while SMAP is on and RFLAGS.AC is 1.
A return that may null FS or GS with a base is left to the model, which keeps the base (`emu.model.event`).
Source: SDM 3A, "Determination of Access Mode"; SDM 2A, "CALL", "IRET/IRETD/IRETQ"; SDM 2B, "RET"
"""

from emu.bits import ALL_ONES, LOW_16, LOW_32, U64
from emu.core import clock
from emu.core.fill import leave
from emu.core.native import call
from emu.core.operation import FAR, PARAMETERS, PUSHED
from emu.core.state import core_at
from emu.jit import entry, kernel
from emu.model.cpu import attributes, base, code_64, cpl, real_mode
from emu.model.memory import look
from emu.model.processor.segment import CONFORMING, IS_CODE, NOT_NULL, TABLE_READ, WIDE, address, inside, kind, level
from emu.spec.cpu import CR4, DESCRIPTOR, GPR, RFLAGS, SEG, SYSTYPE
from emu.spec.engine import ENGINE
from emu.state import cpu_at, env_of

POPPED = U64(40)


@kernel
def nulls_a_base(c, e):
    """Return whether a return to an outer level may null FS or GS while it has a base."""
    if real_mode(e) or c.iret_step:
        return False
    for n in range(2):
        s = SEG.FS + U64(n)
        if e.seg[s * 3] & NOT_NULL and base(e, s) and level(attributes(e, s)) != 3:
            return True
    return False


@kernel
def goes_inward(c, e, select):
    """Return whether a far CALL to `select` goes through a gate to an inner level."""
    if e.eflags & RFLAGS.VM or not select & NOT_NULL or not inside(e, select):
        return False
    gate = look.load(c, address(e, select) + 4, 4, TABLE_READ)
    if gate & DESCRIPTOR.S or kind(gate) & ~WIDE != SYSTYPE.CALL_GATE_16:
        return False
    target = look.load(c, address(e, select) + 2, 2, TABLE_READ)
    if not target & NOT_NULL or not inside(e, target):
        return False
    code = look.load(c, address(e, target) + 4, 4, TABLE_READ)
    return kind(code) & (IS_CODE | CONFORMING) == IS_CODE and level(code) < cpl(e)


@kernel
def note_stack(c, k, e, what, operand):
    """Note which bytes of the stack the instruction itself reaches.  operand: selector of a CALL, bytes that a RET drops."""
    k.far_kind, k.far_base, k.far_mask = what, 0, ALL_ONES
    k.far_sp, k.far_bytes = e.regs[GPR.RSP], 0
    if not code_64(e):
        k.far_base = base(e, SEG.SS)
        k.far_mask = LOW_32 if attributes(e, SEG.SS) & DESCRIPTOR.DB and not e.eflags & RFLAGS.VM else LOW_16
    if what == FAR.RETURN:
        k.far_bytes = POPPED + operand
    elif what == FAR.CALL:
        if goes_inward(c, e, operand):
            k.far_kind, k.far_bytes = FAR.GATE, PARAMETERS
        else:
            k.far_sp, k.far_bytes = k.far_sp - PUSHED, PUSHED
    k.far_sp &= k.far_mask


@entry("uint64(uint64, uint64, uint64, uint64)")
def before(cpu, ra, what, operand):
    """Prepare a helper, called from host address `ra`, that does `what` (FAR) with the stack; returns 0."""
    c = cpu_at(cpu)[0]
    k, e = core_at(c.core)[0], env_of(c.env)[0]
    world = 1 if c.env == k.env[1] else 0
    outer = cpl(e) == 3
    if what == FAR.RETURN and not outer and nulls_a_base(c, e):
        leave(c, k, k.cs[world], ENGINE.INSTRUCTION, ra)
    if what == FAR.TABLES if outer else e.cr[4] & CR4.SMAP == 0 or e.eflags & RFLAGS.AC == 0:
        return 0
    note_stack(c, k, e, what, operand & LOW_16)
    clock.arrive(c, k, e)
    k.far_ra, k.far_at = ra, c.instructions
    clock.depart(c, k, e)
    call(k.f_flush, k.cs[world], 0, 0, 0, 0, 0)
    k.filled_count[world] = 0
    return 0
