# Expect: pass. CR0.WP decides whether supervisor writes to read-only pages fault.
        .include "lib.s"

test:   MAP     0, FREE + PTE_P                 # read-only, supervisor
        mov     rbx, WINDOW
        mov     rcx, [rbx]
        EXPECT  VECTOR_PF, PFEC_P | PFEC_WR
        mov     qword ptr [rbx], 1
        CAUGHT
        mov     rax, cr0
        and     rax, ~CR0_WP
        mov     cr0, rax
        mov     qword ptr [rbx], 77             # goes through
        EQ      qword ptr [FREE], 77
        BITS    qword ptr [WINDOW_PT], PTE_D
        mov     rax, cr0
        or      rax, CR0_WP
        mov     cr0, rax
        EXPECT  VECTOR_PF, PFEC_P | PFEC_WR     # although it was written a moment ago
        mov     qword ptr [rbx], 78
        CAUGHT
        EQ      qword ptr [FREE], 77
        PASS
