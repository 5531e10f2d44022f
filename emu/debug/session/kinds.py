"""The trace events that a condition can be about (KINDS), and their fields, as programs that read a row of `observe.watch`."""
from dataclasses import dataclass, field

from emu.bits import ONES_64
from emu.spec import trace
from emu.spec.cpu import EVENT, VECTOR
from emu.spec.msr import MSR
from emu.spec.tlfs import HVCALL
from emu.spec.trace import ANY_REASON, EVENT_KIND, FIELDS, OP, PAGING_MODE
from emu.spec.vmcs import VMCS
from emu.spec.vmx import REASON, VMERROR


def word(place):
    """Return the program that pushes the value of a field of a row."""
    program = (int(OP.WORD) | place.word << 8 | place.low << 16 | place.width << 24,)
    return {"": program, "not": (*program, int(OP.NOT)), "next": (*program, *const(1), int(OP.ADD))}[place.change]


def const(value):
    """Return the program that pushes a number."""
    return int(OP.CONST), value & ONES_64


def _equal(program, *values):
    """Return the program that says whether a value is one of some."""
    found = [*program, *const(values[0]), int(OP.EQ)]
    for value in values[1:]:
        found += [*program, *const(value), int(OP.EQ), int(OP.OR)]
    return tuple(found)


@dataclass(frozen=True)
class Variant:
    """One kind of row that a name stands for: EVENT_KIND, exit reason, {field: program}, the program of what must hold as well."""

    event: int
    reason: int
    fields: dict
    guard: tuple = ()


@dataclass(frozen=True)
class Kind:
    """What the first name of a condition means; text for people; names: {field: table of its names}."""

    text: str
    variants: tuple
    names: dict = field(default_factory=dict)


def _fields(of, names):
    """Return {name: program} of fields of a kind; a name is that of the field, or NAME=FIELD where conditions call it otherwise."""
    pairs = (each.partition("=") for each in names.split())
    return {name: word(of[field or name]) for name, _, field in pairs}


COMMON = _fields(trace.COMMON, "cycle cpu world partition rip vmcs")
COMMON_NAMES = {"world": {"root": 0, "guest": 1}}
_EXIT, _ENTRY, _DELIVERY = (FIELDS[kind] for kind in ("EXIT", "ENTRY", "DELIVERY"))
EXIT = _fields(_EXIT, "exit failed length qualification gpa gla vector error msr value leaf subleaf hypercall port cr")
EXCEPTIONS = (int(EVENT.HARD), int(EVENT.SOFT_EXC), int(EVENT.PRIV))


def _row(kind, fields, guard=()):
    return Variant(int(kind), ANY_REASON, fields, guard)


def _exit(reason, **fields):
    return Variant(int(EVENT_KIND.EXIT), int(reason), {**EXIT, **fields})


def _table(table):
    return {name.lower(): int(value) for name, value in zip(table._fields, table, strict=True)}


VECTORS = _table(VECTOR)
NO, YES = {"exits": const(0)}, {"exits": const(1)}
_DELIVERED = word(_DELIVERY["type"])
KINDS = {
    "exit": Kind("a VM exit, by reason", (_row(EVENT_KIND.EXIT, EXIT),),
                 {"exit": _table(REASON), "vector": VECTORS, "msr": _table(MSR), "hypercall": _table(HVCALL)}),
    "entry": Kind("a VM entry; `spent`: cycles since the last exit", (
        _row(EVENT_KIND.ENTRY, {"entry": const(1), **_fields(_ENTRY, "vector type injects=valid error guest_rip launch spent")}),),
        {"vector": VECTORS}),
    "injection": Kind("an event that a VM entry injects, by vector", (
        _row(EVENT_KIND.ENTRY, _fields(_ENTRY, "injection=vector type error guest_rip spent"), word(_ENTRY["valid"])),),
        {"injection": VECTORS}),
    "failure": Kind("a VMX instruction that fails, by VM-instruction error (0: VMfailInvalid), or exit reason with bit 31",
                    (_row(EVENT_KIND.FAILURE, _fields(FIELDS["FAILURE"], "failure qualification field")),),
                    {"failure": _table(VMERROR), "field": _table(VMCS)}),
    "exception": Kind("an exception, delivered or intercepted, by vector", (
        _row(EVENT_KIND.DELIVERY, _fields(_DELIVERY, "exception=vector error address") | NO, _equal(_DELIVERED, *EXCEPTIONS)),
        Variant(int(EVENT_KIND.EXIT), int(REASON.EXCEPTION), _fields(_EXIT, "exception=vector error address=qualification") | YES,
                _equal(word(_EXIT["type"]), *EXCEPTIONS))), {"exception": VECTORS}),
    "interrupt": Kind("an external interrupt, delivered or taken by the exit, by vector", (
        _row(EVENT_KIND.DELIVERY, _fields(_DELIVERY, "interrupt=vector") | NO, _equal(_DELIVERED, int(EVENT.EXTERNAL))),
        Variant(int(EVENT_KIND.EXIT), int(REASON.EXTERNAL_INTERRUPT), _fields(_EXIT, "interrupt=vector") | YES))),
    "msr": Kind("RDMSR or WRMSR, carried out or intercepted, by MSR", (
        _row(EVENT_KIND.MSR, _fields(FIELDS["MSR"], "msr write value") | NO),
        _exit(REASON.RDMSR, write=const(0), value=const(0), **YES), _exit(REASON.WRMSR, write=const(1), **YES)), {"msr": _table(MSR)}),
    "port": Kind("IN, OUT, INS, OUTS, carried out or intercepted, by port", (
        _row(EVENT_KIND.PORT, _fields(FIELDS["PORT"], "port size write value") | NO),
        _exit(REASON.IO, **_fields(_EXIT, "size write"), **YES))),
    "hypercall": Kind("VMCALL that exits, by call code", (_exit(REASON.VMCALL, **_fields(_EXIT, "input fast reps")),),
                      {"hypercall": _table(HVCALL)}),
    "cpuid": Kind("CPUID that exits, by leaf", (_exit(REASON.CPUID, **_fields(_EXIT, "cpuid=leaf")),)),
    "mode": Kind("a change of the paging mode by MOV to CR or LMSW, by the new one", (
        _row(EVENT_KIND.MODE, _fields(FIELDS["MODE"], "mode=new old")),), {"mode": _table(PAGING_MODE), "old": _table(PAGING_MODE)}),
}
