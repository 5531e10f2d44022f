# Expect: pass. CR4.SMEP denies supervisor fetches from user pages, nothing else.
        .include "lib.s"

test:   mov     byte ptr [FREE], 0xC3           # RET
        mov     rbx, WINDOW
        MAP     0, FREE + USER_PAGE
        call    rbx
        mov     rax, cr4
        or      rax, CR4_SMEP
        mov     cr4, rax
        EXPECT_AT VECTOR_PF, PFEC_P | PFEC_ID, WINDOW
        jmp     rbx
        CAUGHT
        EQ      [rip + fault_address], rbx
        mov     rcx, [rbx]                      # data accesses are not concerned
        mov     [rbx], rcx
        RING3                                   # nor are user fetches
        mov     rbx, WINDOW
        call    rbx
        RING0
        MAP     0, FREE + PTE_P + PTE_RW
        call    rbx
        PASS
