# Expect: pass. In 64-bit mode an event aligns RSP to 16 before it pushes, and IRETQ restores the old value.
        .include "lib.s"

test:   ON      0x92, seen
        mov     r15, rsp
        mov     ebx, 16
.next:  lea     rsp, [r15 + rbx - 64]
        mov     r14, rsp
        int     0x92
        EQ      rsp, r14
        dec     ebx
        jnz     .next
        mov     rsp, r15
        PASS
seen:   lea     rax, [rdi + FRAME_SIZE]
        NOBITS  eax, 15
        mov     rcx, r14
        and     rcx, -16
        EQ      rax, rcx
        EQ      [rdi + FRAME_RSP], r14
        ret
