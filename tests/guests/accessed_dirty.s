# Expect: pass. A read sets A in every level, a write sets D in the leaf only; a faulting access sets no D.
        .include "lib.s"

        .equ    PD_ENTRY, TABLES + 0x2000 + (WINDOW >> 21) * 8
test:   MAP     0, FREE + USER_PAGE
        MAP     1, FREE + 0x1000 + PTE_P
        mov     rbx, WINDOW
        NOBITS  qword ptr [WINDOW_PT], PTE_A | PTE_D
        mov     rcx, [rbx]
        BITS    qword ptr [WINDOW_PT], PTE_A
        NOBITS  qword ptr [WINDOW_PT], PTE_D
        BITS    qword ptr [PD_ENTRY], PTE_A
        NOBITS  qword ptr [PD_ENTRY], PTE_D
        mov     [rbx], rcx                      # after a read: the translation is known, D must still be set
        BITS    qword ptr [WINDOW_PT], PTE_D
        BITS    qword ptr [TABLES], PTE_A

        EXPECT  VECTOR_PF, PFEC_P | PFEC_WR
        mov     qword ptr [rbx + 0x1000], 1
        CAUGHT
        NOBITS  qword ptr [WINDOW_PT + 8], PTE_D

        MAP     2, FREE + USER_PAGE             # a write first sets both
        mov     qword ptr [rbx + 0x2000], 1
        BITS    qword ptr [WINDOW_PT + 16], PTE_A
        BITS    qword ptr [WINDOW_PT + 16], PTE_D

        and     qword ptr [WINDOW_PT], ~(PTE_A | PTE_D)
        invlpg  [rbx]
        lock inc qword ptr [rbx]                # read-modify-write
        BITS    qword ptr [WINDOW_PT], PTE_D
        and     qword ptr [WINDOW_PT], ~(PTE_A | PTE_D)
        invlpg  [rbx]
        xor     eax, eax
        mov     ecx, 1
        cmpxchg [rbx + 8], ecx                  # whether it compares equal or not, it writes
        BITS    qword ptr [WINDOW_PT], PTE_D
        PASS
