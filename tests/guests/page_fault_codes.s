# Expect: pass. Page faults carry the right error code (P, W/R, U/S, RSVD, I/D) and CR2.
        .include "lib.s"

        .macro  FAULT error, instruction
        EXPECT  VECTOR_PF, \error
        \instruction
        CAUGHT
        EQ      [rip + fault_address], rbx
        .endm

test:   mov     rbx, WINDOW + 0x123             # entry 0: not present
        FAULT   0, "mov rcx, [rbx]"
        FAULT   PFEC_WR, "mov [rbx], rcx"
        EXPECT_AT VECTOR_PF, PFEC_ID, WINDOW + 0x123
        jmp     rbx
        CAUGHT
        EQ      [rip + fault_address], rbx

        MAP     1, FREE + PTE_P + PTE_US        # read-only, user
        mov     rbx, WINDOW + 0x1000
        FAULT   PFEC_WR | PFEC_P, "mov [rbx], rcx"
        MAP     2, FREE + PTE_P + PTE_RW        # supervisor
        MAP     3, FREE + PTE_P + PTE_RW + PTE_US + PTE_XD
        mov     rbx, WINDOW + 0x3000
        EXPECT_AT VECTOR_PF, PFEC_ID | PFEC_P, WINDOW + 0x3000
        jmp     rbx
        CAUGHT
        EQ      [rip + fault_address], rbx
        MAP     4, FREE + PTE_P + PTE_RW + PTE_US + (1 << 51)
        mov     rbx, WINDOW + 0x4000
        FAULT   PFEC_RSVD | PFEC_P, "mov rcx, [rbx]"
        FAULT   PFEC_RSVD | PFEC_P | PFEC_WR, "mov [rbx], rcx"

        RING3
        mov     rbx, WINDOW + 0x10
        FAULT   PFEC_US, "mov rcx, [rbx]"
        FAULT   PFEC_US | PFEC_WR, "mov [rbx], rcx"
        mov     rbx, WINDOW + 0x1000
        mov     rcx, [rbx]
        FAULT   PFEC_US | PFEC_WR | PFEC_P, "mov [rbx], rcx"
        mov     rbx, WINDOW + 0x2000
        FAULT   PFEC_US | PFEC_P, "mov rcx, [rbx]"
        FAULT   PFEC_US | PFEC_P | PFEC_WR, "mov [rbx], rcx"
        mov     rbx, WINDOW + 0x4000
        FAULT   PFEC_RSVD | PFEC_P | PFEC_US, "mov rcx, [rbx]"
        RING0
        PASS
