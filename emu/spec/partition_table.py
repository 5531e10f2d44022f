"""The partition table: what the machine places for the hypervisor of hv/, and what that writes into it.  All of it is ours.

Both sides read this: `emu.machine.partition` packs and unpacks by it, `.use partition_table` gives hv/ the same names.  Kinds are
those of `emu.spec.firmware.PAYLOAD`.
"""
import struct
from typing import NamedTuple

from emu.bits import codes

PARTITION_TABLE = 0x20_0000
PARTITIONS, PIECES, TABLE_VPS = 16, 8, 8                  # at most: of the table, of an image, virtual processors of a partition
TABLE_FIRST, DESC_BYTES = 0x400, 0x400                    # the first descriptor, from one to the next
TABLE_MAGIC, TABLE_CLEAN = int.from_bytes(b"HVPARTS1", "little"), 1
ENLIGHTENED, ROOT, CREATED = 1, 2, 4                      # flags; CREATED: by hypercalls, not by the table: no devices of a PC


class Record(NamedTuple):
    """A record in memory: offsets of its fields (codes), {field: format of struct, little-endian}."""

    offsets: tuple
    formats: dict

    def pack(self, size, **values):
        """Return `size` bytes with some fields, each a value or a tuple of them; the others are 0."""
        data = bytearray(size)
        for name, value in values.items():
            several = value if type(value) is tuple else (value,)
            struct.pack_into(f"<{self.formats[name]}", data, int(getattr(self.offsets, name)), *several)
        return bytes(data)

    def unpack(self, read, at, *names):
        """Return the values of fields, one each, of the record at an address; read(address, size) gives bytes."""
        found = []
        for name in names:
            form = f"<{self.formats[name]}"
            found.append(struct.unpack(form, read(at + int(getattr(self.offsets, name)), struct.calcsize(form)))[0])
        return found


def _record(name, **fields):
    """Return a Record of fields, one after the other: (format, text) or (format, text, offset that it begins at)."""
    rows, at = {}, 0
    for field, (form, text, *start) in fields.items():
        at = start[0] if start else at
        rows[field] = (at, text)
        at += struct.calcsize(f"<{form}")
    return Record(codes(name, 'hv/README.md, "Partition table"', **rows), {field: row[0] for field, row in fields.items()})


HEADER = _record("TABLE", MAGIC_AT=("Q", "TABLE_MAGIC"), COUNT=("I", "descriptors, 1 to PARTITIONS"),
    FLAGS=("I", "TABLE_CLEAN: RAM that nothing has written is still zero from power-on"))
PIECE_OF = _record("PIECE", SOURCE=("Q", "host-physical address"), TARGET=("Q", "guest-physical address"), LENGTH=("Q", "bytes"))
PIECE_BYTES = 24
DESCRIPTOR = _record("DESC",
    NAME=("16s", "zero padded"), KIND=("I", "PAYLOAD"), FLAGS=("I", "ENLIGHTENED, ROOT"), MEMORY=("Q", "bytes"),
    AFFINITY=("Q", "processor, or all ones: number of the partition modulo processors"), ENTRY=("Q", "RIP at entry"),
    REGISTERS=("16Q", "RAX RCX RDX RBX RSP RBP RSI RDI R8..R15 at entry"), PIECES=("I", "how many"),
    VPS=("I", "virtual processors, 0: one"), PIECE=(f"{3 * PIECES}Q", "PIECES of PIECE, copied before start"),
    COMMAND=("256s", "command line, zero terminated", 0x180),
    STATE=("I", "result: STATE"), CODE=("I", "result: how it ended"), BASE=("Q", "result: where its memory lies"),
    EXITS=("Q", "result: VM exits"), HYPERCALLS=("Q", "result"), INJECTED=("Q", "result: events"),
    VIOLATIONS=("Q", "result: EPT violations"),
    STARTED=("Q", "result: TSC at start"), ENDED=("Q", "result: TSC at end"))
TABLE, DESC, PIECE = HEADER.offsets, DESCRIPTOR.offsets, PIECE_OF.offsets

STATE = codes("STATE", 'hv/README.md, "Partition table"', WAITS=(0, "not started"), RUNS=(1, "runs"), ENDED=(2, "ended"))
CODE = codes("CODE", 'hv/README.md, "What a partition finds (guest ABI)"; others are the guest\'s own',
    TRIPLE=(0xE000_0001, "triple fault"), HALTED=(0xE000_0002, "halted with nothing to wake it"),
    RESET=(0xE000_0003, "reset"),
    ACCESS=(0xE000_0004, "an access that cannot be emulated"),
    ENTRY=(0xE000_0005, "VM entry failed"), EXIT=(0xE000_0006, "a VM exit that the hypervisor does not know"),
    PANIC=(0xBAD, "of the machine: the hypervisor stops it"))
