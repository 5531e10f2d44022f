"""Trace events: what a trace records and a debugger can stop at, and the code that its conditions become.  All of it is ours.

A trace event is a row of eight words.  FIELDS is what the words of each kind mean: `emu.model.observe.watch` packs rows by it;
lines of text, the names of conditions and the file of VM exits are read by it.
"""
from collections import namedtuple
from typing import NamedTuple

from emu.bits import U64, codes, shift_of
from emu.spec.cpu import EVENT, INTR, VECTOR
from emu.spec.tlfs import HVINPUT
from emu.spec.vmx import EXIT, QUAL_CR, QUAL_IO, REASON, VMERROR

EVENT_KIND = codes("EVENT_KIND", "ours: the kind of a row of the ring",
    EXIT=(1, "VM exit, a failed entry that loads host state included"), ENTRY=(2, "VM entry"),
    FAILURE=(3, "VMX instruction that failed: VMfail, or a VM entry that ended as an exit"),
    DELIVERY=(4, "event delivered through the IDT"), MSR=(5, "RDMSR or WRMSR carried out"),
    PORT=(6, "IN, OUT, INS, OUTS carried out"), MODE=(7, "change of the paging mode by MOV to CR or LMSW"),
    INSTRUCTION=(8, "an instruction about to be executed where a debugger's point with a condition stands: never in the ring"))
NO_LIST = 0                                               # the key of programs that are asked where such a point stands

TRACE_WORDS = 8
WORLDS = ("root", "guest")                                # by number: VMX root operation or none, VMX non-root operation
ROW_BYTES = 8 * TRACE_WORDS
ANY_REASON = 127                                          # in a key: of any exit reason, or of no exit
I_CYCLE, I_HEAD, I_RIP, I_VMCS, I_FIRST, I_SECOND, I_THIRD, I_FOURTH = range(TRACE_WORDS)


class Place(NamedTuple):
    """Where a field of a row lies, and how a line of text shows it; the value of a field is `read`.

    shown: as a number (""), as SHOW of emu.debug.session.trace_events says, or not at all (None); when: fields of the kind that
    must not be 0 for that; of: the values of the kind's first field with which a row has this one, (): any; change: "not" or "next": the
    value is what lies there, negated, or plus 1.
    """

    word: int
    low: int = 0
    width: int = 64
    shown: str | None = ""
    when: tuple = ()
    of: tuple = ()
    change: str = ""


def _bits(word, mask, *more, **others):
    """Return the Place of the field of a layout that `mask` names, in a word that holds what the layout describes from bit 0 on."""
    return Place(word, shift_of(mask), int(mask).bit_count(), *more, **others)


_EVENTS, _EPT = (REASON.EXCEPTION, REASON.EXTERNAL_INTERRUPT), (REASON.EPT_VIOLATION, REASON.EPT_MISCONFIG)
_CPUID, _VMCALL, _IO, _WRMSR = (REASON.CPUID,), (REASON.VMCALL,), (REASON.IO,), (REASON.WRMSR,)
_COMPONENT = (VMERROR.UNSUPPORTED_COMPONENT, VMERROR.READ_ONLY_COMPONENT)
_PAGE_FAULTS = tuple(kind << U64(8) | VECTOR.PF for kind in (EVENT.HARD, EVENT.SOFT_EXC, EVENT.PRIV))

# Fields by kind, in the order in which a line has them.  Of each kind the first is what `of` speaks of.
COMMON = dict(
    kind=Place(I_HEAD, 0, 8), cpu=Place(I_HEAD, 8, 8), world=Place(I_HEAD, 16, 1), partition=Place(I_HEAD, 32, 32), cycle=Place(I_CYCLE),
    rip=Place(I_RIP), vmcs=Place(I_VMCS))
