"""Model-specific registers: number, who holds it, what a write may change, and the rule that decides the rest.

An MSR without a row does not exist: RDMSR and WRMSR of it are #GP(0).  The VMX capability MSRs (0x480-0x491) have
their values in `emu.spec.profile`, the x2APIC registers (0x800-0x8FF) their rows in `emu.spec.apic`.
Left out: performance monitoring, branch records, power and thermal control, SMM, SGX, XSS, speculation control.
"""
import numpy as np

from emu.bits import codes, layout, registers
from emu.spec.cpu import EFER
from emu.spec.profile import DEBUGCTL_MAY
from emu.spec.vmx import FEATURE_CONTROL

RULE = codes("RULE", "ours: what RDMSR and WRMSR do beyond the writable mask",
    PLAIN=(0, "a bit outside the mask is #GP(0)"), IGNORE=(1, "bits outside the mask are dropped"),
    READ_ONLY=(2, "any write is #GP(0)"), WRITE_ONLY=(3, "any read is #GP(0), writes have no effect"),
    CANONICAL=(4, "a non-canonical address is #GP(0)"), TYPES=(5, "eight MTRR memory types"),
    PAT=(6, "eight PAT memory types"), ADDRESS=(7, "as PLAIN, physical-address bits above MAXPHYADDR reserved"),
    DEBUGCTL=(8, "as PLAIN; LBR and BTF stop the machine"), STATUS=(9, "only 0 may be written"), EFER=(10, "IA32_EFER"),
    APIC_BASE=(11, "IA32_APIC_BASE"), FEATURE_CONTROL=(12, "as PLAIN until locked, then any write is #GP(0)"),
    TSC=(13, "time-stamp counter"), TSC_ADJUST=(14, "moves the time-stamp counter by the change"),
    TSC_DEADLINE=(15, "timer of the local APIC"))

MEMORY_TYPE = codes("MEMORY_TYPE", 'SDM 3A, "Memory Cache Control"',
    UC=(0, "uncacheable"), WC=(1, "write combining"), WT=(4, "write-through"), WP=(5, "write-protected"),
    WB=(6, "write-back"), UC_MINUS=(7, "uncached, MTRRs may override; PAT only"))

MTRRCAP = layout("MTRRCAP", 64, 'SDM 3A, "MTRR Feature Identification"',
    VCNT=(7, 0, "variable ranges"), FIX=(8, 8, "fixed ranges"), WC=(10, 10, "write combining"))
MTRRDEF = layout("MTRRDEF", 64, 'SDM 3A, "IA32_MTRR_DEF_TYPE MSR"',
    TYPE=(7, 0, "default memory type"), FE=(10, 10, "fixed ranges enabled"), E=(11, 11, "MTRRs enabled"))
PHYSBASE = layout("PHYSBASE", 64, 'SDM 3A, "Variable Range MTRRs"',
    TYPE=(7, 0, "memory type"), ADDRESS=(51, 12, "base of the range"))
PHYSMASK = layout("PHYSMASK", 64, 'SDM 3A, "Variable Range MTRRs"',
    V=(11, 11, "valid"), ADDRESS=(51, 12, "mask of the range"))

MISCENABLE = layout("MISCENABLE", 64, 'SDM 4, "IA32_MISC_ENABLE"',
    FAST_STRINGS=(0, 0, "fast strings"), THERMAL=(3, 3, "automatic thermal control"), EMON=(7, 7, "performance monitoring"),
    BTS_UNAVAILABLE=(11, 11, "no branch trace storage"), PEBS_UNAVAILABLE=(12, 12, "no processor event-based sampling"),
    SPEEDSTEP=(16, 16, "enhanced SpeedStep"), MONITOR=(18, 18, "MONITOR and MWAIT"), LIMIT_CPUID=(22, 22, "CPUID reports at most leaf 2"),
    XTPR_DISABLE=(23, 23, "no task-priority messages"), XD_DISABLE=(34, 34, "no execute-disable bit"),
    TURBO_DISABLE=(38, 38, "no turbo mode"))
ARCHCAP = layout("ARCHCAP", 64, 'SDM 4, "IA32_ARCH_CAPABILITIES"',
    RDCL_NO=(0, 0, "not susceptible to rogue data cache load"), SKIP_L1DFL=(3, 3, "no L1D flush needed at VM entry"),
    SSB_NO=(4, 4, "no speculative store bypass"), MDS_NO=(5, 5, "no microarchitectural data sampling"),
    PSCHANGE_NO=(6, 6, "no machine check on page-size change"), TAA_NO=(8, 8, "no TSX asynchronous abort"))

STAR = layout("STAR", 64, 'SDM 4, "IA32_STAR"; SDM 3A, "Fast System Calls in 64-Bit Mode"',
    SYSCALL=(47, 32, "CS for SYSCALL, SS is the next"), SYSRET=(63, 48, "CS for SYSRET, SS is the next"))

