# Expect: pass. CR0.TS and EM raise #NM for x87, MP and TS for WAIT; SSE gives #NM or #UD; CLTS ends it.
        .include "lib.s"

test:   fninit
        mov     rax, cr0
        or      rax, CR0_TS
        mov     cr0, rax
        EXPECT  VECTOR_NM
        fld1
        CAUGHT
        EXPECT  VECTOR_NM                       # MP and TS
        fwait
        CAUGHT
        EXPECT  VECTOR_NM
        pxor    xmm0, xmm0
        CAUGHT
        clts
        fld1
        fwait
        pxor    xmm0, xmm0
        mov     rax, cr0
        and     rax, ~CR0_MP
        or      rax, CR0_TS
        mov     cr0, rax
        fwait                                   # TS without MP
        clts
        mov     rax, cr0
        or      rax, CR0_EM
        mov     cr0, rax
        EXPECT  VECTOR_NM
        fld1
        CAUGHT
        EXPECT  VECTOR_UD                       # EM: SSE is undefined
        pxor    xmm0, xmm0
        CAUGHT
        mov     rax, cr0
        and     rax, ~CR0_EM
        or      rax, CR0_MP
        mov     cr0, rax
        mov     rax, cr4
        and     rax, ~CR4_OSFXSR
        mov     cr4, rax
        EXPECT  VECTOR_UD
        pxor    xmm0, xmm0
        CAUGHT
        PASS
