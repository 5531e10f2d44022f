# Expect: pass. An enlightened partition finds the Hyper-V leaves, a hypervisor bit, and neither VMX nor XSAVE.
        .include "hvlib.s"

        .macro  LEAF number
        mov     eax, \number
        xor     ecx, ecx
        cpuid
        .endm
test:   LEAF    HVLEAF_VENDOR
        EQ      eax, HVLEAF_NESTED_FEATURES
        EQ      ebx, HVTEXT_EBX
        EQ      ecx, HVTEXT_ECX
        EQ      edx, HVTEXT_EDX
        LEAF    HVLEAF_INTERFACE
        EQ      eax, HVTEXT_INTERFACE
        LEAF    HVLEAF_FEATURES
        BITS    eax, PRIVILEGE_HYPERCALL
        BITS    eax, PRIVILEGE_VP_INDEX
        BITS    eax, PRIVILEGE_REFERENCE_COUNTER
        BITS    eax, PRIVILEGE_SYNIC
        BITS    eax, PRIVILEGE_TIMERS
        BITS    eax, PRIVILEGE_REFERENCE_TSC
        NOBITS  eax, PRIVILEGE_STATS
        BITS    ebx, PRIVILEGE_POST_MESSAGES >> 32
        NOBITS  ebx, PRIVILEGE_CREATE_PARTITIONS >> 32
        BITS    edx, HVFEATURE_DIRECT_TIMERS
        BITS    edx, HVFEATURE_FAST_INPUT
        LEAF    HVLEAF_VERSION
        EQ      ebx, 1 << 16                    # version 1.0
        LEAF    HVLEAF_ADVICE
        BITS    eax, HVADVICE_EX_MASKS
        BELOW   ecx, 53                         # bits of physical addresses
        LEAF    HVLEAF_MANAGEMENT
        EQ      eax, 0
        LEAF    HVLEAF_SVM
        EQ      eax, 0
        LEAF    HVLEAF_NESTED
        EQ      eax, 0
        LEAF    HVLEAF_LIMITS
        EQ      eax, 64
        LEAF    HVLEAF_HARDWARE
        BITS    eax, HVHARDWARE_SLAT
        LEAF    HVLEAF_NESTED_FEATURES
        EQ      eax, 0
        LEAF    HVLEAF_NESTED_FEATURES + 1
        EQ      eax, 0
        LEAF    LEAF_FEATURES
        BITS    ecx, 0x80000000
        NOBITS  ecx, FEATURE_C_VMX
        NOBITS  ecx, FEATURE_C_XSAVE
        NOBITS  ecx, FEATURE_C_MONITOR
        NOBITS  edx, FEATURE_D_MTRR
        PASS
