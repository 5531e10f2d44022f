"""Which instructions exit from VMX non-root operation, by which control, and what is checked before.

Rows of the instructions whose exit depends on operands (control and debug registers, I/O, MSRs) are marked with
their CASE; `emu.model.vmx.intercept` decides those.
"""
import numpy as np

from emu.bits import codes
from emu.spec.insn import INSN
from emu.spec.vmx import PROC, PROC2, REASON

WORD = codes("WORD", "ours: where the control of a row is",
    NEVER=(0, "the instruction does not exit"), ALWAYS=(1, "it always exits"), PROC=(2, "primary controls"),
    PROC2=(3, "secondary controls"), CASE=(4, "see CASE"))

# What comes before the exit: when a guard refuses, the instruction does not exit but faults.
GUARD = codes("GUARD", 'SDM 3C, "Relative Priority of Faults and VM Exits"',
    NONE=(0, "nothing"), CPL0=(1, "CPL 0"), CPL0_PROTECTED=(2, "protected mode, CPL 0"),
    UMIP=(3, "CPL 0 when CR4.UMIP = 1"), UMIP_PROTECTED=(4, "protected mode, and as UMIP"),
    TSD=(5, "CPL 0 when CR4.TSD = 1"), PCE=(6, "CPL 0 when CR4.PCE = 0 and CR0.PE = 1"),
    VMX=(7, "protected mode, not virtual-8086 or compatibility mode"), OSXSAVE=(8, "CR4.OSXSAVE = 1, CPL 0"),
    SMX=(9, "CR4.SMXE = 1"))

FORMAT = codes("FORMAT", 'SDM 3C, "Information for VM Exits Due to Instruction Execution"',
    NONE=(0, "no instruction information, qualification 0"), MEMORY=(1, "memory operand; displacement"),
    REG2=(2, "memory operand and second register; displacement"),
    FIELD=(3, "VMREAD, VMWRITE: r/m operand and second register; displacement"),
    TABLE=(4, "SGDT and the like: operand size, identity; displacement"),
    SELECTOR=(5, "SLDT and the like: r/m operand, identity; displacement"),
    RANDOM=(6, "RDRAND, RDSEED: destination register, operand size"),
    ADDRESS=(7, "INVLPG: no information, qualification is the linear address"),
    MONITOR=(8, "MWAIT: no information, qualification says whether the monitor is armed"))

CASE = codes("CASE", "ours: instructions whose exit depends on operands",
    NONE=(0, "no case"), TO_CR=(1, "MOV to CR"), FROM_CR=(2, "MOV from CR"), CLTS=(3, "CLTS"), LMSW=(4, "LMSW"),
    DR=(5, "MOV to and from DR"), IO=(6, "IN, OUT, INS, OUTS"), MSR=(7, "RDMSR, WRMSR"))

