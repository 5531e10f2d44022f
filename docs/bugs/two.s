# two.s - a guest that sends itself two interrupts, and waits for both.
        .include "../../tests/partitions/hvlib.s"
        .equ    LESS, 0x51
        .equ    MORE, 0x71
test:   ON      LESS, taken
        ON      MORE, taken
        APIC_WRITE APIC_SVR, SVR_ENABLE | 0xFF
        WRMSR   HVMSR_ICR, LESS | put(ICR_SHORTHAND, SHORTHAND_SELF)
        WRMSR   HVMSR_ICR, MORE | put(ICR_SHORTHAND, SHORTHAND_SELF)
        sti
wait:   cmp     dword ptr [rip + count], 2
        jb      wait
        PASS
# taken - Entry: rdi = FRAME.  Exit: nothing.  Changes rax, rcx, rdx.  Source  hvlab's own
taken:  inc     dword ptr [rip + count]
        WRMSR   HVMSR_EOI, 0
        ret
        .align  8
count:  .quad   0
