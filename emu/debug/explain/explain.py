"""Numbers and names of the manuals explained, without a machine, from the tables that the kernels use."""
from emu.bits import details, name_of, text_of
from emu.debug.explain import decode, exits, lookup, msrs
from emu.debug.explain.decode import Explanation
from emu.machine.failure import WITH_ERROR
from emu.spec.checks import CHECKS
from emu.spec.cpu import CR0, CR4, DR6, DR7, EFER, INTR, RFLAGS, VECTOR
from emu.spec.exits import ADDRESSED, ENTRY_FAILURES
from emu.spec.hypercall import CALLKIND, HVSTATUS_ALL, HYPERCALL, HYPERCALL_SOURCE, OFFERED
from emu.spec.intercept import GUARD, ROWS, WORD
from emu.spec.paging import CR3, PFEC
from emu.spec.profile import ABSENT
from emu.spec.qualification import INFORMATION, NOT_HERE, VECTORED
from emu.spec.tlfs import HVSTATUS
from emu.spec.vmcs import GROUP, VMCS, group_of, width_of
from emu.spec.vmx import ACTIVITY, EXIT, FORMAT, PROC, PROC2, REASON, VMERROR

CONTROLS = {int(WORD.PROC): (PROC, "PRIMARY_CONTROLS"), int(WORD.PROC2): (PROC2, "SECONDARY_CONTROLS")}
REGISTERS = {"cr0": CR0, "cr3": CR3, "cr4": CR4, "efer": EFER, "rflags": RFLAGS, "dr6": DR6, "dr7": DR7, "pfec": PFEC}
ERRORS = {"control": "VM-instruction error 7", "host": "VM-instruction error 8", "guest": "exit reason 33"}


def _numbers(table):
    return {name: int(number) for name, number in zip(table._fields, table, strict=True)}


def _allowed(what, numbers):
    return f"Give {what} by number or by the beginning of its name; `hvlab explain {what}` lists all {len(numbers)}."


# ---- exits ------------------------------------------------------------------------------------------------------
def _causes(reason):
    """Return facts on which instructions exit with a reason, by which control, and what is checked before."""
    facts = []
    for insn, (number, word, control, guard, _) in ROWS.items():
        if name_of(REASON, number) != reason:
            continue
        if int(word) in CONTROLS:
            table, name = CONTROLS[int(word)]
            row = name_of(table, control)
            why = f"if {text_of(table, row)} is 1 ({name}.{row}, bit {decode.places(control)})"
        else:
            why = "always" if word == WORD.ALWAYS else "depending on operands, controls and bitmaps"
        before = "" if guard == GUARD.NONE else f"; a fault comes first unless: {text_of(GUARD, name_of(GUARD, guard))}"
        facts.append((insn, f"exits {why}{before}"))
    return facts


def exit(text, qualification=None, interruption=None, vectoring=None, information=None):
    """Return the Explanation of a VM exit.

    text: basic reason or the whole exit-reason field, by number or name; qualification, interruption (VM-exit interruption
    information), vectoring (IDT-vectoring information), information (instruction information): field values to decode, or None.
    """
    numbers = _numbers(REASON)
    whole = lookup.number(text)
    number = lookup.number_or_name(text if whole is None else str(whole & 0xFFFF), numbers, "exit reason", _allowed("exit", numbers))
    name, facts, parts = name_of(REASON, number), _causes(name_of(REASON, number)), []
    if name in NOT_HERE:
        facts.append(("here", NOT_HERE[name]))
    if name in ENTRY_FAILURES:
        facts.append(("also", "bit 31 of EXIT_REASON is 1; host state is loaded, guest-state area and launch state stay as they were"))
    if name in VECTORED:
        facts.append(("also", VECTORED[name]))
    if name in ADDRESSED:
        facts.append(("also", "GUEST_PHYSICAL_ADDRESS holds the address"))
    if name in INFORMATION:
        facts.append(("also", "EXIT_INSTRUCTION_INFO describes the instruction"))
    if whole is not None and whole >> 16:
        parts.append(decode.layout("exit reason", EXIT, whole))
    valid = interruption is not None and interruption & int(INTR.VALID)
    if qualification is not None:
        parts.append(exits.qualification(name, qualification, interruption & int(INTR.VECTOR) if valid else None))
    for title, value in (("VM-exit interruption information", interruption), ("IDT-vectoring information", vectoring)):
        if value is not None:
            parts.append(exits.interruption(title, value))
    if information is not None:
        parts.append(exits.information(name, information))
    return Explanation("exit", name, number, text_of(REASON, name), details(REASON).source, facts, parts)


