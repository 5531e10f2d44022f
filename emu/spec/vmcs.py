"""The fields of the virtual-machine control structure: encodings, and what follows from them.

Width, group, read-only and the high half are bits of an encoding; the index inside our VMCS region is the
rank of the encoding.  The region's format is ours, as the manual leaves it to the processor.
"""
from collections import namedtuple

import numpy as np

from emu.bits import U64, codes, details, layout, shift_of

ENCODING = layout("ENCODING", 32, 'SDM 3D, "Field Encoding in VMCS"',
    HIGH=(0, 0, "access to the high half of a 64-bit field"), INDEX=(9, 1, "index"),
    GROUP=(11, 10, "0 control, 1 exit information, 2 guest state, 3 host state"),
    WIDTH=(14, 13, "0 16 bits, 1 64 bits, 2 32 bits, 3 natural"))

WIDTH = codes("WIDTH", 'SDM 3C, "Use of VMREAD and VMWRITE to access VMCS Fields"',
    WORD=(0, "16 bits"), QUAD=(1, "64 bits"), DOUBLE=(2, "32 bits"), NATURAL=(3, "natural width"))
GROUP = codes("GROUP", 'SDM 3C, "Use of VMREAD and VMWRITE to access VMCS Fields"',
    CONTROL=(0, "control"), INFORMATION=(1, "VM-exit information"), GUEST=(2, "guest state"), HOST=(3, "host state"))

