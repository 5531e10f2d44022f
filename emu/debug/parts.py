"""The state of a machine besides its RAM, as named parts in a form that holds no host address.

What a run goes on from is here: the records of processors, worlds, TLBs, controllers and devices, the ROM.  What is not:
what follows from it (translated code, the engines' TLBs, the page ledger), wiring (host addresses), and what belongs to
who looks on (debugger's points, the ring of VM exits, marks in translated code).
"""
import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from emu.device.board import RECORDS
from emu.errors import SnapshotError
from emu.machine import ROM_BYTES
from emu.spec.debug import ARMED
from emu.spec.outcome import STOP
from emu.state import CPU, ENV, INSN, LOCAL_APIC, MACHINE, TLB

PAGE = 4096
# Fields that are host addresses, or belong to the host or to a debugger: zero in a part, left as they are by `write`.
KEPT: dict[str, tuple[str, ...]] = {
    "machine": ("ram", "rom", "ledger", "cpus", "devices", "exit_ring", "trace_count", "mark_count", "mark", "marks_changed", "debug",
                "disturb", "stale_count", "stale"),
    "cpu": ("machine", "root_env", "guest_env", "apic", "core", "root_tlb", "guest_tlb", "block", "self_address", "far_state",
            "code_bytes", "spare_vmcs", "failure_vmcs", "insn", "steps", "step_rip", "step_at", "step_world"),
    "fw_cfg": ("blob",),
    "tlb": ("hits",),                                      # counts what the engines ask for: how much they forgot
}
# Bytes of an ENV that are a processor's: not the pointers to the engine's own break- and watchpoints, not its owner, not what
# follows (features, which are fixed).  Source: Unicorn 2.1.4, struct CPUX86State
POINTERS, BEHIND_POINTERS, RETURN_ADDRESS = 5464, 5496, 5560
OWNER = ENV.fields["owner"][1]
ENV_PIECES = ((0, OWNER), (OWNER + 8, POINTERS), (BEHIND_POINTERS, RETURN_ADDRESS))
HOST_STOPS = (STOP.BUDGET, STOP.BREAK, STOP.OUTPUT)        # the host's wishes, not the machine's


@dataclass(frozen=True)
class Part:
    """One part: its name, kind, record layout, and the memory that holds it (bytes of a record, or pieces of it)."""

    name: str
    kind: str
    dtype: Any
    record: Any                                            # the record, for parts with fields to translate
    memory: tuple                                          # uint8 arrays

    @property
    def size(self):
        """Return its size in bytes."""
        return sum(len(piece) for piece in self.memory)


def schema(dtype):
    """Return a hash over names, types and places of a record's fields, which says whether two layouts are the same."""
    if dtype.fields is None:
        text = str(dtype)
    else:
        text = repr([(name, str(kind.base), kind.shape, offset) for name, (kind, offset, *_) in dtype.fields.items()]) + f"{dtype.itemsize}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _whole(name, kind, dtype, array):
    flat = array.reshape(-1)
    return Part(name, kind, dtype, flat[0] if dtype.fields else None, (flat.view(np.uint8),))


def parts(machine):
    """Return the Parts of a machine, in an order that its configuration fixes."""
    found = [_whole("machine", "machine", MACHINE, machine.record), _whole("rom", "bytes", np.dtype(np.uint8), machine.rom)]
    for name, dtype in RECORDS.items():
        found.append(_whole(name.lower(), name.lower(), dtype, machine.board._arrays[name]))
    for n, unit in enumerate(machine.processors):
        found.append(_whole(f"cpu{n}", "cpu", CPU, unit.record))
        found.append(Part(f"cpu{n}.owner", "owner", np.dtype(np.uint64), unit.core[0], (unit.core["owner"].view(np.uint8),)))
        for world, engine, tlb in zip(("root", "guest"), unit.engines, unit.tlbs, strict=True):
            octets = engine.env.view(np.uint8)
            found.append(Part(f"cpu{n}.{world}", "env", ENV, engine.env[0], tuple(octets[a:b] for a, b in ENV_PIECES)))
            found.append(_whole(f"cpu{n}.{world}.tlb", "tlb", TLB, tlb))
        found.append(_whole(f"cpu{n}.apic", "apic", LOCAL_APIC, unit.apic))
        found.append(_whole(f"cpu{n}.insn", "insn", INSN, unit.insn[:1]))   # the second is scratch of the engine's side
        for name in ("spare", "failed", "far"):
            found.append(_whole(f"cpu{n}.{name}", "bytes", np.dtype(np.uint8), getattr(unit, name)))
    return found


