"""Exits in detail: exit qualification, instruction information and interruption information, decoded by exit reason."""
from emu.bits import details, name_of, shift_of, text_of
from emu.debug.explain import decode
from emu.debug.explain.decode import Bits, Part
from emu.spec.cpu import EVENT, GPR, INTR, SEG, VECTOR
from emu.spec.exits import UNDEFINED
from emu.spec.qualification import BY_VECTOR, IDENTITIES, INFORMATION, QUALIFICATION
from emu.spec.vmx import CRACCESS, IDENTITY, INFO, QUAL_CR, QUAL_DR, QUAL_EPT, QUAL_IO

RIGHTS = ((QUAL_EPT.READABLE, "read"), (QUAL_EPT.WRITABLE, "written"), (QUAL_EPT.EXECUTABLE, "executed"))
KINDS = ((QUAL_EPT.READ, "a read"), (QUAL_EPT.WRITE, "a write"), (QUAL_EPT.FETCH, "an instruction fetch"))
TITLE = "exit qualification"


def qualification(reason, value, vector=None):
    """Return the Part of an exit qualification.

    reason: REASON name; vector: of an exception or NMI (reason 0), None when it is not known.
    """
    table = BY_VECTOR.get(vector) if reason == "EXCEPTION" else QUALIFICATION.get(reason)
    if reason in UNDEFINED:
        return Part(TITLE, value, note="the manual leaves it undefined for this reason")
    if table is None:
        if reason == "EXCEPTION" and vector is None:
            return Part(TITLE, value, note="#PF: the linear address; #DB: the causes; else 0. Give --interruption-info to have it decoded")
        return Part(TITLE, value, note="0 for this reason" if not value else "this reason has none: it should be 0")
    if details(table).kind == "codes":
        return decode.code(TITLE, table, value)
    part = decode.layout(TITLE, table, value)
    return Part(TITLE, value, part.rows, part.clear, part.source, SENTENCES[reason](value) if reason in SENTENCES else "")


def _field(value, mask):
    return (value & int(mask)) >> shift_of(mask)


def _gpr(value, mask):
    return name_of(GPR, _field(value, mask))


def _cr(value):
    number, register, kind = _field(value, QUAL_CR.NUMBER), _gpr(value, QUAL_CR.REGISTER), _field(value, QUAL_CR.ACCESS)
    if kind == CRACCESS.CLTS:
        return "CLTS"
    if kind == CRACCESS.LMSW:
        return f"LMSW of {_field(value, QUAL_CR.LMSW_DATA):#x} from {'memory' if value & int(QUAL_CR.LMSW_MEMORY) else 'a register'}"
    return f"MOV CR{number}, {register}" if kind == CRACCESS.TO else f"MOV {register}, CR{number}"


def _dr(value):
    number, register = _field(value, QUAL_DR.NUMBER), _gpr(value, QUAL_DR.REGISTER)
    return f"MOV {register}, DR{number}" if value & int(QUAL_DR.FROM) else f"MOV DR{number}, {register}"


def _io(value):
    name = ("INS" if value & int(QUAL_IO.IN) else "OUTS") if value & int(QUAL_IO.STRING) else "IN" if value & int(QUAL_IO.IN) else "OUT"
    size = _field(value, QUAL_IO.SIZE) + 1
    repeated = "REP " if value & int(QUAL_IO.REP) else ""
    return f"{repeated}{name}, {size} byte{'s' * (size > 1)}, port {_field(value, QUAL_IO.PORT):#x}"


def _ept(value):
    """Return an EPT violation in a sentence.

    Source: SDM 3C, "Exit Qualification for EPT Violations"
    """
    what = " and ".join(text for mask, text in KINDS if value & int(mask)) or "an access of no kind"
    may = [text for mask, text in RIGHTS if value & int(mask)]
    where = "at no linear address"
    if value & int(QUAL_EPT.LINEAR):
        where = "at the translation of a linear address" if value & int(QUAL_EPT.FINAL) else "to a paging-structure entry of the guest"
    allowed = f"may be {' and '.join(may)} only" if may else "is not present in EPT"
    if len(may) == len(RIGHTS):
        allowed = "allows everything: it allowed less when the access was made"
    return f"{what} {where}; the page {allowed}"


SENTENCES = {"EPT_VIOLATION": _ept, "CR_ACCESS": _cr, "MOV_DR": _dr, "IO": _io}


def interruption(title, value):
    """Return the Part of interruption information: VM-entry, VM-exit or IDT-vectoring."""
    if not value & int(INTR.VALID):
        return Part(title, value, note="bit 31 is 0: not valid, it describes no event", source=details(INTR).source)
    part = decode.layout(title, INTR, value)
    kind, vector = _field(value, INTR.TYPE), value & int(INTR.VECTOR)
    event = name_of(EVENT, kind)
    words = text_of(EVENT, event) if not event.startswith("0x") else f"reserved type {kind}"
    named = name_of(VECTOR, vector)
    named = f"#{named}" if not named.startswith("0x") and event not in ("EXTERNAL", "SOFT", "OTHER") else f"vector {vector}"
    rows = [Bits(row.bits, row.name, row.value, row.text if row.name != "VECTOR" else named) for row in part.rows]
    return Part(title, value, rows, part.clear, part.source, f"{words}, {named}")


def information(reason, value):
    """Return the Part of VM-exit instruction information for a REASON name."""
    title, fields = "instruction information", INFORMATION.get(reason)
    if fields is None:
        return Part(title, value, note="undefined for this reason")
    part = decode.layout(title, INFO, value, only=_present(fields, value))
    rows = list(part.rows)
    if reason in IDENTITIES:
        number = _field(value, IDENTITY.TABLE)
        rows.append(Bits("29:28", "IDENTITY", number, f"instruction identity: {IDENTITIES[reason][number]}"))
    return Part(title, value, rows, part.clear, part.source, _operand(fields, value))


def _present(fields, value):
    """Return the fields that this value makes meaningful: a register operand has no address, an invalid index no number."""
    out = set()
    if value & int(INFO.REGISTER) and "REGISTER" in fields:
        out |= {"SCALE", "ADDRESS_SIZE", "SEGMENT", "INDEX", "INDEX_INVALID", "BASE", "BASE_INVALID"}
    elif "REGISTER" in fields:
        out.add("REG1")
    if value & int(INFO.INDEX_INVALID):
        out |= {"INDEX", "SCALE"}
    if value & int(INFO.BASE_INVALID):
        out.add("BASE")
    return tuple(each for each in fields if each not in out)


def _operand(fields, value):
    """Return the operand as an assembler writes it; for I/O, when the value means anything."""
    if "REGISTER" not in fields:
        return "for INS and OUTS only, the segment for OUTS only" if "SEGMENT" in fields else ""
    part = {name: _field(value, mask) for name, mask in zip(INFO._fields, INFO, strict=True)}
    if part["REGISTER"]:
        return f"operand: {name_of(GPR, part['REG1']).lower()}"
    terms = [] if part["BASE_INVALID"] else [name_of(GPR, part["BASE"]).lower()]
    if not part["INDEX_INVALID"]:
        terms.append(f"{name_of(GPR, part['INDEX']).lower()}*{1 << part['SCALE']}")
    return f"operand: {name_of(SEG, part['SEGMENT']).lower()}:[{' + '.join([*terms, 'displacement'])}]"
