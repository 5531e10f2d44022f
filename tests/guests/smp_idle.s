# Expect: idle; processors=2; cycles=100000000. An NMI for a processor that waits for SIPI, or blocks NMIs in HLT, wakes nobody: the machine is idle.
        .include "lib.s"
        .include "smplib.s"

test:   WAKE    work
        call    settle
        APIC_WRITE APIC_ICR_HIGH, 1 << 24
        APIC_WRITE APIC_ICR, put(ICR_MODE, DELIVERY_INIT) | ICR_ASSERT | ICR_LEVEL
        APIC_WRITE APIC_ICR, put(ICR_MODE, DELIVERY_NMI) | ICR_ASSERT
        ON      VECTOR_NMI, handler
        APIC_WRITE APIC_ICR_HIGH, 0
        APIC_WRITE APIC_ICR, put(ICR_MODE, DELIVERY_NMI) | ICR_ASSERT
        call    settle
        FAIL    1
handler:
        APIC_WRITE APIC_ICR, put(ICR_MODE, DELIVERY_NMI) | ICR_ASSERT   # waits for the IRET, which never comes
        call    settle
        hlt
        FAIL    2
settle: mov     ecx, 20000
1:      pause
        loop    1b
        ret
work:   pause
        jmp     work
