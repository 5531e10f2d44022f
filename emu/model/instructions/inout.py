"""Port instructions: IN, OUT, INS, OUTS, with IOPL and the I/O permission bitmap.

A repeated string instruction does one iteration a call, so that interrupts can come between: RESULT.JUMP with RIP
unchanged while its count remains.
Source: SDM 1, "I/O Port Protection"; SDM 2A, "IN", "INS"; SDM 2B, "OUT", "OUTS"
"""
from emu.bits import LOW_8, U64, get
from emu.jit import kernel
from emu.model.cpu import FORWARD, attributes, base, cpl, limit, real_mode
from emu.model.devices import ports
from emu.model.fault import gp0
from emu.model.memory import linear
from emu.model.observe import breakpoint
from emu.model.processor import operand
from emu.model.processor.segment import MAP_BASE, TABLE_READ, WIDE, kind, linear_mask
from emu.spec.cost import COST
from emu.spec.cpu import GPR, RFLAGS, SEG
from emu.spec.insn import INSN
from emu.spec.outcome import ACCESS, FAULT, RESULT

PORT_MASK, LAST_FIELD = U64(0xFFFF), U64(103)


@kernel
def _bitmap_permits(c, e, number, size):
    """Return whether the I/O permission bitmap has 0 for all `size` ports; `c.fault` when it refuses."""
    if not kind(attributes(e, SEG.TR)) & WIDE or limit(e, SEG.TR) < LAST_FIELD:
        gp0(c)
        return False
    wrap = linear_mask(e)
    offset = linear.read(c, base(e, SEG.TR) + MAP_BASE & wrap, 2, TABLE_READ)
    if c.fault != FAULT.NONE:
        return False
    offset += number >> 3
    if offset + 1 > limit(e, SEG.TR):
        gp0(c)
        return False
    bits = linear.read(c, base(e, SEG.TR) + offset & wrap, 2, TABLE_READ)
    if c.fault != FAULT.NONE:
        return False
    if bits >> (number & 7) & (1 << size) - 1:
        gp0(c)
        return False
    return True


@kernel
def permitted(c, e, number, size):
    """Return whether this privilege may access ports `number` .. `number + size - 1`; `c.fault` when not."""
    c.fault = FAULT.NONE
    if real_mode(e):
        return True
    if not e.eflags & RFLAGS.VM and cpl(e) <= get(e.eflags, RFLAGS.IOPL):
        return True
    return _bitmap_permits(c, e, number, size)


@kernel
def port_of(e, insn):
    """Return the port that an instruction names: its immediate, or DX."""
    if insn.kind == INSN.IN_IMM or insn.kind == INSN.OUT_IMM:
        return insn.immediate & LOW_8
    return e.regs[GPR.RDX] & PORT_MASK


@kernel
def read_port(c, e, insn):
    """Execute IN."""
    number, size = port_of(e, insn), insn.operand_size
    if not permitted(c, e, number, size):
        return RESULT.FAULT
    c.cycles += COST.DEVICE
    operand.set_reg(e, insn, GPR.RAX, size, ports.read(c, number, size))
    breakpoint.port(c, e, number, size)
    return RESULT.NEXT


@kernel
def write_port(c, e, insn):
    """Execute OUT."""
    number, size = port_of(e, insn), insn.operand_size
    if not permitted(c, e, number, size):
        return RESULT.FAULT
    c.cycles += COST.DEVICE
    ports.write(c, number, size, operand.get_reg(e, insn, GPR.RAX, size))
    breakpoint.port(c, e, number, size)
    return RESULT.NEXT


@kernel
def step(e, insn, index):
    """Move RSI or RDI past one element and count it; returns whether a repeat goes on."""
    size = insn.address_size
    distance = insn.operand_size if e.df == FORWARD else ~insn.operand_size + 1
    operand.set_reg(e, insn, index, size, operand.get_reg(e, insn, index, size) + distance)
    if not insn.rep:
        return False
    left = operand.get_reg(e, insn, GPR.RCX, size) - 1
    operand.set_reg(e, insn, GPR.RCX, size, left)
    return left & operand.mask_of(size) != 0


@kernel
def finished(e, insn):
    """Return whether a repeated instruction has a count of 0 and does nothing."""
    return insn.rep != 0 and operand.get_reg(e, insn, GPR.RCX, insn.address_size) == 0


@kernel
def ins(c, e, insn):
    """Execute one iteration of INS: the destination is checked before the port is read."""
    number, size = port_of(e, insn), insn.operand_size
    if finished(e, insn):
        return RESULT.NEXT
    if not permitted(c, e, number, size):
        return RESULT.FAULT
    offset = operand.get_reg(e, insn, GPR.RDI, insn.address_size)
    where = operand.check(c, SEG.ES, offset, size, True)
    if c.fault != FAULT.NONE or not linear.reach(c, where, size, operand.explicit(e) | ACCESS.WRITE):
        return RESULT.FAULT
    c.cycles += COST.DEVICE
    if not linear.write(c, where, size, ports.read(c, number, size), operand.explicit(e) | ACCESS.WRITE):
        return RESULT.FAULT
    breakpoint.port(c, e, number, size)
    return RESULT.JUMP if step(e, insn, GPR.RDI) else RESULT.NEXT


@kernel
def outs(c, e, insn):
    """Execute one iteration of OUTS."""
    number, size = port_of(e, insn), insn.operand_size
    if finished(e, insn):
        return RESULT.NEXT
    if not permitted(c, e, number, size):
        return RESULT.FAULT
    value = operand.read_at(c, insn.segment, operand.get_reg(e, insn, GPR.RSI, insn.address_size), size)
    if c.fault != FAULT.NONE:
        return RESULT.FAULT
    c.cycles += COST.DEVICE
    ports.write(c, number, size, value)
    breakpoint.port(c, e, number, size)
    return RESULT.JUMP if step(e, insn, GPR.RSI) else RESULT.NEXT
