# Expect: pass. x2APIC mode: registers by MSR, 64-bit ICR, self IPI; the page is gone; illegal registers and bits fault.
        .include "lib.s"

        .equ    X2, X2APIC_FIRST
test:   mov     eax, 1
        cpuid
        test    ecx, FEATURE_C_X2APIC
        jz      none
        ON      0x60, seen
        RDMSR   MSR_APIC_BASE
        or      rax, APICBASE_EXTD
        WRMSR   MSR_APIC_BASE, rax
        RDMSR   X2 + APIC_ID
        EQ      eax, 0
        WRMSR   X2 + APIC_SVR, SVR_ENABLE | 0xFF
        RDMSR   X2 + APIC_LDR
        EQ      eax, 1                          # cluster 0, bit 0
        WRMSR   X2 + APIC_SELF_IPI, 0x60
        sti
        nop
        nop
        cli
        EQ      dword ptr [rip + count], 1
        WRMSR   X2 + APIC_ICR, ICR_ASSERT | 0x60        # destination 0
        sti
        nop
        nop
        cli
        EQ      dword ptr [rip + count], 2
        mov     ecx, X2 + 0x0E                  # DFR does not exist
        EXPECT  VECTOR_GP
        rdmsr
        CAUGHT
        mov     ecx, X2 + APIC_EOI
        xor     edx, edx
        mov     eax, 1
        EXPECT  VECTOR_GP
        wrmsr                                   # EOI takes 0 only
        CAUGHT
        mov     ecx, X2 + APIC_SELF_IPI
        EXPECT  VECTOR_GP
        rdmsr                                   # write-only
        CAUGHT
        mov     ecx, X2 + APIC_ID
        xor     eax, eax
        EXPECT  VECTOR_GP
        wrmsr                                   # read-only
        CAUGHT
        RDMSR   MSR_APIC_BASE
        and     rax, ~APICBASE_EXTD             # back to xAPIC mode only by way of disabling
        xor     edx, edx
        EXPECT  VECTOR_GP
        wrmsr
        CAUGHT
none:   PASS
seen:   inc     dword ptr [rip + count]
        WRMSR   X2 + APIC_EOI, 0
        ret
        .align  8
count:  .quad   0
