# apic_registers.s - reading and writing the virtual local APIC's registers.
#
# Source  SDM 3A, "Local APIC Register Address Map"

# apic_read - Entry: edi = register number (offset / 16), rbx = VP.  Exit: eax.  Changes rcx, rdx, rdi, rsi.
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

# apic_write - Entry: edi = register number, esi = value, rbx = VP.  Exit: nothing.  Changes rax, rcx, rdx, rdi, rsi, r8.
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
        je      apic_timer_divide
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
        test    eax, put(LVT_TIMER, TIMER_TSC_DEADLINE)
        jz      apic_write_done                 # between one-shot and periodic it counts on, as processors do
        mov     rax, NEVER                      # to or from TSC-deadline mode it stops
        mov     dword ptr [rbx + VP_APIC + APIC_INITIAL_COUNT*16], 0
        mov     [rbx + VP_DEADLINE], rax
        mov     qword ptr [rbx + VP_TSC_TARGET], 0
# apic_write_done - Entry: nothing.  Exit: nothing.  Keeps every register.
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
