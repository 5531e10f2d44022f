"""The conditions of a debugger's breakpoints, asked by the machine before an instruction: those that do not hold cost no stop.

They are programs as those on trace events (`emu.model.observe.watch`) and may read memory and more registers than those, with
signed arithmetic and jumps forward.  A program that cannot go on, as memory is not mapped or it divides by zero, holds: the
debugger then sees for itself.  Who writes a program (emu.debug.session.conditions, emu.debug.gdb.bytecode) answers for its stack.
Nothing here changes what the machine does: memory is read by a fresh walk that sets no flag and fills no TLB.
"""
from emu.bits import ALL_ONES, LOW_8, LOW_32, PAGE_OFFSET, PAGE_SIZE, U64
from emu.jit import kernel, words
from emu.model import ram
from emu.model.cpu import rflags
from emu.model.memory import look, memory
from emu.model.observe import breakpoint, watch
from emu.model.observe.watch import PROGRAM_WORDS, TRACE_WORDS
from emu.spec.trace import EVENT_KIND, OP
from emu.state import ENV_BYTES, debug_at, env_of, machine_at, watch_at

TOP_BIT, STATE_WORDS = U64(1 << 63), U64(ENV_BYTES // 8)


# ---- operations ---------------------------------------------------------------------------------------------------
@kernel
def _part(value, shift, width):
    value >>= shift & 63
    return value if width >= 64 else value & ((1 << width) - 1)


@kernel
def _pushed(c, w, row, at, depth):
    """Return what the operation at word `at` of the programs pushes on a stack of `depth` places."""
    word = w.program[at]
    op, operand = word & LOW_8, word >> 8
    if op == OP.CONST:
        return w.program[at + 1]
    if op == OP.WORD:
        return _part(row[operand & 7], operand >> 8, operand >> 16 & LOW_8)
    if op == OP.REGISTER:
        return env_of(c.env)[0].regs[operand & 15]
    if op == OP.STATE:
        return _part(words(c.env, STATE_WORDS)[operand & 0xFFFF], operand >> 16, operand >> 24 & LOW_8)
    if op == OP.FLAGS:
        return rflags(env_of(c.env)[0]) & LOW_32
    if op == OP.PICK:
        return w.stack[depth - 1 - operand]
    return operand


@kernel
def _divided(op, a, b):
    """Return quotient or rest of a / b, b not 0, as C has them."""
    if op == OP.DIV:
        return a // b
    if op == OP.REM:
        return a % b
    quotient = (0 - a if a & TOP_BIT else a) // (0 - b if b & TOP_BIT else b)
    if (a ^ b) & TOP_BIT:
        quotient = 0 - quotient
    return quotient if op == OP.DIV_SIGNED else a - quotient * b


@kernel
def _binary(op, a, b):
    """Return the value of a two-operand OP."""
    if op < OP.MUL:
        return watch.binary(op, a, b)
    if op == OP.MUL:
        return a * b
    if op == OP.LT_SIGNED:
        return 1 if a ^ TOP_BIT < b ^ TOP_BIT else 0
    if op == OP.SAR:
        count = b if b < 63 else 63
        return a >> count | (~(ALL_ONES >> count) if a & TOP_BIT else 0)
    return _divided(op, a, b)


@kernel
def _place(c, la):
    """Return the physical address of the byte at linear `la`, ALL_ONES where neither RAM nor ROM answers."""
    place, m = look.mapped(c, la), machine_at(c.machine)[0]
    return place if place != ALL_ONES and (ram.is_ram(m, place) or place - m.rom_base < m.rom_bytes) else ALL_ONES


@kernel
def _load(c, la, size):
    """Return (whether `size` (1..8) bytes at linear `la` can be read, their value)."""
    first, last, here = _place(c, la), _place(c, la + size - 1), PAGE_SIZE - (la & PAGE_OFFSET)
    m = machine_at(c.machine)[0]
    if first == ALL_ONES or last == ALL_ONES:
        return False, 0
    if here >= size:
        return True, memory.load(m, first, size)
    return True, memory.load(m, first, here) | memory.load(m, last - (size - here - 1), size - here) << here * 8


@kernel
def _turned(stack, depth, op):
    """Do SWAP or ROT."""
    top = stack[depth - 1]
    stack[depth - 1] = stack[depth - 2]
    if op == OP.SWAP:
        stack[depth - 2] = top
    else:
        stack[depth - 2], stack[depth - 3] = stack[depth - 3], top


@kernel
def _changed(c, stack, top, op, operand):
    """Do an operation that changes the top of the stack alone; returns whether it could be done."""
    done, value = True, stack[top]
    if op == OP.NOT:
        value = 0 if value else 1
    elif op == OP.EXTEND:
        sign = U64(1) << (operand - 1)
        value = ((value & ((sign << 1) - 1)) ^ sign) - sign
    else:
        done, value = _load(c, value, operand)
    stack[top] = value
    return done


# ---- programs -----------------------------------------------------------------------------------------------------
@kernel
def holds(c, w, row, place):
    """Return whether the program of a place holds before the instruction of `row` (uint64[8]); it only ever goes forward."""
    first = place * PROGRAM_WORDS
    at, end, depth, stack = first, first + PROGRAM_WORDS, 0, w.stack
    while at < end:
        op, operand = w.program[at] & LOW_8, w.program[at] >> 8
        here, at = at, at + 1
        if op == OP.END:
            break
        if op == OP.GOTO or op == OP.IF:
            depth -= 1 if op == OP.IF else 0
            if op == OP.GOTO or stack[depth]:
                at = first + operand
        elif op < OP.NOT or op >= OP.SMALL and op <= OP.PICK:
            stack[depth] = _pushed(c, w, row, here, depth)
            depth += 1
            at += 1 if op == OP.CONST else 0
        elif op == OP.NOT or op == OP.EXTEND or op == OP.LOAD:
            if not _changed(c, stack, depth - 1, op, operand):
                return True
        elif op == OP.POP:
            depth -= 1
        elif op == OP.SWAP or op == OP.ROT:
            _turned(stack, depth, op)
        else:
            depth -= 1
            if op >= OP.DIV and op <= OP.REM_SIGNED and stack[depth] == 0:
                return True
            stack[depth - 1] = _binary(op, stack[depth - 1], stack[depth])
    return depth == 1 and stack[0] != 0


@kernel
def _accepted(c, m, d, i, la):
    """Return whether the condition of point `i` accepts the instruction at linear `la`, which comes next; its row is kept."""
    if d.program[i] == 0:
        return True
    w = watch_at(m.watch)[0]
    row = watch.next_row(c, m, w, EVENT_KIND.INSTRUCTION, c.cycles, la)
    if not holds(c, w, row, U64(d.program[i]) - 1):
        return False
    for j in range(TRACE_WORDS):
        w.asked[i * TRACE_WORDS + U64(j)] = row[U64(j)]
    return True


@kernel
def stops(c, e, la):
    """Count a debugger's points before the instruction at linear `la`, where the processor is, and note those not to be ignored.

    Returns whether there are any.  A point that has a condition is met when that holds.
    """
    if not breakpoint.asked(c, e, la):
        return False
    m, found = machine_at(c.machine)[0], False
    d = debug_at(m.debug)[0]
    c.passed, c.passed_at = la, c.instructions + 1
    for j in range(d.count):
        i = U64(j)
        if breakpoint.here(c, e, d, i, la) and _accepted(c, m, d, i, la) and breakpoint.count(d, i):
            breakpoint.note(d, i, la, 0, False)
            found = True
    return found
