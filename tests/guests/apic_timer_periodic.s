# Expect: pass. The APIC timer in periodic mode reloads; equal periods lie between interrupts.
        .include "lib.s"

        .equ    VECTOR_TIMER, 0x41
test:   ON      VECTOR_TIMER, fired
        APIC_WRITE APIC_SVR, SVR_ENABLE | 0xFF
        APIC_WRITE APIC_DIVIDE, 0x3             # by 16
        APIC_WRITE APIC_LVT_TIMER, put(LVT_TIMER, TIMER_PERIODIC) | VECTOR_TIMER
        APIC_WRITE APIC_INITIAL_COUNT, 10000
.wait:  sti
        hlt
        cli
        cmp     dword ptr [rip + count], 10
        jb      .wait
        APIC_READ APIC_CURRENT_COUNT
        BELOW   eax, 10001
        APIC_WRITE APIC_LVT_TIMER, LVT_MASKED
        mov     ebx, [rip + count]
        sti
        mov     ecx, 1000000
.quiet: dec     ecx
        jnz     .quiet
        cli
        EQ      dword ptr [rip + count], ebx
        PASS
fired:  inc     dword ptr [rip + count]
        APIC_WRITE APIC_EOI, 0
        ret
        .align  8
count:  .quad   0
