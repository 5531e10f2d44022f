# Expect: pass. INVPCID executes while CR0.TS is 1; an SSE4.2 instruction beside it in the opcode map is #NM.
        .include "lib.s"

test:   mov     rax, cr0
        or      rax, CR0_TS
        mov     cr0, rax
        mov     eax, 2                          # everything
        invpcid rax, [rip + descriptor]
        EXPECT  VECTOR_NM
        pcmpeqq xmm0, xmm1
        CAUGHT
        clts
        pcmpeqq xmm0, xmm1
        PASS

        .align  16
descriptor:
        .quad   0, 0
