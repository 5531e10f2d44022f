# Expect: pass. TPR holds lower classes back, higher vectors interrupt lower ones, EOI releases what waits.
        .include "lib.s"

        .macro  SELF vector
        APIC_WRITE APIC_ICR, put(ICR_SHORTHAND, SHORTHAND_SELF) | ICR_ASSERT | \vector
        .endm
test:   ON      0x55, low
        ON      0x95, high
        APIC_WRITE APIC_SVR, SVR_ENABLE | 0xFF
        APIC_WRITE APIC_TPR, 0x50               # class 5 is held back
        SELF    0x55
        sti
        nop
        nop
        cli
        EQ      dword ptr [rip + order], 0
        APIC_READ (APIC_IRR + 2)
        EQ      eax, 1 << (0x55 & 31)
        APIC_READ APIC_PPR
        EQ      eax, 0x50
        SELF    0x95
        sti
        nop
        nop
        cli
        EQ      dword ptr [rip + order], 0x95
        APIC_WRITE APIC_TPR, 0
        sti
        nop
        nop
        cli
        mov     eax, [rip + order]              # low began, high came in between, low ended
        EQ      eax, 0x95559556
        APIC_READ (APIC_IRR + 2)
        EQ      eax, 0
        APIC_READ (APIC_ISR + 2)
        EQ      eax, 0
        PASS

note:   mov     ecx, [rip + order]
        shl     ecx, 8
        or      ecx, eax
        mov     [rip + order], ecx
        ret
low:    mov     eax, 0x55
        call    note
        APIC_READ APIC_PPR
        EQ      eax, 0x50
        APIC_READ (APIC_ISR + 2)
        EQ      eax, 1 << (0x55 & 31)
        SELF    0x55                            # same class: waits
        SELF    0x95
        sti
        nop
        nop
        cli
        mov     eax, 0x56
        call    note
        ON      0x55, last
        APIC_WRITE APIC_EOI, 0
        ret
high:   mov     eax, 0x95
        call    note
        APIC_WRITE APIC_EOI, 0
        ret
last:   APIC_WRITE APIC_EOI, 0
        ret
        .align  8
order:  .quad   0
