# synic.s - the synthetic interrupt controller of a VP: its MSRs, and the EOI that the assist page saves.
#
# Source  TLFS, "Synthetic Interrupt Controller", "Virtual Interrupt Controller" (EOI Assist)

# synic_reset - Entry: rbx = VP.  Exit: nothing.  Changes rax, rcx, rdi.
synic_reset:
        mov     qword ptr [rbx + VP_SCONTROL], 0
        mov     qword ptr [rbx + VP_SIMP], 0
        mov     qword ptr [rbx + VP_SIEFP], 0
        mov     qword ptr [rbx + VP_ASSIST_MSR], 0
        lea     rdi, [rbx + VP_SINT]
        mov     ecx, SINTS_COUNT
        mov     eax, SINTS_RESET
        rep stosq
        lea     rdi, [rbx + VP_AUTO_EOI]
        mov     ecx, 4
        xor     eax, eax
        rep stosq
        mov     rax, NEVER
        mov     [rbx + VP_STIMER_DEADLINE], rax
        lea     rdi, [rbx + VP_STIMER]
        mov     ecx, STIMERS_COUNT
1:      mov     qword ptr [rdi + STIMER_OF_CONFIG], 0
        mov     qword ptr [rdi + STIMER_OF_COUNT], 0
        mov     [rdi + STIMER_OF_DEADLINE], rax
        add     rdi, STIMER_OF_BYTES
        dec     ecx
        jnz     1b
        ret

# synic_write_control - Entry, Exit, Keeps: as a writer of synthetic_at.
synic_write_control:
        mov     [rbx + VP_SCONTROL], rsi
        WORK    WORK_REQUESTS                   # what waits may go on now
        clc
        ret
# synic_write_siefp - The event flags page.  Entry, Exit, Keeps: as a writer of synthetic_at.
synic_write_siefp:
        push    rsi
        lea     r8, [rbx + VP_SIEF]
        mov     edx, EPT_DATA
        call    overlay_msr
        pop     rsi
        jc      1f
        mov     [rbx + VP_SIEFP], rsi
1:      ret
# synic_write_simp - The message page.  Entry, Exit, Keeps: as a writer of synthetic_at.
synic_write_simp:
        push    rsi
        lea     r8, [rbx + VP_SIM]
        mov     edx, EPT_DATA
        call    overlay_msr
        pop     rsi
        jc      1f
        mov     [rbx + VP_SIMP], rsi
        WORK    WORK_REQUESTS
        clc
1:      ret
# synic_write_eom - A slot is free.  Entry, Exit, Keeps: as a writer of synthetic_at.
synic_write_eom:
        WORK    WORK_REQUESTS
        clc
        ret

# synic_read_sint - Entry, Exit, Keeps: as a reader of synthetic_at.
synic_read_sint:
        lea     eax, [rdi - HVMSR_SINT0]
        mov     rax, [rbx + rax*8 + VP_SINT]
        clc
        ret
# synic_write_sint - A vector of an exception is refused, unless the source is masked.
# Entry, Exit, Keeps: as a writer of synthetic_at.
synic_write_sint:
        test    esi, SINT_MASKED
        jnz     1f
        mov     eax, esi
        and     eax, SINT_VECTOR
        cmp     eax, VECTOR_LEAST
        jb      3f                              # carry set
1:      lea     eax, [rdi - HVMSR_SINT0]
        mov     [rbx + rax*8 + VP_SINT], rsi
        WORK    WORK_REQUESTS
        lea     rdi, [rbx + VP_AUTO_EOI]        # which vectors end by themselves
        xor     eax, eax
        mov     ecx, 4
        rep stosq
2:      mov     rax, [rbx + rcx*8 + VP_SINT]
        test    eax, SINT_AUTO_EOI
        jz      4f
        movzx   eax, al
        bts     dword ptr [rbx + VP_AUTO_EOI], eax
4:      inc     ecx
        cmp     ecx, SINTS_COUNT
        jb      2b
        clc
3:      ret

# synic_raise - The interrupt of a source, if it wants one.  Entry: edi = SINT, rbx = VP.  Exit: nothing.
# Changes rax, rcx, rdx, rdi.
synic_raise:
        mov     rdi, [rbx + rdi*8 + VP_SINT]
        test    edi, SINT_MASKED | SINT_POLLING
        jnz     1f
        test    dword ptr [rbx + VP_APIC + APIC_SVR*16], SVR_ENABLE
        jz      1f
        movzx   edi, dil
        jmp     apic_raise
1:      ret

# ---- the waived EOI: bit 0 of the assist page's first word ----
        .equ    ASSIST_NO_EOI, 1

# assist_offer - A vector has gone into service: may its EOI be left out?  Only an edge-triggered one that is alone.
# Entry: edi = vector, rbx = VP.  Exit: nothing.  Changes rax, rcx, rdx.
assist_offer:
        test    dword ptr [rbx + VP_ASSIST_MSR], HVPAGE_ENABLE
        jz      1f
        bt      dword ptr [rbx + VP_AUTO_EOI], edi
        jc      1f
        call    apic_bit
        bt      dword ptr [rbx + rdx + VP_APIC + APIC_TMR*16], ecx
        jc      1f
        push    rdi
        mov     edi, APIC_IRR
        call    apic_scan
        pop     rdi
        test    eax, eax
        jns     1f
        call    apic_alone
        jnz     1f
        mov     rax, [rbx + VP_ASSIST + OVERLAY_FRAME]
        or      dword ptr [rax], ASSIST_NO_EOI
        mov     dword ptr [rbx + VP_OFFERED], 1
1:      ret

# assist_settle - Has the guest used the offer?  Then its interrupt is over.  Entry: rbx = VP.  Exit: nothing.
# Changes rax, rcx, rdx, rdi, rsi.
assist_settle:
        cmp     dword ptr [rbx + VP_OFFERED], 0
        je      1f
        mov     rax, [rbx + VP_ASSIST + OVERLAY_FRAME]
        test    dword ptr [rax], ASSIST_NO_EOI
        jnz     1f
        mov     dword ptr [rbx + VP_OFFERED], 0
        jmp     apic_eoi_plain
1:      ret

# assist_withdraw - From now on an EOI is wanted.  Entry: rbx = VP.  Exit: nothing.  Changes rax.
assist_withdraw:
        cmp     dword ptr [rbx + VP_OFFERED], 0
        je      1f
        mov     dword ptr [rbx + VP_OFFERED], 0
        mov     rax, [rbx + VP_ASSIST + OVERLAY_FRAME]
        and     dword ptr [rax], ~ASSIST_NO_EOI
1:      ret
