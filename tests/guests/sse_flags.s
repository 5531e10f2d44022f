# Expect: pass. MXCSR exception flags are set by masked SSE exceptions.  SDM 1, "MXCSR Control and Status Register".
        .include "lib.s"
test:   mov     rax, cr4
        or      eax, CR4_OSFXSR | CR4_OSXMMEXCPT
        mov     cr4, rax
        ldmxcsr [rip + masked]
        movaps  xmm0, [rip + ones]
        xorps   xmm1, xmm1
        divps   xmm0, xmm1
        stmxcsr [rip + got]
        BITS    dword ptr [rip + got], 4        # ZE
        ldmxcsr [rip + masked]
        movss   xmm0, [rip + ones]
        divss   xmm0, [rip + three]
        stmxcsr [rip + got]
        BITS    dword ptr [rip + got], 0x20     # PE
        PASS
        .align  16
ones:   .long   0x3F800000, 0x3F800000, 0x3F800000, 0x3F800000
three:  .long   0x40400000
masked: .long   0x1F80
got:    .long   0
