"""Agent expressions: the conditions of breakpoints as gdb compiles them, evaluated on a thread.

Source: Debugging with GDB, "The GDB Agent Expression Mechanism", "Bytecode Descriptions"
"""
from emu.bits import ONES_64
from emu.errors import DebugError

OPERATIONS_LIMIT, STACK_LIMIT = 10_000, 256
SIGN = 1 << 63
REFERENCE = {0x17: 1, 0x18: 2, 0x19: 4, 0x1A: 8}
CONSTANT = {0x22: 1, 0x23: 2, 0x24: 4, 0x25: 8}


def _signed(value):
    return value - (1 << 64) if value & SIGN else value


def _divided(a, b):
    """Return quotient and remainder as C has them."""
    if not b:
        raise DebugError("the condition divides by zero")
    quotient = abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)
    return quotient, a - quotient * b


BINARY = {
    0x02: lambda a, b: a + b, 0x03: lambda a, b: a - b, 0x04: lambda a, b: a * b,
    0x05: lambda a, b: _divided(_signed(a), _signed(b))[0], 0x06: lambda a, b: _divided(a, b)[0],
    0x07: lambda a, b: _divided(_signed(a), _signed(b))[1], 0x08: lambda a, b: _divided(a, b)[1],
    0x09: lambda a, b: a << b if b < 64 else 0, 0x0A: lambda a, b: _signed(a) >> min(b, 63), 0x0B: lambda a, b: a >> b if b < 64 else 0,
    0x0F: lambda a, b: a & b, 0x10: lambda a, b: a | b, 0x11: lambda a, b: a ^ b,
    0x13: lambda a, b: int(a == b), 0x14: lambda a, b: int(_signed(a) < _signed(b)), 0x15: lambda a, b: int(a < b),
}
UNARY = {0x0E: lambda a: int(not a), 0x12: lambda a: ~a}


class _Machine:
    """A run of a bytecode program: `code` bytes, `register(number)` and `memory(address, size)` as ints."""

    def __init__(self, code, register, memory):
        self.code, self.register, self.memory, self.at, self.stack = code, register, memory, 0, []

    def operand(self, size):
        """Return the big-endian number of `size` bytes that follows."""
        if self.at + size > len(self.code):
            raise DebugError("the condition's bytecode is cut short")
        value = int.from_bytes(self.code[self.at:self.at + size], "big")
        self.at += size
        return value

    def pop(self):
        """Return the top of the stack."""
        if not self.stack:
            raise DebugError("the condition's bytecode takes from an empty stack")
        return self.stack.pop()

    def push(self, value):
        """Put a value on the stack, as 64 bits."""
        if len(self.stack) >= STACK_LIMIT:
            raise DebugError(f"the condition's bytecode needs more than {STACK_LIMIT} places of stack")
        self.stack.append(value & ONES_64)

    def step(self):
        """Do one operation; returns False at the end."""
        operation = self.operand(1)
        if operation in BINARY:
            second, first = self.pop(), self.pop()
            self.push(BINARY[operation](first, second))
        elif operation in UNARY:
            self.push(UNARY[operation](self.pop()))
        elif operation in REFERENCE:
            self.push(self.memory(self.pop(), REFERENCE[operation]))
        elif operation in CONSTANT:
            self.push(self.operand(CONSTANT[operation]))
        elif operation == 0x26:
            self.push(self.register(self.operand(2)))
        elif operation == 0x27:
            return False
        else:
            self._other(operation)
        return True

    def _other(self, operation):
        if operation == 0x16:                              # ext n: sign-extend
            bits, value = self.operand(1), self.pop()
            value &= (1 << bits) - 1
            self.push(value - (1 << bits) if bits and value >> bits - 1 else value)
        elif operation == 0x2A:                            # zero_ext n
            bits = self.operand(1)
            self.push(self.pop() & (1 << bits) - 1)
        elif operation == 0x20:                            # if_goto
            target = self.operand(2)
            if self.pop():
                self.at = target
        elif operation == 0x21:
            self.at = self.operand(2)
        elif operation == 0x28:                            # dup
            top = self.pop()
            self.push(top)
            self.push(top)
        elif operation == 0x29:
            self.pop()
        elif operation == 0x2B:                            # swap
            second, first = self.pop(), self.pop()
            self.push(second)
            self.push(first)
        elif operation == 0x32:                            # pick n
            place = self.operand(1)
            if place >= len(self.stack):
                raise DebugError("the condition's bytecode takes from an empty stack")
            self.push(self.stack[-1 - place])
        elif operation == 0x33:                            # rot: a b c => c a b
            third, second, first = self.pop(), self.pop(), self.pop()
            for value in (third, first, second):
                self.push(value)
        else:
            raise DebugError(f"the condition uses bytecode {operation:#04x}, which is not known here")


def evaluate(code, register, memory):
    """Return the value that a bytecode program leaves on top of its stack (0 to 2**64 - 1); DebugError when it is broken.

    register(number), memory(address, size): what the program can ask for, as ints.
    """
    machine = _Machine(code, register, memory)
    for _ in range(OPERATIONS_LIMIT):
        if not machine.step():
            return machine.pop()
    raise DebugError(f"the condition did not end after {OPERATIONS_LIMIT:,} operations")
