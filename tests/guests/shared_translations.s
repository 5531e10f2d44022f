# Expect: pass. What one kind of access found does not let another kind through: XD and SMAP on pages that hold code.
        .include "lib.s"

        .equ    CODE_PAGE, FREE
test:   mov     ebx, CODE_PAGE
        mov     byte ptr [rbx], 0xC3            # RET
        mov     rsi, WINDOW
        mov     r12d, 200                       # writes and fetches by turns: the engine gives up keeping them apart
.turns: MAP     0, CODE_PAGE + PTE_P + PTE_RW
        mov     byte ptr [rsi + 8], 1
        call    rsi
        MAP     0, CODE_PAGE + PTE_P + PTE_RW + PTE_XD
        mov     rcx, [rsi]                      # a read alone leaves the page's code in place
        EXPECT_AT VECTOR_PF, PFEC_P | PFEC_ID, WINDOW
        jmp     rsi
        CAUGHT
        mov     [rsi], rcx
        EXPECT_AT VECTOR_PF, PFEC_P | PFEC_ID, WINDOW
        jmp     rsi
        CAUGHT
        dec     r12d
        jnz     .turns

        mov     rax, cr4                        # a fetch of a user page that SMEP does not stop, then data that SMAP does
        or      eax, CR4_SMAP
        mov     cr4, rax
        MAP     0, CODE_PAGE + PTE_P + PTE_RW + PTE_US
        call    rsi
        EXPECT  VECTOR_PF, PFEC_P
        mov     rcx, [rsi]
        CAUGHT
        call    rsi
        EXPECT  VECTOR_PF, PFEC_P | PFEC_WR
        mov     [rsi], rcx
        CAUGHT
        PASS
