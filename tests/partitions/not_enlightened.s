# Expect: pass. A partition that is not enlightened sees a bare processor: no leaves, no synthetic MSR, VMCALL is #UD.
        .include "hvlib.s"

test:   mov     eax, LEAF_FEATURES
        cpuid
        NOBITS  ecx, 0x80000000
        mov     eax, HVLEAF_VENDOR
        xor     ecx, ecx
        cpuid
        NE      ebx, HVTEXT_EBX
        mov     ecx, HVMSR_GUEST_OS_ID
        EXPECT  VECTOR_GP
        rdmsr
        CAUGHT
        mov     ecx, HVMSR_TIME_REF_COUNT
        EXPECT  VECTOR_GP
        rdmsr
        CAUGHT
        EXPECT  VECTOR_UD
        vmcall
        CAUGHT
        PASS
