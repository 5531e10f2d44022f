# Expect: pass. INVLPG, a CR3 load and a CR4.PGE change make changed mappings visible.
        .include "lib.s"

test:   mov     qword ptr [FREE], 1
        mov     qword ptr [FREE + 0x1000], 2
        mov     qword ptr [FREE + 0x2000], 3
        mov     qword ptr [FREE + 0x3000], 4
        mov     rbx, WINDOW
        MAP     0, FREE + USER_PAGE
        EQ      qword ptr [rbx], 1
        mov     qword ptr [WINDOW_PT], FREE + 0x1000 + USER_PAGE
        invlpg  [rbx + 0xFFF]                   # any address in the page
        EQ      qword ptr [rbx], 2
        mov     qword ptr [WINDOW_PT], FREE + 0x2000 + USER_PAGE
        mov     rax, cr3
        mov     cr3, rax
        EQ      qword ptr [rbx], 3
        mov     rax, cr4
        or      rax, CR4_PGE
        mov     cr4, rax
        mov     qword ptr [WINDOW_PT], FREE + USER_PAGE + PTE_G
        invlpg  [rbx]
        EQ      qword ptr [rbx], 1
        mov     qword ptr [WINDOW_PT], FREE + 0x3000 + USER_PAGE + PTE_G
        mov     rax, cr4
        and     rax, ~CR4_PGE
        mov     cr4, rax
        EQ      qword ptr [rbx], 4
        mov     qword ptr [WINDOW_PT], 0
        invlpg  [rbx]
        EXPECT  VECTOR_PF, 0
        mov     rax, [rbx]
        CAUGHT
        invlpg  [rbx]                           # of an unmapped page: nothing
        mov     rax, 0x8000000000000000
        invlpg  [rax]                           # of a non-canonical address: nothing
        mov     qword ptr [WINDOW_PT], FREE + USER_PAGE     # not present before: needs no INVLPG
        EQ      qword ptr [rbx], 1
        PASS
