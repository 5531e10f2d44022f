# Expect: pass. The APIC timer in one-shot mode fires once, counts down, and respects mask and divider.
        .include "lib.s"

        .equ    VECTOR_TIMER, 0x40
test:   ON      VECTOR_TIMER, fired
        APIC_WRITE APIC_SVR, SVR_ENABLE | 0xFF
        APIC_WRITE APIC_DIVIDE, 0xB             # by 1
        APIC_WRITE APIC_LVT_TIMER, VECTOR_TIMER
        APIC_WRITE APIC_INITIAL_COUNT, 100000
        APIC_READ APIC_CURRENT_COUNT
        BELOW   eax, 100001
        mov     ebx, eax
        APIC_READ APIC_CURRENT_COUNT
        CONDITION jbe, eax, ebx
        sti
        hlt                                     # until it fires
        cli
        EQ      dword ptr [rip + count], 1
        APIC_READ APIC_CURRENT_COUNT
        EQ      eax, 0
        sti
        mov     ecx, 300000
.wait:  pause
        dec     ecx
        jnz     .wait
        cli
        EQ      dword ptr [rip + count], 1      # once

        APIC_WRITE APIC_LVT_TIMER, VECTOR_TIMER | LVT_MASKED
        APIC_WRITE APIC_INITIAL_COUNT, 1000
        mov     ecx, 100000
        sti
.quiet: pause
        dec     ecx
        jnz     .quiet
        cli
        EQ      dword ptr [rip + count], 1
        APIC_READ APIC_CURRENT_COUNT
        EQ      eax, 0
        APIC_WRITE APIC_LVT_TIMER, VECTOR_TIMER
        APIC_WRITE APIC_INITIAL_COUNT, 100000
        APIC_WRITE APIC_INITIAL_COUNT, 0        # stops it
        APIC_READ APIC_CURRENT_COUNT
        EQ      eax, 0
        PASS

fired:  inc     dword ptr [rip + count]
        APIC_WRITE APIC_EOI, 0
        ret
        .align  8
count:  .quad   0
