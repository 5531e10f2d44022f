# Expect: pass; processors=2. Code that one processor changes runs changed on the other, once it knows of it.
        .include "lib.s"
        .include "smplib.s"

        .equ    ROUNDS, 200
test:   WAKE    work
        mov     ebx, 1
.next:  lea     rax, [rip + routine]
        mov     [rax + 1], ebx                  # the immediate
        mov     [rip + wanted], ebx
.wait:  pause
        cmp     [rip + answered], ebx
        jne     .wait
        EQ      [rip + result], ebx
        inc     ebx
        cmp     ebx, ROUNDS
        jbe     .next
        PASS
work:   mov     esi, 1
.wait:  pause
        cmp     [rip + wanted], esi
        jne     .wait
        xor     eax, eax
        cpuid                                   # serializes
        call    routine
        mov     [rip + result], eax
        mov     [rip + answered], esi
        inc     esi
        jmp     .wait
        .align  64
routine: mov    eax, 0
        ret
        .align  64
wanted: .quad   0
answered: .quad 0
result: .quad   0
