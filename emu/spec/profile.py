"""The processor profile: what this virtual processor offers, as its capability MSRs say it.

A control is allowed only if the model carries it out.  Left out, with what they would need: virtualize APIC
accesses, x2APIC mode, APIC-register virtualization, virtual-interrupt delivery and posted interrupts (a
virtual-APIC unit); PAUSE-loop exiting; VM functions, VMCS shadowing; ENCLS and ENCLV; PML; #VE; XSAVES; MBEC;
SPP; PT; user wait; PCONFIG; bus-lock detection; instruction timeout; tertiary controls; load and save of
PERF_GLOBAL_CTRL, BNDCFGS, RTIT_CTL, LBR_CTL, UINV, CET, PKRS, FRED, SPEC_CTRL; dual-monitor treatment of SMM.
"""
from collections import namedtuple

import numpy as np

from emu.bits import U64
from emu.spec.cpu import CR0, CR4, EFER
from emu.spec.vmcs import HIGHEST_INDEX
from emu.spec.vmx import BASIC, ENTRYC, EPTCAP, EXITC, MISC, PIN, PROC, PROC2, VMXMSR

PHYSICAL_BITS = 39                                  # MAXPHYADDR, CPUID.80000008H:EAX[7:0]
LINEAR_BITS = 48                                    # CPUID.80000008H:EAX[15:8]

# ---- controls: what is allowed, and the default-1 class (SDM 3D, "Reserved Controls and Default Settings") ----
DEFAULT1_PIN, DEFAULT1_PROC = 0x0000_0016, 0x0401_E172
DEFAULT1_EXIT, DEFAULT1_ENTRY = 0x0003_6DFF, 0x0000_11FF
CLEARABLE_PROC = int(PROC.CR3_LOAD | PROC.CR3_STORE)           # default-1 controls that the TRUE MSRs free
CLEARABLE_EXIT, CLEARABLE_ENTRY = int(EXITC.SAVE_DEBUG), int(ENTRYC.LOAD_DEBUG)

PIN_ALLOWED = PIN.EXTERNAL_INTERRUPT | PIN.NMI | PIN.VIRTUAL_NMIS | PIN.PREEMPTION_TIMER
PROC_ALLOWED = (
    PROC.INTERRUPT_WINDOW | PROC.TSC_OFFSETTING | PROC.HLT | PROC.INVLPG | PROC.MWAIT | PROC.RDPMC | PROC.RDTSC |
    PROC.CR3_LOAD | PROC.CR3_STORE | PROC.CR8_LOAD | PROC.CR8_STORE | PROC.TPR_SHADOW | PROC.NMI_WINDOW | PROC.MOV_DR |
    PROC.IO | PROC.IO_BITMAPS | PROC.MTF | PROC.MSR_BITMAPS | PROC.MONITOR | PROC.PAUSE | PROC.SECONDARY)
PROC2_ALLOWED = (
    PROC2.EPT | PROC2.DESCRIPTOR_TABLE | PROC2.RDTSCP | PROC2.VPID | PROC2.WBINVD | PROC2.UNRESTRICTED | PROC2.RDRAND |
    PROC2.INVPCID | PROC2.RDSEED | PROC2.TSC_SCALING)
EXIT_ALLOWED = (
    EXITC.SAVE_DEBUG | EXITC.HOST_64 | EXITC.ACK_INTERRUPT | EXITC.SAVE_PAT | EXITC.LOAD_PAT | EXITC.SAVE_EFER |
    EXITC.LOAD_EFER | EXITC.SAVE_TIMER)
ENTRY_ALLOWED = ENTRYC.LOAD_DEBUG | ENTRYC.GUEST_64 | ENTRYC.LOAD_PAT | ENTRYC.LOAD_EFER

# ---- control registers and EFER: bits that exist -----------------------------------------------------------
CR0_MUST = int(CR0.PE | CR0.NE | CR0.PG)
CR0_MAY = 0xFFFF_FFFF
CR4_MUST = int(CR4.VMXE)
CR4_MAY = int(
    CR4.VME | CR4.PVI | CR4.TSD | CR4.DE | CR4.PSE | CR4.PAE | CR4.MCE | CR4.PGE | CR4.PCE | CR4.OSFXSR | CR4.OSXMMEXCPT |
    CR4.UMIP | CR4.VMXE | CR4.FSGSBASE | CR4.PCIDE | CR4.OSXSAVE | CR4.SMEP | CR4.SMAP)
EFER_MAY = int(EFER.SCE | EFER.LME | EFER.LMA | EFER.NXE)
DEBUGCTL_MAY = 0x3                                  # LBR, BTF
DEBUGCTL_LBR, DEBUGCTL_BTF = U64(1), U64(2)

