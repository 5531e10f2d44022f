"""What the machine finds in memory at power-on: the boot ROM, the hypervisor, and its table of partitions.

Layouts: `firmware/boot/README.md` (boot block) and `hv/README.md` (partition table: `emu.spec.partition_table`).
"""
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from emu.asm import assemble
from emu.bits import text_of
from emu.errors import ConfigError
from emu.image import Image, of_assembly
from emu.image.entry import join
from emu.spec import partition_table
from emu.spec.cpu import GPR
from emu.spec.partition_table import CODE, DESC_BYTES, DESCRIPTOR, HEADER, PARTITION_TABLE, PARTITIONS, PIECES, STATE, TABLE_VPS

PACKAGE_FOLDER = Path(__file__).resolve().parents[1]
PIECES_FROM = 0x40_0000                                   # pieces lie above the hypervisor, its table, and their slack
ALIGNMENT = 2 << 20                                       # of a partition's memory
ANY_PROCESSOR = (1 << 64) - 1
STATES = tuple(text_of(STATE, name) for name in STATE._fields)
RUNS, ENDED, HALTED = text_of(STATE, "RUNS"), text_of(STATE, "ENDED"), int(CODE.HALTED)
# Code of the hypervisor's: what the bare machine stops by (a STOP name), words
ENDS = {int(getattr(CODE, name)): (stop, text_of(CODE, name)) for name, stop in (
    ("TRIPLE", "TRIPLE_FAULT"), ("HALTED", "IDLE"), ("RESET", "RESET"), ("ACCESS", "EXIT_CODE"), ("ENTRY", "EXIT_CODE"),
    ("EXIT", "EXIT_CODE"))}
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
        if not 1 <= self.processors <= TABLE_VPS or self.root and self.processors > 1:
            raise ConfigError(f"partition {self.name}: a partition has 1 to {TABLE_VPS} processors, the root one, "
                              f"not {self.processors}")
        if self.image.entry.payload is None:
            raise ConfigError(f"partition {self.name}: the hypervisor starts no real-address mode image ({self.image.path})")


@dataclass(frozen=True, kw_only=True)
class PartitionResult:
    """What the hypervisor counted of a partition; cycles: from its start to its end, or so far; all are 0 before it has started.

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


def descriptor(number):
    """Return the address of a partition's descriptor."""
    return PARTITION_TABLE + partition_table.TABLE_FIRST + number * DESC_BYTES


def base_of(number, read):
    """Return where the memory of a partition lies in the machine's; `read(address, size)` gives bytes of that."""
    return DESCRIPTOR.unpack(read, descriptor(number), "BASE")[0]


def results(partitions, read):
    """Return the PartitionResult of each partition; `read(address, size)` gives bytes of the machine's memory."""
    found = []
    for number, partition in enumerate(partitions):
        state, code, exits, hypercalls, injected, violations, start, end = DESCRIPTOR.unpack(
            read, descriptor(number), "STATE", "CODE", "EXITS", "HYPERCALLS", "INJECTED", "VIOLATIONS", "STARTED", "ENDED")
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
    for place in (PACKAGE_FOLDER / "sources" / name, PACKAGE_FOLDER.parent / name):
        if (place / "build.list").is_file():
            return place
    raise ConfigError(f"the sources of {name} are neither inside the package nor beside it ({PACKAGE_FOLDER})")


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
    if len(found) > PIECES:
        raise ConfigError(f"an image of a partition lies in at most {PIECES} pieces, {image.path} in {len(found)}")
    return found


def _flags(partition):
    if partition.root:
        return partition_table.ENLIGHTENED | partition_table.ROOT
    return partition_table.ENLIGHTENED if partition.enlightened else 0


def _descriptor(partition, placed):
    entry = partition.image.entry
    registers = [0] * 16
    for name, value in entry.registers.items():
        registers[int(getattr(GPR, name))] = value
    processor = ANY_PROCESSOR if partition.processor is None else partition.processor
    rows = tuple(number for each in placed for number in each)
    return DESCRIPTOR.pack(
        DESC_BYTES, NAME=partition.name.encode(), KIND=int(entry.payload), FLAGS=_flags(partition), MEMORY=partition.image.memory_bytes,
        AFFINITY=processor, ENTRY=entry.rip, REGISTERS=tuple(registers), PIECES=len(placed), VPS=partition.processors,
        PIECE=rows + (0,) * (3 * PIECES - len(rows)), COMMAND=os.fsencode(partition.command_line)[:255])


def layout(partitions, ram_bytes):
    """Return [(address, bytes)] of pieces and partition table for the hypervisor, and the memory left for partitions.

    Raises ConfigError when they do not fit.
    """
    if not 1 <= len(partitions) <= PARTITIONS:
        raise ConfigError(f"the hypervisor runs 1 to {PARTITIONS} partitions, not {len(partitions)}")
    if any(partition.root for partition in partitions[1:]):
        raise ConfigError("the root partition is the first, and there is one: it is the parent of all others")
    segments, at = [], PIECES_FROM
    table = bytearray(HEADER.pack(partition_table.TABLE_FIRST, MAGIC_AT=partition_table.TABLE_MAGIC, COUNT=len(partitions),
                                  FLAGS=partition_table.TABLE_CLEAN))
    for partition in partitions:
        placed = []
        for address, data in pieces(partition.image):
            segments.append((at, data))
            placed.append((at, address, len(data)))
            at = (at + len(data) + 0xFFF) & ~0xFFF
        table += _descriptor(partition, placed)
    need = at + sum(-(-p.image.memory_bytes // ALIGNMENT) * ALIGNMENT for p in partitions) + ALIGNMENT
    if need > ram_bytes:
        raise ConfigError(f"the partitions and their images need {need >> 20} MiB and more, the machine has {ram_bytes >> 20} MiB")
    segments.append((PARTITION_TABLE, bytes(table)))
    return segments