# ---- VMCS -------------------------------------------------------------------------------------------------------
def field_value(name, value):
    """Return the Part of a VMCS field's value, None when its number says it all."""
    if name == "EXIT_REASON":
        return decode.layout(name, EXIT, value)
    if name == "GUEST_ACTIVITY":
        return decode.code(name, ACTIVITY, value)
    if name == "VM_INSTRUCTION_ERROR":
        return decode.code(name, VMERROR, value)
    if FORMAT.get(name) is INTR:
        return exits.interruption(name, value)
    if name not in FORMAT:
        return None
    part = decode.layout(name, FORMAT[name], value)
    return msrs.judged(part, name, value) if name in msrs.CONTROL_RULES else part


def vmcs_field(text, value=None):
    """Return the Explanation of a VMCS field, by encoding (that of the high half as well) or name; value: to decode."""
    numbers, number = _numbers(VMCS), lookup.number(text)
    high = number is not None and number & 1 and width_of(number) == 64 and number >> 13 & 3 == 1
    number = lookup.number_or_name(f"{number & ~1}" if high else text, numbers, "VMCS field", _allowed("field", numbers))
    name, width = name_of(VMCS, number), width_of(number)
    natural = number >> 13 & 3 == 3
    group = text_of(GROUP, name_of(GROUP, group_of(number)))
    facts = [("width", "natural: 64 bits here, 32 on processors without Intel 64" if natural else f"{width} bits"),
             ("group", group + (": read-only, VMWRITE fails with error 13" if group_of(number) == int(GROUP.INFORMATION) else ""))]
    if width == 64 and not natural:
        facts.append(("high half", f"bits 63:32 alone have the encoding {number | 1:#x}" + (": asked for here" if high else "")))
    facts.append(("here", "this processor lacks it: VMREAD and VMWRITE fail with error 12" if name in ABSENT else "this processor has it"))
    read = [check.id for check in CHECKS.values() if check.fields[0] == name]
    if read:
        facts.append(("checks", ", ".join(read)))
    parts = []
    if value is not None:
        if value >> width:
            lookup.value(str(value), name, width)
        found = field_value(name, value)
        parts.append(found or decode.Part(name, value, note="a number; no bit of it has a name"))
    elif name in FORMAT:
        parts.append(_bits_of(name, FORMAT[name]))
    return Explanation("field", name, number, text_of(VMCS, name), details(VMCS).source, facts, parts)


def _bits_of(title, table):
    rows = [decode.Bits(decode.places(mask), name, int(mask), text_of(table, name))
            for name, mask in zip(table._fields, table, strict=True)]
    return decode.Part(f"bits of {title}", None, rows, [], details(table).source)


def check(text):
    """Return the Explanation of a check of VM entry by its id."""
    ids = {row.id: row for row in CHECKS.values()}
    row = ids[lookup.name(text, list(ids), "check", _allowed("check", ids))] if text not in ids else ids[text]
    facts = [("fails by", ERRORS[row.kind]), ("reads", ", ".join(row.fields)), ("repair", row.repair)]
    masks = [("must be 0", row.zero), ("must be 1", row.one), ("about", row.part)]
    width = (1 << width_of(getattr(VMCS, row.fields[0]))) - 1
    facts += [(label, f"{decode.positions(mask & width)} of {row.fields[0]}") for label, mask in masks if mask & width]
    return Explanation("check", row.id, row.number, row.rule, row.section, facts)


