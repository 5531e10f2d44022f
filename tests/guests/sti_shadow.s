# Expect: pass. STI and MOV SS hold interrupts off for one instruction; a second STI does not prolong it.
        .include "lib.s"

        .equ    IPI, 0x50
test:   ON      IPI, seen
        APIC_WRITE APIC_SVR, SVR_ENABLE | 0xFF
        call    send
        sti                                     # pending now
        mov     dword ptr [rip + inside], 1     # still runs
        nop
after:  cli
        EQ      dword ptr [rip + count], 1
        call    send
        sti
        sti                                     # no second shadow
.two:   nop
        cli
        EQ      dword ptr [rip + count], 2
        lea     rax, [rip + .two]
        EQ      [rip + place], rax
        call    send
        sti
        cli                                     # in the shadow: nothing arrives
        nop
        EQ      dword ptr [rip + count], 2
        sti
        nop
        cli
        EQ      dword ptr [rip + count], 3

        mov     eax, DATA                       # MOV SS: a single-step trap waits as well
        ON      VECTOR_DB, stepped
        pushfq
        or      qword ptr [rsp], RFLAGS_TF
        popfq
        mov     ss, eax
.shadow: nop
.first: nop
        pushfq
        and     qword ptr [rsp], ~RFLAGS_TF
        popfq
        lea     rax, [rip + .first]
        EQ      [rip + trap], rax
        PASS

send:   APIC_WRITE APIC_ICR, put(ICR_SHORTHAND, SHORTHAND_SELF) | ICR_ASSERT | IPI
        ret
seen:   inc     dword ptr [rip + count]
        EQ      dword ptr [rip + inside], 1
        mov     rax, [rdi + FRAME_RIP]
        mov     [rip + place], rax
        APIC_WRITE APIC_EOI, 0
        ret
stepped:
        cmp     qword ptr [rip + trap], 0
        jne     .again
        mov     rax, [rdi + FRAME_RIP]
        mov     [rip + trap], rax
.again: ret
        .align  8
count:  .quad   0
inside: .quad   0
place:  .quad   0
trap:   .quad   0
