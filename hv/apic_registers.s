# apic_registers.s - reading and writing the virtual local APIC's registers, and its timer.
#
# Source  SDM 3A, "Local APIC Register Address Map", "APIC Timer", "Divide Configuration Register"

# apic_read - Entry: edi = register number (offset / 16), rbx = VP.  Exit: eax.  Changes rcx, rdx, rdi.
apic_read:
        push    rdi
        call    assist_settle
        pop     rdi
        and     edi, APIC_REGISTERS - 1
        cmp     edi, APIC_PPR
        je      apic_ppr
        cmp     edi, APIC_CURRENT_COUNT
        je      apic_timer_count
        xor     eax, eax
        cmp     edi, APIC_EOI                   # write-only
        je      1f
        cmp     edi, APIC_SELF_IPI
        je      1f
        shl     edi, 4
        mov     eax, [rbx + rdi + VP_APIC]
1:      ret

# apic_write - Entry: edi = register number, esi = value, rbx = VP.  Changes rax, rcx, rdx, rdi, rsi, r8.
apic_write:
        and     edi, APIC_REGISTERS - 1
        cmp     edi, APIC_EOI
        je      apic_eoi
        cmp     edi, APIC_SELF_IPI
        je      apic_write_self
        lea     rcx, [rel apic_writable]
        mov     ecx, [rcx + rdi*4]
        test    ecx, ecx
        jz      apic_write_done                 # read-only or not there: lost
        and     esi, ecx
        mov     r8d, edi
        shl     r8d, 4
        mov     eax, [rbx + r8 + VP_APIC]       # old value
        not     ecx
        and     ecx, eax
        or      ecx, esi                        # bits outside the mask stay
        mov     [rbx + r8 + VP_APIC], ecx

        cmp     edi, APIC_TPR
        je      apic_write_event
        cmp     edi, APIC_SVR
        je      apic_write_svr
        cmp     edi, APIC_ESR
        je      apic_write_esr
        cmp     edi, APIC_ICR
        je      apic_write_icr
        cmp     edi, APIC_INITIAL_COUNT
        je      apic_timer_start
        cmp     edi, APIC_DIVIDE
        je      apic_timer_start
        cmp     edi, APIC_LVT_TIMER
        jb      apic_write_done
        cmp     edi, APIC_LVT_ERROR
        ja      apic_write_done
        test    dword ptr [rbx + VP_APIC + APIC_SVR*16], SVR_ENABLE
        jnz     1f
        or      dword ptr [rbx + r8 + VP_APIC], LVT_MASKED
1:      cmp     edi, APIC_LVT_TIMER
        jne     apic_write_done
        xor     eax, ecx
        test    eax, LVT_TIMER
        jz      apic_write_done
        mov     rax, NEVER                      # a new mode stops the timer
        mov     [rbx + VP_DEADLINE], rax
        mov     qword ptr [rbx + VP_TSC_TARGET], 0
apic_write_done:
        ret
apic_write_svr:
        test    ecx, SVR_ENABLE
        jz      apic_mask_all
apic_write_event:
        WORK    WORK_EVENT
        ret
apic_write_esr:
        mov     dword ptr [rbx + VP_APIC + APIC_ESR*16], 0
        ret
apic_write_self:
        movzx   edi, sil
        jmp     apic_raise
apic_write_icr:
        mov     edi, ecx
        mov     esi, [rbx + VP_APIC + APIC_ICR_HIGH*16]
        shr     esi, 24
        jmp     apic_command

# apic_timer_shift - Exit: ecx = log2 of the divider.  Changes rax.
apic_timer_shift:
        mov     eax, [rbx + VP_APIC + APIC_DIVIDE*16]
        mov     ecx, eax
        and     ecx, 3
        shr     eax, 1
        and     eax, 4
        lea     ecx, [rcx + rax + 1]
        and     ecx, 7                          # 111 divides by 1
        ret

# apic_timer_start - A new initial count: the deadline follows.  Changes rax, rcx, rdx.
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

# apic_timer_deadline - IA32_TSC_DEADLINE written.  Entry: rdi = guest TSC value.
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

# apic_timer_count - Exit: eax = current count.
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

# apic_timer_fire - The deadline has passed.  Entry: rdi = TSC now.
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

# Bits that a write may change, by register number; 0: read-only, reserved or an effect without storage.
        .balign 4
apic_writable:
        .long   0, 0, 0, 0, 0, 0, 0, 0
        .long   0xFF, 0, 0, 0, 0, 0xFF000000, 0xF0000000, SVR_VECTOR | SVR_ENABLE | SVR_FOCUS
        .fill   24, 4, 0
        .long   0xFFFFFFFF, 0, 0, 0, 0, 0, 0, 0
        .long   ICR_VECTOR | ICR_MODE | ICR_LOGICAL | ICR_ASSERT | ICR_LEVEL | ICR_SHORTHAND, 0xFF000000
        .long   LVT_VECTOR | LVT_MASKED | LVT_TIMER, LVT_VECTOR | LVT_MODE | LVT_MASKED, LVT_VECTOR | LVT_MODE | LVT_MASKED
        .long   LVT_VECTOR | LVT_MODE | LVT_POLARITY | LVT_LEVEL | LVT_MASKED, LVT_VECTOR | LVT_MODE | LVT_POLARITY | LVT_LEVEL | LVT_MASKED
        .long   LVT_VECTOR | LVT_MASKED, 0xFFFFFFFF, 0
        .fill   4, 4, 0
        .long   0x0B, 0
