# Expect: pass. HLT ends by an interrupt, with RIP after it, and by an NMI also while IF is 0.
        .include "lib.s"

test:   ON      0x43, fired
        APIC_WRITE APIC_SVR, SVR_ENABLE | 0xFF
        APIC_WRITE APIC_DIVIDE, 0xB
        APIC_WRITE APIC_LVT_TIMER, 0x43
        APIC_WRITE APIC_INITIAL_COUNT, 100000
        sti
        hlt
.after: cli
        lea     rax, [rip + .after]
        EQ      [rip + place], rax
        APIC_WRITE APIC_LVT_TIMER, 0x43
        APIC_WRITE APIC_INITIAL_COUNT, 1
        mov     ecx, 10000
.wait:  dec     ecx
        jnz     .wait
        sti                                     # pending already: HLT runs in the shadow, then wakes
        hlt
.again: cli
        lea     rax, [rip + .again]
        EQ      [rip + place], rax
        ON      VECTOR_NMI, fired
        APIC_WRITE APIC_LVT_TIMER, put(LVT_MODE, DELIVERY_NMI)
        PASS
fired:  mov     rax, [rdi + FRAME_RIP]
        mov     [rip + place], rax
        APIC_WRITE APIC_EOI, 0
        ret
        .align  8
place:  .quad   0
