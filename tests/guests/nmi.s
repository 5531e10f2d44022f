# Expect: pass. An NMI ignores IF, is blocked in its handler until IRET, and one more waits.
        .include "lib.s"

        .macro  SEND_NMI
        APIC_WRITE APIC_ICR_HIGH, 0             # to APIC 0, ourselves: no shorthand exists for it
        APIC_WRITE APIC_ICR, put(ICR_MODE, DELIVERY_NMI) | ICR_ASSERT
        mov     ecx, 1000
79:     pause
        loop    79b
        .endm
test:   ON      VECTOR_NMI, seen
        APIC_WRITE APIC_SVR, SVR_ENABLE | 0xFF
        cli
        SEND_NMI
        EQ      dword ptr [rip + count], 2      # the second one came out of the first one's handler
        EQ      dword ptr [rip + nested], 0
        SEND_NMI
        EQ      dword ptr [rip + count], 3
        PASS
seen:   inc     dword ptr [rip + count]
        cmp     dword ptr [rip + count], 1
        jne     .done
        SEND_NMI
        mov     eax, [rip + count]
        dec     eax
        mov     [rip + nested], eax             # still only the first
.done:  ret
        .align  8
count:  .quad   0
nested: .quad   0
