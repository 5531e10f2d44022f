# Expect: pass. A 16-byte SSE operand that is not aligned is #GP(0) before any page fault; exempt instructions and smaller operands are not.
        .include "lib.s"

# REFUSED operation, operands, and ALLOWED - An instruction whose operand [rbx + n] is not aligned.
        .macro  REFUSED operation, a, b
        EXPECT  VECTOR_GP
        \operation \a, \b
        CAUGHT
        .endm
        .equ    AT_END, FREE + 0x10000
test:   mov     rax, cr0
        and     rax, ~(CR0_EM | CR0_TS)
        mov     cr0, rax
        mov     rax, cr4
        or      eax, CR4_OSFXSR | CR4_OSXMMEXCPT
        mov     cr4, rax
        mov     rbx, FREE
        mov     r13d, 3                         # the second and third time the code and the page are known
again:  REFUSED movaps, xmm0, "[rbx + 8]"
        REFUSED movaps, "[rbx + 1]", xmm0
        REFUSED movapd, xmm1, "[rbx + 15]"
        REFUSED movdqa, "[rbx + 4]", xmm1
        REFUSED movntps, "[rbx + 8]", xmm1
        REFUSED movntdq, "[rbx + 8]", xmm1
        REFUSED movntdqa, xmm1, "[rbx + 8]"
        REFUSED addps, xmm1, "[rbx + 4]"
        REFUSED paddd, xmm1, "[rbx + 4]"
        REFUSED pxor, xmm1, "[rbx + 2]"
        REFUSED unpcklps, xmm1, "[rbx + 8]"
        REFUSED pshufb, xmm1, "[rbx + 8]"
        REFUSED movshdup, xmm1, "[rbx + 8]"
        REFUSED ptest, xmm1, "[rbx + 8]"
        REFUSED cvttpd2dq, xmm1, "[rbx + 8]"
        REFUSED cvtpd2pi, mm0, "[rbx + 8]"
        REFUSED aesenc, xmm1, "[rbx + 8]"
        movups  xmm0, [rbx + 1]
        movdqu  [rbx + 1], xmm0
        lddqu   xmm0, [rbx + 3]
        addss   xmm0, [rbx + 1]
        addsd   xmm0, [rbx + 1]
        movss   xmm0, [rbx + 1]
        movlps  xmm0, [rbx + 4]
        cvtps2pd xmm0, [rbx + 4]
        cvtdq2pd xmm0, [rbx + 4]
        movddup xmm0, [rbx + 4]
        pmovzxbw xmm0, [rbx + 1]
        comiss  xmm0, [rbx + 1]
        pcmpistri xmm0, [rbx + 1], 0
        paddd   mm0, [rbx + 1]
        movaps  xmm0, [rbx + 16]
        movaps  [rbx + 32], xmm0
        dec     r13d
        jnz     again
# not aligned and not present
        MAP     0, 0
        mov     rbx, WINDOW
        REFUSED movaps, xmm0, "[rbx + 8]"
        EXPECT  VECTOR_PF
        movaps  xmm0, [rbx]
        CAUGHT
# small operands at the end of the last page that is there
        MAP     0, FREE + PTE_P + PTE_RW
        MAP     1, 0
        mov     rbx, WINDOW + 0x1000
        cvtps2pd xmm0, [rbx - 8]
        cvtdq2pd xmm0, [rbx - 8]
        cvttps2pi mm0, [rbx - 8]
        cvtps2pi mm0, [rbx - 8]
        roundsd xmm0, [rbx - 8], 0
        roundss xmm0, [rbx - 4], 0
        punpcklbw mm0, [rbx - 4]
        punpckldq mm0, [rbx - 4]
        EXPECT  VECTOR_PF
        cvtps2pd xmm0, [rbx - 7]
        CAUGHT
        EXPECT  VECTOR_PF
        roundss xmm0, [rbx - 3], 0
        CAUGHT
# an instruction that reaches over the end of its page
        lea     rsi, [rip + over]
        mov     rdi, AT_END - 2
        mov     ecx, over_end - over
        rep movsb
        mov     rbx, FREE + 16
        mov     rax, AT_END - 2
        call    rax
        mov     rbx, FREE + 8
        EXPECT_AT VECTOR_GP, 0, AT_END - 2
        mov     rax, AT_END - 2
        call    rax
        CAUGHT
# other alignment: FXSAVE and FXRSTOR 16, CMPXCHG16B 16
        mov     rbx, FREE
        EXPECT  VECTOR_GP
        fxsave  [rbx + 8]
        CAUGHT
        EXPECT  VECTOR_GP
        fxrstor [rbx + 8]
        CAUGHT
        EXPECT  VECTOR_GP
        cmpxchg16b [rbx + 8]
        CAUGHT
# MXCSR with reserved bits
        mov     dword ptr [rbx], 0x11F80
        EXPECT  VECTOR_GP
        ldmxcsr [rbx]
        CAUGHT
        fxsave  [rbx]
        or      dword ptr [rbx + 24], 0x80000000
        pcmpeqd xmm7, xmm7
        EXPECT  VECTOR_GP
        fxrstor [rbx]
        CAUGHT
        movq    rax, xmm7
        EQ      rax, -1                         # nothing was changed
        PASS
over:   movaps  xmm0, [rbx]
        ret
over_end:
