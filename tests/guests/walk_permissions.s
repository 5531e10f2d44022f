# Expect: pass. Rights are the AND over all levels; U/S and R/W of each level count.
        .include "lib.s"

        .equ    PD_ENTRY, TABLES + 0x2000 + (WINDOW >> 21) * 8
        .macro  LEVEL entry, clear
        and     qword ptr [\entry], ~(\clear)
        mov     rax, cr3
        mov     cr3, rax
        .endm
test:   MAP     0, FREE + USER_PAGE
        mov     qword ptr [WINDOW], 1
        LEVEL   PD_ENTRY, PTE_RW
        mov     rbx, WINDOW
        EXPECT  VECTOR_PF, PFEC_P | PFEC_WR
        mov     qword ptr [rbx], 2
        CAUGHT
        or      qword ptr [PD_ENTRY], PTE_RW
        LEVEL   PD_ENTRY, PTE_US
        mov     qword ptr [rbx], 3
        RING3
        mov     rbx, WINDOW
        EXPECT  VECTOR_PF, PFEC_P | PFEC_US
        mov     rcx, [rbx]
        CAUGHT
        RING0
        or      qword ptr [PD_ENTRY], PTE_US
        LEVEL   PD_ENTRY, 0
        RING3
        mov     rbx, WINDOW
        EQ      qword ptr [rbx], 3
        RING0
        LEVEL   PD_ENTRY, PTE_P
        EXPECT  VECTOR_PF, 0
        mov     rcx, [rbx]
        CAUGHT
        PASS
