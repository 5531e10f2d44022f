# Expect: pass. CR4.SMAP denies supervisor data accesses to user pages unless RFLAGS.AC is 1.
        .include "lib.s"

test:   mov     rbx, WINDOW
        MAP     0, FREE + USER_PAGE
        mov     qword ptr [rbx], 5
        mov     rax, cr4
        or      rax, CR4_SMAP
        mov     cr4, rax
        clac
        EXPECT  VECTOR_PF, PFEC_P
        mov     rcx, [rbx]
        CAUGHT
        EXPECT  VECTOR_PF, PFEC_P | PFEC_WR
        mov     [rbx], rcx
        CAUGHT
        stac
        EQ      qword ptr [rbx], 5
        mov     qword ptr [rbx], 6
        EXPECT  VECTOR_UD                       # delivery goes on with AC clear or not; the frame holds it
        ud2
        CAUGHT
        BITS    qword ptr [rip + fault_rflags], RFLAGS_AC
        clac
        EXPECT  VECTOR_PF, PFEC_P
        mov     rcx, [rbx]
        CAUGHT
        RING3
        mov     rbx, WINDOW
        mov     rcx, [rbx]                      # user accesses are not concerned
        EXPECT  VECTOR_UD                       # CLAC and STAC are privileged
        stac
        CAUGHT
        RING0
        PASS
