# Expect: pass. RFLAGS.RF lets exactly one instruction past its breakpoint, however the next one is reached; MOV SS blocks one.
        .include "lib.s"

test:   ON      VECTOR_DB, seen
        lea     rax, [rip + loop]
        mov     dr0, rax
        lea     rax, [rip + target]
        mov     dr1, rax
        lea     rax, [rip + called]
        mov     dr2, rax
        mov     eax, DR7_ONE | DR7_L0 | DR7_L1 | DR7_L2
        mov     dr7, rax

        mov     ecx, 10
loop:   dec     ecx                             # met once for each time around, by a direct jump to itself
        jnz     loop
        EQ      dword ptr [rip + hits], 10
        xor     ecx, ecx
        mov     ecx, 5
again:  jmp     target                          # RF of target is gone when it is reached again by direct jumps
back:   dec     ecx
        jnz     again
        EQ      dword ptr [rip + hits], 15
        mov     ecx, 5
.calls: call    called
        dec     ecx
        jnz     .calls
        EQ      dword ptr [rip + hits], 20

        lea     rax, [rip + self]               # an instruction that jumps to itself breaks each time
        mov     dr3, rax
        mov     eax, DR7_ONE | DR7_L3
        mov     dr7, rax
        mov     dword ptr [rip + hits], 0
        mov     ecx, 7
self:   loop    self
        EQ      dword ptr [rip + hits], 7

        lea     rax, [rip + string]             # a repeated string instruction is met once: RF stays until it is done
        mov     dr3, rax
        mov     dword ptr [rip + hits], 0
        lea     rdi, [rip + area]
        mov     ecx, 16
        xor     eax, eax
string: rep     stosb
        EQ      dword ptr [rip + hits], 1
        EQ      ecx, 0

        lea     rax, [rip + blocked]            # no breakpoint right after MOV SS
        mov     dr3, rax
        mov     dword ptr [rip + hits], 0
        mov     eax, ss
        mov     ss, eax
blocked: nop
        EQ      dword ptr [rip + hits], 0
        lea     rax, [rip + sti_next]           # STI does not block it
        mov     dr3, rax
        sti
sti_next: cli
        EQ      dword ptr [rip + hits], 1
        lea     rax, [rip + blocked]            # and reached otherwise it is met
        mov     dr3, rax
        mov     dword ptr [rip + stop], 1
        jmp     blocked

target: jmp     back
called: ret

seen:   inc     dword ptr [rip + hits]
        NOBITS  qword ptr [rdi + FRAME_RFLAGS], RFLAGS_TF
        NOBITS  qword ptr [rdi + FRAME_RFLAGS], RFLAGS_RF       # of all faults only this one pushes 0: the handler sets it
        or      qword ptr [rdi + FRAME_RFLAGS], RFLAGS_RF
        cmp     dword ptr [rip + stop], 1
        je      .end
        ret
.end:   lea     rax, [rip + blocked]
        EQ      [rdi + FRAME_RIP], rax
        mov     rax, dr6
        BITS    eax, DR6_B3
        PASS
        .align  16
hits:   .long   0
stop:   .long   0
area:   .fill   16, 1, 0xFF
