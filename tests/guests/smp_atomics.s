# Expect: pass; processors=4. LOCK INC, XADD, CMPXCHG and XCHG of four processors lose nothing.
        .include "lib.s"
        .include "smplib.s"

        .equ    ROUNDS, 5000
test:   WAKE    work
        call    work_here
        mov     ecx, [rip + processors]
.wait:  pause
        cmp     [rip + done], ecx
        jne     .wait
        imul    ecx, ecx, ROUNDS
        EQ      [rip + by_inc], ecx
        EQ      [rip + by_xadd], ecx
        EQ      [rip + by_cmpxchg], ecx
        EQ      [rip + by_lock], ecx
        PASS
work:   call    work_here
.halt:  hlt
        jmp     .halt
work_here:
        mov     esi, ROUNDS
.next:  lock inc dword ptr [rip + by_inc]
        mov     eax, 1
        lock xadd [rip + by_xadd], eax
        mov     eax, [rip + by_cmpxchg]
.try:   lea     edx, [rax + 1]
        lock cmpxchg [rip + by_cmpxchg], edx
        jne     .try
.spin:  mov     eax, 1
        xchg    [rip + spin], eax
        test    eax, eax
        jz      .mine
        pause
        jmp     .spin
.mine:  inc     dword ptr [rip + by_lock]       # not atomic: the lock protects it
        mov     dword ptr [rip + spin], 0
        dec     esi
        jnz     .next
        lock inc dword ptr [rip + done]
        ret
        .align  8
by_inc: .quad   0
by_xadd: .quad  0
by_cmpxchg: .quad 0
by_lock: .quad  0
spin:   .quad   0
done:   .quad   0
