# Expect: pass. Non-canonical addresses raise #GP(0), through RSP or RBP #SS(0), before any page fault.
        .include "lib.s"

test:   mov     rbx, 0x800000000000
        EXPECT  VECTOR_GP
        mov     rcx, [rbx]
        CAUGHT
        EXPECT  VECTOR_GP
        mov     [rbx], rcx
        CAUGHT
        mov     rbx, 0xFFFF7FFFFFFFFFFF
        EXPECT  VECTOR_GP
        mov     cl, [rbx]
        CAUGHT
        mov     rbp, 0x800000000000
        EXPECT  VECTOR_SS
        mov     rcx, [rbp]
        CAUGHT
        mov     rbx, 0x7FFFFFFFFFFC             # the last four bytes are canonical
        EXPECT  VECTOR_PF, 0
        mov     ecx, [rbx]
        CAUGHT
        EQ      [rip + fault_address], rbx
        mov     rbx, 0x800000000000
        mov     r12, rsp
        mov     byte ptr [rip + idt + 16 * VECTOR_SS + 4], 1    # on IST1: the stack itself is bad
        EXPECT_AT VECTOR_SS, 0, .push
        lea     rsp, [rbx + 0x100]
.push:  push    rax
        CAUGHT
        mov     rsp, r12
        PASS
