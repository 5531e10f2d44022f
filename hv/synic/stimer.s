# stimer.s - synthetic timers: four a VP, one-shot or periodic, by message or (direct mode) by interrupt.
#
# A timer whose message still waits holds its next expiry back until the node is free; a lazy one leaves such periods out.
# Source  TLFS, "Synthetic Timers"

# stimer_read - MSRs STIMERn_CONFIG (even) and STIMERn_COUNT.  Entry, Exit, Keeps: as a reader of synthetic_at.
stimer_read:
        call    stimer_of
        mov     rax, [r8 + rax]
        clc
        ret
# stimer_write - Entry, Exit, Keeps: as a writer of synthetic_at.
stimer_write:
        call    stimer_of
        test    eax, eax
        jz      1f
        mov     [r8 + STIMER_OF_COUNT], rsi
        mov     rax, [r8 + STIMER_OF_CONFIG]
        test    rsi, rsi
        jz      2f
        test    eax, STIMER_AUTO_ENABLE
        jz      stimer_arm
        or      eax, STIMER_ENABLE
        jmp     3f
1:      mov     eax, esi
        and     eax, STIMER_RESERVED
        jnz     5f
        mov     rax, rsi
3:      test    eax, STIMER_DIRECT
        jnz     4f
        test    eax, STIMER_SINT                # a message needs a source other than 0
        jnz     4f
2:      and     rax, ~STIMER_ENABLE
4:      mov     [r8 + STIMER_OF_CONFIG], rax
        jmp     stimer_arm
5:      stc
        ret

        .assert STIMER_OF_CONFIG == 0 && STIMER_OF_COUNT == 8, "the two words are read by offset"
# stimer_of - Entry: edi = MSR, rbx = VP.  Exit: r8 = timer, eax = offset of the word.  Changes rdi.
stimer_of:
        sub     edi, HVMSR_STIMER0_CONFIG
        mov     eax, edi
        and     eax, 1
        shl     eax, 3
        shr     edi, 1
        imul    edi, edi, STIMER_OF_BYTES
        lea     r8, [rbx + rdi + VP_STIMER]
        ret

# stimer_arm - Start or stop after a change.  Entry: r8 = timer, rbx, rbp.  Exit: carry clear.  Changes rax, rcx, rdx.
stimer_arm:
        mov     rax, NEVER
        test    dword ptr [r8 + STIMER_OF_CONFIG], STIMER_ENABLE
        jz      2f
        mov     rcx, [r8 + STIMER_OF_COUNT]
        test    rcx, rcx
        jz      2f
        test    dword ptr [r8 + STIMER_OF_CONFIG], STIMER_PERIODIC
        jz      1f
        call    reference_time
        add     rcx, rax
1:      mov     [r8 + STIMER_OF_DUE], rcx
        mov     rax, rcx
        call    reference_deadline
2:      mov     [r8 + STIMER_OF_DEADLINE], rax
        WORK    WORK_CLOCK
        jmp     stimer_first

# stimer_first - Note the earliest deadline.  Entry: rbx = VP.  Exit: carry clear.  Changes rax, rcx, rdx.
stimer_first:
        mov     rax, NEVER
        lea     rdx, [rbx + VP_STIMER + STIMER_OF_DEADLINE]
        mov     ecx, STIMERS_COUNT
1:      cmp     [rdx], rax
        cmovb   rax, [rdx]
        add     rdx, STIMER_OF_BYTES
        dec     ecx
        jnz     1b
        mov     [rbx + VP_STIMER_DEADLINE], rax
        clc
        ret

# stimer_fire - Let what is due expire.  Entry: rdi = TSC now, rbx = VP, rbp = partition.  Exit: nothing.  Keeps r12-r15.
stimer_fire:
        push    r12
        push    r13
        push    r14
        mov     rax, rdi
        mov     r14, rdi
        call    reference_of
        mov     r13, rax                        # reference time now
        xor     r12d, r12d
1:      imul    r8d, r12d, STIMER_OF_BYTES
        lea     r8, [rbx + r8 + VP_STIMER]
        cmp     [r8 + STIMER_OF_DEADLINE], r14
        ja      2f
        call    stimer_expire