# SDM 3C, "Instructions That Cause VM Exits"
#                reason            word          control                 guard                 format
ROWS = dict(
    CPUID       = (REASON.CPUID,     WORD.ALWAYS,  0,                      GUARD.NONE,           FORMAT.NONE),
    INVD        = (REASON.INVD,      WORD.ALWAYS,  0,                      GUARD.CPL0,           FORMAT.NONE),
    XSETBV      = (REASON.XSETBV,    WORD.ALWAYS,  0,                      GUARD.OSXSAVE,        FORMAT.NONE),
    GETSEC      = (REASON.GETSEC,    WORD.ALWAYS,  0,                      GUARD.SMX,            FORMAT.NONE),
    VMCALL      = (REASON.VMCALL,    WORD.ALWAYS,  0,                      GUARD.NONE,           FORMAT.NONE),
    VMLAUNCH    = (REASON.VMLAUNCH,  WORD.ALWAYS,  0,                      GUARD.VMX,            FORMAT.NONE),
    VMRESUME    = (REASON.VMRESUME,  WORD.ALWAYS,  0,                      GUARD.VMX,            FORMAT.NONE),
    VMXOFF      = (REASON.VMXOFF,    WORD.ALWAYS,  0,                      GUARD.VMX,            FORMAT.NONE),
    VMXON       = (REASON.VMXON,     WORD.ALWAYS,  0,                      GUARD.VMX,            FORMAT.MEMORY),
    VMCLEAR     = (REASON.VMCLEAR,   WORD.ALWAYS,  0,                      GUARD.VMX,            FORMAT.MEMORY),
    VMPTRLD     = (REASON.VMPTRLD,   WORD.ALWAYS,  0,                      GUARD.VMX,            FORMAT.MEMORY),
    VMPTRST     = (REASON.VMPTRST,   WORD.ALWAYS,  0,                      GUARD.VMX,            FORMAT.MEMORY),
    VMREAD      = (REASON.VMREAD,    WORD.ALWAYS,  0,                      GUARD.VMX,            FORMAT.FIELD),
    VMWRITE     = (REASON.VMWRITE,   WORD.ALWAYS,  0,                      GUARD.VMX,            FORMAT.FIELD),
    INVEPT      = (REASON.INVEPT,    WORD.ALWAYS,  0,                      GUARD.VMX,            FORMAT.REG2),
    INVVPID     = (REASON.INVVPID,   WORD.ALWAYS,  0,                      GUARD.VMX,            FORMAT.REG2),
    HLT         = (REASON.HLT,       WORD.PROC,    PROC.HLT,               GUARD.CPL0,           FORMAT.NONE),
    INVLPG      = (REASON.INVLPG,    WORD.PROC,    PROC.INVLPG,            GUARD.CPL0,           FORMAT.ADDRESS),
    INVPCID     = (REASON.INVPCID,   WORD.PROC,    PROC.INVLPG,            GUARD.CPL0,           FORMAT.REG2),
    MONITOR     = (REASON.MONITOR,   WORD.PROC,    PROC.MONITOR,           GUARD.CPL0,           FORMAT.NONE),
    MWAIT       = (REASON.MWAIT,     WORD.PROC,    PROC.MWAIT,             GUARD.CPL0,           FORMAT.MONITOR),
    PAUSE       = (REASON.PAUSE,     WORD.PROC,    PROC.PAUSE,             GUARD.NONE,           FORMAT.NONE),
    RDPMC       = (REASON.RDPMC,     WORD.PROC,    PROC.RDPMC,             GUARD.PCE,            FORMAT.NONE),
    RDTSC       = (REASON.RDTSC,     WORD.PROC,    PROC.RDTSC,             GUARD.TSD,            FORMAT.NONE),
    RDTSCP      = (REASON.RDTSCP,    WORD.PROC,    PROC.RDTSC,             GUARD.TSD,            FORMAT.NONE),
    RDRAND      = (REASON.RDRAND,    WORD.PROC2,   PROC2.RDRAND,           GUARD.NONE,           FORMAT.RANDOM),
    RDSEED      = (REASON.RDSEED,    WORD.PROC2,   PROC2.RDSEED,           GUARD.NONE,           FORMAT.RANDOM),
    WBINVD      = (REASON.WBINVD,    WORD.PROC2,   PROC2.WBINVD,           GUARD.CPL0,           FORMAT.NONE),
    WBNOINVD    = (REASON.WBINVD,    WORD.PROC2,   PROC2.WBINVD,           GUARD.CPL0,           FORMAT.NONE),
    SGDT        = (REASON.GDTR_IDTR, WORD.PROC2,   PROC2.DESCRIPTOR_TABLE, GUARD.UMIP,           FORMAT.TABLE),
    SIDT        = (REASON.GDTR_IDTR, WORD.PROC2,   PROC2.DESCRIPTOR_TABLE, GUARD.UMIP,           FORMAT.TABLE),
    LGDT        = (REASON.GDTR_IDTR, WORD.PROC2,   PROC2.DESCRIPTOR_TABLE, GUARD.CPL0,           FORMAT.TABLE),
    LIDT        = (REASON.GDTR_IDTR, WORD.PROC2,   PROC2.DESCRIPTOR_TABLE, GUARD.CPL0,           FORMAT.TABLE),
    SLDT        = (REASON.LDTR_TR,   WORD.PROC2,   PROC2.DESCRIPTOR_TABLE, GUARD.UMIP_PROTECTED, FORMAT.SELECTOR),
    STR         = (REASON.LDTR_TR,   WORD.PROC2,   PROC2.DESCRIPTOR_TABLE, GUARD.UMIP_PROTECTED, FORMAT.SELECTOR),
    LLDT        = (REASON.LDTR_TR,   WORD.PROC2,   PROC2.DESCRIPTOR_TABLE, GUARD.CPL0_PROTECTED, FORMAT.SELECTOR),
    LTR         = (REASON.LDTR_TR,   WORD.PROC2,   PROC2.DESCRIPTOR_TABLE, GUARD.CPL0_PROTECTED, FORMAT.SELECTOR),
    MOV_TO_CR   = (REASON.CR_ACCESS, WORD.CASE,    CASE.TO_CR,             GUARD.CPL0,           FORMAT.NONE),
    MOV_FROM_CR = (REASON.CR_ACCESS, WORD.CASE,    CASE.FROM_CR,           GUARD.CPL0,           FORMAT.NONE),
    CLTS        = (REASON.CR_ACCESS, WORD.CASE,    CASE.CLTS,              GUARD.CPL0,           FORMAT.NONE),
    LMSW        = (REASON.CR_ACCESS, WORD.CASE,    CASE.LMSW,              GUARD.CPL0,           FORMAT.NONE),
    MOV_TO_DR   = (REASON.MOV_DR,    WORD.CASE,    CASE.DR,                GUARD.NONE,           FORMAT.NONE),
    MOV_FROM_DR = (REASON.MOV_DR,    WORD.CASE,    CASE.DR,                GUARD.NONE,           FORMAT.NONE),
    IN_IMM      = (REASON.IO,        WORD.CASE,    CASE.IO,                GUARD.NONE,           FORMAT.NONE),
    IN_DX       = (REASON.IO,        WORD.CASE,    CASE.IO,                GUARD.NONE,           FORMAT.NONE),
    OUT_IMM     = (REASON.IO,        WORD.CASE,    CASE.IO,                GUARD.NONE,           FORMAT.NONE),
    OUT_DX      = (REASON.IO,        WORD.CASE,    CASE.IO,                GUARD.NONE,           FORMAT.NONE),
    INS         = (REASON.IO,        WORD.CASE,    CASE.IO,                GUARD.NONE,           FORMAT.NONE),
    OUTS        = (REASON.IO,        WORD.CASE,    CASE.IO,                GUARD.NONE,           FORMAT.NONE),
    RDMSR       = (REASON.RDMSR,     WORD.CASE,    CASE.MSR,               GUARD.CPL0,           FORMAT.NONE),
    WRMSR       = (REASON.WRMSR,     WORD.CASE,    CASE.MSR,               GUARD.CPL0,           FORMAT.NONE),
)

