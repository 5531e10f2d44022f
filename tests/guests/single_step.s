# Expect: pass. RFLAGS.TF traps after each instruction with DR6.BS, RIP after it, and TF clear in the handler.
        .include "lib.s"

test:   ON      VECTOR_DB, stepped
        pushfq
        or      qword ptr [rsp], RFLAGS_TF
        popfq                                   # the trap comes after the instruction that follows
        nop
one:    inc     ebx
two:    cpuid                                   # one that the machine emulates
three:  pushfq
        and     qword ptr [rsp], ~RFLAGS_TF
        popfq
four:   nop
        EQ      dword ptr [rip + count], 6
        lea     rax, [rip + one]
        EQ      [rip + places], rax
        lea     rax, [rip + two]
        EQ      [rip + places + 8], rax
        lea     rax, [rip + three]
        EQ      [rip + places + 16], rax
        lea     rax, [rip + four]
        EQ      [rip + places + 40], rax        # POPFQ that clears TF still traps
        PASS

stepped:
        mov     eax, [rip + count]
        inc     dword ptr [rip + count]
        mov     rcx, [rdi + FRAME_RIP]
        lea     rdx, [rip + places]
        mov     [rdx + rax*8], rcx
        mov     rax, dr6
        BITS    eax, DR6_BS
        mov     eax, 0xFFFF0FF0
        mov     dr6, rax
        pushfq
        pop     rax
        NOBITS  eax, RFLAGS_TF
        ret
        .align  8
count:  .quad   0
places: .fill   16, 8
