"""A checkpoint of a virtual machine: memory, registers, what the root keeps of its devices, its disk; and the one file that holds it.

Not in it: messages that wait in the SynIC's message page, bytes that were typed and not read.
"""
import hashlib
import json
import struct
import zlib
from itertools import chain

from emu.errors import ConfigError
from emu.manage import files
from emu.spec.apic import APIC
from emu.spec.root import ROOTS
from emu.spec.tlfs import HVREG

MAGIC, OLDER = b"HVVMCP03", b"HVVMCP02"                   # the older one had its disk in a file beside it
HEAD_MOST = 16 << 20
BATCH, STATE_ROW = 64, 32
RECORD = 256 + 8                                          # the root's record of a child, its reference time
COPY_BYTES = 1 << 20


def _span(first, last):
    return range(int(getattr(HVREG, first)), int(getattr(HVREG, last)) + 1)


def _apic(*numbers):
    return [int(HVREG.APIC_ID) - int(APIC.ID) + int(number) for number in numbers]


# In the order in which they are written: what a mode is made of first, what makes timers run last.
REGISTERS = [
    *(int(getattr(HVREG, name)) for name in ("EFER", "CR4", "CR3", "CR0", "CR2", "RIP", "RFLAGS")), *_span("RAX", "R15"),
    *_span("DR0", "DR3"),
    *(int(getattr(HVREG, name)) for name in ("DR6", "DR7")), *_span("ES", "TR"),
    *(int(getattr(HVREG, name)) for name in (
        "IDTR", "GDTR", "KERNEL_GS_BASE", "PAT", "SYSENTER_CS", "SYSENTER_EIP", "SYSENTER_ESP", "STAR", "LSTAR", "CSTAR", "SFMASK",
        "FP_CONTROL", "XMM_CONTROL")),
    *_span("MMX0", "MMX7"), *_span("XMM0", "XMM15"), int(HVREG.TSC), int(HVREG.APIC_BASE),
    *_apic(APIC.TPR, APIC.LDR, APIC.DFR, APIC.SVR, *range(int(APIC.ISR), int(APIC.ESR) + 1), APIC.ICR,
           *range(int(APIC.LVT_TIMER), int(APIC.LVT_ERROR) + 1), APIC.INITIAL_COUNT, APIC.DIVIDE, APIC.CURRENT_COUNT),
    *(int(getattr(HVREG, name)) for name in (
        "TSC_DEADLINE", "GUEST_OS_ID", "HYPERCALL", "ASSIST_PAGE", "REFERENCE_TSC", "SCONTROL", "SIEFP", "SIMP")),
    *_span("SINT0", "SINT15"), *_span("STIMER0_CONFIG", "STIMER3_COUNT"),
    *(int(getattr(HVREG, name)) for name in ("PENDING_INTERRUPTION", "INTERRUPT_STATE", "ACTIVITY"))]


def _batches(rows):
    return [rows[at:at + BATCH] for at in range(0, len(rows), BATCH)]


def write(root, vm, path, disk):
    """Keep a virtual machine that is suspended, and its disk, in one file; vm: with slot, base, memory, processors.  Returns its size.

    Layout: MAGIC, u32 and u64 bytes of the next two, a JSON head, memory (zlib), disk.
    """
    head, content = _take(root, vm)
    digest, size = hashlib.sha256(), 0
    for piece in files.pieces(disk):
        digest.update(piece)
        size += len(piece)
    head |= {"disk": size, "disk_sha256": digest.hexdigest()}
    text, packed = json.dumps(head).encode(), zlib.compress(content, 1)
    front = MAGIC + struct.pack("<IQ", len(text), len(packed)) + text
    files.write_whole(path, chain((front, packed), files.pieces(disk)))
    return len(front) + len(packed) + size


