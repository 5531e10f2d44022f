# Expect: pass. JMP, CALL and RET to a non-canonical address fault on themselves and change nothing.
        .include "lib.s"

test:   mov     rbx, 0x800000000000
        mov     r12, rsp
        EXPECT  VECTOR_GP
        jmp     rbx
        CAUGHT
        EXPECT  VECTOR_GP
        call    rbx
        CAUGHT
        EQ      rsp, r12
        push    rbx
        EXPECT  VECTOR_GP
        ret
        CAUGHT
        add     rsp, 8
        EQ      rsp, r12
        PASS
