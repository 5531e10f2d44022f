"""The state of a machine besides its RAM, as named parts in a form that holds no host address.

What a run goes on from is here: the records of processors, worlds, TLBs, controllers and devices, the ROM.  What is not:
what follows from it (translated code, the engines' TLBs, the page ledger), wiring (host addresses), and what belongs to
observers (debugger's points, the ring of VM exits, marks in translated code).
"""
import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from emu.bits import ALL_ONES, PAGE_BYTES
from emu.board.board import RECORDS
from emu.machine.machine import ROM_BASE, ROM_BYTES, floats, vectors
from emu.spec.debug import ARMED
from emu.spec.outcome import STOP
from emu.spec.trace import WORLDS
from emu.spec.vmx import MWAIT
from emu.state import CPU, ENV, FT0_AT, FT0_BYTES, INSN, LOCAL_APIC, MACHINE, REASON_COUNT, RING, SPACES, TLB, TLB_ENTRIES

# Fields that are host addresses, or belong to the host or to a debugger: zero in a part, left as they are by `write`.
KEPT: dict[str, tuple[str, ...]] = {
    "machine": ("ram", "rom", "ledger", "cpus", "devices", "watch", "mark_count", "mark", "marks_changed", "debug",
                "disturb", "stale_count", "stale"),
    "cpu": ("machine", "root_env", "guest_env", "apic", "core", "root_tlb", "guest_tlb", "block", "self_address", "far_state",
            "code_bytes", "spare_vmcs", "failure_vmcs", "insn", "steps", "step_rip", "step_at", "step_world"),
    "fw_cfg": ("blob",),
    "tlb": ("hits",),                                      # counts what the engines ask for: how much they forgot
}
# Bytes of an ENV that are a processor's: not the pointers to the engine's own break- and watchpoints, not its owner, not what
# follows (features, which are fixed).  Source: Unicorn 2.1.4, struct CPUX86State
POINTERS, AFTER_POINTERS, RETURN_ADDRESS = ENV.fields["found"][1], 5496, 5560
OWNER_AT, FPSTT_AT = ENV.fields["owner"][1], ENV.fields["fpstt"][1]
FLOATS, FLOAT_BYTES = ENV.fields["fpregs"][1], ENV.fields["fpregs"][0].itemsize
XMM_AT, VECTOR_BYTES = ENV.fields["xmm"][1], ENV.fields["xmm"][0].itemsize
# ft0; xmm_t0 and mmx_t0: operands of one instruction
SCRATCH = ((FT0_AT, FT0_AT + FT0_BYTES), (XMM_AT + VECTOR_BYTES, XMM_AT + VECTOR_BYTES + 72))
ENV_PIECES = ((0, OWNER_AT), (OWNER_AT + 8, POINTERS), (AFTER_POINTERS, RETURN_ADDRESS))
# Fields of an ENV in no piece, younger than the first files: their layouts go without them.
NOT_HASHED = ("left", "ran")
# Fields that kernels index arrays with, and the largest value that stays inside; `seen` and `rows` differ by at most the ring.
BOUNDS: dict[str, dict[str, int]] = {
    "cpu": dict(vmx_mode=2, chain_length=4, guest_chain_length=4, failed_count=64, frame_count=12, exit_reason_now=REASON_COUNT - 1,
                activity=int(MWAIT)),
    "tlb": dict(space=SPACES - 1, global_space=SPACES - 1, space_count=SPACES - 1, engine_pages=64, used=TLB_ENTRIES * 3 // 4),
    "uart": dict(head=15, depth=16),
    "keyboard": dict(head=63, depth=64),
    "rtc": dict(index=127),
    "vga": dict(dac=767, dac_read=767),
}
RINGS = {"uart": (("sent", "drained"), ("fed", "taken")), "console": (("sent", "drained"), ("tagged_sent", "tagged_drained"))}
HOST_STOPS = (STOP.BUDGET, STOP.BREAK, STOP.OUTPUT)        # the host's wishes, not the machine's


@dataclass(frozen=True)
class Part:
    """One part: its name, kind, record layout, and the memory that holds it (bytes of a record, or pieces of it)."""

    name: str
    kind: str
    dtype: Any
    record: Any                                            # the record, for parts with fields to translate
    memory: tuple                                          # uint8 arrays


def schema(dtype):
    """Return a hash over names, types and places of a record's fields, which says whether two layouts are the same."""
    if dtype.fields is None:
        text = str(dtype)
    else:
        rows = [(name, str(kind.base), kind.shape, offset) for name, (kind, offset, *_) in dtype.fields.items() if name not in NOT_HASHED]
        text = repr(rows) + f"{dtype.itemsize}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def layout(processors):
    """Return [(name, kind, dtype, bytes)] of the parts of a machine, in their order."""
    octets = np.dtype(np.uint8)
    found = [("machine", "machine", MACHINE, MACHINE.itemsize), ("rom", "bytes", octets, ROM_BYTES)]
    found += [(name.lower(), name.lower(), dtype, dtype.itemsize) for name, dtype in RECORDS.items()]
    for n in range(processors):
        found += [(f"cpu{n}", "cpu", CPU, CPU.itemsize), (f"cpu{n}.owner", "owner", np.dtype(np.uint64), 8)]
        for world in WORLDS:
            found.append((f"cpu{n}.{world}", "env", ENV, sum(end - start for start, end in ENV_PIECES)))
            found.append((f"cpu{n}.{world}.tlb", "tlb", TLB, TLB.itemsize))
        found += [(f"cpu{n}.apic", "apic", LOCAL_APIC, LOCAL_APIC.itemsize), (f"cpu{n}.insn", "insn", INSN, INSN.itemsize)]
        found += [(f"cpu{n}.{name}", "bytes", octets, PAGE_BYTES) for name in ("spare", "failed", "far")]
    return found


def _memory(machine):
    """Return {name of a part: one-element array, or bytes, or the pieces of an ENV} of a machine."""
    found = dict(machine=machine.record, rom=machine.rom)
    found.update((name.lower(), array) for name, array in machine.board._arrays.items())
    for n, unit in enumerate(machine.processors):
        found[f"cpu{n}"], found[f"cpu{n}.owner"], found[f"cpu{n}.apic"] = unit.record, unit.core["owner"], unit.apic
        found[f"cpu{n}.insn"] = unit.insn[:1]              # the second is scratch of the engine's side
        for world, engine, tlb in zip(WORLDS, unit.engines, unit.tlbs, strict=True):
            found[f"cpu{n}.{world}"], found[f"cpu{n}.{world}.tlb"] = engine.env, tlb
        for name in ("spare", "failed", "far"):
            found[f"cpu{n}.{name}"] = getattr(unit, name)
    return found


def parts(machine):
    """Return the Parts of a machine, in the order of `layout`."""
    memory, found = _memory(machine), []
    for name, kind, dtype, _ in layout(len(machine.cpu)):
        array = memory[name]
        octets = array.view(np.uint8)
        pieces = tuple(octets[start:end] for start, end in ENV_PIECES) if kind == "env" else (octets,)
        found.append(Part(name, kind, dtype, array[0] if dtype.fields else None, pieces))
    return found


def offsets(rows):
    """Return ([first byte of each part], bytes in all) when those of a `layout` lie one after another, each from a page's start."""
    starts, at = [], 0
    for *_, size in rows:
        starts.append(at)
        at += -(-size // PAGE_BYTES) * PAGE_BYTES
    return starts, at


def places(machine):
    """Return ([(Part, its first byte)], bytes in all)."""
    starts, size = offsets(layout(len(machine.cpu)))
    return list(zip(parts(machine), starts, strict=True)), size


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
    turn = machine.host.turn
    return next(n for n, unit in enumerate(machine.processors) if unit.record.ctypes.data == turn)


def read(machine):
    """Return all parts as uint8[n], laid out by `offsets`."""
    found, size = places(machine)
    memory = np.zeros(size, np.uint8)
    for part, start in found:
        at = start
        for piece in part.memory:
            memory[at:at + len(piece)] = piece
            at += len(piece)
        if part.kind in KEPT:
            _portable(machine, part, memory[start:at].view(part.dtype)[0])
        elif part.kind == "env":                           # what no processor has is not state: it may differ from run to run
            memory[start + FLOATS:start + FLOATS + FLOAT_BYTES] = floats(part.record)
            memory[start + XMM_AT:start + XMM_AT + VECTOR_BYTES] = vectors(part.record)
            for first, end in SCRATCH:
                memory[start + first:start + end] = 0
    return memory


def write(machine, memory):
    """Bring each part to what `read` returned."""
    for part, start in places(machine)[0]:
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


def _out_of_bounds(name, kind, record):
    """Return a sentence when an index in a record is outside its array, else ""."""
    for field, most in BOUNDS.get(kind, {}).items():
        if record[field] > most:
            return f"the part {name!r} has {field} = {int(record[field])}; at most {most} is possible"
    for first, last in RINGS.get(kind, ()):
        if int(record[first]) - int(record[last]) not in range(RING + 1):
            return f"the part {name!r} has {int(record[first]) - int(record[last]):,} bytes between {last} and {first}, not 0 to {RING:,}"
    if kind == "tlb" and np.count_nonzero(record["word"][::2]) > record["used"]:
        return f"the part {name!r} has more entries than it counts"
    return ""


def _refers(config, address, *none):
    """Return whether a page of physical memory at `address` is the machine's, or the address is one that stands for none."""
    address = int(address)
    inside = any(start <= address and address + PAGE_BYTES <= end for start, end in config.pieces)
    return address in none or address % PAGE_BYTES == 0 and inside


def wrong(rows, memory, config):
    """Return a sentence when references in parts that come from a file lead out of a machine, else "".

    rows: the `layout`; memory: uint8[n]; config: the machine's Config.
    """
    for (name, kind, dtype, size), start in zip(rows, offsets(rows)[0], strict=True):
        if kind == "env" and memory[start + FPSTT_AT:start + FPSTT_AT + 4].view(np.uint32)[0] > 7:
            return f"the part {name!r} has a top of the x87 stack that is not 0 to 7"
        if dtype.fields and size == dtype.itemsize:
            said = _out_of_bounds(name, kind, memory[start:start + size].view(dtype)[0])
            if said:
                return said
        if kind == "machine":
            m = memory[start:start + dtype.itemsize].view(dtype)[0]
            if m.turn > config.processors or m.stop_cpu >= config.processors:
                return "the part 'machine' names a processor that the machine does not have"
            if (m.cpu_count, m.ram_bytes, m.high_bytes, m.rom_base, m.rom_bytes, m.address_mask) != (
                    config.processors, config.low_bytes, config.memory_bytes - config.low_bytes, ROM_BASE, ROM_BYTES,
                    (1 << config.physical_bits) - 1):
                return "the part 'machine' is of a machine with other memory or processors"
            if m.vmcs_count > len(m.vmcs_seen) or not all(_refers(config, page) for page in m.vmcs_seen[:int(m.vmcs_count)]):
                return "the part 'machine' names VMCSs that are not in its memory"
        elif kind == "cpu":
            c = memory[start:start + dtype.itemsize].view(dtype)[0]
            pages = (c.vmxon_pointer, c.vmcs_pointer, c.guest_chain_vmcs, c.failure_pointer, c.same_vmcs)
            if c.env > 1 or c.tlb > 1 or c.vmcs and not _refers(config, int(c.vmcs) - 1) or not all(
                    _refers(config, page, 0, int(ALL_ONES)) for page in pages):
                return f"the part {name!r} refers to what the machine does not have"
        elif kind == "owner" and memory[start:start + 8].view(np.uint64)[0] > 1:
            return f"the part {name!r} must be 0 or 1"
    return ""
