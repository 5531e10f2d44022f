"""Trace events: rows of the ring in words, with place and named arguments."""
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from emu.bits import ONES_64, name_of
from emu.errors import TraceError
from emu.machine.standing import field_in_words
from emu.spec.cpu import EVENT, INTR, VECTOR
from emu.spec.msr import MSR
from emu.spec.tlfs import HVCALL
from emu.spec.trace import COMMON, EVENT_KIND, FIELDS, PAGING_MODE, WORLDS, read, values
from emu.spec.vmx import REASON, VMERROR

HYPERCALL = ("hypercall", "input", "parameter")


@dataclass(frozen=True)
class TraceEvent:
    """A trace event: kind (a name of EVENT_KIND), cycle, processor, world ("root": or bare), partition, RIP, VMCS (0: none), arguments."""

    kind: str
    name: str
    cycle: int
    processor: int
    world: str
    partition: int
    rip: int
    vmcs: int
    args: dict = field(default_factory=dict)

    def __str__(self):
        return self.text()

    def text(self, place=hex):
        """Return it as a line; place(address): RIP in words."""
        words = ", ".join(f"{name} {value:#x}" if isinstance(value, int) else f"{name} {value}" for name, value in self.args.items())
        where = f"cpu{self.processor}" + (f" partition {self.partition}" if self.world == "guest" or self.kind == "ENTRY" else "")
        return f"{self.name} at {place(self.rip)}, {where}, cycle {self.cycle:,}" + (f": {words}" if words else "")


def event_name(info):
    """Return the name of an event by its interruption information: "#PF", "interrupt 0x30", "NMI", "INT 0x80"."""
    kind, vector = (info & int(INTR.TYPE)) >> 8, info & 0xFF
    if kind == EVENT.NMI:
        return "NMI"
    if kind in (EVENT.HARD, EVENT.SOFT_EXC, EVENT.PRIV):
        return f"#{name_of(VECTOR, vector)}"
    return f"{'INT' if kind == EVENT.SOFT else 'interrupt'} {vector:#x}"


TABLES = dict(REASON=REASON, VMERROR=VMERROR, MSR=MSR, HVCALL=HVCALL, PAGING_MODE=PAGING_MODE)
# How a field is shown, by `shown` of emu.spec.trace.Place
SHOW: dict[str, Callable] = {"EVENT": event_name, "COMPONENT": field_in_words, "ENTRY": lambda _: "entry",
                             **{name: partial(name_of, table) for name, table in TABLES.items()}}
KIND_OF = {int(value): name for name, value in zip(EVENT_KIND._fields, EVENT_KIND, strict=True)}
# How a line of each kind begins, by the values of its fields
TITLE: dict[str, Callable] = {
    "EXIT": lambda has: name_of(REASON, has["exit"]), "ENTRY": lambda has: "VMLAUNCH" if has["launch"] else "VMRESUME",
    "FAILURE": lambda has: "VM-entry failure" if has["entry"] else "VMfailValid" if has["failure"] else "VMfailInvalid",
    "DELIVERY": lambda has: event_name(has["event"]), "MSR": lambda has: "WRMSR" if has["write"] else "RDMSR",
    "PORT": lambda has: "OUT" if has["write"] else "IN", "MODE": lambda has: "mode", "INSTRUCTION": lambda has: "instruction"}


def _arguments(kind, has):
    """Return {field: what a line shows} by the values of a row's fields."""
    fields, found = FIELDS[kind], {}
    for name, value in has.items():
        shown, when = fields[name].shown, fields[name].when
        if shown is not None and all(has[flag] for flag in when):
            found[name] = SHOW[shown](value) if shown else value
    return found


def trace_event(row, tlfs=True):
    """Return the TraceEvent of a row (eight numbers); tlfs: VMCALL is a hypercall of the TLFS, as it is for the hypervisor of hv/."""
    row = [int(each) for each in row]
    common = {name: read(row, place) for name, place in COMMON.items()}
    if common["kind"] not in KIND_OF:
        raise TraceError(f"a row of kind {common['kind']}; there are "
                         f"{', '.join(f'{number} ({name})' for number, name in KIND_OF.items())}")
    kind = KIND_OF[common["kind"]]
    has = values(row, kind)
    args = _arguments(kind, has)
    if not tlfs and "hypercall" in args:                   # of another hypervisor: what its registers mean is not known here
        args = {**{key: value for key, value in args.items() if key not in HYPERCALL}, "rcx": args["input"], "rdx": args["parameter"]}
    vmcs = 0 if common["vmcs"] == ONES_64 else common["vmcs"]
    return TraceEvent(kind, TITLE[kind](has), common["cycle"], common["cpu"], WORLDS[common["world"]], common["partition"], common["rip"],
                     vmcs, args)