FIELDS = {
    # from information fields and registers of the guest
    "EXIT": dict(
        exit=_bits(I_FIRST, EXIT.BASIC, None), failed=_bits(I_FIRST, EXIT.ENTRY_FAILURE, "ENTRY", ("failed",)),
        info=Place(I_THIRD, 0, 32, None, of=_EVENTS), vector=_bits(I_THIRD, INTR.VECTOR, None, of=_EVENTS),
        type=_bits(I_THIRD, INTR.TYPE, None, of=_EVENTS), has_error=_bits(I_THIRD, INTR.ERROR, None, of=_EVENTS),
        valid=_bits(I_THIRD, INTR.VALID, None, of=_EVENTS),
        event=Place(I_THIRD, 0, 32, "EVENT", ("valid",), _EVENTS), error=Place(I_THIRD, 32, 32, "", ("valid", "has_error"), _EVENTS),
        gpa=Place(I_FOURTH, of=_EPT), gla=Place(I_THIRD, of=_EPT),
        msr=Place(I_FOURTH, 0, 32, "MSR", of=(REASON.RDMSR, REASON.WRMSR)),
        leaf=Place(I_FOURTH, 0, 32, of=_CPUID), subleaf=Place(I_FOURTH, 32, 32, of=_CPUID),
        hypercall=_bits(I_FOURTH, HVINPUT.CODE, "HVCALL", of=_VMCALL), fast=_bits(I_FOURTH, HVINPUT.FAST, None, of=_VMCALL),
        reps=_bits(I_FOURTH, HVINPUT.COUNT, None, of=_VMCALL), input=Place(I_FOURTH, of=_VMCALL), parameter=Place(I_THIRD, of=_VMCALL),
        port=_bits(I_SECOND, QUAL_IO.PORT, of=_IO), size=_bits(I_SECOND, QUAL_IO.SIZE, of=_IO, change="next"),
        write=_bits(I_SECOND, QUAL_IO.IN, of=_IO, change="not"),
        cr=_bits(I_SECOND, QUAL_CR.NUMBER, None, of=(REASON.CR_ACCESS,)),
        value=Place(I_THIRD, of=_WRMSR + _IO),
        qualification=Place(I_SECOND, when=("qualification",)), length=Place(I_FIRST, 32, 32, when=("length",))),
    # `injects`: the entry's interruption information
    "ENTRY": dict(
        launch=Place(I_THIRD, shown=None), guest_rip=Place(I_SECOND), spent=Place(I_FOURTH),
        vector=_bits(I_FIRST, INTR.VECTOR, None), type=_bits(I_FIRST, INTR.TYPE, None),
        has_error=_bits(I_FIRST, INTR.ERROR, None), valid=_bits(I_FIRST, INTR.VALID, None),
        injects=Place(I_FIRST, 0, 32, "EVENT", ("valid",)),
        error=Place(I_FIRST, 32, 32, "", ("valid", "has_error"))),
    # a VMERROR number (0: VMfailInvalid), or an exit reason with bit 31; `field`: the encoding that VMREAD or VMWRITE asked for
    "FAILURE": dict(
        failure=Place(I_FIRST, shown=None), entry=_bits(I_FIRST, EXIT.ENTRY_FAILURE, None),
        valid=_bits(I_FIRST, EXIT.ENTRY_FAILURE, None, change="not"),
        reason=_bits(I_FIRST, EXIT.BASIC, "REASON", ("entry",)), qualification=Place(I_SECOND, when=("entry",)),
        error=Place(I_FIRST, 0, 64, "VMERROR", ("valid", "failure")), field=Place(I_THIRD, 0, 64, "COMPONENT", of=_COMPONENT)),
    # `handler`, `address`: RIP and CR2 after it
    "DELIVERY": dict(
        cause=_bits(I_FIRST, INTR.TYPE | INTR.VECTOR, None), vector=_bits(I_FIRST, INTR.VECTOR, None), type=_bits(I_FIRST, INTR.TYPE, None),
        has_error=_bits(I_FIRST, INTR.ERROR, None), event=Place(I_FIRST, 0, 32, None), handler=Place(I_THIRD),
        error=Place(I_SECOND, when=("has_error",)), address=Place(I_FOURTH, of=_PAGE_FAULTS)),
    "MSR": dict(msr=Place(I_FIRST, 0, 32, "MSR"), write=Place(I_FIRST, 32, 1, None), value=Place(I_SECOND)),
    "PORT": dict(port=Place(I_FIRST, 0, 16), size=Place(I_FIRST, 16, 16), write=Place(I_FIRST, 32, 1, None), value=Place(I_SECOND)),
    "MODE": dict(old=Place(I_FIRST, 8, 8, "PAGING_MODE"), new=Place(I_FIRST, 0, 8, "PAGING_MODE")),
    "INSTRUCTION": {},
}


