"""A checkpoint of a virtual machine: memory, registers, what the root keeps of its devices; and the file that holds it.

Not in it: messages that wait in the SynIC's message page, bytes that were typed and not read.
"""
import hashlib
import json
import struct
import zlib

from emu.errors import ConfigError
from emu.spec.apic import APIC
from emu.spec.root import ROOTS
from emu.spec.tlfs import HVREG

MAGIC = b"HVVMCP02"
BATCH, ROW = 64, 32
RECORD = 256 + 8                                          # the root's record of a child, its reference time
CHUNK = 1 << 20


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


def take(root, vm):
    """Return the bytes of a checkpoint of a virtual machine that is suspended; vm: with slot, base, memory, processors."""
    registers = []
    for processor in range(vm.processors):
        rows = []
        for batch in _batches(REGISTERS):
            root.place(int(ROOTS.REGISTERS), b"".join(struct.pack("<QQQQ", name, 0, 0, 0) for name in batch))
            root.command("READ", vm.slot, len(batch), processor)
            data = root.read(int(ROOTS.REGISTERS), ROW * len(batch))
            rows += [(name, *struct.unpack_from("<QQ", data, ROW * at + 16)) for at, name in enumerate(batch)]
        registers.append(rows)
    root.command("SAVE", vm.slot)
    record = root.read(int(ROOTS.RECORD), RECORD)
    content = root.read(vm.base, vm.memory)
    head = json.dumps({"memory": vm.memory, "processors": vm.processors, "registers": registers, "record": record.hex(),
                       "sha256": hashlib.sha256(content).hexdigest()}).encode()
    return MAGIC + struct.pack("<I", len(head)) + head + zlib.compress(content, 1)


def read(data, path):
    """Return (head, memory) of a checkpoint's bytes; raises ConfigError that says what is wrong."""
    if data[:8] != MAGIC:
        raise ConfigError(f"{path}: this is no checkpoint of a virtual machine")
    try:
        (size,) = struct.unpack_from("<I", data, 8)
        head = json.loads(data[12:12 + size])
        content = zlib.decompress(data[12 + size:], bufsize=head["memory"])
        whole = len(content) == head["memory"] and hashlib.sha256(content).hexdigest() == head["sha256"]
        names, record = [[row[0] for row in rows] for rows in head["registers"]], bytes.fromhex(head["record"])
        expected = [REGISTERS] * head["processors"]
    except (struct.error, ValueError, KeyError, TypeError, IndexError, zlib.error) as error:
        raise ConfigError(f"{path}: the checkpoint is damaged: {error}") from None
    if not whole or len(record) != RECORD or names != expected:
        raise ConfigError(f"{path}: the checkpoint is damaged, or of another version")
    return head, content


def give(root, slot, base, head, content):
    """Put a checkpoint into a virtual machine that has just been created with as much memory; it is suspended then."""
    for at in range(0, len(content), CHUNK):
        root.place(base + at, content[at:at + CHUNK])
    root.place(int(ROOTS.RECORD), bytes.fromhex(head["record"]))
    root.command("RESTORE", slot)
    for processor, rows in enumerate(head["registers"]):
        for batch in _batches([tuple(row) for row in rows]):
            root.place(int(ROOTS.REGISTERS), b"".join(struct.pack("<QQQQ", name, 0, low, high) for name, low, high in batch))
            root.command("WRITE", slot, len(batch), processor)
