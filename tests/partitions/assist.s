# Expect: pass. The assist page saves an EOI when an edge-triggered interrupt is alone, and takes that back when another waits.
        .include "hvlib.s"

        .equ    LESS, 0x51
        .equ    MORE, 0x71
        .equ    PAGE_OF_VP, 0x400000
test:   ON      LESS, taken
        ON      MORE, taken
        ENLIGHTEN
        APIC_WRITE APIC_SVR, SVR_ENABLE | 0xFF
        WRMSR   HVMSR_VP_ASSIST_PAGE, PAGE_OF_VP | 1
        CALL_FAST HVCALL_CLUSTER_IPI, LESS, 1
        OPEN
        EQ      dword ptr [rip + count], 1
        EQ      dword ptr [rip + saved], 1      # no EOI was written
        EQ      dword ptr [PAGE_OF_VP], 0
        APIC_READ (APIC_ISR + 2)
        EQ      eax, 0                          # and it is over all the same
        CALL_FAST HVCALL_CLUSTER_IPI, LESS, 1
        OPEN
        EQ      dword ptr [rip + count], 2
        CALL_FAST HVCALL_CLUSTER_IPI, LESS, 1    # two at once: the first needs an EOI, or the second would stay in service
        CALL_FAST HVCALL_CLUSTER_IPI, MORE, 1
        OPEN
        EQ      dword ptr [rip + count], 4
        EQ      dword ptr [rip + saved], 3
        EQ      dword ptr [rip + written], 1
        mov     dword ptr [rip + again], 1      # another comes while the offer stands: it is withdrawn
        CALL_FAST HVCALL_CLUSTER_IPI, MORE, 1
        OPEN
        EQ      dword ptr [rip + count], 6
        EQ      dword ptr [rip + saved], 4
        EQ      dword ptr [rip + written], 2
        PASS

# A handler as the specification asks for: take the bit away; if it was not there, write the EOI.
taken:  inc     dword ptr [rip + count]
        cmp     dword ptr [rip + again], 0
        je      1f
        mov     dword ptr [rip + again], 0
        CALL_FAST HVCALL_CLUSTER_IPI, LESS, 1
1:      lock btr dword ptr [PAGE_OF_VP], 0
        jc      2f
        inc     dword ptr [rip + written]
        WRMSR   HVMSR_EOI, 0
        ret
2:      inc     dword ptr [rip + saved]
        ret
        .align  8
count:  .quad   0
saved:  .quad   0
written: .quad  0
again:  .quad   0
