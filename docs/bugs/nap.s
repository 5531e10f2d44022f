# nap.s - a guest that reads an MSR of the hypervisor's, and sleeps until its timer wakes it.
        .include "../../tests/partitions/hvlib.s"
test:   mov     ecx, HVMSR_VP_INDEX
        rdmsr
        ON      0x51, woken
        APIC_WRITE APIC_SVR, SVR_ENABLE | 0xFF
        APIC_WRITE APIC_LVT_TIMER, 0x51
        APIC_WRITE APIC_INITIAL_COUNT, 50000
        sti
        hlt
        PASS
# woken - Entry: rdi = FRAME.  Exit: nothing.  Keeps every register.  Source  hvlab's own
woken:  ret