ALL, HALF, MICROCODE = 0xFFFF_FFFF_FFFF_FFFF, 0xFFFF_FFFF, 1
BANKS = 4
CST_LOCK, C1E = 1 << 15, 1 << 1                     # SDM 4, "MSR_PKG_CST_CONFIG_CONTROL", "MSR_POWER_CTL"
MISC_FIXED = MISCENABLE.BTS_UNAVAILABLE | MISCENABLE.PEBS_UNAVAILABLE
# Bits that a write does not change: read-only ones, and switches of what is not here (docs/choices.md)
MISC_KEPT = (MISC_FIXED | MISCENABLE.EMON | MISCENABLE.THERMAL | MISCENABLE.SPEEDSTEP | MISCENABLE.XTPR_DISABLE |
             MISCENABLE.TURBO_DISABLE)
MISC_RESET = MISC_FIXED | MISCENABLE.FAST_STRINGS | MISCENABLE.MONITOR
MISC_WRITABLE = MISC_RESET | MISCENABLE.LIMIT_CPUID | MISCENABLE.XD_DISABLE
IMMUNE = (ARCHCAP.RDCL_NO | ARCHCAP.SKIP_L1DFL | ARCHCAP.SSB_NO | ARCHCAP.MDS_NO | ARCHCAP.PSCHANGE_NO | ARCHCAP.TAA_NO)
RANGE_TYPE = PHYSBASE.TYPE | PHYSBASE.ADDRESS
PAT_RESET = 0x0007_0406_0007_0406

#   name               number       reset       writable         rule               held by             text
ROWS = [
    ("TSC",            0x010,       0,          ALL,             RULE.TSC,          "",                 "time-stamp counter"),
    ("PLATFORM_ID",    0x017,       0,          0,               RULE.READ_ONLY,    "",                 "platform ID"),
    ("APIC_BASE",      0x01B,       0xFEE00800, ALL,             RULE.APIC_BASE,    "cpu.apic_base",    "local APIC base and mode"),
    ("FEATURE_CONTROL",0x03A,       0,          FEATURE_CONTROL.LOCK | FEATURE_CONTROL.VMX,
                                                                 RULE.FEATURE_CONTROL, "cpu.feature_control", "VMX enable and lock"),
    ("TSC_ADJUST",     0x03B,       0,          ALL,             RULE.TSC_ADJUST,   "cpu.tsc_adjust",   "sum of changes to the TSC"),
    ("BIOS_UPDT_TRIG", 0x079,       0,          ALL,             RULE.WRITE_ONLY,   "",                 "microcode update: none is ever accepted"),
    ("BIOS_SIGN_ID",   0x08B,       0,          ALL,             RULE.PLAIN,        "cpu.microcode",    "microcode revision, set by CPUID leaf 1"),
    ("PKG_CST_CONFIG_CONTROL", 0x0E2, CST_LOCK, 0,               RULE.READ_ONLY,    "",                 "C-states: none below C1, locked by the firmware"),
    ("MTRRCAP",        0x0FE,       8 | MTRRCAP.FIX | MTRRCAP.WC, 0, RULE.READ_ONLY, "",                "MTRR capabilities"),
    ("ARCH_CAPABILITIES", 0x10A,    IMMUNE,     0,               RULE.READ_ONLY,    "",                 "no speculation, no side channels"),
    ("SYSENTER_CS",    0x174,       0,          HALF,             RULE.IGNORE,       "env.sysenter_cs",  "SYSENTER code segment"),
    ("SYSENTER_ESP",   0x175,       0,          ALL,             RULE.CANONICAL,    "env.sysenter_esp", "SYSENTER stack pointer"),
    ("SYSENTER_EIP",   0x176,       0,          ALL,             RULE.CANONICAL,    "env.sysenter_eip", "SYSENTER entry point"),
    ("MCG_CAP",        0x179,       BANKS,      0,               RULE.READ_ONLY,    "",                 "machine-check banks"),
    ("MCG_STATUS",     0x17A,       0,          7,               RULE.PLAIN,        "cpu.mcg_status",   "machine-check status"),
    ("MISC_ENABLE",    0x1A0,       MISC_RESET, MISC_WRITABLE,   RULE.PLAIN,        "cpu.misc_enable",  "processor features"),
    ("DEBUGCTL",       0x1D9,       0,          DEBUGCTL_MAY,    RULE.DEBUGCTL,     "cpu.debugctl",     "debug control"),
    ("POWER_CTL",          0x1FC,       0,          C1E,             RULE.PLAIN,        "cpu.power_ctl",    "power control: C1E, without effect"),
    ("MTRR_FIX64K_00000", 0x250,    0,          ALL,             RULE.TYPES,        "cpu.mtrr_fixed[0]", "fixed range 00000"),
    ("MTRR_FIX16K_80000", 0x258,    0,          ALL,             RULE.TYPES,        "cpu.mtrr_fixed[1]", "fixed range 80000"),
    ("MTRR_FIX16K_A0000", 0x259,    0,          ALL,             RULE.TYPES,        "cpu.mtrr_fixed[2]", "fixed range A0000"),
    ("PAT",            0x277,       PAT_RESET,  ALL,             RULE.PAT,          "env.pat",          "page attribute table"),
    ("MTRR_DEF_TYPE",  0x2FF,       0,          MTRRDEF.TYPE | MTRRDEF.FE | MTRRDEF.E,
                                                                 RULE.ADDRESS,      "cpu.mtrr_def_type", "MTRR enable and default type"),
    ("TSC_DEADLINE",   0x6E0,       0,          ALL,             RULE.TSC_DEADLINE, "",                 "APIC timer deadline"),
    ("EFER",           0xC0000080,  0,          EFER.SCE | EFER.LME | EFER.LMA | EFER.NXE,
                                                                 RULE.EFER,         "env.efer",         "extended features"),
    ("STAR",           0xC0000081,  0,          ALL,             RULE.PLAIN,        "env.star",         "SYSCALL segments"),
    ("LSTAR",          0xC0000082,  0,          ALL,             RULE.CANONICAL,    "env.lstar",        "SYSCALL entry point"),
    ("CSTAR",          0xC0000083,  0,          ALL,             RULE.CANONICAL,    "env.cstar",        "SYSCALL entry point, compatibility mode: never used"),
    ("FMASK",          0xC0000084,  0,          HALF,             RULE.PLAIN,        "env.fmask",        "SYSCALL flag mask"),
    ("FS_BASE",        0xC0000100,  0,          ALL,             RULE.CANONICAL,    "env.seg[13]",      "base of FS"),
    ("GS_BASE",        0xC0000101,  0,          ALL,             RULE.CANONICAL,    "env.seg[16]",      "base of GS"),
    ("KERNEL_GS_BASE", 0xC0000102,  0,          ALL,             RULE.CANONICAL,    "env.kernel_gs_base", "base for SWAPGS"),
    ("TSC_AUX",        0xC0000103,  0,          HALF,             RULE.PLAIN,        "env.tsc_aux",      "value that RDTSCP and RDPID return"),
]
ROWS += [(f"MTRR_PHYSBASE{n}", 0x200 + 2 * n, 0, RANGE_TYPE, RULE.ADDRESS, f"cpu.mtrr_variable[{2 * n}]",
          f"base and type of variable range {n}") for n in range(8)]
