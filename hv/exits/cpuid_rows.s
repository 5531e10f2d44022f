# cpuid_rows.s - what of the processor's leaves is shown, and the hypervisor's own leaves.
#
# Source  SDM 2A, "CPUID"; TLFS, "Feature and Interface Discovery"

        .equ    VARIES_1, 1 << 2 | 1 << 4 | 1 << 7 | 1 << 0x0B | 1 << 0x0D | 1 << 0x0F | 1 << 0x10
        .balign 8
# Leaves below CPUID_ROWS whose answer depends on ECX, or that are seldom asked for.
cpuid_varies:
        .quad   VARIES_1 | 1 << 0x12 | 1 << 0x14 | 1 << 0x17 | 1 << 0x18 | 1 << 0x1B | 1 << 0x1D | 1 << 0x1F

        .equ    OFFER_C_1, FEATURE_C_SSE3 | FEATURE_C_PCLMULQDQ | FEATURE_C_SSSE3 | FEATURE_C_CX16 | FEATURE_C_PCID
        .equ    OFFER_C_2, OFFER_C_1 | FEATURE_C_SSE4_1 | FEATURE_C_SSE4_2 | FEATURE_C_X2APIC | FEATURE_C_MOVBE
        .equ    OFFER_C, OFFER_C_2 | FEATURE_C_POPCNT | FEATURE_C_TSC_DEADLINE | FEATURE_C_AES | FEATURE_C_RDRAND
        .equ    OFFER_D_1, FEATURE_D_FPU | FEATURE_D_DE | FEATURE_D_PSE | FEATURE_D_TSC | FEATURE_D_MSR
        .equ    OFFER_D_2, OFFER_D_1 | FEATURE_D_PAE | FEATURE_D_MCE | FEATURE_D_CX8 | FEATURE_D_APIC | FEATURE_D_SEP
        .equ    OFFER_D_3, OFFER_D_2 | FEATURE_D_PGE | FEATURE_D_CMOV | FEATURE_D_PAT | FEATURE_D_CLFSH
        .equ    OFFER_D, OFFER_D_3 | FEATURE_D_MMX | FEATURE_D_FXSR | FEATURE_D_SSE | FEATURE_D_SSE2
        .equ    OFFER_7B_1, FEATURE_7B_FSGSBASE | FEATURE_7B_BMI1 | FEATURE_7B_SMEP | FEATURE_7B_BMI2
        .equ    OFFER_7B_2, OFFER_7B_1 | FEATURE_7B_ERMS | FEATURE_7B_INVPCID | FEATURE_7B_NO_FPU_CS
        .equ    OFFER_7B, OFFER_7B_2 | FEATURE_7B_RDSEED | FEATURE_7B_ADX | FEATURE_7B_SMAP
        .equ    OFFER_7C, FEATURE_7C_RDPID | FEATURE_7C_LA57
        .equ    OFFER_XC, EXTENDED_C_LAHF | EXTENDED_C_LZCNT | EXTENDED_C_PREFETCHW
        .equ    OFFER_XD, EXTENDED_D_SYSCALL | EXTENDED_D_NX | EXTENDED_D_PAGE_1G | EXTENDED_D_RDTSCP | EXTENDED_D_LM

# leaf, keep EAX EBX ECX EDX, set EAX EBX ECX EDX
        .equ    CPUID_FILTER, 36
