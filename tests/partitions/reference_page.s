# Expect: pass. The reference TSC page gives the same time as the MSR, is read-only, gives the guest's page back, and ends with a written TSC.
        .include "hvlib.s"

        .equ    AT, 0x400000
test:   mov     qword ptr [AT], 0x77
        RDMSR   HVMSR_REFERENCE_TSC
        EQ      rax, 0
        GP_WRITE HVMSR_REFERENCE_TSC, 0xF0000001
        WRMSR   HVMSR_REFERENCE_TSC, AT | 1
        RDMSR   HVMSR_REFERENCE_TSC
        EQ      eax, AT | 1
        NE      dword ptr [AT], 0               # sequence: valid
        EXPECT  VECTOR_GP
        mov     dword ptr [AT], 0
        CAUGHT
        mov     r15d, 50
1:      RDMSR   HVMSR_TIME_REF_COUNT
        mov     r12, rax
        rdtsc
        shl     rdx, 32
        or      rax, rdx
        mul     qword ptr [AT + 8]
        add     rdx, [AT + 16]
        mov     r13, rdx
        CONDITION jae, r13, r12                 # the page after the MSR
        RDMSR   HVMSR_TIME_REF_COUNT
        CONDITION jae, rax, r13
        sub     rax, r12
        BELOW   rax, 100
        dec     r15d
        jnz     1b
        WRMSR   MSR_TSC, 5                      # now the formula would be wrong
        EQ      dword ptr [AT], 0
        WRMSR   HVMSR_REFERENCE_TSC, 0
        EQ      qword ptr [AT], 0x77
        RDMSR   HVMSR_VP_RUNTIME                # this VP has had the processor all the time
        mov     r12, rax
        RDMSR   HVMSR_TIME_REF_COUNT
        CONDITION jae, rax, r12
        sub     rax, r12
        BELOW   rax, 1000
        GP_WRITE HVMSR_VP_RUNTIME, 0
        PASS
