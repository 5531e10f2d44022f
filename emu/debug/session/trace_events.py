"""Trace events: rows of the ring in words, with place and named arguments."""
from collections.abc import Callable
from dataclasses import dataclass, field

from emu.bits import name_of
from emu.errors import TraceError
from emu.machine.standing import field_in_words
from emu.spec.cpu import EVENT, INTR, VECTOR
from emu.spec.msr import MSR
from emu.spec.tlfs import HVCALL
from emu.spec.vmx import REASON, VMERROR
from emu.spec.watch import CYCLE, FIRST, FOURTH, HAPPENING, HEAD, PAGING_MODE, RIP, SECOND, THIRD, VMCS_POINTER

LOW_32, FAILED, ALL_ONES = 0xFFFF_FFFF, 1 << 31, (1 << 64) - 1
EPT = (int(REASON.EPT_VIOLATION), int(REASON.EPT_MISCONFIG))
EVENTS = (int(REASON.EXCEPTION), int(REASON.EXTERNAL_INTERRUPT))
MSRS = (int(REASON.RDMSR), int(REASON.WRMSR))
WORLDS = ("root", "guest")
HYPERCALL = ("hypercall", "input", "parameter")
FIELD_ERRORS = int(VMERROR.UNSUPPORTED_COMPONENT), int(VMERROR.READ_ONLY_COMPONENT)


@dataclass(frozen=True)
class Happening:
    """A trace event: kind (a name of HAPPENING), cycle, processor, world ("root": or bare), partition, RIP, VMCS (0: none), arguments."""

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


def _known(table, number, prefix=""):
    name = name_of(table, number)
    return name if name.startswith("0x") else prefix + name


def _exit(row):
    number, args = row[FIRST] & 0xFFFF, {}
    name = name_of(REASON, number)
    if row[FIRST] & FAILED:
        args["failed"] = "entry"
    if number in EVENTS:
        if row[THIRD] & FAILED:
            args["event"] = event_name(row[THIRD])
            if row[THIRD] & int(INTR.ERROR):
                args["error"] = row[THIRD] >> 32
    elif number in EPT:
        args |= dict(gpa=row[FOURTH], gla=row[THIRD])
    elif number in MSRS:
        args["msr"] = _known(MSR, row[FOURTH])
        if number == REASON.WRMSR:
            args["value"] = row[THIRD]
    elif number == REASON.CPUID:
        args |= dict(leaf=row[FOURTH] & LOW_32, subleaf=row[FOURTH] >> 32)
    elif number == REASON.VMCALL:
        args |= dict(hypercall=_known(HVCALL, row[FOURTH] & 0xFFFF), input=row[FOURTH], parameter=row[THIRD])
    elif number == REASON.IO:
        args |= dict(port=row[SECOND] >> 16 & 0xFFFF, size=(row[SECOND] & 7) + 1, write=1 - (row[SECOND] >> 3 & 1), value=row[THIRD])
    if row[SECOND]:
        args["qualification"] = row[SECOND]
    if row[FIRST] >> 32:
        args["length"] = row[FIRST] >> 32
    return name, args


def _entry(row):
    args = dict(guest_rip=row[SECOND], spent=row[FOURTH])
    if row[FIRST] & FAILED:
        args["injects"] = event_name(row[FIRST])
        if row[FIRST] & int(INTR.ERROR):
            args["error"] = row[FIRST] >> 32
    return "VMLAUNCH" if row[THIRD] else "VMRESUME", args


def _failure(row):
    number = row[FIRST]
    if number & FAILED:
        return "VM-entry failure", dict(reason=name_of(REASON, number & 0xFFFF), qualification=row[SECOND])
    about = dict(field=field_in_words(row[THIRD])) if number in FIELD_ERRORS else {}
    return ("VMfailValid", dict(error=name_of(VMERROR, number), **about)) if number else ("VMfailInvalid", {})


def _delivery(row):
    name, args = event_name(row[FIRST]), dict(handler=row[THIRD])
    if row[FIRST] & int(INTR.ERROR):
        args["error"] = row[SECOND]
    if name == "#PF":
        args["address"] = row[FOURTH]
    return name, args


def _msr(row):
    write = row[FIRST] >> 32 & 1
    return "WRMSR" if write else "RDMSR", dict(msr=_known(MSR, row[FIRST] & LOW_32), value=row[SECOND])


def _port(row):
    write = row[FIRST] >> 32 & 1
    return "OUT" if write else "IN", dict(port=row[FIRST] & 0xFFFF, size=row[FIRST] >> 16 & 0xFFFF, value=row[SECOND])


def _mode(row):
    return "mode", dict(old=name_of(PAGING_MODE, row[FIRST] >> 8 & 0xFF), new=name_of(PAGING_MODE, row[FIRST] & 0xFF))


IN_WORDS: dict[str, Callable] = {"EXIT": _exit, "ENTRY": _entry, "FAILURE": _failure, "DELIVERY": _delivery, "MSR": _msr, "PORT": _port,
                                 "MODE": _mode, "INSTRUCTION": lambda row: ("instruction", {})}
KIND_OF = {int(value): name for name, value in zip(HAPPENING._fields, HAPPENING, strict=True)}


def happening(row, tlfs=True):
    """Return the Happening of a row (eight numbers); tlfs: VMCALL is a hypercall of the TLFS, as it is for the hypervisor of hv/."""
    row = [int(each) for each in row]
    head = row[HEAD]
    if head & 0xFF not in KIND_OF:
        raise TraceError(f"a row of kind {head & 0xFF}; there are {', '.join(f'{number} ({name})' for number, name in KIND_OF.items())}")
    kind = KIND_OF[head & 0xFF]
    name, args = IN_WORDS[kind](row)
    if not tlfs and "hypercall" in args:                   # of another hypervisor: what its registers mean is not known here
        args = {**{key: value for key, value in args.items() if key not in HYPERCALL}, "rcx": args["input"], "rdx": args["parameter"]}
    vmcs = 0 if row[VMCS_POINTER] == ALL_ONES else row[VMCS_POINTER]
    return Happening(kind, name, row[CYCLE], head >> 8 & 0xFF, WORLDS[head >> 16 & 1], head >> 32, row[RIP], vmcs, args)