cpuid_filters:
        .long   LEAF_FEATURES, 0xFFFFFFFF, 0x0000FF00, OFFER_C, OFFER_D, 0, 0x00010000, 0, 0
        .long   LEAF_CACHES, 0x00003FFF, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0, 0, 0, 0
        .long   LEAF_MONITOR, 0, 0, 0, 0, 0, 0, 0, 0
        .long   LEAF_POWER, 0x00000004, 0, 0, 0, 0, 0, 0, 0
        .long   LEAF_EXTENDED_FEATURES, 0, OFFER_7B, OFFER_7C, 0, 0, 0, 0, 0
        .long   LEAF_PERFORMANCE, 0, 0, 0, 0, 0, 0, 0, 0
        .long   LEAF_TOPOLOGY, 0, 0, 0, 0, 0, 0, 0, 0
        .long   LEAF_STATE, 0, 0, 0, 0, 0, 0, 0, 0
        .long   0x0000000F, 0, 0, 0, 0, 0, 0, 0, 0
        .long   0x00000010, 0, 0, 0, 0, 0, 0, 0, 0
        .long   0x00000012, 0, 0, 0, 0, 0, 0, 0, 0
        .long   0x00000014, 0, 0, 0, 0, 0, 0, 0, 0
        .long   0x0000001F, 0, 0, 0, 0, 0, 0, 0, 0
        .long   LEAF_EXTENDED_1, 0xFFFFFFFF, 0xFFFFFFFF, OFFER_XC, OFFER_XD, 0, 0, 0, 0
        .long   LEAF_ADDRESSES, 0x0000FFFF, 0, 0, 0, 0, 0, 0, 0
        .long   0xFFFFFFFF

        .balign 16
cpuid_hv:
        .long   HVLEAF_NESTED_FEATURES, HVTEXT_EBX, HVTEXT_ECX, HVTEXT_EDX
        .long   HVTEXT_INTERFACE, 0, 0, 0
        .long   1, 1 << 16, 0, 0                # build 1, version 1.0
        .long   0, 0, 0, 0                      # exit_cpuid_features
        .long   ADVICE, SPIN_ADVICE
cpuid_hv_width:
        .long   0, 0
        .long   VP_MOST, PROCESSORS, 0, 0
        .long   HVHARDWARE_APIC_ASSIST | HVHARDWARE_MSR_BITMAPS | HVHARDWARE_SLAT | HVHARDWARE_UNRESTRICTED, 0, 0, 0
        .long   0, 0, 0, 0

        .equ    SPIN_ADVICE, 0xFFF              # tries before HvCallNotifyLongSpinWait
        .equ    FEATURES_1, HVFEATURE_FAST_INPUT | HVFEATURE_IDLE | HVFEATURE_FREQUENCIES | HVFEATURE_CRASH | HVFEATURE_FAST_OUTPUT
        .equ    FEATURES, FEATURES_1 | HVFEATURE_POLLING | HVFEATURE_LOCK | HVFEATURE_DIRECT_TIMERS
        .equ    ADVICE_1, HVADVICE_REMOTE_FLUSH | HVADVICE_APIC_MSRS | HVADVICE_RESET | HVADVICE_RELAXED_TIMING
        .equ    ADVICE, ADVICE_1 | HVADVICE_CLUSTER_IPI | HVADVICE_EX_MASKS
        .equ    CHILD_1, PRIVILEGE_VP_RUN_TIME | PRIVILEGE_REFERENCE_COUNTER | PRIVILEGE_SYNIC | PRIVILEGE_TIMERS | PRIVILEGE_APIC
        .equ    CHILD_2, CHILD_1 | PRIVILEGE_HYPERCALL | PRIVILEGE_VP_INDEX | PRIVILEGE_RESET | PRIVILEGE_REFERENCE_TSC
        .equ    CHILD_3, CHILD_2 | PRIVILEGE_GUEST_IDLE | PRIVILEGE_FREQUENCIES | PRIVILEGE_POST_MESSAGES
        .equ    PRIVILEGES_CHILD, CHILD_3 | PRIVILEGE_SIGNAL_EVENTS | PRIVILEGE_VP_REGISTERS

        .balign 32
cpuid_none:                                     # nothing prepared
        .fill   CPUID_ROWS * CPUID_ROW, 1, 0
cpuid_plain:
        .fill   CPUID_ROWS * CPUID_ROW, 1, 0
cpuid_enlightened:
        .fill   CPUID_ROWS * CPUID_ROW, 1, 0
cpuid_created:
        .fill   CPUID_ROWS * CPUID_ROW, 1, 0