VMCS = codes("VMCS", 'SDM 3D, "Field Encoding in VMCS"',
    # ---- 16-bit control
    VPID=(0x0000, "virtual-processor identifier"),
    POSTED_INTERRUPT_VECTOR=(0x0002, "posted-interrupt notification vector"),
    EPTP_INDEX=(0x0004, "EPTP index"),
    HLAT_PREFIX_SIZE=(0x0006, "HLAT prefix size"),
    LAST_PID_POINTER_INDEX=(0x0008, "last PID-pointer index"),
    VIRTUAL_TIMER_VECTOR=(0x000A, "virtual timer vector"),
    # ---- 16-bit guest
    GUEST_ES_SELECTOR=(0x0800, "guest ES selector"),
    GUEST_CS_SELECTOR=(0x0802, "guest CS selector"),
    GUEST_SS_SELECTOR=(0x0804, "guest SS selector"),
    GUEST_DS_SELECTOR=(0x0806, "guest DS selector"),
    GUEST_FS_SELECTOR=(0x0808, "guest FS selector"),
    GUEST_GS_SELECTOR=(0x080A, "guest GS selector"),
    GUEST_LDTR_SELECTOR=(0x080C, "guest LDTR selector"),
    GUEST_TR_SELECTOR=(0x080E, "guest TR selector"),
    GUEST_INTERRUPT_STATUS=(0x0810, "guest interrupt status: RVI, SVI"),
    PML_INDEX=(0x0812, "PML index"),
    GUEST_UINV=(0x0814, "guest user-interrupt notification vector"),
    # ---- 16-bit host
    HOST_ES_SELECTOR=(0x0C00, "host ES selector"),
    HOST_CS_SELECTOR=(0x0C02, "host CS selector"),
    HOST_SS_SELECTOR=(0x0C04, "host SS selector"),
    HOST_DS_SELECTOR=(0x0C06, "host DS selector"),
    HOST_FS_SELECTOR=(0x0C08, "host FS selector"),
    HOST_GS_SELECTOR=(0x0C0A, "host GS selector"),
    HOST_TR_SELECTOR=(0x0C0C, "host TR selector"),
    # ---- 64-bit control
    IO_BITMAP_A=(0x2000, "address of I/O bitmap A"),
    IO_BITMAP_B=(0x2002, "address of I/O bitmap B"),
    MSR_BITMAPS=(0x2004, "address of MSR bitmaps"),
    EXIT_MSR_STORE_ADDRESS=(0x2006, "VM-exit MSR-store address"),
    EXIT_MSR_LOAD_ADDRESS=(0x2008, "VM-exit MSR-load address"),
    ENTRY_MSR_LOAD_ADDRESS=(0x200A, "VM-entry MSR-load address"),
    EXECUTIVE_VMCS_POINTER=(0x200C, "executive-VMCS pointer"),
    PML_ADDRESS=(0x200E, "PML address"),
    TSC_OFFSET=(0x2010, "TSC offset"),
    VIRTUAL_APIC_ADDRESS=(0x2012, "virtual-APIC address"),
    APIC_ACCESS_ADDRESS=(0x2014, "APIC-access address"),
    POSTED_INTERRUPT_DESCRIPTOR=(0x2016, "posted-interrupt descriptor address"),
    VM_FUNCTION_CONTROLS=(0x2018, "VM-function controls"),
    EPT_POINTER=(0x201A, "EPT pointer"),
    EOI_EXIT_BITMAP_0=(0x201C, "EOI-exit bitmap, vectors 0 to 63"),
    EOI_EXIT_BITMAP_1=(0x201E, "EOI-exit bitmap, vectors 64 to 127"),
    EOI_EXIT_BITMAP_2=(0x2020, "EOI-exit bitmap, vectors 128 to 191"),
    EOI_EXIT_BITMAP_3=(0x2022, "EOI-exit bitmap, vectors 192 to 255"),
    EPTP_LIST_ADDRESS=(0x2024, "EPTP-list address"),
    VMREAD_BITMAP=(0x2026, "VMREAD-bitmap address"),
    VMWRITE_BITMAP=(0x2028, "VMWRITE-bitmap address"),
    VE_INFORMATION_ADDRESS=(0x202A, "virtualization-exception information address"),
    XSS_EXITING_BITMAP=(0x202C, "XSS-exiting bitmap"),
    ENCLS_EXITING_BITMAP=(0x202E, "ENCLS-exiting bitmap"),
    SPP_TABLE_POINTER=(0x2030, "sub-page-permission-table pointer"),
    TSC_MULTIPLIER=(0x2032, "TSC multiplier"),
    TERTIARY_CONTROLS=(0x2034, "tertiary processor-based VM-execution controls"),
    ENCLV_EXITING_BITMAP=(0x2036, "ENCLV-exiting bitmap"),
    LOW_PASID_DIRECTORY=(0x2038, "low PASID directory address"),
    HIGH_PASID_DIRECTORY=(0x203A, "high PASID directory address"),
    SHARED_EPT_POINTER=(0x203C, "shared EPT pointer"),
    PCONFIG_EXITING_BITMAP=(0x203E, "PCONFIG-exiting bitmap"),
    HLAT_POINTER=(0x2040, "hypervisor-managed linear-address translation pointer"),
    PID_POINTER_TABLE=(0x2042, "PID-pointer table address"),
    SECONDARY_EXIT_CONTROLS=(0x2044, "secondary VM-exit controls"),
    SPEC_CTRL_MASK=(0x204A, "IA32_SPEC_CTRL mask"),
    SPEC_CTRL_SHADOW=(0x204C, "IA32_SPEC_CTRL shadow"),
    GUEST_DEADLINE_SHADOW=(0x204E, "guest deadline shadow"),
    INJECTED_EVENT_DATA=(0x2052, "injected-event data"),
    # ---- 64-bit read-only
    GUEST_PHYSICAL_ADDRESS=(0x2400, "guest-physical address"),
    MSR_DATA=(0x2402, "MSR data"),
    ORIGINAL_EVENT_DATA=(0x2404, "original-event data"),
    # ---- 64-bit guest
    VMCS_LINK_POINTER=(0x2800, "VMCS link pointer"),
    GUEST_DEBUGCTL=(0x2802, "guest IA32_DEBUGCTL"),
    GUEST_PAT=(0x2804, "guest IA32_PAT"),
    GUEST_EFER=(0x2806, "guest IA32_EFER"),
    GUEST_PERF_GLOBAL_CTRL=(0x2808, "guest IA32_PERF_GLOBAL_CTRL"),
    GUEST_PDPTE0=(0x280A, "guest PDPTE0"),
    GUEST_PDPTE1=(0x280C, "guest PDPTE1"),
    GUEST_PDPTE2=(0x280E, "guest PDPTE2"),
    GUEST_PDPTE3=(0x2810, "guest PDPTE3"),
    GUEST_BNDCFGS=(0x2812, "guest IA32_BNDCFGS"),
    GUEST_RTIT_CTL=(0x2814, "guest IA32_RTIT_CTL"),
    GUEST_LBR_CTL=(0x2816, "guest IA32_LBR_CTL"),
    GUEST_PKRS=(0x2818, "guest IA32_PKRS"),
    GUEST_FRED_CONFIG=(0x281A, "guest IA32_FRED_CONFIG"),
    GUEST_FRED_RSP1=(0x281C, "guest IA32_FRED_RSP1"),
    GUEST_FRED_RSP2=(0x281E, "guest IA32_FRED_RSP2"),
    GUEST_FRED_RSP3=(0x2820, "guest IA32_FRED_RSP3"),
    GUEST_FRED_STKLVLS=(0x2822, "guest IA32_FRED_STKLVLS"),
    GUEST_FRED_SSP1=(0x2824, "guest IA32_FRED_SSP1"),
    GUEST_FRED_SSP2=(0x2826, "guest IA32_FRED_SSP2"),
    GUEST_FRED_SSP3=(0x2828, "guest IA32_FRED_SSP3"),
    GUEST_SPEC_CTRL=(0x282E, "guest IA32_SPEC_CTRL"),
    GUEST_DEADLINE=(0x2830, "guest deadline"),
    # ---- 64-bit host
    HOST_PAT=(0x2C00, "host IA32_PAT"),
    HOST_EFER=(0x2C02, "host IA32_EFER"),
    HOST_PERF_GLOBAL_CTRL=(0x2C04, "host IA32_PERF_GLOBAL_CTRL"),
    HOST_PKRS=(0x2C06, "host IA32_PKRS"),
    HOST_FRED_CONFIG=(0x2C08, "host IA32_FRED_CONFIG"),
    HOST_FRED_RSP1=(0x2C0A, "host IA32_FRED_RSP1"),
    HOST_FRED_RSP2=(0x2C0C, "host IA32_FRED_RSP2"),
    HOST_FRED_RSP3=(0x2C0E, "host IA32_FRED_RSP3"),
    HOST_FRED_STKLVLS=(0x2C10, "host IA32_FRED_STKLVLS"),
    HOST_FRED_SSP1=(0x2C12, "host IA32_FRED_SSP1"),
    HOST_FRED_SSP2=(0x2C14, "host IA32_FRED_SSP2"),
    HOST_FRED_SSP3=(0x2C16, "host IA32_FRED_SSP3"),
    HOST_SPEC_CTRL=(0x2C1A, "host IA32_SPEC_CTRL"),
    # ---- 32-bit control
    PIN_BASED_CONTROLS=(0x4000, "pin-based VM-execution controls"),
    PRIMARY_CONTROLS=(0x4002, "primary processor-based VM-execution controls"),
    EXCEPTION_BITMAP=(0x4004, "exception bitmap"),
    PFEC_MASK=(0x4006, "page-fault error-code mask"),
    PFEC_MATCH=(0x4008, "page-fault error-code match"),
    CR3_TARGET_COUNT=(0x400A, "CR3-target count"),
    EXIT_CONTROLS=(0x400C, "primary VM-exit controls"),
    EXIT_MSR_STORE_COUNT=(0x400E, "VM-exit MSR-store count"),
    EXIT_MSR_LOAD_COUNT=(0x4010, "VM-exit MSR-load count"),
    ENTRY_CONTROLS=(0x4012, "VM-entry controls"),
    ENTRY_MSR_LOAD_COUNT=(0x4014, "VM-entry MSR-load count"),
    ENTRY_INTERRUPTION_INFO=(0x4016, "VM-entry interruption-information field"),
    ENTRY_EXCEPTION_ERROR_CODE=(0x4018, "VM-entry exception error code"),
    ENTRY_INSTRUCTION_LENGTH=(0x401A, "VM-entry instruction length"),
    TPR_THRESHOLD=(0x401C, "TPR threshold"),
    SECONDARY_CONTROLS=(0x401E, "secondary processor-based VM-execution controls"),
    PLE_GAP=(0x4020, "PAUSE-loop exiting gap"),
    PLE_WINDOW=(0x4022, "PAUSE-loop exiting window"),
    INSTRUCTION_TIMEOUT=(0x4024, "instruction-timeout control"),
    SEAM_GUEST_KEY_ID=(0x4026, "SEAM guest key identifier"),
    # ---- 32-bit read-only
    VM_INSTRUCTION_ERROR=(0x4400, "VM-instruction error"),
    EXIT_REASON=(0x4402, "exit reason"),
    EXIT_INTERRUPTION_INFO=(0x4404, "VM-exit interruption information"),
    EXIT_INTERRUPTION_ERROR_CODE=(0x4406, "VM-exit interruption error code"),
    IDT_VECTORING_INFO=(0x4408, "IDT-vectoring information field"),
    IDT_VECTORING_ERROR_CODE=(0x440A, "IDT-vectoring error code"),
    EXIT_INSTRUCTION_LENGTH=(0x440C, "VM-exit instruction length"),
    EXIT_INSTRUCTION_INFO=(0x440E, "VM-exit instruction information"),
    # ---- 32-bit guest
    GUEST_ES_LIMIT=(0x4800, "guest ES limit"),
    GUEST_CS_LIMIT=(0x4802, "guest CS limit"),
    GUEST_SS_LIMIT=(0x4804, "guest SS limit"),
    GUEST_DS_LIMIT=(0x4806, "guest DS limit"),
    GUEST_FS_LIMIT=(0x4808, "guest FS limit"),
    GUEST_GS_LIMIT=(0x480A, "guest GS limit"),
    GUEST_LDTR_LIMIT=(0x480C, "guest LDTR limit"),
    GUEST_TR_LIMIT=(0x480E, "guest TR limit"),
    GUEST_GDTR_LIMIT=(0x4810, "guest GDTR limit"),
    GUEST_IDTR_LIMIT=(0x4812, "guest IDTR limit"),
    GUEST_ES_ACCESS_RIGHTS=(0x4814, "guest ES access rights"),
    GUEST_CS_ACCESS_RIGHTS=(0x4816, "guest CS access rights"),
    GUEST_SS_ACCESS_RIGHTS=(0x4818, "guest SS access rights"),
    GUEST_DS_ACCESS_RIGHTS=(0x481A, "guest DS access rights"),
    GUEST_FS_ACCESS_RIGHTS=(0x481C, "guest FS access rights"),
    GUEST_GS_ACCESS_RIGHTS=(0x481E, "guest GS access rights"),
    GUEST_LDTR_ACCESS_RIGHTS=(0x4820, "guest LDTR access rights"),
    GUEST_TR_ACCESS_RIGHTS=(0x4822, "guest TR access rights"),
    GUEST_INTERRUPTIBILITY=(0x4824, "guest interruptibility state"),
    GUEST_ACTIVITY=(0x4826, "guest activity state"),
    GUEST_SMBASE=(0x4828, "guest SMBASE"),
    GUEST_SYSENTER_CS=(0x482A, "guest IA32_SYSENTER_CS"),
    PREEMPTION_TIMER=(0x482E, "VMX-preemption timer value"),
    # ---- 32-bit host
    HOST_SYSENTER_CS=(0x4C00, "host IA32_SYSENTER_CS"),
    # ---- natural-width control
    CR0_MASK=(0x6000, "CR0 guest/host mask"),
    CR4_MASK=(0x6002, "CR4 guest/host mask"),
    CR0_READ_SHADOW=(0x6004, "CR0 read shadow"),
    CR4_READ_SHADOW=(0x6006, "CR4 read shadow"),
    CR3_TARGET_0=(0x6008, "CR3-target value 0"),
    CR3_TARGET_1=(0x600A, "CR3-target value 1"),
    CR3_TARGET_2=(0x600C, "CR3-target value 2"),
    CR3_TARGET_3=(0x600E, "CR3-target value 3"),
    # ---- natural-width read-only
    EXIT_QUALIFICATION=(0x6400, "exit qualification"),
    IO_RCX=(0x6402, "I/O RCX"),
    IO_RSI=(0x6404, "I/O RSI"),
    IO_RDI=(0x6406, "I/O RDI"),
    IO_RIP=(0x6408, "I/O RIP"),
    GUEST_LINEAR_ADDRESS=(0x640A, "guest-linear address"),
    # ---- natural-width guest
    GUEST_CR0=(0x6800, "guest CR0"),
    GUEST_CR3=(0x6802, "guest CR3"),
    GUEST_CR4=(0x6804, "guest CR4"),
    GUEST_ES_BASE=(0x6806, "guest ES base"),
    GUEST_CS_BASE=(0x6808, "guest CS base"),
    GUEST_SS_BASE=(0x680A, "guest SS base"),
    GUEST_DS_BASE=(0x680C, "guest DS base"),
    GUEST_FS_BASE=(0x680E, "guest FS base"),
    GUEST_GS_BASE=(0x6810, "guest GS base"),
    GUEST_LDTR_BASE=(0x6812, "guest LDTR base"),
    GUEST_TR_BASE=(0x6814, "guest TR base"),
    GUEST_GDTR_BASE=(0x6816, "guest GDTR base"),
    GUEST_IDTR_BASE=(0x6818, "guest IDTR base"),
    GUEST_DR7=(0x681A, "guest DR7"),
    GUEST_RSP=(0x681C, "guest RSP"),
    GUEST_RIP=(0x681E, "guest RIP"),
    GUEST_RFLAGS=(0x6820, "guest RFLAGS"),
    GUEST_PENDING_DEBUG=(0x6822, "guest pending debug exceptions"),
    GUEST_SYSENTER_ESP=(0x6824, "guest IA32_SYSENTER_ESP"),
    GUEST_SYSENTER_EIP=(0x6826, "guest IA32_SYSENTER_EIP"),
    GUEST_S_CET=(0x6828, "guest IA32_S_CET"),
    GUEST_SSP=(0x682A, "guest SSP"),
    GUEST_INTERRUPT_SSP_TABLE=(0x682C, "guest IA32_INTERRUPT_SSP_TABLE_ADDR"),
    # ---- natural-width host
    HOST_CR0=(0x6C00, "host CR0"),
    HOST_CR3=(0x6C02, "host CR3"),
    HOST_CR4=(0x6C04, "host CR4"),
    HOST_FS_BASE=(0x6C06, "host FS base"),
    HOST_GS_BASE=(0x6C08, "host GS base"),
    HOST_TR_BASE=(0x6C0A, "host TR base"),
    HOST_GDTR_BASE=(0x6C0C, "host GDTR base"),
    HOST_IDTR_BASE=(0x6C0E, "host IDTR base"),
    HOST_SYSENTER_ESP=(0x6C10, "host IA32_SYSENTER_ESP"),
    HOST_SYSENTER_EIP=(0x6C12, "host IA32_SYSENTER_EIP"),
    HOST_RSP=(0x6C14, "host RSP"),
    HOST_RIP=(0x6C16, "host RIP"),
    HOST_S_CET=(0x6C18, "host IA32_S_CET"),
    HOST_SSP=(0x6C1A, "host SSP"),
    HOST_INTERRUPT_SSP_TABLE=(0x6C1C, "host IA32_INTERRUPT_SSP_TABLE_ADDR"),
)