# ---- capability values --------------------------------------------------------------------------------------
REVISION = 0x6876_6C31                              # VMCS revision identifier: "hvl1"
WRITE_BACK = 6
CR3_TARGETS = 4
TIMER_RATE = 5

BASIC_VALUE = REVISION | 4096 << 32 | WRITE_BACK << 50 | int(BASIC.INS_OUTS | BASIC.TRUE)
MISC_VALUE = TIMER_RATE | int(MISC.STORE_LMA | MISC.HLT | MISC.SHUTDOWN | MISC.WAIT_SIPI | MISC.LENGTH_0) | CR3_TARGETS << 16
EPT_VALUE = int(
    EPTCAP.EXECUTE_ONLY | EPTCAP.WALK_4 | EPTCAP.UC | EPTCAP.WB | EPTCAP.PAGE_2M | EPTCAP.PAGE_1G | EPTCAP.INVEPT |
    EPTCAP.AD | EPTCAP.INVEPT_SINGLE | EPTCAP.INVEPT_ALL | EPTCAP.INVVPID | EPTCAP.INVVPID_ADDRESS | EPTCAP.INVVPID_SINGLE |
    EPTCAP.INVVPID_ALL | EPTCAP.INVVPID_GLOBALS)


def _capability(must, may):
    """Return a control capability MSR: 31:0 controls that must be 1, 63:32 controls that may be 1."""
    return must | (int(may) | must) << 32


CAPABILITIES = {
    int(VMXMSR.BASIC): BASIC_VALUE,
    int(VMXMSR.PIN): _capability(DEFAULT1_PIN, PIN_ALLOWED),
    int(VMXMSR.PROC): _capability(DEFAULT1_PROC, PROC_ALLOWED),
    int(VMXMSR.EXIT): _capability(DEFAULT1_EXIT, EXIT_ALLOWED),
    int(VMXMSR.ENTRY): _capability(DEFAULT1_ENTRY, ENTRY_ALLOWED),
    int(VMXMSR.MISC): MISC_VALUE,
    int(VMXMSR.CR0_FIXED0): CR0_MUST,
    int(VMXMSR.CR0_FIXED1): CR0_MAY,
    int(VMXMSR.CR4_FIXED0): CR4_MUST,
    int(VMXMSR.CR4_FIXED1): CR4_MAY,
    int(VMXMSR.VMCS_ENUM): HIGHEST_INDEX << 1,
    int(VMXMSR.PROC2): _capability(0, PROC2_ALLOWED),
    int(VMXMSR.EPT_VPID_CAP): EPT_VALUE,
    int(VMXMSR.TRUE_PIN): _capability(DEFAULT1_PIN, PIN_ALLOWED),
    int(VMXMSR.TRUE_PROC): _capability(DEFAULT1_PROC & ~CLEARABLE_PROC, PROC_ALLOWED),
    int(VMXMSR.TRUE_EXIT): _capability(DEFAULT1_EXIT & ~CLEARABLE_EXIT, EXIT_ALLOWED),
    int(VMXMSR.TRUE_ENTRY): _capability(DEFAULT1_ENTRY & ~CLEARABLE_ENTRY, ENTRY_ALLOWED),
}                                                   # 0x491 does not exist: no VM functions

# For kernels: CAPABILITY[number - FIRST_CAPABILITY], valid where CAPABILITY_EXISTS is 1.
FIRST_CAPABILITY = U64(0x480)
CAPABILITY = np.array([CAPABILITIES.get(0x480 + n, 0) for n in range(32)], np.uint64)
CAPABILITY_EXISTS = np.array([0x480 + n in CAPABILITIES for n in range(32)], np.uint64)

Allowed = namedtuple("Allowed", "must may")         # bits that must be 1, bits that may be 1 (uint64)


def _allowed(number):
    return Allowed(U64(CAPABILITIES[int(number)] & 0xFFFF_FFFF), U64(CAPABILITIES[int(number)] >> 32))


PIN_RULE, PROC_RULE, PROC2_RULE = _allowed(VMXMSR.TRUE_PIN), _allowed(VMXMSR.TRUE_PROC), _allowed(VMXMSR.PROC2)
EXIT_RULE, ENTRY_RULE = _allowed(VMXMSR.TRUE_EXIT), _allowed(VMXMSR.TRUE_ENTRY)
CR0_RULE, CR4_RULE = Allowed(U64(CR0_MUST), U64(CR0_MAY)), Allowed(U64(CR4_MUST), U64(CR4_MAY))
