"""Which layout or code table (`emu.spec.vmx`) the exit qualification and the instruction information of each VM exit have.

Reasons without a row have a qualification of 0 and no instruction information.  Instructions take theirs from the
FORMAT column of `emu.spec.intercept`.
"""
from emu.spec.cpu import EVENT, GPR, SEG, VECTOR
from emu.spec.intercept import FORMAT, ROWS
from emu.spec.vmx import (
    ADDRESSSIZE, APICACCESS, CRACCESS, ENTRYQ, IOSIZE, QUAL_APIC, QUAL_APIC_WRITE, QUAL_CR, QUAL_DB, QUAL_DISPLACEMENT, QUAL_DR,
    QUAL_ENTRY, QUAL_EOI, QUAL_EPT, QUAL_IO, QUAL_LINEAR, QUAL_MWAIT, QUAL_PML, QUAL_SIPI, QUAL_SPP, QUAL_TASK, QUAL_TIMEOUT, REASON,
    TASKSOURCE)

# What a field's number names: (layout, field) -> code table.
MEANING = {
    ("INTR", "TYPE"): EVENT, ("QUAL_CR", "ACCESS"): CRACCESS, ("QUAL_CR", "REGISTER"): GPR,
    ("QUAL_DR", "REGISTER"): GPR, ("QUAL_IO", "SIZE"): IOSIZE, ("QUAL_TASK", "SOURCE"): TASKSOURCE,
    ("QUAL_APIC", "TYPE"): APICACCESS, ("INFO", "REG1"): GPR, ("INFO", "REG2"): GPR, ("INFO", "SEGMENT"): SEG,
    ("INFO", "BASE"): GPR, ("INFO", "INDEX"): GPR, ("INFO", "ADDRESS_SIZE"): ADDRESSSIZE, ("INFO", "OPERAND_SIZE"): ADDRESSSIZE,
    ("EXIT", "BASIC"): REASON,
}

_WITH_DISPLACEMENT = [int(code) for code in (FORMAT.MEMORY, FORMAT.REG2, FORMAT.FIELD, FORMAT.TABLE, FORMAT.SELECTOR)]
_REASONS = {int(number): name for name, number in zip(REASON._fields, REASON, strict=True)}
_FORMATS = {_REASONS[int(row[0])]: int(row[4]) for row in ROWS.values()}
_FORMATS |= {"XSAVES": int(FORMAT.MEMORY), "XRSTORS": int(FORMAT.MEMORY), "UMWAIT": int(FORMAT.RANDOM), "TPAUSE": int(FORMAT.RANDOM)}

# Exceptions have a table of their own: their qualification depends on the vector.
QUALIFICATION = {
    **{name: QUAL_DISPLACEMENT for name, form in _FORMATS.items() if form in _WITH_DISPLACEMENT},
    "SIPI": QUAL_SIPI, "TASK_SWITCH": QUAL_TASK, "INVLPG": QUAL_LINEAR, "CR_ACCESS": QUAL_CR, "MOV_DR": QUAL_DR, "IO": QUAL_IO,
    "ENTRY_GUEST_STATE": ENTRYQ, "ENTRY_MSR_LOAD": QUAL_ENTRY, "MWAIT": QUAL_MWAIT, "APIC_ACCESS": QUAL_APIC,
    "VIRTUALIZED_EOI": QUAL_EOI, "EPT_VIOLATION": QUAL_EPT, "APIC_WRITE": QUAL_APIC_WRITE, "PML_FULL": QUAL_PML, "SPP": QUAL_SPP,
    "INSTRUCTION_TIMEOUT": QUAL_TIMEOUT,
}
BY_VECTOR = {int(VECTOR.PF): QUAL_LINEAR, int(VECTOR.DB): QUAL_DB}

# Fields of INFO that an exit fills in, by FORMAT; TABLE and SELECTOR also have IDENTITY.
_MEMORY = ("SCALE", "ADDRESS_SIZE", "REGISTER", "SEGMENT", "INDEX", "INDEX_INVALID", "BASE", "BASE_INVALID")
_FIELDS = {
    int(FORMAT.MEMORY): _MEMORY, int(FORMAT.REG2): (*_MEMORY, "REG2"), int(FORMAT.FIELD): (*_MEMORY, "REG1", "REG2"),
    int(FORMAT.TABLE): (*_MEMORY, "OPERAND_SIZE"), int(FORMAT.SELECTOR): (*_MEMORY, "REG1"), int(FORMAT.RANDOM): ("REG1", "OPERAND_SIZE"),
}
INFORMATION = {name: _FIELDS[form] for name, form in _FORMATS.items() if form in _FIELDS} | {"IO": ("ADDRESS_SIZE", "SEGMENT")}
IDENTITIES = {"GDTR_IDTR": ("SGDT", "SIDT", "LGDT", "LIDT"), "LDTR_TR": ("SLDT", "STR", "LLDT", "LTR")}

# Which other fields an exit fills in (SDM 3C, "Information for VM Exits Due to Vectored Events" and the sections after it).
VECTORED = {"EXCEPTION": "EXIT_INTERRUPTION_INFO describes the event, EXIT_INTERRUPTION_ERROR_CODE its error code",
            "EXTERNAL_INTERRUPT": "EXIT_INTERRUPTION_INFO holds the vector if acknowledge interrupt on exit is 1"}

# What this machine does not do, said to whoever asks for the exit.
NOT_HERE = {"ENTRY_MACHINE_CHECK": "this machine has no machine-check events: no VM entry of it fails so"}