# ---- our region: word 0 revision identifier (31:0) and VMX-abort indicator (63:32), word 1 launch state ----
REGION_WORDS = 512
REGION = codes("REGION", "ours: words of the VMCS region before the fields",
    REVISION=(0, "revision identifier (30:0), shadow-VMCS indicator (31), VMX-abort indicator (63:32)"),
    LAUNCH=(1, "launch state: 0 clear, 1 launched"))
FIRST_FIELD = 2

_NAMES = sorted(VMCS._fields, key=lambda name: int(getattr(VMCS, name)))
FIELD = namedtuple("FIELD", VMCS._fields)(**{name: U64(_NAMES.index(name) + FIRST_FIELD) for name in VMCS._fields})


def width_of(encoding):
    """Return the width in bits of the field with this encoding (natural width is 64)."""
    return (16, 64, 32, 64)[int(encoding) >> shift_of(ENCODING.WIDTH) & 3]


def group_of(encoding):
    """Return the GROUP code of the field with this encoding as int."""
    return int(encoding) >> shift_of(ENCODING.GROUP) & 3


def name_at(index):
    """Return the name of the field at word `index` of the region."""
    return _NAMES[int(index) - FIRST_FIELD]


def text_at(index):
    """Return the manual's words for the field at word `index` of the region."""
    return details(VMCS).rows[name_at(index)][-1]


