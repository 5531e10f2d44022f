# Expect: pass. Time does not depend on how a block that changes its own code was cut: equal rounds take equal time.
        .include "lib.s"

        .equ    ROUNDS, 20
test:   mov     ebx, ROUNDS
.next:  rdtsc
        mov     esi, eax
        call    routine
        EQ      eax, ebx
        rdtsc
        sub     eax, esi
        cmp     ebx, ROUNDS - 2
        ja      .warm                           # walks
        jb      .compare
        mov     r9d, eax
.compare:
        EQ      eax, r9d
.warm:  dec     ebx
        jnz     .next
        PASS
        .align  4096
routine: nop
        nop
        nop
        mov     [rip + .own + 1], ebx
        nop
        nop
.own:   mov     eax, 0
        nop
        nop
        ret