2:      inc     r12d
        cmp     r12d, STIMERS_COUNT
        jb      1b
        pop     r14
        pop     r13
        pop     r12
        jmp     stimer_first

# stimer_expire - Entry: r8 = timer that is due, r12d = its number, r13 = reference time, rbx = VP, rbp = partition.
# Exit: nothing.  Changes rax, rcx, rdx, rdi, rsi.
stimer_expire:
        mov     rcx, [r8 + STIMER_OF_CONFIG]
        test    ecx, STIMER_DIRECT
        jz      1f
        mov     edi, ecx
        shr     edi, shift(STIMER_VECTOR)
        and     edi, get(STIMER_VECTOR, STIMER_VECTOR)
        call    apic_raise
        jmp     stimer_skip
1:      cmp     dword ptr [r8 + STIMER_OF_NODE + NODE_BUSY], 0
        je      2f
        and     ecx, STIMER_LAZY | STIMER_PERIODIC
        cmp     ecx, STIMER_LAZY | STIMER_PERIODIC
        je      stimer_skip
        mov     rax, NEVER                      # until stimer_freed
        mov     [r8 + STIMER_OF_DEADLINE], rax
        ret
2:      call    stimer_message
        test    dword ptr [r8 + STIMER_OF_CONFIG], STIMER_LAZY
        jnz     stimer_skip
        test    dword ptr [r8 + STIMER_OF_CONFIG], STIMER_PERIODIC
        jz      stimer_once
        mov     rax, [r8 + STIMER_OF_DUE]       # the next period, even if that has passed
        add     rax, [r8 + STIMER_OF_COUNT]
        jmp     stimer_again
stimer_skip:                                    # the first period that has not passed
        test    dword ptr [r8 + STIMER_OF_CONFIG], STIMER_PERIODIC
        jz      stimer_once
        mov     rax, r13
        sub     rax, [r8 + STIMER_OF_DUE]
        xor     edx, edx
        div     qword ptr [r8 + STIMER_OF_COUNT]
        inc     rax
        imul    rax, [r8 + STIMER_OF_COUNT]
        add     rax, [r8 + STIMER_OF_DUE]
stimer_again:
        mov     [r8 + STIMER_OF_DUE], rax
        call    reference_deadline
        mov     [r8 + STIMER_OF_DEADLINE], rax
        ret
stimer_once:
        and     dword ptr [r8 + STIMER_OF_CONFIG], ~STIMER_ENABLE & 0xFFFFFFFF
        mov     rax, NEVER
        mov     [r8 + STIMER_OF_DEADLINE], rax
        ret

# stimer_message - Entry: r8 = timer, its node free, r12d = its number, rbx = VP.  Exit: nothing.  Changes rax, rcx, rdx, rdi, rsi.
stimer_message:
        lea     rdi, [r8 + STIMER_OF_NODE]
        mov     dword ptr [rdi + NODE_TYPE], HVMESSAGE_TIMER_EXPIRED
        mov     qword ptr [rdi + NODE_LENGTH], TIMER_BYTES
        mov     qword ptr [rdi + NODE_ORIGIN], 0
        mov     [rdi + NODE_PAYLOAD + TIMER_INDEX], r12
        mov     rax, [r8 + STIMER_OF_DUE]
        mov     [rdi + NODE_PAYLOAD + TIMER_EXPIRED], rax
        mov     rdx, [r8 + STIMER_OF_CONFIG]
        shr     edx, shift(STIMER_SINT)
        and     edx, get(STIMER_SINT, STIMER_SINT)
        mov     rsi, rbx
        jmp     message_queue

# stimer_freed - A timer's message has gone: what was held back is due.  Entry: r15 = node, rbx = VP, rbp = partition.
# Exit: nothing.  Changes rax, rcx, rdx, r8.
stimer_freed:
        lea     r8, [r15 - STIMER_OF_NODE]
        test    dword ptr [r8 + STIMER_OF_CONFIG], STIMER_ENABLE
        jz      1f
        cmp     qword ptr [r8 + STIMER_OF_COUNT], 0
        je      1f
        mov     rax, [r8 + STIMER_OF_DUE]
        call    reference_deadline
        mov     [r8 + STIMER_OF_DEADLINE], rax
        WORK    WORK_CLOCK
        jmp     stimer_first
1:      ret