# ---- for kernels: width, group and the low six index bits of an encoding select a slot, it holds the word index ----
INDEX_BITS = 6


def _slot(encoding):
    width, index = int(encoding) >> shift_of(ENCODING.WIDTH), int(encoding) >> shift_of(ENCODING.INDEX) & 511
    if index >> INDEX_BITS:
        raise ValueError(f"encoding {int(encoding):#x}: index {index} does not fit {INDEX_BITS} bits")
    return width << INDEX_BITS + 2 | group_of(encoding) << INDEX_BITS | index


def _arrays():
    index = np.zeros(1 << (INDEX_BITS + 4), np.uint64)            # slot -> word index, 0 = no such field
    mask = np.zeros(REGION_WORDS, np.uint64)                      # word index -> bits the field has
    read_only = np.zeros(REGION_WORDS, np.uint64)                 # word index -> 1 for VM-exit information
    encoding = np.zeros(REGION_WORDS, np.uint64)                  # word index -> encoding
    for name, number in zip(VMCS._fields, VMCS, strict=True):
        word = getattr(FIELD, name)
        index[_slot(number)] = word
        mask[word] = (1 << width_of(number)) - 1
        read_only[word] = group_of(number) == int(GROUP.INFORMATION)
        encoding[word] = number
    return namedtuple("ENCODINGS", "index mask read_only encoding")(index, mask, read_only, encoding)


ENCODINGS = _arrays()
