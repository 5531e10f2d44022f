# Expect: pass. A guest finds the memory it filled unchanged, whatever its neighbours do.
        .include "hvlib.s"

        .equ    FIRST, 0x400000
        .equ    LAST, 0x600000
        .equ    ROUNDS, 20
test:   mov     r8d, ROUNDS
1:      mov     edi, FIRST
2:      mov     [rdi], rdi
        add     rdi, 8
        cmp     edi, LAST
        jb      2b
        mov     edi, FIRST
3:      mov     rax, [rdi]
        cmp     rax, rdi
        jne     4f
        add     rdi, 8
        cmp     edi, LAST
        jb      3b
        dec     r8d
        jnz     1b
        PASS
4:      FAIL    1
