"""Model-specific registers explained: who has them, which bits may be written, and what a value means."""
from dataclasses import replace

from emu.bits import LOW_32, details, name_of, text_of
from emu.debug.explain import decode, lookup
from emu.debug.explain.decode import Bits, Explanation, Part
from emu.model.interrupts.apic import MSR_READ, MSR_WRITE
from emu.spec.apic import APIC, APICBASE, X2APIC
from emu.spec.cpu import CR0, CR4, EFER
from emu.spec.msr import ARCHCAP, MEMORY_TYPE, MISCENABLE, MSR, MTRRCAP, MTRRDEF, PHYSBASE, PHYSMASK, RULE
from emu.spec.msr import ROWS as MSR_ROWS
from emu.spec.profile import CAPABILITIES, CR0_RULE, CR4_RULE, ENTRY_RULE, EXIT_RULE, PIN_RULE, PROC2_RULE, PROC_RULE
from emu.spec.tlfs import HVMSR, HVPAGE, HVRESET
from emu.spec.vmx import BASIC, ENTRYC, EPTCAP, EXITC, FEATURE_CONTROL, MISC, PIN, PROC, PROC2, VMXMSR

# Capability MSRs that allow control bits, and the controls' layout.
CONTROLS = {"PIN": PIN, "PROC": PROC, "EXIT": EXITC, "ENTRY": ENTRYC, "PROC2": PROC2, "TRUE_PIN": PIN, "TRUE_PROC": PROC,
            "TRUE_EXIT": EXITC, "TRUE_ENTRY": ENTRYC}
FIXED = {"CR0_FIXED0": CR0, "CR0_FIXED1": CR0, "CR4_FIXED0": CR4, "CR4_FIXED1": CR4}
LAYOUTS = {"BASIC": BASIC, "MISC": MISC, "EPT_VPID_CAP": EPTCAP, **FIXED}
PLAIN = {"EFER": EFER, "APIC_BASE": APICBASE, "FEATURE_CONTROL": FEATURE_CONTROL, "MTRRCAP": MTRRCAP, "MTRR_DEF_TYPE": MTRRDEF,
         "MISC_ENABLE": MISCENABLE, "ARCH_CAPABILITIES": ARCHCAP}
PLAIN |= {row[0]: PHYSBASE if "BASE" in row[0] else PHYSMASK for row in MSR_ROWS if row[0].startswith("MTRR_PHYS")}
SYNTHETIC = {"HYPERCALL": HVPAGE, "RESET": HVRESET}
RULES = {row[0]: row[4] for row in MSR_ROWS}
RULES_OF = {"cr0": CR0_RULE, "cr4": CR4_RULE}
CONTROL_RULES = {"PIN_BASED_CONTROLS": PIN_RULE, "PRIMARY_CONTROLS": PROC_RULE, "SECONDARY_CONTROLS": PROC2_RULE,
                 "EXIT_CONTROLS": EXIT_RULE, "ENTRY_CONTROLS": ENTRY_RULE}


def _names():
    """Return {name: (number, family, row)} of every MSR that a table knows."""
    found = {text_of(VMXMSR, row): (int(number), "vmx", row) for row, number in zip(VMXMSR._fields, VMXMSR, strict=True)}
    found |= {f"IA32_{row}": (int(number), "architectural", row) for row, number in zip(MSR._fields, MSR, strict=True)}
    found |= {f"HV_X64_MSR_{row}": (int(number), "synthetic", row) for row, number in zip(HVMSR._fields, HVMSR, strict=True)}
    return found | {f"IA32_X2APIC_{row}": (int(X2APIC.FIRST) + int(number), "x2APIC", row)
                    for row, number in zip(APIC._fields, APIC, strict=True) if MSR_READ[int(number)] or MSR_WRITE[int(number)]}


NAMES = _names()
PREFIXES = ("IA32_VMX_", "IA32_X2APIC_", "IA32_", "HV_X64_MSR_")


def _spellings(name):
    """Return the ways to write an MSR's name: its prefix, or a part of it, may be left out."""
    return {name, *(name.removeprefix(prefix) for prefix in PREFIXES)}


def _find(text):
    """Return (name, number, family, row) of an MSR by number or name."""
    numbers = {name: number for name, (number, _, _) in NAMES.items()}
    allowed = f"Give msr by number or by the beginning of its name; `hvlab explain msr` lists all {len(numbers)}."
    if lookup.number(text) is None:
        name = lookup.name(text, [(each, name) for name in numbers for each in _spellings(name)], "MSR", allowed)
    else:
        number = lookup.number_or_name(text, numbers, "MSR", allowed)
        name = next(each for each, at in numbers.items() if at == number)
    return name, *NAMES[name]


