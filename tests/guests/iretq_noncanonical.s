# Expect: pass. IRETQ to a non-canonical address faults on itself, before RSP and RIP change.
        .include "lib.s"

test:   mov     rbx, rsp
        push    DATA
        push    rbx
        pushfq
        push    CODE64
        mov     rax, 0x800000000000
        push    rax
        mov     r12, rsp
        EXPECT  VECTOR_GP, 0
        iretq
        CAUGHT
        EQ      rsp, r12
        PASS