def read(row, place):
    """Return the value of a field of a row (Python integers)."""
    word, low, width, _, _, _, change = place
    value = row[word] >> low & (1 << width) - 1
    return value if not change else value + 1 if change == "next" else int(not value)


def _by_key(fields):
    """Return {value of the first field, None for any other: [(name, place)]} of the fields that a row has."""
    keys = {int(key) for place in fields.values() for key in place.of}
    return {key: [(name, place) for name, place in fields.items() if not place.of or key in place.of] for key in (*keys, None)}


_BY_KEY = {kind: _by_key(fields) for kind, fields in FIELDS.items()}


def values(row, kind):
    """Return {field: value} of what a row of a kind (a name of EVENT_KIND) has."""
    by_key = _BY_KEY[kind]
    key = read(row, next(iter(FIELDS[kind].values()))) if len(by_key) > 1 else None
    return {name: read(row, place) for name, place in by_key.get(key, by_key[None])}


def masks(name, fields):
    """Return the fields as masks of their words, for `emu.bits.put`: what kernels pack rows with."""
    found = {field: U64(((1 << place.width) - 1) << place.low) for field, place in fields.items()}
    return namedtuple(name, found)(**found)


ACTION = codes("ACTION", "ours: what a trace event that a program accepts leads to; 0: a free place",
    STOP=(1, "the machine stops at the next boundary"), KEEP=(2, "the row stays in the ring"))

OP = codes("OP", "ours: a condition, as words for a stack machine",
    END=(0, "the top of the stack is the answer"), CONST=(1, "push the next word"),
    WORD=(2, "push bits of a word of the row: index 15:8, shift 23:16, width 31:24"), REGISTER=(3, "push a general register: index 15:8"),
    NOT=(4, "1 when the top is 0, else 0"), AND=(5, "logical"), OR=(6, "logical"), EQ=(7, "a == b"), NE=(8, "a != b"), LT=(9, "a < b, unsigned"),
    LE=(10, "a <= b"), GT=(11, "a > b"), GE=(12, "a >= b"), BIT_AND=(13, "a & b"), BIT_OR=(14, "a | b"), XOR=(15, "a ^ b"),
    ADD=(16, "a + b, 64 bits"), SUB=(17, "a - b, 64 bits"), SHL=(18, "a << b, 0 from 64 on"), SHR=(19, "a >> b, 0 from 64 on"),
    # those below are for conditions of breakpoints alone (emu.model.condition); what a condition cannot do makes it hold
    MUL=(20, "a * b, 64 bits"), DIV=(21, "a / b, unsigned"), REM=(22, "the rest of that"), DIV_SIGNED=(23, "a / b towards 0"),
    REM_SIGNED=(24, "the rest of that"), LT_SIGNED=(25, "a < b, signed"), SAR=(26, "a >> b, signed; b from 63 on: 63"),
    SMALL=(27, "push the word's bits 63:8"), STATE=(28, "push bits of a word of the ENV: index 23:8, shift 31:24, width 39:32"),
    FLAGS=(29, "push bits 31:0 of RFLAGS"), PICK=(30, "push the place of the stack that is 63:8 below the top"),
    EXTEND=(31, "the top's lowest 63:8 bits (1 to 63), sign-extended"), LOAD=(32, "63:8 bytes of memory at linear address top"),
    POP=(33, "drop the top"), SWAP=(34, "a b: b a"), ROT=(35, "a b c: c a b"),
    GOTO=(36, "go on at word 63:8 of the program, after this one"), IF=(37, "pop; when it is not 0, like GOTO"))

PAGING_MODE = codes("PAGING_MODE", 'SDM 3A, "Paging Modes and Control Bits", and real-address mode',
    REAL=(0, "real-address mode"), PROTECTED=(1, "protected mode without paging"), PAGING_32=(2, "32-bit paging"), PAE=(3, "PAE paging"),
    LEVEL_4=(4, "4-level paging"), LEVEL_5=(5, "5-level paging"))
