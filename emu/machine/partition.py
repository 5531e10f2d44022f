"""What the machine finds in memory at power-on: the boot ROM, the hypervisor, and its table of partitions.

Layouts: `firmware/boot/README.md` (boot block) and `hv/README.md` (partition table).
"""
import os
import struct
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from emu.asm import assemble
from emu.errors import ConfigError
from emu.image import Image, of_assembly
from emu.image.entry import join
from emu.spec.cpu import GPR

ROOT = Path(__file__).resolve().parents[1]
TABLE, TABLE_HEADER, DESCRIPTOR = 0x20_0000, 0x400, 0x400
PIECES_FROM = 0x40_0000                                   # pieces lie above the hypervisor, its table, and their slack
ALIGNMENT = 2 << 20                                       # of a partition's memory
MAGIC, CLEAN, ENLIGHTENED, OWNS = b"HVPARTS1", 1, 1, 2    # OWNS: ROOT in hv/records/defs.s
ANY_PROCESSOR = (1 << 64) - 1
MOST, MOST_PIECES, MOST_PROCESSORS = 16, 8, 8
RESULT, STATES = 0x280, ("not started", "runs", "ended")
ENDED, HALTED = STATES[2], 0xE000_0002
# Code of the hypervisor's (hv/README.md): what the bare machine stops by (a STOP name), words
ENDS = {0xE000_0001: ("TRIPLE_FAULT", "triple fault"),
        HALTED: ("IDLE", "halted with nothing to wake it"),
        0xE000_0003: ("RESET", "reset"),
        0xE000_0004: ("EXIT_CODE", "an access that cannot be emulated"),
        0xE000_0005: ("EXIT_CODE", "VM entry failed"),
        0xE000_0006: ("EXIT_CODE", "a VM exit that the hypervisor does not know")}
DEMO_BYTES, HYPERVISOR_BYTES = 16 << 20, 64 << 20          # memory of a demo partition; beside a partition's memory for the hypervisor


@dataclass(frozen=True, kw_only=True)
class Partition:
    """A guest of the hypervisor: its image was placed in `image.memory_bytes` of guest-physical memory."""

    name: str
    image: Image
    enlightened: bool = False
    root: bool = False                                    # owns what is left, creates partitions by hypercalls
    processor: int | None = None                          # None: partition number modulo processors
    processors: int = 1                                   # virtual ones, which all run on that processor
    command_line: str = ""

    def __post_init__(self):
        if not self.name.isascii() or not 0 < len(self.name) < 16:
            raise ConfigError(f"a partition's name has 1 to 15 ASCII characters, not {self.name!r}")
        if not 1 <= self.processors <= MOST_PROCESSORS or self.root and self.processors > 1:
            raise ConfigError(f"partition {self.name}: a partition has 1 to {MOST_PROCESSORS} processors, the root one, "
                              f"not {self.processors}")
        if self.image.entry.payload is None:
            raise ConfigError(f"partition {self.name}: the hypervisor starts no real-address mode image ({self.image.path})")


@dataclass(frozen=True, kw_only=True)
class PartitionResult:
    """What the hypervisor wrote into its table about a partition; cycles: from its start to its end, or 0.

    ending: how it ended in words, or its state.
    """

    name: str
    state: str
    code: int
    ending: str
    exits: int
    hypercalls: int
    injected: int
    ept_violations: int
    cycles: int


def in_words(code):
    """Return how a partition ended by its code."""
    if code in ENDS:
        return ENDS[code][1]
    return f"failed with exit code {code}" if code else "passed"


def results(partitions, read):
    """Return the PartitionResult of each partition; `read(address, size)` gives bytes of the machine's memory."""
    found = []
    for number, partition in enumerate(partitions):
        at = TABLE + TABLE_HEADER + number * DESCRIPTOR + RESULT
        state, code, _, *counts, start, end = struct.unpack("<IIQ4Q2Q", read(at, 64))
        exits, hypercalls, injected, violations = counts
        name = STATES[state] if state < len(STATES) else str(state)
        found.append(PartitionResult(
            name=partition.name, state=name, code=code, ending=in_words(code) if name == ENDED else name,
            exits=exits, hypercalls=hypercalls, injected=injected, ept_violations=violations, cycles=end - start if end else 0))
    return found


