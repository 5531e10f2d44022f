"""CPUID: what this processor says of itself, leaf by leaf; only what the model and the engine carry out is reported.

Left out on purpose: VME, PSE-36, DS, ACPI and thermal monitoring, AVX and all later vector sets, XSAVEC and XSAVES,
UMIP, protection keys, CET, SGX, TSX, MPX, speculation control, performance monitoring.
Source: SDM 2A, "CPUID"
"""
import numpy as np

from emu.bits import U64, codes, every, layout
from emu.spec.platform import HZ
from emu.spec.profile import LINEAR_BITS, PHYSICAL_BITS

SIGNATURE = 0x000F_06E1                             # family 6, model 0xFE, stepping 1: no processor that was ever sold
VENDOR, BRAND = "GenuineIntel", "hvlab virtual processor"
LINE_BYTES = 64

FEATURE_C = layout("FEATURE_C", 32, 'SDM 2A, "CPUID" (leaf 1, ECX)',
    SSE3=(0, 0, "SSE3"), PCLMULQDQ=(1, 1, "carry-less multiplication"), MONITOR=(3, 3, "MONITOR and MWAIT"), VMX=(5, 5, "VMX"),
    SSSE3=(9, 9, "SSSE3"), CX16=(13, 13, "CMPXCHG16B"), PCID=(17, 17, "process-context identifiers"),
    SSE4_1=(19, 19, "SSE4.1"), SSE4_2=(20, 20, "SSE4.2"), X2APIC=(21, 21, "x2APIC mode"), MOVBE=(22, 22, "MOVBE"),
    POPCNT=(23, 23, "POPCNT"), TSC_DEADLINE=(24, 24, "APIC timer TSC-deadline mode"), AES=(25, 25, "AES instructions"),
    XSAVE=(26, 26, "XSAVE, XRSTOR, XSETBV, XGETBV"), OSXSAVE=(27, 27, "CR4.OSXSAVE is 1"), RDRAND=(30, 30, "RDRAND"))
FEATURE_D = layout("FEATURE_D", 32, 'SDM 2A, "CPUID" (leaf 1, EDX)',
    FPU=(0, 0, "x87"), DE=(2, 2, "debugging extensions"), PSE=(3, 3, "4-MByte pages"), TSC=(4, 4, "time-stamp counter"),
    MSR=(5, 5, "RDMSR and WRMSR"), PAE=(6, 6, "PAE paging"), MCE=(7, 7, "machine-check exception"), CX8=(8, 8, "CMPXCHG8B"),
    APIC=(9, 9, "local APIC present and enabled"), SEP=(11, 11, "SYSENTER and SYSEXIT"), MTRR=(12, 12, "memory type ranges"),
    PGE=(13, 13, "global pages"), MCA=(14, 14, "machine-check architecture"), CMOV=(15, 15, "CMOVcc"),
    PAT=(16, 16, "page attribute table"), CLFSH=(19, 19, "CLFLUSH"), MMX=(23, 23, "MMX"), FXSR=(24, 24, "FXSAVE and FXRSTOR"),
    SSE=(25, 25, "SSE"), SSE2=(26, 26, "SSE2"), HTT=(28, 28, "more than one logical processor"))
FEATURE_7B = layout("FEATURE_7B", 32, 'SDM 2A, "CPUID" (leaf 7, EBX)',
    FSGSBASE=(0, 0, "RDFSBASE and friends"), TSC_ADJUST=(1, 1, "IA32_TSC_ADJUST"), BMI1=(3, 3, "bit manipulation 1"),
    SMEP=(7, 7, "supervisor-mode execution prevention"), BMI2=(8, 8, "bit manipulation 2"), ERMS=(9, 9, "fast REP MOVSB and STOSB"),
    INVPCID=(10, 10, "INVPCID"), NO_FPU_CS=(13, 13, "FPU CS and DS are not saved"), RDSEED=(18, 18, "RDSEED"), ADX=(19, 19, "ADCX and ADOX"),
    SMAP=(20, 20, "supervisor-mode access prevention"))
FEATURE_7C = layout("FEATURE_7C", 32, 'SDM 2A, "CPUID" (leaf 7, ECX)',
    LA57=(16, 16, "57-bit linear addresses and 5-level paging"), RDPID=(22, 22, "RDPID"))
FEATURE_7D = layout("FEATURE_7D", 32, 'SDM 2A, "CPUID" (leaf 7, EDX)', ARCH_CAPABILITIES=(29, 29, "IA32_ARCH_CAPABILITIES"))
EXTENDED_C = layout("EXTENDED_C", 32, 'SDM 2A, "CPUID" (leaf 80000001H, ECX)',
    LAHF=(0, 0, "LAHF and SAHF in 64-bit mode"), LZCNT=(5, 5, "LZCNT"), PREFETCHW=(8, 8, "PREFETCHW"))
EXTENDED_D = layout("EXTENDED_D", 32, 'SDM 2A, "CPUID" (leaf 80000001H, EDX)',
    SYSCALL=(11, 11, "SYSCALL and SYSRET, shown in 64-bit mode only"), NX=(20, 20, "execute disable"),
    PAGE_1G=(26, 26, "1-GByte pages"), RDTSCP=(27, 27, "RDTSCP and IA32_TSC_AUX"), LM=(29, 29, "Intel 64"))

