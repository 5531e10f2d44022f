# apic_timer.s - the timer of the virtual local APIC.
#
# Source  SDM 3A, "APIC Timer", "Divide Configuration Register", "TSC-Deadline Mode"

# apic_timer_shift - Entry: rbx = VP.  Exit: ecx = log2 of the divider.  Changes rax.
apic_timer_shift:
        mov     eax, [rbx + VP_APIC + APIC_DIVIDE*16]
        mov     ecx, eax
        and     ecx, 3
        shr     eax, 1
        and     eax, 4
        lea     ecx, [rcx + rax + 1]
        and     ecx, 7                          # 111 divides by 1
        ret

# apic_timer_start - A new initial count: the deadline follows.  Entry: rbx = VP.  Exit: nothing.  Changes rax, rcx, rdx.
apic_timer_start:
        mov     eax, [rbx + VP_APIC + APIC_LVT_TIMER*16]
        and     eax, LVT_TIMER
        cmp     eax, put(LVT_TIMER, TIMER_TSC_DEADLINE)
        je      apic_write_done
        call    apic_timer_shift
        mov     edx, [rbx + VP_APIC + APIC_INITIAL_COUNT*16]
        shl     rdx, cl
        mov     [rbx + VP_PERIOD], rdx
        mov     rax, NEVER
        test    rdx, rdx
        jz      1f
        push    rdx
        rdtsc
        shl     rdx, 32
        or      rax, rdx
        pop     rdx
        add     rax, rdx
1:      mov     [rbx + VP_DEADLINE], rax
        WORK    WORK_CLOCK
        ret

# apic_timer_divide - A new divider: a timer that counts does so again from its initial count; one that does not stays.
# Entry: rbx = VP.  Exit: nothing.  Changes rax, rcx, rdx.
apic_timer_divide:
        cmp     qword ptr [rbx + VP_DEADLINE], NEVER
        jne     apic_timer_start
        ret

# apic_timer_deadline - IA32_TSC_DEADLINE written.  Entry: rdi = guest TSC value, rbx = VP.  Exit: nothing.  Changes rax.
apic_timer_deadline:
        mov     eax, [rbx + VP_APIC + APIC_LVT_TIMER*16]
        and     eax, LVT_TIMER
        cmp     eax, put(LVT_TIMER, TIMER_TSC_DEADLINE)
        jne     apic_write_done                 # ignored in the other modes
        mov     [rbx + VP_TSC_TARGET], rdi
        mov     rax, NEVER
        test    rdi, rdi
        jz      1f
        mov     rax, rdi
        sub     rax, [rbx + VP_TSC_OFFSET]
1:      mov     [rbx + VP_DEADLINE], rax
        WORK    WORK_CLOCK
        ret

# apic_timer_count - Entry: rbx = VP.  Exit: eax = current count.  Changes rcx, rdx.
apic_timer_count:
        mov     eax, [rbx + VP_APIC + APIC_LVT_TIMER*16]
        and     eax, LVT_TIMER
        cmp     eax, put(LVT_TIMER, TIMER_TSC_DEADLINE)
        je      2f
        cmp     qword ptr [rbx + VP_DEADLINE], -1
        je      2f
        rdtsc
        shl     rdx, 32
        or      rdx, rax
        mov     rax, [rbx + VP_DEADLINE]
        sub     rax, rdx
        jbe     2f
        mov     rdx, rax
        call    apic_timer_shift
        shr     rdx, cl
        mov     eax, edx
        ret
2:      xor     eax, eax
        ret

# apic_timer_fire - The deadline has passed.  Entry: rdi = TSC now, rbx = VP.  Exit: nothing.  Changes rax, rcx, rdx, rdi, rsi.
apic_timer_fire:
        mov     rsi, rdi
        mov     edx, [rbx + VP_APIC + APIC_LVT_TIMER*16]
        mov     rax, NEVER
        and     edx, LVT_TIMER
        cmp     edx, put(LVT_TIMER, TIMER_PERIODIC)
        jne     1f
        mov     rax, rsi                        # periods that have passed, and one more
        sub     rax, [rbx + VP_DEADLINE]
        xor     edx, edx
        div     qword ptr [rbx + VP_PERIOD]
        inc     rax
        imul    rax, [rbx + VP_PERIOD]
        add     rax, [rbx + VP_DEADLINE]
1:      mov     [rbx + VP_DEADLINE], rax
        mov     qword ptr [rbx + VP_TSC_TARGET], 0
        mov     edi, [rbx + VP_APIC + APIC_LVT_TIMER*16]
        test    edi, LVT_MASKED
        jnz     2f
        and     edi, LVT_VECTOR
        jmp     apic_raise
2:      ret
