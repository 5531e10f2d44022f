# Expect: pass. The XD bit denies fetches only, at any level, and is reserved while EFER.NXE is 0.
        .include "lib.s"

        .equ    PD_ENTRY, TABLES + 0x2000 + (WINDOW >> 21) * 8
test:   mov     byte ptr [FREE], 0xC3           # RET
        mov     rbx, WINDOW
        MAP     0, FREE + PTE_P + PTE_RW
        call    rbx
        MAP     0, FREE + PTE_P + PTE_RW + PTE_XD
        mov     rcx, [rbx]
        mov     [rbx], rcx
        EXPECT_AT VECTOR_PF, PFEC_P | PFEC_ID, WINDOW
        jmp     rbx
        CAUGHT
        MAP     0, FREE + PTE_P + PTE_RW        # allowed below, denied above
        mov     rax, PTE_XD
        or      [PD_ENTRY], rax
        invlpg  [rbx]
        mov     rcx, [rbx]
        EXPECT_AT VECTOR_PF, PFEC_P | PFEC_ID, WINDOW
        jmp     rbx
        CAUGHT
        shl     qword ptr [PD_ENTRY], 1
        shr     qword ptr [PD_ENTRY], 1
        invlpg  [rbx]
        call    rbx

        MAP     0, FREE + PTE_P + PTE_RW + PTE_XD
        RDMSR   MSR_EFER
        and     rax, ~EFER_NXE
        WRMSR   MSR_EFER, rax
        mov     rax, cr3
        mov     cr3, rax
        EXPECT  VECTOR_PF, PFEC_P | PFEC_RSVD
        mov     rcx, [rbx]
        CAUGHT
        PASS
