"""Agent expressions as tables and text: what each bytecode takes and leaves, which programs are sound, and their translation.

A program of gdb's becomes one of the machine's own (emu.model.condition), so that a condition that does not hold costs no stop.
Source: Debugging with GDB, "The GDB Agent Expression Mechanism", "Bytecode Descriptions"
"""
from typing import NamedTuple

from emu.bits import ONES_64
from emu.debug.session import kinds
from emu.debug.views import registers
from emu.errors import DebugError
from emu.spec.trace import OP
from emu.state import ENV, PROGRAM_WORDS

STACK_LIMIT, STATES_LIMIT, SMALL_LIMIT = 256, 10_000, 1 << 56


class Bytecode(NamedTuple):
    """Name, bytes of the operand, how many values it takes from the stack and leaves there; takes -1: it is not known here."""

    name: str
    operand: int = 0
    takes: int = 0
    leaves: int = 0


_BINARY = {0x02: "add", 0x03: "sub", 0x04: "mul", 0x05: "div_signed", 0x06: "div_unsigned", 0x07: "rem_signed", 0x08: "rem_unsigned",
           0x09: "lsh", 0x0A: "rsh_signed", 0x0B: "rsh_unsigned", 0x0F: "bit_and", 0x10: "bit_or", 0x11: "bit_xor", 0x13: "equal",
           0x14: "less_signed", 0x15: "less_unsigned"}
_UNKNOWN = {0x01: ("float", 0), 0x0C: ("trace", 0), 0x0D: ("trace_quick", 1), 0x1B: ("ref_float", 0), 0x1C: ("ref_double", 0),
            0x1D: ("ref_long_double", 0), 0x1E: ("l_to_d", 0), 0x1F: ("d_to_l", 0), 0x2C: ("getv", 2), 0x2D: ("setv", 2),
            0x2E: ("tracev", 2), 0x2F: ("tracenz", 0), 0x30: ("trace16", 2), 0x34: ("printf", 0)}
CODES = {
    **{code: Bytecode(name, 0, 2, 1) for code, name in _BINARY.items()},
    **{code: Bytecode(name, size, -1) for code, (name, size) in _UNKNOWN.items()},
    0x0E: Bytecode("log_not", 0, 1, 1), 0x12: Bytecode("bit_not", 0, 1, 1), 0x16: Bytecode("ext", 1, 1, 1),
    0x17: Bytecode("ref8", 0, 1, 1), 0x18: Bytecode("ref16", 0, 1, 1), 0x19: Bytecode("ref32", 0, 1, 1), 0x1A: Bytecode("ref64", 0, 1, 1),
    0x20: Bytecode("if_goto", 2, 1, 0), 0x21: Bytecode("goto", 2),
    0x22: Bytecode("const8", 1, 0, 1), 0x23: Bytecode("const16", 2, 0, 1), 0x24: Bytecode("const32", 4, 0, 1),
    0x25: Bytecode("const64", 8, 0, 1), 0x26: Bytecode("reg", 2, 0, 1), 0x27: Bytecode("end", 0, 1, 0),
    0x28: Bytecode("dup", 0, 1, 2), 0x29: Bytecode("pop", 0, 1, 0), 0x2A: Bytecode("zero_ext", 1, 1, 1), 0x2B: Bytecode("swap", 0, 2, 2),
    0x32: Bytecode("pick", 1, 0, 1), 0x33: Bytecode("rot", 0, 3, 3),
}
REFERENCE = {"ref8": 1, "ref16": 2, "ref32": 4, "ref64": 8}
NOTHING_ON_STACK = "the condition's bytecode takes from an empty stack"
CONSTANT = ("const8", "const16", "const32", "const64")


class Malformed(DebugError):
    """A program that does what no program may; the text says what."""


def decoded(code, at):
    """Return (Bytecode, its operand as a number, where the next one is) at a place of a program; Malformed when there is none."""
    if at >= len(code):
        raise Malformed("the condition's bytecode is cut short")
    found = CODES.get(code[at])
    if found is None:
        raise Malformed(f"the condition uses bytecode {code[at]:#04x}, which there is not")
    end = at + 1 + found.operand
    if end > len(code):
        raise Malformed("the condition's bytecode is cut short")
    return found, int.from_bytes(code[at + 1:end], "big"), end


def _next(found, operand, end):
    """Return where a program goes on after a bytecode."""
    return {"end": (), "goto": (operand,), "if_goto": (end, operand)}.get(found.name, (end,)) if found.takes >= 0 else ()


def checked(code):
    """Return {(place, values on the stack there)} of all that a program may come to; Malformed when it may do what none may.

    Where a bytecode is not known here it is not followed further.
    """
    states, left = set(), [(0, 0)]
    while left:
        state = at, depth = left.pop()
        if state in states:
            continue
        states.add(state)
        found, operand, end = decoded(code, at)
        if depth < (operand + 1 if found.name == "pick" else found.takes):
            raise Malformed(NOTHING_ON_STACK)
        depth += found.leaves - found.takes
        if depth > STACK_LIMIT or len(states) > STATES_LIMIT:
            raise Malformed(f"the condition's bytecode needs more than {STACK_LIMIT} places of stack")
        left += [(place, depth) for place in _next(found, operand, end)]
    return states


