# Expect: pass; processors=2. A mapping changed by one processor is seen by the other after its own INVLPG.
        .include "lib.s"
        .include "smplib.s"

test:   mov     qword ptr [FREE], 1
        mov     qword ptr [FREE + 0x1000], 2
        MAP     0, FREE + USER_PAGE
        ON      0x62, flush
        WAKE    work
.first: pause
        cmp     qword ptr [rip + saw], 1
        jne     .first
        mov     qword ptr [WINDOW_PT], FREE + 0x1000 + USER_PAGE
        APIC_WRITE APIC_SVR, SVR_ENABLE | 0xFF
        APIC_WRITE APIC_ICR_HIGH, 1 << 24
        APIC_WRITE APIC_ICR, ICR_ASSERT | 0x62
.second: pause
        cmp     dword ptr [rip + flushed], 1
        jne     .second
        mov     ecx, 1000
.third: pause
        loop    .third
        EQ      qword ptr [rip + saw], 2
        PASS
work:   APIC_WRITE APIC_SVR, SVR_ENABLE | 0xFF
        sti
.loop:  mov     rax, [WINDOW]
        mov     [rip + saw], rax
        jmp     .loop
flush:  invlpg  [WINDOW]
        mov     dword ptr [rip + flushed], 1
        APIC_WRITE APIC_EOI, 0
        ret
        .align  8
saw:    .quad   0
flushed: .quad  0
