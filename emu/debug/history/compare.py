"""What differs between two machines of the same configuration, in words: registers, records, VMCS fields, pages of memory."""
from dataclasses import dataclass

import numpy as np

from emu.bits import PAGE_BYTES
from emu.debug.history import parts
from emu.debug.session.thread import ROOT_WORLD, Thread
from emu.debug.views.registers import GENERAL, NAMES
from emu.debug.views.vmcs import Vmcs, difference
from emu.machine.host import host
from emu.state import CPU

PAGES_AT_ONCE = 1024
LINES_SHOWN, BYTES_SHOWN = 40, 8                           # of a kind that are listed; bytes of memory that are shown
# What shows how engines and host did the work, and not the state of the machine (see tests/debug/test_snapshot.py).
NOT_COMPARED = {
    "machine": ("now", "turn"),
    "cpu": ("deadline", "due", "quantum_end", "turn_end", "fault_gpa", "passed", "passed_at", "wake_at"),
    "uart": ("drained", "fed"),                            # fed: bytes that wait outside
    "console": ("drained", "tagged_drained"), "tlb": ("engine_flush", "engine_switch", "engine_pages", "engine_page"),
}
QUIET_KINDS = ("insn", "tlb")                              # they follow from the rest, and say little to people
HIDDEN = ("output", "output_cycle", "tagged", "input")     # rings: what was sent is in `sent`


@dataclass(frozen=True)
class Difference:
    """One difference: where ("processor 0", "uart", "memory"), what ("rax"), and its two values as text."""

    where: str
    what: str
    a: str
    b: str

    def __str__(self):
        return f"{self.where}: {self.what} {self.a} and {self.b}"


def _differs(kind, x, y, name):
    """Return whether the field of two records differs."""
    return name not in HIDDEN and name not in NOT_COMPARED.get(kind, ()) and not np.array_equal(x[name], y[name])


def same(a, b):
    """Return whether two machines are in the same state."""
    return not any(True for _ in _unlike(a, b)) and not len(pages(a, b))


def _unlike(a, b):
    """Yield (part, record of a, record of b) of the parts that differ; records are None for plain bytes."""
    x, y = parts.read(a), parts.read(b)
    for (part, start), size in zip(parts.places(a)[0], (size for *_, size in parts.layout(len(a.cpu))), strict=True):
        one, other = x[start:start + size], y[start:start + size]
        if part.kind in QUIET_KINDS or np.array_equal(one, other):
            continue
        if part.kind == "env" or not part.dtype.fields:
            yield part, None, None
        else:
            one, other = one.view(part.dtype)[0], other.view(part.dtype)[0]
            if any(_differs(part.kind, one, other, name) for name in part.dtype.names):
                yield part, one, other


def pages(a, b):
    """Return the numbers of RAM pages that differ (int64[n])."""
    marked = (a.ledger | b.ledger) != 0
    for machine in (a, b):
        if machine.base is not None:
            marked |= machine.base.table[:len(marked)] != 0
    found = np.flatnonzero(marked)
    x, y = a.ram.view(np.uint64).reshape(-1, PAGE_BYTES // 8), b.ram.view(np.uint64).reshape(-1, PAGE_BYTES // 8)
    chunks = (found[at:at + PAGES_AT_ONCE] for at in range(0, len(found), PAGES_AT_ONCE))
    return np.concatenate([np.zeros(0, np.int64), *(chunk[(x[chunk] != y[chunk]).any(axis=1)] for chunk in chunks)])


# ---- in words --------------------------------------------------------------------------------------------------------
def differences(a, b):
    """Return the Differences of two machines, registers first."""
    found = []
    for n in range(len(a.cpu)):
        found += _registers(a, b, n)
    for part, x, y in _unlike(a, b):
        if x is not None:
            found += _fields(part, x, y)
    differing = pages(a, b)
    for n in range(len(a.cpu)):
        found += _vmcs(a, b, n)
    return found + [_page(a, b, int(page)) for page in differing]


def _hex(value):
    return "unknown" if value is None else f"{value:#x}"


def _registers(a, b, n):
    worlds = [Thread(machine, n, int(c.env == c.guest_env), "", pointer=host(c).vmcs_pointer)
              for machine in (a, b) for c in [machine.cpu[n]]]
    where = f"processor {n}"
    if worlds[0].world != worlds[1].world:
        names = ("VMX root operation or none" if world.world == ROOT_WORLD else "VMX non-root operation" for world in worlds)
        return [Difference(where, "is in", *names)]
    x, y = (world.registers() for world in worlds)
    order = ["rip", *GENERAL, *(name for name in NAMES if name not in GENERAL and name != "rip")]
    return [Difference(where, name, _hex(x[name]), _hex(y[name])) for name in order if name in x and x[name] != y[name]]


def _fields(part, x, y):
    found, where = [], part.name.replace("cpu", "processor ") if part.dtype is CPU else part.name
    for name in part.dtype.names:
        if not _differs(part.kind, x, y, name):
            continue
        one, other = np.atleast_1d(x[name]).ravel(), np.atleast_1d(y[name]).ravel()
        for i in np.flatnonzero(one != other)[:LINES_SHOWN]:
            what = name if len(one) == 1 else f"{name}[{i}]"
            found.append(Difference(where, what, f"{int(one[i]):,}", f"{int(other[i]):,}"))
    return found


def _vmcs(a, b, n):
    """Return the fields in which current VMCSs at the same address differ."""
    c, d = a.cpu[n], b.cpu[n]
    if c.vmcs_pointer != d.vmcs_pointer or c.vmcs == c.spare_vmcs or d.vmcs == d.spare_vmcs:
        return []
    return [Difference(f"VMCS {c.vmcs_pointer:#x}", change.name, f"{change.before:#x}", f"{change.after:#x}")
            for change in difference(Vmcs(a, n).copy(), Vmcs(b, n).copy())]


def _page(a, b, page):
    x, y = (machine.ram[page * PAGE_BYTES:(page + 1) * PAGE_BYTES] for machine in (a, b))
    away = np.flatnonzero(x != y)
    first = int(away[0])
    one, other = (memory[first:first + BYTES_SHOWN].tobytes().hex(" ") for memory in (x, y))
    return Difference("memory", f"{len(away):,} byte{'s' * (len(away) > 1)} of the page at {page * PAGE_BYTES:#x}, from "
                      f"{page * PAGE_BYTES + first:#x} on", one, other)
