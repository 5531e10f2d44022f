# Expect: pass. An access to device memory in a form that is not supported is #GP(0); ones that are fetched there are #UD; the guest lives on.
        .include "hvlib.s"

        .equ    NOWHERE, 0xF0000000
        .macro  REFUSED operation
        EXPECT  VECTOR_GP
        \operation
        CAUGHT
        .endm
        .macro  REFUSED_TWO operation, first, second
        EXPECT  VECTOR_GP
        \operation \first, \second
        CAUGHT
        .endm

        .macro  FORMS at
        xor     eax, eax
        REFUSED_TWO xchg, [\at + APIC_TPR*16], eax
        REFUSED inc dword ptr [\at + APIC_TPR*16]
        REFUSED_TWO lock or, dword ptr [\at + APIC_TPR*16], eax
        REFUSED push qword ptr [\at + APIC_TPR*16]
        REFUSED pop qword ptr [\at + APIC_TPR*16]
        REFUSED_TWO movaps, xmm0, [\at + APIC_TPR*16]
        REFUSED_TWO adc, [\at + APIC_TPR*16], eax
        REFUSED_TWO cmpxchg, [\at + APIC_TPR*16], ecx
        REFUSED fld qword ptr [\at + APIC_TPR*16]
        lea     rdi, [\at + APIC_TPR*16]        # no operand that says where
        mov     rsi, rdi
        REFUSED stosd
        EQ      rdi, rsi
        REFUSED lodsd
        REFUSED movsd
        REFUSED scasd
        REFUSED cmpsd
        mov     ecx, 3
        REFUSED rep stosb
        EQ      ecx, 3
        REFUSED xlatb
        .endm

test:   mov     ebx, MEMORY_LOCAL_APIC
        mov     r12d, NOWHERE
        FORMS   rbx
        FORMS   r12
        EQ      dword ptr [rbx + APIC_TPR*16], 0

        EXPECT_AT VECTOR_UD, NOTHING, 0
        mov     [rip + expect_rip], r12
        call    r12
        CAUGHT
        add     rsp, 8                          # its return address was pushed
        PASS