# ---- translation --------------------------------------------------------------------------------------------------
DIRECT = {"add": OP.ADD, "sub": OP.SUB, "mul": OP.MUL, "div_signed": OP.DIV_SIGNED, "div_unsigned": OP.DIV, "rem_signed": OP.REM_SIGNED,
          "rem_unsigned": OP.REM, "lsh": OP.SHL, "rsh_signed": OP.SAR, "rsh_unsigned": OP.SHR, "bit_and": OP.BIT_AND, "bit_or": OP.BIT_OR,
          "bit_xor": OP.XOR, "equal": OP.EQ, "less_signed": OP.LT_SIGNED, "less_unsigned": OP.LT, "log_not": OP.NOT, "pop": OP.POP,
          "swap": OP.SWAP, "rot": OP.ROT}


def _with(op, operand):
    return int(op) | operand << 8


def constant(value):
    """Return the program that pushes a number."""
    return (_with(OP.SMALL, value),) if value < SMALL_LIMIT else kinds.const(value)


def _state(field, index, shift=0, width=64):
    word = ENV.fields[field][1] // 8 + index
    return (int(OP.STATE) | word << 8 | shift << 24 | width << 32,)


def register(name):
    """Return the program that pushes a register of emu.debug.views.registers, None for one that the machine's programs do not know."""
    if name in registers.GENERAL:
        return (_with(OP.REGISTER, registers.GENERAL.index(name)),)
    if name in ("rip", "rflags"):
        return kinds.COMMON["rip"] if name == "rip" else (int(OP.FLAGS),)
    if name in ("cr0", "cr2", "cr3", "cr4"):
        return _state("cr", int(name[2]))
    if name in registers.DEBUG:
        return _state("dr", int(name[2]))
    if name == "efer":
        return _state("efer", 0)
    segment, _, part = name.partition("_")
    if segment in (*registers.SEGMENTS, *registers.TABLES):
        return _state("seg", *registers.segment_place(segment, part))
    return None


def _extended(bits, signed):
    """Return the program that leaves the lowest bits of the top."""
    if bits >= 64:
        return ()
    if bits == 0:
        return int(OP.POP), _with(OP.SMALL, 0)
    return (_with(OP.EXTEND, bits),) if signed else (*constant((1 << bits) - 1), int(OP.BIT_AND))


def _words(found, operand, names):
    """Return the program of a bytecode other than a jump, None when there is none.  names: of gdb's registers, in order; None: unknown."""
    name = found.name
    if name in DIRECT:
        return (int(DIRECT[name]),)
    if name in CONSTANT:
        return constant(operand)
    if name in REFERENCE:
        return (_with(OP.LOAD, REFERENCE[name]),)
    if name in ("ext", "zero_ext"):
        return _extended(operand, name == "ext")
    if name in ("dup", "pick"):
        return (_with(OP.PICK, operand),)                  # dup: no operand, the top itself
    if name == "bit_not":
        return *constant(ONES_64), int(OP.XOR)
    if name == "reg":
        known = names[operand] if operand < len(names) else 0
        return constant(0) if known == 0 else register(known) if known else None
    return None


def _placed(code, names, first):
    """Return the words of one program that begins at word `first` and leaves its answer on the stack, None when it has no translation."""
    states = sorted(checked(code))
    rows = [(at, depth, *decoded(code, at)) for at, depth in states]
    starts, places = [row[0] for row in rows], {}
    parts: list[tuple] = []
    for n, (at, depth, found, operand, end) in enumerate(rows):
        follows = starts[n + 1] if n + 1 < len(rows) else len(code)
        jumps = found.name in ("goto", "if_goto")
        if found.name == "end" and depth != 1 or end > follows or jumps and operand < end or found.takes < 0 or at in places:
            return None                                    # what gdb never writes: loops, and the same place with another stack
        places[at] = first + sum(len(part) for part in parts)
        words = (0,) if jumps else ((0,) if n + 1 < len(rows) else ()) if found.name == "end" else _words(found, operand, names)
        if words is None:
            return None
        parts.append(words)
    after = first + sum(len(part) for part in parts)
    for n, (_, _, found, operand, _) in enumerate(rows):
        if found.name in ("goto", "if_goto"):
            parts[n] = (_with(OP.IF if found.name == "if_goto" else OP.GOTO, places[operand]),)
        elif found.name == "end" and parts[n]:
            parts[n] = (_with(OP.GOTO, after),)
    return [word for part in parts for word in part]


def translated(programs, names):
    """Return the words for emu.model.condition that hold where one of some sound programs does, None when they cannot be translated.

    names: of gdb's registers by number, as emu.debug.views.registers has them; None: one that is not there.
    """
    found = []
    for n, program in enumerate(programs):
        part = _placed(program, names, len(found))
        if part is None:
            return None
        found += [*part, int(OP.OR)] if n else part
    return (*found, int(OP.END)) if len(found) < PROGRAM_WORDS else None
