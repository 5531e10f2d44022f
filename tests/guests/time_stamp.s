# Expect: pass. The TSC only grows, can be set, is followed by RDTSCP, and CR4.TSD keeps ring 3 from it.
        .include "lib.s"

test:   mov     ebx, 100
        rdtsc
        shl     rdx, 32
        lea     rsi, [rax + rdx]
.again: rdtsc
        shl     rdx, 32
        or      rax, rdx
        ABOVE   rax, rsi
        mov     rsi, rax
        dec     ebx
        jnz     .again
        rdtscp
        shl     rdx, 32
        or      rax, rdx
        ABOVE   rax, rsi
        WRMSR   MSR_TSC, 0x100000000000
        rdtsc
        shl     rdx, 32
        or      rax, rdx
        mov     rsi, 0x100000000000
        ABOVE   rax, rsi
        mov     rsi, 0x100001000000
        BELOW   rax, rsi
        RING3
        rdtsc
        RING0
        mov     rax, cr4
        or      rax, CR4_TSD
        mov     cr4, rax
        rdtsc
        RING3
        EXPECT  VECTOR_GP
        rdtsc
        CAUGHT
        EXPECT  VECTOR_GP
        rdtscp
        CAUGHT
        RING0
        PASS
