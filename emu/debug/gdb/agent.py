"""Agent expressions: the conditions of breakpoints as gdb compiles them, evaluated on a thread: what the machine itself cannot.

Source: Debugging with GDB, "The GDB Agent Expression Mechanism", "Bytecode Descriptions"
"""
from emu.bits import ONES_64
from emu.debug.gdb.bytecode import CONSTANT, NOTHING_ON_STACK, REFERENCE, STACK_LIMIT, decoded
from emu.errors import DebugError

OPERATIONS_LIMIT = 10_000
SIGN = 1 << 63


def _signed(value):
    return value - (1 << 64) if value & SIGN else value


def _divided(a, b):
    """Return quotient and remainder as C has them."""
    if not b:
        raise DebugError("the condition divides by zero")
    quotient = abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)
    return quotient, a - quotient * b


BINARY = {
    "add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b,
    "div_signed": lambda a, b: _divided(_signed(a), _signed(b))[0], "div_unsigned": lambda a, b: _divided(a, b)[0],
    "rem_signed": lambda a, b: _divided(_signed(a), _signed(b))[1], "rem_unsigned": lambda a, b: _divided(a, b)[1],
    "lsh": lambda a, b: a << b if b < 64 else 0, "rsh_signed": lambda a, b: _signed(a) >> min(b, 63),
    "rsh_unsigned": lambda a, b: a >> b if b < 64 else 0,
    "bit_and": lambda a, b: a & b, "bit_or": lambda a, b: a | b, "bit_xor": lambda a, b: a ^ b,
    "equal": lambda a, b: int(a == b), "less_signed": lambda a, b: int(_signed(a) < _signed(b)), "less_unsigned": lambda a, b: int(a < b),
}
UNARY = {"log_not": lambda a: int(not a), "bit_not": lambda a: ~a}


class _Machine:
    """A run of a bytecode program: `code` bytes, `register(number)` and `memory(address, size)` as ints."""

    def __init__(self, code, register, memory):
        self.code, self.register, self.memory, self.at, self.stack = code, register, memory, 0, []

    def pop(self):
        """Return the top of the stack."""
        if not self.stack:
            raise DebugError(NOTHING_ON_STACK)
        return self.stack.pop()

    def push(self, value):
        """Put a value on the stack, as 64 bits."""
        if len(self.stack) >= STACK_LIMIT:
            raise DebugError(f"the condition's bytecode needs more than {STACK_LIMIT} places of stack")
        self.stack.append(value & ONES_64)

    def step(self):
        """Do one operation; returns False at the end."""
        found, operand, self.at = decoded(self.code, self.at)
        name = found.name
        if name in BINARY:
            second, first = self.pop(), self.pop()
            self.push(BINARY[name](first, second))
        elif name in UNARY:
            self.push(UNARY[name](self.pop()))
        elif name in REFERENCE:
            self.push(self.memory(self.pop(), REFERENCE[name]))
        elif name in CONSTANT:
            self.push(operand)
        elif name == "reg":
            self.push(self.register(operand))
        elif name == "end":
            return False
        else:
            self._other(name, operand)
        return True

    def _other(self, name, operand):
        if name == "ext":                                  # sign-extend
            value = self.pop() & (1 << operand) - 1
            self.push(value - (1 << operand) if operand and value >> operand - 1 else value)
        elif name == "zero_ext":
            self.push(self.pop() & (1 << operand) - 1)
        elif name == "if_goto":
            if self.pop():
                self.at = operand
        elif name == "goto":
            self.at = operand
        elif name == "dup":
            top = self.pop()
            self.push(top)
            self.push(top)
        elif name == "pop":
            self.pop()
        elif name == "swap":
            second, first = self.pop(), self.pop()
            self.push(second)
            self.push(first)
        elif name == "pick":
            if operand >= len(self.stack):
                raise DebugError(NOTHING_ON_STACK)
            self.push(self.stack[-1 - operand])
        elif name == "rot":                                # a b c => c a b
            third, second, first = self.pop(), self.pop(), self.pop()
            for value in (third, first, second):
                self.push(value)
        else:
            raise DebugError(f"the condition uses the bytecode {name}, which is not known here")


def evaluate(code, register, memory):
    """Return the value that a bytecode program leaves on top of its stack (0 to 2**64 - 1); DebugError when it is broken.

    register(number), memory(address, size): what the program can ask for, as ints.
    """
    machine = _Machine(code, register, memory)
    for _ in range(OPERATIONS_LIMIT):
        if not machine.step():
            return machine.pop()
    raise DebugError(f"the condition did not end after {OPERATIONS_LIMIT:,} operations")
