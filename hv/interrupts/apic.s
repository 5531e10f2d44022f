# apic.s - the virtual local APIC: requests and service; registers are in apic_registers.s, commands in apic_command.s.
#
# VP_APIC holds the registers at their own offsets.  Not here: remote read, lowest-priority arbitration (one VP),
# SMI, INIT and start-up commands (they have no effect on a VP that runs).
# Source  SDM 3A, "Advanced Programmable Interrupt Controller (APIC)"

        .equ    APIC_VERSION_VALUE, 0x00050014  # integrated, six LVT entries
        .equ    APIC_REGISTERS, 0x40

# apic_reset - Power-up state.  Entry: rbx = VP.  Exit: nothing.  Changes rax, rcx, rdi.
apic_reset:
        lea     rdi, [rbx + VP_APIC]
        mov     ecx, 128
        xor     eax, eax
        rep stosq
        mov     eax, [rbx + VP_INDEX]
        shl     eax, 24
        mov     [rbx + VP_APIC + APIC_ID*16], eax
        mov     dword ptr [rbx + VP_APIC + APIC_VERSION*16], APIC_VERSION_VALUE
        mov     dword ptr [rbx + VP_APIC + APIC_DFR*16], 0xFFFFFFFF
        mov     dword ptr [rbx + VP_APIC + APIC_SVR*16], SVR_VECTOR
        call    apic_mask_all
        mov     rax, NEVER
        mov     [rbx + VP_DEADLINE], rax
        mov     qword ptr [rbx + VP_TSC_TARGET], 0
        mov     eax, MEMORY_LOCAL_APIC | APICBASE_EN
        cmp     dword ptr [rbx + VP_INDEX], 0
        jne     1f
        or      eax, APICBASE_BSP
1:      mov     [rbx + VP_APIC_BASE], rax
        ret

# apic_mask_all - What software disable does to the local vector table.  Entry: rbx = VP.  Exit: nothing.  Changes rax, rcx.
apic_mask_all:
        mov     ecx, APIC_LVT_TIMER
1:      mov     eax, ecx
        shl     eax, 4
        or      dword ptr [rbx + rax + VP_APIC], LVT_MASKED
        inc     ecx
        cmp     ecx, APIC_LVT_ERROR
        jbe     1b
        ret

# apic_scan - Entry: edi = APIC_IRR or APIC_ISR, rbx = VP.  Exit: eax = highest vector, or -1.  Changes rcx, rdx.
apic_scan:
        mov     ecx, 7
1:      lea     edx, [rdi + rcx]
        shl     edx, 4
        mov     eax, [rbx + rdx + VP_APIC]
        bsr     eax, eax
        jnz     2f
        dec     ecx
        jns     1b
        mov     eax, -1
        ret
2:      shl     ecx, 5
        add     eax, ecx
        ret

# apic_ppr - Entry: rbx = VP.  Exit: eax = processor priority.  Changes rcx, rdx, rdi.
apic_ppr:
        mov     edi, APIC_ISR
        call    apic_scan
        test    eax, eax
        jns     1f
        xor     eax, eax
1:      and     eax, 0xF0
        mov     edx, [rbx + VP_APIC + APIC_TPR*16]
        mov     ecx, edx
        and     ecx, 0xF0
        cmp     ecx, eax
        cmovae  eax, edx
        ret

# apic_highest - Entry: rbx = VP.  Exit: eax = vector that may be injected now, or negative.  Changes rcx, rdx, rdi.
apic_highest:
        mov     eax, -1
        test    dword ptr [rbx + VP_APIC + APIC_SVR*16], SVR_ENABLE
        jz      1f
        mov     edi, APIC_IRR
        call    apic_scan
        test    eax, eax
        js      1f
        push    rax
        call    apic_ppr
        mov     ecx, eax
        pop     rax
        mov     edx, eax
        and     edx, 0xF0
        and     ecx, 0xF0
        cmp     edx, ecx
        ja      1f
        mov     eax, -1
