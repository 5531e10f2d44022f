# Expect: pass. An enlightened partition finds the Hyper-V leaves, a hypervisor bit, and neither VMX nor XSAVE.
        .include "hvlib.s"

        .macro  LEAF number
        mov     eax, \number
        xor     ecx, ecx
        cpuid
        .endm
test:   LEAF    HVLEAF_VENDOR
        EQ      eax, HVLEAF_LIMITS
        EQ      ebx, HVTEXT_EBX
        EQ      ecx, HVTEXT_ECX
        EQ      edx, HVTEXT_EDX
        LEAF    HVLEAF_INTERFACE
        EQ      eax, HVTEXT_INTERFACE
        LEAF    HVLEAF_FEATURES
        BITS    eax, PRIVILEGE_HYPERCALL
        BITS    eax, PRIVILEGE_VP_INDEX
        BITS    eax, PRIVILEGE_REFERENCE_COUNTER
        NOBITS  eax, PRIVILEGE_SYNIC
        BITS    ebx, PRIVILEGE_POST_MESSAGES >> 32
        LEAF    HVLEAF_LIMITS
        EQ      eax, 1
        LEAF    HVLEAF_LIMITS + 1
        EQ      eax, 0
        LEAF    LEAF_FEATURES
        BITS    ecx, 0x80000000
        NOBITS  ecx, FEATURE_C_VMX
        NOBITS  ecx, FEATURE_C_XSAVE
        NOBITS  ecx, FEATURE_C_MONITOR
        NOBITS  edx, FEATURE_D_MTRR
        PASS
