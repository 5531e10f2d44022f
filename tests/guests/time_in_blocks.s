# Expect: pass. RDTSC, RDTSCP and PAUSE amid other instructions read the clock of their place, and interrupts come where they are due.
        .include "lib.s"

        .equ    VECTOR_TIMER, 0x41

        .macro  TIME instruction                # it is later than the time before, which r13 holds
        \instruction
        shl     rdx, 32
        or      rax, rdx
        BELOW   r13, rax
        mov     r13, rax
        rol     r12, 7
        xor     r12, rax
        .endm

test:   ON      VECTOR_TIMER, fired
        APIC_WRITE APIC_SVR, SVR_ENABLE | 0xFF
        APIC_WRITE APIC_DIVIDE, 0xB             # by 1
        APIC_WRITE APIC_LVT_TIMER, put(LVT_TIMER, TIMER_PERIODIC) | VECTOR_TIMER
        APIC_WRITE APIC_INITIAL_COUNT, 2003
        WRMSR   MSR_TSC_AUX, 0x1234
        xor     r13, r13
        mov     ebp, 2000
.again: sti
        TIME    rdtsc
        pause
        TIME    rdtscp
        EQ      ecx, 0x1234
        cli                                     # an interrupt may wait from here on
        mov     ebx, 20
.wait:  TIME    rdtscp
        pause
        TIME    rdtsc
        rep nop
        dec     ebx
        jnz     .wait
        dec     ebp
        jnz     .again
        sti
        nop
        cli
        ABOVE   dword ptr [rip + count], 100
        PASS
fired:  inc     dword ptr [rip + count]
        add     r12, [rip + count]
        APIC_WRITE APIC_EOI, 0
        ret
        .align  8
count:  .quad   0
