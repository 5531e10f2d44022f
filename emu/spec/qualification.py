"""What the exit qualification and the instruction information of each VM exit mean: a layout or a code table a reason.

Reasons without a row have a qualification of 0 and no instruction information.  Instructions take theirs from the
FORMAT column of `emu.spec.intercept`.
"""
from emu.bits import codes, layout
from emu.spec.cpu import EVENT, GPR, SEG, VECTOR
from emu.spec.intercept import FORMAT, ROWS
from emu.spec.vmx import (
    CRACCESS, ENTRYQ, QUAL_APIC, QUAL_CR, QUAL_DB, QUAL_DR, QUAL_EPT, QUAL_IO, QUAL_TASK, REASON)

_BASIC = 'SDM 3C, "Basic VM-Exit Information" (exit qualification)'
QUAL_SIPI = layout("QUAL_SIPI", 64, _BASIC, VECTOR=(7, 0, "SIPI vector"))
QUAL_EOI = layout("QUAL_EOI", 64, _BASIC, VECTOR=(7, 0, "vector of the virtualized EOI"))
QUAL_APIC_WRITE = layout("QUAL_APIC_WRITE", 64, _BASIC, OFFSET=(11, 0, "offset of the write in the virtual-APIC page"))
QUAL_MWAIT = layout("QUAL_MWAIT", 64, _BASIC, ARMED=(0, 0, "address-range monitoring hardware is armed"))
QUAL_PML = layout("QUAL_PML", 64, 'SDM 3C, "Exit Qualification for Page-Modification Log-Full Events"',
    NMI_UNBLOCK=(12, 12, "NMI unblocking due to IRET"))
QUAL_SPP = layout("QUAL_SPP", 64, 'SDM 3C, "Exit Qualification for SPP-Related Events"',
    MISS=(11, 11, "1 = SPP miss, 0 = SPP misconfiguration"), NMI_UNBLOCK=(12, 12, "NMI unblocking due to IRET"))
QUAL_TIMEOUT = layout("QUAL_TIMEOUT", 64, _BASIC,
    INVALID=(0, 0, "the context of the virtual machine is not valid"), NMI_UNBLOCK=(12, 12, "NMI unblocking due to IRET"))
QUAL_LINEAR = layout("QUAL_LINEAR", 64, _BASIC, ADDRESS=(63, 0, "linear address"))
QUAL_DISPLACEMENT = layout("QUAL_DISPLACEMENT", 64, _BASIC,
    DISPLACEMENT=(63, 0, "displacement of the memory operand, sign-extended; 0 for a register operand"))
QUAL_ENTRY = layout("QUAL_ENTRY", 64, 'SDM 3C, "Loading MSRs" (VM entries)', NUMBER=(63, 0, "entry of the MSR-load area that failed, from 1"))

TASKSOURCE = codes("TASKSOURCE", 'SDM 3C, "Exit Qualification for Task Switches"',
    CALL=(0, "CALL"), IRET=(1, "IRET"), JMP=(2, "JMP"), GATE=(3, "task gate in the IDT"))
APICACCESS = codes("APICACCESS", 'SDM 3C, "Exit Qualification for APIC-Access VM Exits"',
    READ=(0, "linear access, data read"), WRITE=(1, "linear access, data write"), FETCH=(2, "linear access, instruction fetch"),
    DELIVERY=(3, "linear access during event delivery"), PHYSICAL_DELIVERY=(10, "guest-physical access during event delivery"),
    PHYSICAL=(15, "guest-physical access for a fetch or an instruction"))
IOSIZE = codes("IOSIZE", 'SDM 3C, "Exit Qualification for I/O Instructions"',
    BYTE=(0, "1 byte"), WORD=(1, "2 bytes"), DOUBLE=(3, "4 bytes"))
ADDRESSSIZE = codes("ADDRESSSIZE", 'SDM 3C, "Information for VM Exits Due to Instruction Execution"',
    BITS_16=(0, "16-bit"), BITS_32=(1, "32-bit"), BITS_64=(2, "64-bit"))

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
EXCEPTION = {int(VECTOR.PF): QUAL_LINEAR, int(VECTOR.DB): QUAL_DB}

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
NEVER = {"ENTRY_MACHINE_CHECK": "this machine has no machine-check events: no VM entry of it fails so"}