ROWS += [(f"MTRR_PHYSMASK{n}", 0x201 + 2 * n, 0, PHYSMASK.V | PHYSMASK.ADDRESS, RULE.ADDRESS,
          f"cpu.mtrr_variable[{2 * n + 1}]", f"mask of variable range {n}") for n in range(8)]
ROWS += [(f"MTRR_FIX4K_{0xC0000 + 0x8000 * n:05X}", 0x268 + n, 0, ALL, RULE.TYPES, f"cpu.mtrr_fixed[{3 + n}]",
          f"fixed range {0xC0000 + 0x8000 * n:05X}") for n in range(8)]
for _n in range(BANKS):
    ROWS += [(f"MC{_n}_CTL", 0x400 + 4 * _n, 0, ALL, RULE.PLAIN, f"cpu.mc_banks[{4 * _n}]", "machine-check bank control"),
             (f"MC{_n}_STATUS", 0x401 + 4 * _n, 0, 0, RULE.STATUS, f"cpu.mc_banks[{4 * _n + 1}]", "machine-check bank status"),
             (f"MC{_n}_ADDR", 0x402 + 4 * _n, 0, 0, RULE.STATUS, f"cpu.mc_banks[{4 * _n + 2}]", "machine-check address"),
             (f"MC{_n}_MISC", 0x403 + 4 * _n, 0, 0, RULE.STATUS, f"cpu.mc_banks[{4 * _n + 3}]", "machine-check information")]
ROWS.sort(key=lambda row: row[1])

MSR = registers("MSR", 'SDM 4, "Architectural MSRs"', **{row[0]: (row[1], row[2], row[3], row[6]) for row in ROWS})

# ---- the same rows for kernels: sorted by number ---------------------------------------------------------
NUMBER = np.array([row[1] for row in ROWS], np.uint64)
RESETS = np.array([int(row[2]) for row in ROWS], np.uint64)
WRITABLE = np.array([int(row[3]) for row in ROWS], np.uint64)
RULES = np.array([int(row[4]) for row in ROWS], np.uint64)
