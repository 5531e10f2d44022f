# Expect: pass. Unmasked SSE and x87 exceptions: #XM (19) at DIVPS, #MF (16) at FWAIT, #UD with CR4.OSXMMEXCPT = 0. SDM 1, "SIMD Floating-Point Exception Conditions"
        .include "lib.s"
        .equ    VEC_MF, 16
        .equ    VEC_XM, 19
test:   mov     rax, cr4
        or      eax, CR4_OSFXSR | CR4_OSXMMEXCPT
        mov     cr4, rax
        mov     rax, cr0
        and     eax, ~(CR0_EM | CR0_TS) & 0xFFFFFFFF
        or      eax, CR0_MP | CR0_NE
        mov     cr0, rax
        ldmxcsr [rip + unmasked]        # ZM = 0
        movaps  xmm0, [rip + ones]
        xorps   xmm1, xmm1
        EXPECT  VEC_XM
        divps   xmm0, xmm1              # check 1: SDM 1, "SIMD Floating-Point Exception Conditions"
        CAUGHT
        fninit
        fldcw   [rip + control]         # ZE unmasked
        fld1
        fldz
        fdivp   st(1), st(0)            # 1/0: pending
        EXPECT  VEC_MF
        fwait                           # check 2: SDM 1, "x87 FPU Exception Handling in Software"
        CAUGHT
        fnclex
        mov     rax, cr4
        and     eax, ~CR4_OSXMMEXCPT & 0xFFFFFFFF
        mov     cr4, rax
        EXPECT  VECTOR_UD
        divps   xmm0, xmm1              # check 3: #UD when OSXMMEXCPT = 0
        CAUGHT
        PASS
        .align  16
ones:   .long   0x3F800000, 0x3F800000, 0x3F800000, 0x3F800000
unmasked: .long 0x1D80
control: .word  0x037B