def allowed(title, table, value):
    """Return the Part of a capability MSR for controls: each control, and whether it must be 1, may be 1 or must be 0.

    Source: SDM 3D, "Reserved Controls and Default Settings"
    """
    must, may, rows = value & int(LOW_32), value >> 32, []
    for name, mask in zip(table._fields, table, strict=True):
        one, zero = must & int(mask), may & int(mask)
        said = "must be 1" if one else "0 or 1" if zero else "must be 0"
        rows.append(Bits(decode.places(mask), name, int(bool(one)) << 1 | int(bool(zero)), f"{said:9}  {text_of(table, name)}"))
    unnamed = must & ~sum(int(mask) for mask in table)
    note = f"{decode.positions(unnamed)} without a name must be 1" if unnamed else ""
    return Part(title, value, rows, [], 'SDM 3D, "Reserved Controls and Default Settings"', note)


def _types(title, value):
    """Return the Part of eight memory types, a byte each."""
    rows = []
    for n in range(8):
        kind = value >> 8 * n & 0xFF
        row = name_of(MEMORY_TYPE, kind)
        rows.append(Bits(f"{8 * n + 7}:{8 * n}", f"BYTE{n}", kind,
                         f"{row}, {text_of(MEMORY_TYPE, row)}" if not row.startswith("0x") else "reserved"))
    return Part(title, value, rows, [], details(MEMORY_TYPE).source)


def _decoded(name, family, row, value):
    if family == "vmx" and row in CONTROLS:
        return allowed(name, CONTROLS[row], value)
    table = {"vmx": LAYOUTS, "architectural": PLAIN, "synthetic": SYNTHETIC}.get(family, {}).get(row)
    if table is not None:
        return decode.layout(name, table, value)
    if family == "architectural" and row.startswith(("MTRR_FIX", "PAT")):
        return _types(name, value)
    return Part(name, value, note="a number; no bit of it has a name")


def _facts(number, family, row):
    if family == "vmx":
        facts = [("access", "read-only: WRMSR is #GP(0)")]
        if number not in CAPABILITIES:
            facts.append(("here", "this processor lacks it: RDMSR is #GP(0)"))
        if row in FIXED:
            facts.append(("bits", "1 here: 1 in VMX operation" if row.endswith("0") else "0 here: 0 in VMX operation"))
        return facts
    if family == "x2APIC":
        offset = (number - int(X2APIC.FIRST)) * 16
        return [("access", "in x2APIC mode only, else #GP(0)"), ("same as", f"offset {offset:#x} of the xAPIC page")]
    if family == "synthetic":
        return [("here", "of the hypervisor of hv/, in its partitions; #GP(0) on the bare machine")]
    reset, writable = details(MSR).rows[row][1:3]
    rule = text_of(RULE, name_of(RULE, RULES[row]))
    return [("reset", f"{reset:#x}"), ("writable", f"{writable:#x}"), ("rule", rule)]


def msr(text, value=None):
    """Return the Explanation of an MSR; see `emu.debug.explain.explain.msr`."""
    name, number, family, row = _find(text)
    facts, parts = _facts(number, family, row), []
    source = {"vmx": VMXMSR, "architectural": MSR, "synthetic": HVMSR, "x2APIC": X2APIC}[family]
    if value is None and number in CAPABILITIES:
        value = CAPABILITIES[number]
        facts.append(("value", f"{value:#x} on this processor"))
    if value is not None:
        parts.append(_decoded(name, family, row, value))
    words = {"vmx": "VMX capability", "x2APIC": f"local APIC: {text_of(APIC, row)}" if family == "x2APIC" else ""}.get(family)
    if words is None:
        words = text_of(MSR if family == "architectural" else HVMSR, row)
    return Explanation("msr", name, number, words, details(source).source, facts, parts)


def fixed(name, value):
    """Return facts on what VMX operation demands of a CR0 or CR4 value, and this processor's rules for it."""
    if name not in RULES_OF:
        return []
    rule = RULES_OF[name]
    low, high = int(rule.must) & ~value, value & ~int(rule.may)
    table = CR0 if name == "cr0" else CR4
    said = []
    if low:
        said.append(f"{', '.join(_fields(table, low))} must be 1")
    if high:
        said.append(f"{decode.positions(high)} ({', '.join(_fields(table, high)) or 'no name'}) must be 0")
    free = " (PE and PG are free in an unrestricted guest)" if name == "cr0" and low else ""
    return [("in VMX operation", ("; ".join(said) + free) if said else "a value that is allowed")]


def _fields(table, value):
    return [name for name, mask in zip(table._fields, table, strict=True) if value & int(mask)]


def judged(part, name, value):
    """Return the Part of a control field with a note on what this processor does not allow of its value."""
    rule, said = CONTROL_RULES[name], []
    for bits, must in ((int(rule.must) & ~value, 1), (value & ~int(rule.may), 0)):
        if bits:
            said.append(f"{decode.positions(bits)} must be {must} here")
    return replace(part, note="; ".join(said) or "allowed here")
