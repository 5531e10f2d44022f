# hypercall_state.s - registers of a VP that a saved state needs: x87 and SSE, local APIC, synthetic MSRs, timers, activity.
#
# Readers and writers as in hypercall_values.s.  Of the local APIC the words are given as they are; a current count sets the timer.
# Source  TLFS, "Virtual Processor Registers"; SDM 1, "FXSAVE Area"; SDM 3A, "Local APIC Register Address Map"

        .equ    FX_CONTROL, 16                  # offsets in the FXSAVE area
        .equ    FX_ST, 32
        .equ    FX_XMM, 160

# reg_fx - 16 bytes of the FXSAVE area.  Entry, Exit, Keeps: as a reader of regs.
reg_fx: cmp     rbx, gs:[CPU_CURRENT]
        jne     1f
        fxsave64 [rbx + VP_FX]
1:      mov     rax, [rbx + r10 + VP_FX]
        mov     rdx, [rbx + r10 + VP_FX + 8]
        ret
# reg_mxcsr_write - Entry, Exit, Keeps: as a writer of regs.
reg_mxcsr_write:
        test    edi, ~MXCSR_KNOWN & 0xFFFFFFFF
        jnz     reg_refused
# reg_fx_write - By a parent: the VP is nobody's.  Entry, Exit, Keeps: as a writer of regs.
reg_fx_write:
        mov     [rbx + r10 + VP_FX], rsi
        mov     [rbx + r10 + VP_FX + 8], rdi
        xor     eax, eax
        ret

# reg_synthetic - A synthetic MSR by its number in r10, with the privilege that the partition needs for it.
# Entry, Exit, Keeps: as a reader of regs.
reg_synthetic:
        push    r8
        push    r9
        push    r11
        mov     edi, r10d
        call    synthetic_read
        mov     edx, 0
        cmovc   rax, rdx
        pop     r11
        pop     r9
        pop     r8
        ret
# reg_synthetic_write - Entry, Exit, Keeps: as a writer of regs.
reg_synthetic_write:
        push    r8
        push    r9
        push    r11
        mov     edi, r10d
        call    synthetic_write
        pop     r11
        pop     r9
        pop     r8
        jc      reg_refused
        xor     eax, eax
        ret

# reg_apic - A register by its number in r10.  Entry, Exit, Keeps: as a reader of regs.
reg_apic:
        push    r8
        push    r9
        push    r11
        push    r10
        call    requests_take                   # what was requested is in the IRR
        call    assist_settle
        mov     edi, [rsp]
        call    apic_read
        mov     eax, eax
        xor     edx, edx
        pop     r10
        cmp     r10d, APIC_ICR
        jne     1f
        mov     edx, [rbx + VP_APIC + APIC_ICR_HIGH*16]
        shl     rdx, 32
        or      rax, rdx
        xor     edx, edx
1:      pop     r11
        pop     r9
        pop     r8
        ret
# reg_apic_write - Entry, Exit, Keeps: as a writer of regs.
reg_apic_write:
        mov     ecx, r10d
        shl     ecx, 4
        cmp     r10d, APIC_CURRENT_COUNT
        je      2f
        cmp     r10d, APIC_ICR
        jne     1f
        mov     rax, rsi
        shr     rax, 32
        mov     [rbx + VP_APIC + APIC_ICR_HIGH*16], eax
1:      mov     [rbx + rcx + VP_APIC], esi
        WORK    WORK_EVENT
        xor     eax, eax
        ret
2:      call    apic_timer_shift                # the initial count and the divider have been set
        mov     edx, [rbx + VP_APIC + APIC_INITIAL_COUNT*16]
        shl     rdx, cl
        mov     [rbx + VP_PERIOD], rdx
        mov     esi, esi
        shl     rsi, cl
        mov     rax, NEVER
        test    rsi, rsi
        jz      3f
        call    tsc_now
        add     rax, rsi
3:      mov     [rbx + VP_DEADLINE], rax
        xor     eax, eax
        ret

# reg_apic_base_write - Entry, Exit, Keeps: as a writer of regs.
reg_apic_base_write:
        call    apic_base_fits
        jnz     reg_refused
        call    apic_base_set
        xor     eax, eax
        ret
# reg_deadline_write - Entry, Exit, Keeps: as a writer of regs.
reg_deadline_write:
        mov     rdi, rsi
        call    apic_timer_deadline
        xor     eax, eax
        ret
# reg_tsc_write - Entry, Exit, Keeps: as a writer of regs.
reg_tsc_write:
        call    tsc_now
        sub     rsi, rax
        mov     [rbx + VP_TSC_OFFSET], rsi
        VMPUT   VMCS_TSC_OFFSET, rsi
        mov     rax, [rbp + PART_STARTED]       # the page's formula holds for a TSC that began with the partition
        neg     rax
        cmp     rax, rsi
        je      1f
        call    reference_lost
1:      xor     eax, eax
        ret
# reg_fmask_write - A register of 32 bits.  Entry, Exit, Keeps: as a writer of regs.
reg_fmask_write:
        mov     rax, rsi
        shr     rax, 32
        jnz     reg_refused
        jmp     reg_msr_write

        .equ    ACTIVITY_PARKED, 1
        .equ    ACTIVITY_HALTED, 2
# reg_activity - Parked, halted.  Entry, Exit, Keeps: as a reader of regs.
reg_activity:
        xor     eax, eax
        xor     edx, edx
        mov     ecx, [rbx + VP_ACTIVITY]
        cmp     ecx, VP_PARKED
        jne     1f
        mov     eax, ACTIVITY_PARKED
1:      cmp     ecx, VP_HALTED
        jne     2f
        mov     eax, ACTIVITY_HALTED
2:      ret
# reg_activity_write - Entry, Exit, Keeps: as a writer of regs.
reg_activity_write:
        mov     ecx, VP_RUNNABLE
        test    rsi, rsi
        jz      1f
        mov     ecx, VP_PARKED
        cmp     rsi, ACTIVITY_PARKED
        je      1f
        mov     ecx, VP_HALTED
        cmp     rsi, ACTIVITY_HALTED
        jne     reg_refused
1:      cmp     [rbx + VP_ACTIVITY], ecx
        je      3f
        mov     dword ptr [rbx + VP_DEAF], 0    # halted by its parent: what waits wakes it
        mov     [rbx + VP_ACTIVITY], ecx
3:      xor     eax, eax
        ret
