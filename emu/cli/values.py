"""Values of options: sizes and counts with a suffix, checked before anything starts."""

import re
from pathlib import Path

import click

from emu import files

MEMORY_UNIT = 4096                                         # emu.bits has it, and would load the compiler
BINARY = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
DECIMAL = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9}
_FORM = re.compile(r"(\d+)([KMG]?)(?:i?B)?", re.IGNORECASE)


def _number(kind, value, factors, param, context):
    found = _FORM.fullmatch(value.strip())
    if not found:
        kind.fail(f"{value!r} is not a number with an optional suffix K, M or G", param, context)
    return int(found[1]) * factors[found[2].upper()]


class Memory(click.ParamType):
    """Bytes of memory: a positive multiple of 4096; K, M, G are powers of 1024."""

    name = "SIZE"

    def convert(self, value, param, context):
        if isinstance(value, int):
            return value
        size = _number(self, value, BINARY, param, context)
        if size == 0 or size % MEMORY_UNIT:
            hint = f"; did you mean {value}M?" if value.isdigit() and 0 < size < MEMORY_UNIT else ""
            self.fail(f"memory must be a positive multiple of {MEMORY_UNIT} bytes, not {size}{hint}", param, context)
        return size


def _named(path, value):
    """Return a path that "-" stands in for nothing else: Path("./-") would be it."""
    return path.absolute() if str(path) == "-" and str(value) != "-" else path


class Input(click.Path):
    """A file or folder to read; "-" does not name one."""

    def __init__(self, **more):
        super().__init__(path_type=Path, **more)

    def convert(self, value, param, context):
        if str(value) == "-":
            self.fail("- is not standard input here: give the name of a file or folder (./- has that name)", param, context)
        return _named(super().convert(value, param, context), value)


class Output(click.Path):
    """A file to write; whether it can be written is checked before the run, since the run may take long."""

    def __init__(self, dash=False):
        super().__init__(path_type=Path, dir_okay=False, allow_dash=dash)

    def convert(self, value, param, context):
        path = _named(super().convert(value, param, context), value)
        if str(value) != "-":
            files.check_writable(path)
            files.claim(path, max(param.opts, key=len) if param else "an option")
        elif not self.allow_dash:
            self.fail("- is not standard output here: give the name of a file (./- has that name)", param, context)
        return path


class Count(click.ParamType):
    """A positive number; K, M, G are thousands, millions, thousand millions."""

    name = "COUNT"

    def convert(self, value, param, context):
        if isinstance(value, int):
            return value
        count = _number(self, value, DECIMAL, param, context)
        if count == 0:
            self.fail("must be at least 1, not 0", param, context)
        return count


class Address(click.ParamType):
    """An address: decimal, or hexadecimal with 0x."""

    name = "ADDRESS"

    def convert(self, value, param, context):
        try:
            return value if isinstance(value, int) else int(value, 0)
        except ValueError:
            self.fail(f"{value!r} is not an address, such as 0x100000", param, context)