def offsets(found):
    """Return ([first byte of each part], bytes in all) when they lie behind each other, each from a page's start."""
    starts, at = [], 0
    for part in found:
        starts.append(at)
        at += -(-part.size // PAGE) * PAGE
    return starts, at


# ---- to and from a form without host addresses ------------------------------------------------------------------------
def _portable(machine, part, record):
    """Translate the copy `record` of a part's record: no host address stays."""
    if part.kind == "machine":
        record.turn = 1 + _turn(machine) if record.turn else 0
        if record.stop in HOST_STOPS:
            record.stop = STOP.NONE
    elif part.kind == "cpu":
        here = part.record
        record.env, record.tlb = here.env == here.guest_env, here.tlb == here.guest_tlb
        record.vmcs = 0 if here.vmcs == here.spare_vmcs else int(here.vmcs) - machine.ram.ctypes.data + 1
        record.armed = here.armed & ARMED.REGISTERS
        if record.stop in HOST_STOPS:
            record.stop = STOP.NONE
    for name in KEPT.get(part.kind, ()):
        record[name] = np.zeros_like(record[name])


def _turn(machine):
    turn = int(machine.record[0].turn)
    return next(n for n, unit in enumerate(machine.processors) if unit.record.ctypes.data == turn)


def read(machine, found, memory):
    """Write each part into `memory` (uint8[n], laid out by `offsets`)."""
    for part, start in zip(found, offsets(found)[0], strict=True):
        at = start
        for piece in part.memory:
            memory[at:at + len(piece)] = piece
            at += len(piece)
        if part.kind in KEPT:
            _portable(machine, part, memory[start:at].view(part.dtype)[0])


def write(machine, found, memory):
    """Bring each part to what `read` wrote into `memory`."""
    for part, start in zip(found, offsets(found)[0], strict=True):
        kept = {name: part.record[name].copy() for name in KEPT.get(part.kind, ())}
        armed = part.record.armed & ~ARMED.REGISTERS if part.kind == "cpu" else None
        at = start
        for piece in part.memory:
            piece[:] = memory[at:at + len(piece)]
            at += len(piece)
        for name, value in kept.items():
            part.record[name] = value
        if part.kind == "machine":
            m = part.record
            m.turn = machine.processors[int(m.turn) - 1].record.ctypes.data if m.turn else 0
        elif part.kind == "cpu":
            _wire(machine, part.record, armed)


def _wire(machine, c, armed):
    """Turn what `_portable` made of a CPU record's references into host addresses again."""
    c.env, c.tlb = (c.guest_env if c.env else c.root_env), (c.guest_tlb if c.tlb else c.root_tlb)
    c.vmcs = machine.ram.ctypes.data + int(c.vmcs) - 1 if c.vmcs else c.spare_vmcs
    c.armed |= armed


def check(found, memory, machine):
    """Raise SnapshotError when a part's references, which may come from a file, lead out of the machine."""
    for part, start in zip(found, offsets(found)[0], strict=True):
        if part.kind == "machine":
            m = memory[start:start + part.size].view(MACHINE)[0]
            if m.turn > len(machine.cpu) or m.cpu_count != len(machine.cpu) or m.ram_bytes != machine.ram.nbytes or \
                    m.rom_bytes != ROM_BYTES or m.stop_cpu >= len(machine.cpu):
                raise SnapshotError("the part 'machine' is of another machine")
        elif part.kind == "cpu":
            c = memory[start:start + part.size].view(CPU)[0]
            if c.env > 1 or c.tlb > 1 or c.vmcs > machine.ram.nbytes - PAGE + 1 or c.vmcs and (int(c.vmcs) - 1) % PAGE:
                raise SnapshotError(f"the part {part.name!r} refers to what the machine does not have")
        elif part.kind == "owner" and memory[start:start + 8].view(np.uint64)[0] > 1:
            raise SnapshotError(f"the part {part.name!r} must be 0 or 1")