def _take(root, vm):
    registers = []
    for processor in range(vm.processors):
        rows = []
        for batch in _batches(REGISTERS):
            root.place(int(ROOTS.REGISTERS), b"".join(struct.pack("<QQQQ", name, 0, 0, 0) for name in batch))
            root.command("READ", vm.slot, len(batch), processor)
            data = root.read(int(ROOTS.REGISTERS), STATE_ROW * len(batch))
            rows += [(name, *struct.unpack_from("<QQ", data, STATE_ROW * at + 16)) for at, name in enumerate(batch)]
        registers.append(rows)
    root.command("SAVE", vm.slot)
    record = root.read(int(ROOTS.RECORD), RECORD)
    content = root.read(vm.base, vm.memory)
    return {"memory": vm.memory, "processors": vm.processors, "registers": registers, "record": record.hex(),
            "sha256": hashlib.sha256(content).hexdigest()}, content


def read(path, row):
    """Return (head, memory, pieces of the disk) of the checkpoint of a virtual machine; raises ConfigError that says what is wrong.

    So do the pieces when they are not what was written.
    """
    name = files.shown(path)
    try:
        with open(path, "rb") as file:
            magic = file.read(len(MAGIC))
            if magic not in (MAGIC, OLDER):
                raise ConfigError(f"{name}: this is not a checkpoint of a virtual machine")
            size, packed = struct.unpack("<IQ", file.read(12)) if magic == MAGIC else (*struct.unpack("<I", file.read(4)), -1)
            if size > HEAD_MOST:
                raise ValueError(f"a head of {size} bytes")
            head = json.loads(file.read(size))
            _check(head, row, name)
            content = zlib.decompressobj().decompress(file.read(packed), head["memory"] + 1)
            start = file.tell()
    except OSError as error:
        raise ConfigError(f"{name}: cannot be read ({error.strerror})") from None
    except (struct.error, ValueError, KeyError, TypeError, IndexError, OverflowError, RecursionError, zlib.error) as error:
        raise ConfigError(f"{name}: the checkpoint is damaged: {error}") from None
    if len(content) != head["memory"] or hashlib.sha256(content).hexdigest() != head["sha256"]:
        raise ConfigError(f"{name}: the checkpoint is damaged: its memory is not what was written")
    if magic == OLDER:
        return head, content, files.pieces(path.with_name(files.CHECKPOINT_DISK))
    return head, content, _disk(path, name, start, head)


def _check(head, row, name):
    """Raise unless a head is of this virtual machine and has all that `give` wants."""
    for what in ("memory", "processors"):
        if head[what] != getattr(row, what):
            raise ConfigError(f"{name}: the checkpoint is of {what} {head[what]}, {row.name} has {getattr(row, what)}")
    names = [[each[0] for each in rows] for rows in head["registers"]]
    for each in (value for rows in head["registers"] for value in rows):
        struct.pack("<QQQ", *each)
    if len(bytes.fromhex(head["record"])) != RECORD or names != [REGISTERS] * row.processors:
        raise ValueError("it is of another version")


def _disk(path, name, start, head):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        file.seek(start)
        while data := file.read(files.COPY_PIECE):
            digest.update(data)
            yield data
        if file.tell() - start != head.get("disk") or digest.hexdigest() != head.get("disk_sha256"):
            raise ConfigError(f"{name}: the checkpoint is damaged: its disk is not what was written")


def give(root, slot, base, head, content):
    """Put a checkpoint into a virtual machine that has just been created with as much memory; it is suspended then."""
    for at in range(0, len(content), COPY_BYTES):
        root.place(base + at, content[at:at + COPY_BYTES])
    root.place(int(ROOTS.RECORD), bytes.fromhex(head["record"]))
    root.command("RESTORE", slot)
    for processor, rows in enumerate(head["registers"]):
        for batch in _batches([tuple(row) for row in rows]):
            root.place(int(ROOTS.REGISTERS), b"".join(struct.pack("<QQQQ", name, 0, low, high) for name, low, high in batch))
            root.command("WRITE", slot, len(batch), processor)
