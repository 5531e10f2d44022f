"""The guest programs of tests/guests: what each expects, and how one is placed in a machine's memory.

First line of a program: `# Expect: RESULT[; key=value]... . Claim.`  RESULT is a STOP row in lower case with blanks, or
`pass` (exit code 0).  Keys: processors (1), memory in MiB (16), cycles, the budget (200,000,000), gap (0): 1 when the
claim is the manual's, but the machine is known not to keep it yet; such a program must fail (strict xfail).
"""

import re
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emu.asm import assemble
from emu.spec.firmware import BLOCK, BLOCKVALUE, LOW, PAYLOAD
from emu.spec.outcome import STOP

FOLDER = Path(__file__).resolve().parent
BOOT = FOLDER.parent.parent / "firmware" / "boot"
HEADER = re.compile(r"# Expect: ([a-z ]+?)((?:; *[a-z]+=\d+)*)\. +(.+)")
LIBRARY = ("lib.s", "smplib.s", "modelib.s", "fivelib.s", "vmxlib.s", "breaklib.s")
DEFAULTS = {"processors": 1, "memory": 16, "cycles": 200_000_000, "gap": 0}


@dataclass(frozen=True)
class Guest:
    """A guest program: name, claim, the STOP row it must end by, and the machine it needs."""

    path: Path
    claim: str
    stop: str
    processors: int
    memory: int
    cycles: int
    gap: int

    @property
    def name(self):
        return self.path.stem

    def image(self):
        """Return the Assembly of the program; its entry is `start`."""
        return assemble(self.path)

    def check(self, number):
        """Return "file:line" of check `number` of the program, or ""."""
        for _, data, file, line, source in self.image().lines:
            if "[rip + failed], " in source and int.from_bytes(data[-4:], "little") == number:
                return f"{file}:{line}"
        return ""


def parse(path):
    """Return the Guest of a file; raises ValueError when its first line is not a header."""
    first = path.read_text().split("\n", 1)[0]
    match = HEADER.fullmatch(first)
    if not match:
        raise ValueError(f"{path.name}: the first line must be '# Expect: RESULT[; key=value]. Claim.', not {first!r}")
    given = dict(DEFAULTS)
    for key, value in re.findall(r"([a-z]+)=(\d+)", match[2]):
        if key not in given:
            raise ValueError(f"{path.name}: unknown key {key}; {', '.join(given)} are known")
        given[key] = int(value)
    stop = "EXIT_CODE" if match[1] == "pass" else match[1].upper().replace(" ", "_")
    if stop not in STOP._fields:
        raise ValueError(f"{path.name}: {match[1]!r} is neither pass nor a row of STOP")
    return Guest(path, match[3], stop, **given)


def guests():
    """Return all guest programs, by name."""
    return [parse(path) for path in sorted(FOLDER.glob("*.s")) if path.name not in LIBRARY]


def block(entry, kind=PAYLOAD.LONG, **registers):
    """Return a boot block (bytes) for a payload."""
    from emu.spec.cpu import GPR

    text = bytearray(int(BLOCK.SIZE))
    struct.pack_into("<QIIQ", text, 0, int(BLOCKVALUE.MAGIC), int(kind), 0, entry)
    for name, value in registers.items():
        struct.pack_into("<Q", text, int(BLOCK.REGS) + 8 * int(getattr(GPR, name.upper())), value)
    return bytes(text)


def place(machine, guest):
    """Write the boot ROM, the boot block and the program into a machine's memory; returns the program's Assembly."""
    image, rom = guest.image(), assemble(BOOT)
    machine.rom[:] = np.frombuffer(rom.code, np.uint8)
    for address, data in ((int(LOW.BLOCK), block(image.entry)), (image.base, image.code)):
        machine.ram[address : address + len(data)] = np.frombuffer(data, np.uint8)
    return image
