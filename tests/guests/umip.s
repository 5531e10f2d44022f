# Expect: pass. CR4.UMIP makes SGDT, SIDT, SLDT, STR and SMSW fault in ring 3 only.
        .include "lib.s"

test:   mov     eax, 7
        xor     ecx, ecx
        cpuid
        test    ecx, 4
        jz      none
        RING3
        lea     rbx, [rip + memory]
        sgdt    [rbx]
        sidt    [rbx]
        sldt    eax
        str     eax
        smsw    eax
        RING0
        mov     rax, cr4
        or      rax, CR4_UMIP
        mov     cr4, rax
        lea     rbx, [rip + memory]
        sgdt    [rbx]
        sldt    eax
        RING3
        lea     rbx, [rip + memory]
        EXPECT  VECTOR_GP
        sgdt    [rbx]
        CAUGHT
        EXPECT  VECTOR_GP
        sidt    [rbx]
        CAUGHT
        EXPECT  VECTOR_GP
        sldt    eax
        CAUGHT
        EXPECT  VECTOR_GP
        str     eax
        CAUGHT
        EXPECT  VECTOR_GP
        smsw    eax
        CAUGHT
        RING0
        PASS
none:   mov     rax, cr4
        or      rax, CR4_UMIP
        EXPECT  VECTOR_GP
        mov     cr4, rax
        CAUGHT
        PASS
        .align  16
memory: .quad   0, 0
