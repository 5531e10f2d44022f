"""The trace events that a condition can be about (KINDS), and their fields, as programs that read a row of `observe.watch`."""
from dataclasses import dataclass, field

from emu.machine.trace_ring import ANY_REASON
from emu.spec.cpu import EVENT, VECTOR
from emu.spec.msr import MSR
from emu.spec.tlfs import HVCALL
from emu.spec.vmcs import VMCS
from emu.spec.vmx import REASON, VMERROR
from emu.spec.watch import CYCLE, FIRST, FOURTH, HAPPENING, HEAD, OP, PAGING_MODE, RIP, SECOND, THIRD, VMCS_POINTER

ALL_ONES = (1 << 64) - 1


def word(index, low=0, width=64):
    """Return the program that pushes bits of a word of a row."""
    return (int(OP.WORD) | index << 8 | low << 16 | width << 24,)


def const(value):
    """Return the program that pushes a number."""
    return int(OP.CONST), value & ALL_ONES


def _equal(program, *values):
    """Return the program that says whether a value is one of some."""
    found = [*program, *const(values[0]), int(OP.EQ)]
    for value in values[1:]:
        found += [*program, *const(value), int(OP.EQ), int(OP.OR)]
    return tuple(found)


@dataclass(frozen=True)
class Variant:
    """One kind of row that a name stands for: HAPPENING, exit reason, {field: program}, the program of what must hold as well."""

    happening: int
    reason: int
    fields: dict
    guard: tuple = ()


@dataclass(frozen=True)
class Kind:
    """What the first name of a condition means; text for people; names: {field: table of its names}."""

    text: str
    variants: tuple
    names: dict = field(default_factory=dict)


COMMON = {"cycle": word(CYCLE), "cpu": word(HEAD, 8, 8), "world": word(HEAD, 16, 1), "partition": word(HEAD, 32, 32), "rip": word(RIP),
          "vmcs": word(VMCS_POINTER)}
COMMON_NAMES = {"world": {"root": 0, "guest": 1}}
EXIT = dict(exit=word(FIRST, 0, 16), failed=word(FIRST, 31, 1), length=word(FIRST, 32, 32), qualification=word(SECOND), gpa=word(FOURTH),
            gla=word(THIRD), vector=word(THIRD, 0, 8), error=word(THIRD, 32, 32), msr=word(FOURTH, 0, 32), value=word(THIRD),
            leaf=word(FOURTH, 0, 32), subleaf=word(FOURTH, 32, 32), hypercall=word(FOURTH, 0, 16), port=word(SECOND, 16, 16),
            cr=word(SECOND, 0, 4))
E_VECTOR, E_TYPE = word(FIRST, 0, 8), word(FIRST, 8, 3)
EXCEPTIONS = (int(EVENT.HARD), int(EVENT.SOFT_EXC), int(EVENT.PRIV))
IS_READ = word(SECOND, 3, 1)                               # of the exit qualification of an I/O instruction


def _exit(reason, **fields):
    return Variant(int(HAPPENING.EXIT), int(reason), {**EXIT, **fields})


def _table(table):
    return {name.lower(): int(value) for name, value in zip(table._fields, table, strict=True)}


VECTORS = _table(VECTOR)
KINDS = {
    "exit": Kind("a VM exit, by reason", (Variant(int(HAPPENING.EXIT), ANY_REASON, EXIT),),
                 {"exit": _table(REASON), "vector": VECTORS, "msr": _table(MSR), "hypercall": _table(HVCALL)}),
    "entry": Kind("a VM entry; `spent`: cycles since the last exit", (Variant(int(HAPPENING.ENTRY), ANY_REASON, dict(
        entry=const(1), vector=E_VECTOR, type=E_TYPE, injects=word(FIRST, 31, 1), error=word(FIRST, 32, 32), guest_rip=word(SECOND),
        launch=word(THIRD), spent=word(FOURTH))),), {"vector": VECTORS}),
    "injection": Kind("an event that a VM entry injects, by vector", (Variant(int(HAPPENING.ENTRY), ANY_REASON, dict(
        injection=E_VECTOR, type=E_TYPE, error=word(FIRST, 32, 32), guest_rip=word(SECOND), spent=word(FOURTH)), word(FIRST, 31, 1)),),
        {"injection": VECTORS}),
    "failure": Kind("a VMX instruction that fails, by VM-instruction error (0: VMfailInvalid), or exit reason with bit 31",
                    (Variant(int(HAPPENING.FAILURE), ANY_REASON, dict(
                        failure=word(FIRST), qualification=word(SECOND), field=word(THIRD))),),
                    {"failure": _table(VMERROR), "field": _table(VMCS)}),
    "exception": Kind("an exception, delivered or intercepted, by vector", (
        Variant(int(HAPPENING.DELIVERY), ANY_REASON, dict(exception=E_VECTOR, error=word(SECOND), address=word(FOURTH), exits=const(0)),
                _equal(E_TYPE, *EXCEPTIONS)),
        Variant(int(HAPPENING.EXIT), int(REASON.EXCEPTION), dict(
            exception=word(THIRD, 0, 8), error=word(THIRD, 32, 32), address=word(SECOND), exits=const(1)),
            _equal(word(THIRD, 8, 3), *EXCEPTIONS))), {"exception": VECTORS}),
    "interrupt": Kind("an external interrupt, delivered or taken by the exit, by vector", (
        Variant(int(HAPPENING.DELIVERY), ANY_REASON, dict(interrupt=E_VECTOR, exits=const(0)), _equal(E_TYPE, int(EVENT.EXTERNAL))),
        Variant(int(HAPPENING.EXIT), int(REASON.EXTERNAL_INTERRUPT), dict(interrupt=word(THIRD, 0, 8), exits=const(1))))),
    "msr": Kind("RDMSR or WRMSR, carried out or intercepted, by MSR", (
        Variant(int(HAPPENING.MSR), ANY_REASON, dict(msr=word(FIRST, 0, 32), write=word(FIRST, 32, 1), value=word(SECOND), exits=const(0))),
        _exit(REASON.RDMSR, write=const(0), value=const(0), exits=const(1)), _exit(REASON.WRMSR, write=const(1), exits=const(1))),
        {"msr": _table(MSR)}),
    "port": Kind("IN, OUT, INS, OUTS, carried out or intercepted, by port", (
        Variant(int(HAPPENING.PORT), ANY_REASON, dict(port=word(FIRST, 0, 16), size=word(FIRST, 16, 16), write=word(FIRST, 32, 1),
                value=word(SECOND), exits=const(0))),
        _exit(REASON.IO, size=(*word(SECOND, 0, 3), *const(1), int(OP.ADD)), write=(*IS_READ, int(OP.NOT)), exits=const(1)))),
    "hypercall": Kind("VMCALL that exits, by call code", (
        _exit(REASON.VMCALL, input=word(FOURTH), fast=word(FOURTH, 16, 1), reps=word(FOURTH, 32, 12)),), {"hypercall": _table(HVCALL)}),
    "cpuid": Kind("CPUID that exits, by leaf", (_exit(REASON.CPUID, cpuid=word(FOURTH, 0, 32)),)),
    "mode": Kind("a change of the paging mode by MOV to CR or LMSW, by the new one", (
        Variant(int(HAPPENING.MODE), ANY_REASON, dict(mode=word(FIRST, 0, 8), old=word(FIRST, 8, 8))),),
        {"mode": _table(PAGING_MODE), "old": _table(PAGING_MODE)}),
}
