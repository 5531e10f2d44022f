"""Registers, their bytes, and what each holds on the way through a routine: a set, by the register's name.

Bytes 0 and 1 of a register are "rax.l" and "rax.h", both of them "rax.w".  They are held apart while they are something else than the
rest of it; the register then holds what any part of it does.
"""
from collections import namedtuple

REGISTERS = ("rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", *(f"r{number}" for number in range(8, 16)))
WHOLE = {form.format(name): f"r{name}x" for name in "abcd" for form in ("r{}x", "e{}x", "{}x", "{}l", "{}h")}
WHOLE |= {form.format(name): f"r{name}" for name in ("si", "di", "bp", "sp") for form in ("r{}", "e{}", "{}", "{}l")}
WHOLE |= {form.format(number): f"r{number}" for number in range(8, 16) for form in ("r{}", "r{}d", "r{}w", "r{}b")}
LANES = {form.format(name): f"r{name}x.{lane}" for name in "abcd" for form, lane in (("{}l", "l"), ("{}h", "h"), ("{}x", "w"))}
LANES |= {form.format(name): f"r{name}.{lane}" for name in ("si", "di", "bp") for form, lane in (("{}", "w"), ("{}l", "l"))}
LANES |= {form.format(number): f"r{number}.{lane}" for number in range(8, 16) for form, lane in (("r{}w", "w"), ("r{}b", "l"))}
BYTES = {"l": "l", "h": "h", "w": "lh"}  # of a part of a register: what it consists of

Result = namedtuple("Result", "routine register")  # what a call left: address of the routine, or label of the table called through
Place = namedtuple("Place", "offset exact")  # on the stack, from the return address; not exact: there or above


def whole_of(name):
    """Return the register of "rax.l"."""
    return name.partition(".")[0]


def part_of(value, lane):
    """Return what a byte of a register holds, when the register holds a value."""
    if isinstance(value, Result):
        return value if "." in value.register or value.register == "flags" else value._replace(register=f"{value.register}.{lane}")
    return (value if "." in value or value == "flags" else f"{value}.{lane}") if isinstance(value, str) else None


def value_of(held, name):
    """Return what a register or a part of it holds."""
    whole, _, lanes = name.partition(".")
    if not lanes:
        return held[whole]
    return frozenset().union(*(held.get(f"{whole}.{lane}", {part_of(each, lane) for each in held[whole]}) for lane in BYTES[lanes]))


def put(held, name, value):
    """Let a register or a part of it hold a value."""
    whole, _, lanes = name.partition(".")
    for lane in BYTES[lanes or "w"]:
        held.pop(f"{whole}.{lane}", None)
        if lanes:
            held[f"{whole}.{lane}"] = value
    held[whole] = held[whole] | value if lanes else value


def take(held, name, before, other):
    """Let a register hold what another held before."""
    put(held, name, before[other])
    held.update({f"{name}.{lane}": before[f"{other}.{lane}"] for lane in "lh" if f"{other}.{lane}" in before})
