# Expect: pass. RDMSR and WRMSR refuse unknown registers, reserved bits and non-canonical addresses by #GP(0).
        .include "lib.s"

        .macro  NO_READ msr
        mov     ecx, \msr
        EXPECT  VECTOR_GP
        rdmsr
        CAUGHT
        .endm
        .macro  NO_WRITE msr, value
        mov     ecx, \msr
        mov     rax, \value
        mov     rdx, rax
        shr     rdx, 32
        EXPECT  VECTOR_GP
        wrmsr
        CAUGHT
        .endm
test:   NO_READ 0x12345678
        NO_WRITE 0x12345678, 0
        NO_READ 0x40000100                      # nothing there on bare hardware
        mov     rcx, 0xFFFFFFFF00000000 + MSR_EFER      # only ECX counts
        rdmsr
        BITS    eax, EFER_LMA
        NO_WRITE MSR_PAT, 0x02                  # reserved memory types
        NO_WRITE MSR_PAT, 0x0100000000000008
        NO_WRITE MSR_FS_BASE, 1 << (LINEAR_BITS - 1)
        NO_WRITE MSR_GS_BASE, 0x8000000000000000
        NO_WRITE MSR_SYSENTER_EIP, 1 << (LINEAR_BITS - 1)
        NO_WRITE MSR_APIC_BASE, 0xFEE00400      # x2APIC without the global enable
        NO_WRITE MSR_APIC_BASE, 0xFEE00801      # reserved
        NO_WRITE MSR_MTRRCAP, 0                 # read-only
        NO_WRITE MSR_MTRR_DEF_TYPE, 2           # reserved type
        RDMSR   MSR_PKG_CST_CONFIG_CONTROL
        EQ      eax, 1 << 15                    # locked by the firmware
        NO_WRITE MSR_PKG_CST_CONFIG_CONTROL, 0
        WRMSR   MSR_POWER_CTL, 2                # C1E
        RDMSR   MSR_POWER_CTL
        EQ      eax, 2
        NO_WRITE MSR_POWER_CTL, 1 << 40
        NO_WRITE MSR_FEATURE_CONTROL, 0         # locked by the firmware
        RDMSR   MSR_FEATURE_CONTROL
        and     eax, 5
        EQ      eax, 5
        WRMSR   MSR_FS_BASE, 0x123456789ABC
        RDMSR   MSR_FS_BASE
        EQ64    rax, 0x123456789ABC
        xor     eax, eax
        mov     fs, eax
        WRMSR   MSR_TSC_AUX, 0x1234
        rdtscp
        EQ      ecx, 0x1234
        NO_WRITE MSR_TSC_AUX, 1 << 32
        PASS
