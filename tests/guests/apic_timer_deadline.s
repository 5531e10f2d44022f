# Expect: pass. TSC-deadline mode fires at or after its TSC value, disarms itself, and ignores the initial count.
        .include "lib.s"

        .equ    VECTOR_TIMER, 0x42
test:   mov     eax, 1
        cpuid
        test    ecx, FEATURE_C_TSC_DEADLINE
        jz      none
        ON      VECTOR_TIMER, fired
        APIC_WRITE APIC_SVR, SVR_ENABLE | 0xFF
        APIC_WRITE APIC_LVT_TIMER, put(LVT_TIMER, TIMER_TSC_DEADLINE) | VECTOR_TIMER
        mfence
        call    now
        lea     r12, [rax + 1000000]
        WRMSR   MSR_TSC_DEADLINE, r12
        RDMSR   MSR_TSC_DEADLINE
        EQ      rax, r12
        sti
        hlt
        cli
        call    now
        ABOVE   rax, r12
        EQ      dword ptr [rip + count], 1
        RDMSR   MSR_TSC_DEADLINE
        EQ      rax, 0
        WRMSR   MSR_TSC_DEADLINE, 1             # long past: at once
        sti
        nop
        nop
        cli
        EQ      dword ptr [rip + count], 2
        APIC_WRITE APIC_INITIAL_COUNT, 10
        APIC_READ APIC_CURRENT_COUNT
        EQ      eax, 0
        call    now
        add     rax, 10000000
        WRMSR   MSR_TSC_DEADLINE, rax
        WRMSR   MSR_TSC_DEADLINE, 0             # disarmed
        RDMSR   MSR_TSC_DEADLINE
        EQ      rax, 0
        APIC_WRITE APIC_LVT_TIMER, VECTOR_TIMER # leaving the mode
        RDMSR   MSR_TSC_DEADLINE
        EQ      rax, 0
        EQ      dword ptr [rip + count], 2
none:   PASS

now:    rdtsc
        shl     rdx, 32
        or      rax, rdx
        ret
fired:  inc     dword ptr [rip + count]
        APIC_WRITE APIC_EOI, 0
        ret
        .align  8
count:  .quad   0