# #UD in non-root operation unless the secondary control is 1 (SDM 3C, "Changes to Instruction Behavior in VMX
# Non-Root Operation").
ENABLES = dict(RDTSCP=PROC2.RDTSCP, RDPID=PROC2.RDTSCP, INVPCID=PROC2.INVPCID, XSAVES=PROC2.XSAVES,
               XRSTORS=PROC2.XSAVES, VMFUNC=PROC2.VM_FUNCTIONS, TPAUSE=PROC2.USER_WAIT, UMWAIT=PROC2.USER_WAIT,
               UMONITOR=PROC2.USER_WAIT, PCONFIG=PROC2.PCONFIG)
# INFO identity (29:28) of descriptor-table instructions.
IDENTITIES = dict(SGDT=0, SIDT=1, LGDT=2, LIDT=3, SLDT=0, STR=1, LLDT=2, LTR=3)


def column(number):
    """Return one column of ROWS as uint64[128] by INSN code."""
    table = np.zeros(128, np.uint64)
    for name, row in ROWS.items():
        table[int(getattr(INSN, name))] = row[number]
    return table


def by_kind(values):
    """Return a table {INSN name: number} as uint64[128] by INSN code."""
    table = np.zeros(128, np.uint64)
    for name, value in values.items():
        table[int(getattr(INSN, name))] = value
    return table


REASONS, WORDS, CONTROLS, GUARDS, FORMATS = (column(n) for n in range(5))
ENABLE, IDENTITY = by_kind(ENABLES), by_kind(IDENTITIES)