def error(text):
    """Return the Explanation of a VM-instruction error."""
    numbers = _numbers(VMERROR)
    number = lookup.number_or_name(text, numbers, "VM-instruction error", _allowed("error", numbers))
    name = name_of(VMERROR, number)
    kind = {7: "control", 8: "host"}.get(number)
    facts = [("checks", ", ".join(row.id for row in CHECKS.values() if row.kind == kind))] if kind else []
    return Explanation("error", name, number, text_of(VMERROR, name), details(VMERROR).source, facts)


# ---- hypercalls -------------------------------------------------------------------------------------------------
def hypercall(text):
    """Return the Explanation of a hypercall by code or name, with or without HvCall before it."""
    numbers = {name: number for number, (name, _, _) in HYPERCALL.items()}
    if lookup.number(text) is None:
        spelled = [(each, name) for name in numbers for each in (name, name.removeprefix("HvCall"))]
        text = f"{numbers[lookup.name(text, spelled, 'hypercall', _allowed('hypercall', numbers))]}"
    number = lookup.number_or_name(text, numbers, "hypercall", _allowed("hypercall", numbers))
    name, kind, who = HYPERCALL[number]
    facts = [("kind", ", ".join(text_of(CALLKIND, letter) for letter in kind)), ("caller", who)]
    if number not in OFFERED:
        facts.append(("here", "the hypervisor of hv/ answers HV_STATUS_INVALID_HYPERCALL_CODE"))
    return Explanation("hypercall", name, number, "", HYPERCALL_SOURCE, facts)


def status(text):
    """Return the Explanation of a hypercall status, by the low 16 bits of a result or by name."""
    numbers = {name: number for number, (name, _) in HVSTATUS_ALL.items()}
    number = lookup.number_or_name(text.upper().removeprefix("HV_STATUS_"), numbers, "hypercall status", _allowed("status", numbers))
    name, words = HVSTATUS_ALL[number]
    return Explanation("status", f"HV_STATUS_{name}", number, words, details(HVSTATUS).source)


# ---- processor --------------------------------------------------------------------------------------------------
def vector(text):
    """Return the Explanation of an exception vector, by number or name, with or without #."""
    numbers = _numbers(VECTOR)
    found = lookup.number(text)
    if found is not None and found not in numbers.values() and found < 256:
        what = "reserved by the manual" if found < 32 else "free for interrupts and INT n"
        return Explanation("vector", f"{found}", found, what, details(VECTOR).source)
    number = lookup.number_or_name(text.lstrip("#"), numbers, "vector", _allowed("vector", numbers) + " Vectors end at 255.")
    name = name_of(VECTOR, number)
    pushes = "pushes an error code" if number in WITH_ERROR else "pushes no error code"
    return Explanation("vector", f"#{name}", number, text_of(VECTOR, name), details(VECTOR).source, [("delivery", pushes)])


def register(name, value=None):
    """Return the Explanation of CR0, CR3, CR4, EFER, RFLAGS, DR6, DR7 or a page-fault error code; value: to decode."""
    table = REGISTERS[name]
    if value is None:
        return Explanation("register", name.upper(), None, "", details(table).source, [], [_bits_of(name.upper(), table)])
    part = decode.layout(name.upper(), table, value)
    return Explanation("register", name.upper(), None, "", details(table).source, msrs.fixed(name, value), [part])


def msr(text, value=None):
    """Return the Explanation of a model-specific register; value: to decode, else the value of this processor if it is fixed."""
    return msrs.msr(text, value)


# ---- lists ------------------------------------------------------------------------------------------------------
def listing(kind):
    """Return [(number or None, name, text)] of everything that a kind of explanation knows."""
    tables = {"exit": REASON, "field": VMCS, "error": VMERROR, "vector": VECTOR}
    if kind in tables:
        return [(int(number), name, text_of(tables[kind], name)) for name, number in zip(tables[kind]._fields, tables[kind], strict=True)]
    if kind == "msr":
        return sorted((number, name, family) for name, (number, family, _) in msrs.NAMES.items())
    if kind == "hypercall":
        return [(number, name, who) for number, (name, _, who) in HYPERCALL.items()]
    if kind == "status":
        return sorted((number, name, text) for number, (name, text) in HVSTATUS_ALL.items())
    return [(None, row.id, row.rule) for row in CHECKS.values()]