1:      ret

# apic_bit - Where a vector's bit lies.  Entry: edi = vector.  Exit: rdx = register offset from VP_IRR's, ecx = bit.
# Changes nothing else.
apic_bit:
        mov     edx, edi
        shr     edx, 5
        shl     edx, 4
        mov     ecx, edi
        and     ecx, 31
        ret

# apic_accept - IRR to ISR.  Entry: edi = vector, rbx = VP.  Exit: nothing.  Changes rcx, rdx.
apic_accept:
        call    apic_bit
        btr     dword ptr [rbx + rdx + VP_APIC + APIC_IRR*16], ecx
        bt      dword ptr [rbx + VP_AUTO_EOI], edi
        jc      apic_accepted
        bts     dword ptr [rbx + rdx + VP_APIC + APIC_ISR*16], ecx
apic_accepted:
        ret
# apic_return - The way back.  Entry: edi = vector, rbx = VP.  Exit: nothing.  Changes rax, rcx, rdx.
apic_return:
        call    apic_bit
        bt      dword ptr [rbx + VP_AUTO_EOI], edi
        jc      2f
        btr     dword ptr [rbx + rdx + VP_APIC + APIC_ISR*16], ecx
        jnc     external_return                 # or it came from the 8259 pair
2:      bts     dword ptr [rbx + rdx + VP_APIC + APIC_IRR*16], ecx
1:      ret
# apic_raise - A request.  Entry: edi = vector, rbx = VP.  Exit: nothing.  Changes rcx, rdx.
apic_raise:
        cmp     edi, 16
        jb      apic_raise_illegal
        test    dword ptr [rbx + VP_APIC + APIC_SVR*16], SVR_ENABLE
        jz      apic_accepted                   # software disabled: it takes none
        call    apic_bit
        bts     dword ptr [rbx + rdx + VP_APIC + APIC_IRR*16], ecx
        btr     dword ptr [rbx + rdx + VP_APIC + APIC_TMR*16], ecx
        WORK    WORK_EVENT
        ret
apic_raise_illegal:
        or      dword ptr [rbx + VP_APIC + APIC_ESR*16], ESR_RECEIVE_ILLEGAL
        ret

# apic_alone - Entry: rbx = VP.  Exit: zero flag set when one bit of the ISR is set at most.  Changes rax, rcx, rdx.
apic_alone:
        xor     edx, edx
        mov     ecx, 7 * 16
1:      popcnt  eax, [rbx + rcx + VP_APIC + APIC_ISR*16]
        add     edx, eax
        sub     ecx, 16
        jns     1b
        cmp     edx, 1
        ja      2f
        xor     edx, edx
2:      ret

# apic_eoi - End of the highest interrupt in service, by the guest's word; apic_eoi_plain - by the assist page.
# Entry: rbx = VP.  Exit: nothing.  Changes rax, rcx, rdx, rdi, rsi.
apic_eoi:
        cmp     dword ptr [rbx + VP_OFFERED], 0
        je      apic_eoi_plain
        call    assist_settle
        call    assist_withdraw
# apic_eoi_plain - The same, without the assist page.  Entry: rbx = VP.  Exit: nothing.  Changes rax, rcx, rdx, rdi, rsi.
apic_eoi_plain:
        cmp     dword ptr [rbx + VP_WAITING], 0
        je      2f
        WORK    WORK_REQUESTS
2:
        mov     edi, APIC_ISR
        call    apic_scan
        test    eax, eax
        js      1f
        mov     edi, eax
        call    apic_bit
        btr     dword ptr [rbx + rdx + VP_APIC + APIC_ISR*16], ecx
        WORK    WORK_EVENT
        bt      dword ptr [rbx + rdx + VP_APIC + APIC_TMR*16], ecx
        jnc     1f
        push    rbp
        mov     rbp, [rbx + VP_PARTITION]
        call    level_eoi
        pop     rbp
1:      ret
