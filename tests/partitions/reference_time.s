# Expect: pass. Reference time counts 100 ns and agrees with the TSC; frequencies are reported; both are read-only.
        .include "hvlib.s"

test:   RDMSR   HVMSR_TSC_FREQUENCY
        EQ      rax, HZ_TSC
        RDMSR   HVMSR_TIME_REF_COUNT
        mov     rbx, rax
        rdtsc
        shl     rdx, 32
        or      rax, rdx
        mov     r12, rax
1:      pause
        rdtsc
        shl     rdx, 32
        or      rax, rdx
        sub     rax, r12
        cmp     rax, 100000
        jb      1b
        RDMSR   HVMSR_TIME_REF_COUNT
        sub     rax, rbx
        ABOVE   rax, 999
        BELOW   rax, 1200
        mov     ecx, HVMSR_TIME_REF_COUNT
        EXPECT  VECTOR_GP
        wrmsr
        CAUGHT
        RDMSR   HVMSR_VP_INDEX
        EQ      rax, 0
        PASS