def demo():
    """Return the two partitions of the demonstration."""
    def partition(name):
        image = of_assembly(assembled(f"firmware/guests/{name}"), DEMO_BYTES)
        return Partition(name=name, image=image, enlightened=True)
    return [partition("compute"), partition("probe")]


def folder(name):
    """Return the folder of an image's sources: beside the package in a checkout, inside it when installed."""
    for place in (ROOT / "sources" / name, ROOT.parent / name):
        if (place / "build.list").is_file():
            return place
    raise ConfigError(f"the sources of {name} are neither inside the package nor beside it ({ROOT})")


@cache
def assembled(name):
    """Return the Assembly of a built-in image: "hv", or a folder under firmware, such as "firmware/boot"; a warning is an error."""
    return assemble(folder(name), werror=True)


def hypervisor(path=None):
    """Return the Assembly of the hypervisor: the built-in one, or that of a folder of sources; ConfigError when that is not one."""
    if path is None:
        return assembled("hv")
    path = Path(path)
    if not (path / "build.list").is_file():
        raise ConfigError(f"{path}: a folder of the hypervisor's sources has a build.list; this one has none (start from a copy of hv/)")
    return assemble(path)


def pieces(image):
    """Return [(guest-physical address, bytes)] of an image, neighbours joined, page-aligned starts not needed."""
    ranges = join([(address, len(data)) for address, data in image.segments])
    found = []
    for start, size in ranges:
        blob = bytearray(size)
        for address, data in image.segments:
            if start <= address < start + size:
                blob[address - start:address - start + len(data)] = data
        found.append((start, bytes(blob)))
    if len(found) > MOST_PIECES:
        raise ConfigError(f"an image of a partition lies in at most {MOST_PIECES} pieces, {image.path} in {len(found)}")
    return found


def _flags(partition):
    return (ENLIGHTENED if partition.enlightened or partition.root else 0) | (OWNS if partition.root else 0)


def _descriptor(partition, placed):
    entry = partition.image.entry
    registers = [0] * 16
    for name, value in entry.registers.items():
        registers[int(getattr(GPR, name))] = value
    processor = ANY_PROCESSOR if partition.processor is None else partition.processor
    text = struct.pack("<16sIIQQQ", partition.name.encode(), int(entry.payload), _flags(partition),
                       partition.image.memory_bytes, processor, entry.rip)
    text += struct.pack("<16Q", *registers) + struct.pack("<II", len(placed), partition.processors)
    text += b"".join(struct.pack("<QQQ", *each) for each in placed)
    return text.ljust(0x180, b"\0") + os.fsencode(partition.command_line)[:255].ljust(256, b"\0")


def layout(partitions, ram_bytes):
    """Return [(address, bytes)] of pieces and partition table for the hypervisor, and the memory left for partitions.

    Raises ConfigError when they do not fit.
    """
    if not 1 <= len(partitions) <= MOST:
        raise ConfigError(f"the hypervisor runs 1 to {MOST} partitions, not {len(partitions)}")
    if any(partition.root for partition in partitions[1:]):
        raise ConfigError("the root partition is the first, and there is one: it is the parent of all others")
    segments, at = [], PIECES_FROM
    table = bytearray(struct.pack("<8sII", MAGIC, len(partitions), CLEAN).ljust(TABLE_HEADER, b"\0"))
    for partition in partitions:
        placed = []
        for address, data in pieces(partition.image):
            segments.append((at, data))
            placed.append((at, address, len(data)))
            at = (at + len(data) + 0xFFF) & ~0xFFF
        table += _descriptor(partition, placed).ljust(DESCRIPTOR, b"\0")
    need = at + sum(-(-p.image.memory_bytes // ALIGNMENT) * ALIGNMENT for p in partitions) + ALIGNMENT
    if need > ram_bytes:
        raise ConfigError(f"the partitions and their images need {need >> 20} MiB and more, the machine has {ram_bytes >> 20} MiB")
    segments.append((TABLE, bytes(table)))
    return segments