XCR0 = layout("XCR0", 64, 'SDM 1, "Enabling the XSAVE Feature Set and XSAVE-Enabled Features"',
    X87=(0, 0, "x87 state, always 1"), SSE=(1, 1, "SSE state"))
XSAVE_BYTES = 512 + 64                              # legacy region and header
XSAVEOPT = 1                                        # leaf 0DH, subleaf 1, EAX

LEAF = codes("LEAF", 'SDM 2A, "CPUID"',
    BASIC=(0, "maximum and vendor"), FEATURES=(1, "signature and features"), DESCRIPTORS=(2, "cache descriptors"),
    CACHES=(4, "cache parameters"), MONITOR=(5, "MONITOR and MWAIT"), POWER=(6, "thermal and power"),
    EXTENDED_FEATURES=(7, "structured extended features"), PERFORMANCE=(0xA, "performance monitoring: none"),
    TOPOLOGY=(0xB, "topology"), STATE=(0xD, "extended state"), TSC=(0x15, "time-stamp counter and crystal"),
    FREQUENCY=(0x16, "frequencies in MHz"), EXTENDED=(0x8000_0000, "maximum extended leaf"),
    EXTENDED_1=(0x8000_0001, "extended features"), BRAND=(0x8000_0002, "brand string, three leaves"),
    INVARIANT=(0x8000_0007, "invariant TSC"), ADDRESSES=(0x8000_0008, "address widths"))
MAX_BASIC, MAX_EXTENDED = LEAF.FREQUENCY, LEAF.ADDRESSES
LIMITED = U64(2)                                    # maximum leaf under IA32_MISC_ENABLE bit 22


def _words(text, count):
    raw = text.encode().ljust(4 * count, b"\0")
    return [int.from_bytes(raw[n:n + 4], "little") for n in range(0, 4 * count, 4)]


def _cache(kind, level, ways, sets, inclusive=0):
    """Return the four registers of a leaf 4 subleaf; sharing is added by the model."""
    return (kind | level << 5 | 1 << 8, LINE_BYTES - 1 | (ways - 1) << 22, sets - 1, inclusive << 1)


_VENDOR, _BRAND = _words(VENDOR, 3), _words(BRAND, 12)
_MHZ = int(HZ.TSC) // 1_000_000

# leaf, subleaf (None: the leaf has none), EAX, EBX, ECX, EDX; bits that depend on state are added by the model
ROWS = [
    (0x0, None, int(MAX_BASIC), _VENDOR[0], _VENDOR[2], _VENDOR[1]),
    (0x1, None, SIGNATURE, LINE_BYTES // 8 << 8, every(FEATURE_C), every(FEATURE_D)),
    (0x2, None, 0x7603_6301, 0x00F0_B5FF, 0, 0x00C3_0000),
    (0x4, 0) + _cache(1, 1, 8, 64),                 # 32 KiB data
    (0x4, 1) + _cache(2, 1, 8, 64),                 # 32 KiB instructions
    (0x4, 2) + _cache(3, 2, 4, 1024),               # 256 KiB
    (0x4, 3) + _cache(3, 3, 16, 8192, 1),           # 8 MiB, shared by all
    (0x5, None, LINE_BYTES, LINE_BYTES, 3, 0x10),
    (0x6, None, 1 << 2, 0, 0, 0),                   # the APIC timer always runs
    (0x7, 0, 0, every(FEATURE_7B), every(FEATURE_7C), every(FEATURE_7D)),
    (0xA, None, 0, 0, 0, 0),
    (0xB, 0, 0, 1, 1 << 8, 0),
    (0xB, 1, 0, 0, 2 << 8 | 1, 0),
    (0xD, 0, every(XCR0), XSAVE_BYTES, XSAVE_BYTES, 0),
    (0xD, 1, XSAVEOPT, 0, 0, 0),
    (0x15, None, 1, 1, int(HZ.TSC), 0),             # TSC = crystal * EBX / EAX
    (0x16, None, _MHZ, _MHZ, 100, 0),
    (0x8000_0000, None, int(MAX_EXTENDED), 0, 0, 0),
    (0x8000_0001, None, 0, 0, every(EXTENDED_C), every(EXTENDED_D)),
    (0x8000_0002, None, *_BRAND[0:4]),
    (0x8000_0003, None, *_BRAND[4:8]),
    (0x8000_0004, None, *_BRAND[8:12]),
    (0x8000_0006, None, 0, 0, 256 << 16 | 4 << 12 | LINE_BYTES, 0),     # L2: 256 KiB, 4 ways
    (0x8000_0007, None, 0, 0, 0, 1 << 8),
    (0x8000_0008, None, PHYSICAL_BITS | LINEAR_BITS << 8, 0, 0, 0),
]

# ---- the same rows for kernels: sorted by key ------------------------------------------------------------
KEY = np.array([row[0] << 32 | (row[1] or 0) for row in ROWS], np.uint64)
VALUES = np.array([row[2:] for row in ROWS], np.uint64).reshape(-1)           # EAX EBX ECX EDX of each row
SUBLEAVES = np.array(sorted({row[0] for row in ROWS if row[1] is not None}), np.uint64)   # leaves that read ECX
