# synthetic.s - the hypervisor's own MSRs; the hypercall page is in overlay.s.
#
# Every privilege of cpuid.s belongs to every ENLIGHTENED partition; an MSR that is not here is #GP(0), as it is for the others.
# Source  TLFS, "Synthetic MSRs", "Establishing the Hypercall Interface", "Partition Reference Time", "Reset MSR"

        .equ    SYNTHETIC_MSRS, 0x200

# synthetic_read - Entry: edi = MSR, rbx = VP.  Exit: rax = value, or carry set for #GP.
synthetic_read:
        mov     rcx, [rbx + VP_PARTITION]
        test    dword ptr [rcx + PART_FLAGS], ENLIGHTENED
        jz      synthetic_refuse
        cmp     edi, HVMSR_TIME_REF_COUNT
        je      reference_time
        cmp     edi, HVMSR_GUEST_OS_ID
        je      synthetic_read_os
        cmp     edi, HVMSR_HYPERCALL
        je      synthetic_read_page
        cmp     edi, HVMSR_VP_INDEX
        je      synthetic_read_index
        cmp     edi, HVMSR_ICR
        je      synthetic_read_icr
        cmp     edi, HVMSR_TPR
        je      synthetic_read_tpr
        mov     rax, [rbx + VP_ASSIST]
        cmp     edi, HVMSR_VP_ASSIST_PAGE
        je      synthetic_ok
        xor     eax, eax
        cmp     edi, HVMSR_RESET
        je      synthetic_ok
        mov     eax, HZ_TSC
        cmp     edi, HVMSR_TSC_FREQUENCY
        je      synthetic_ok
        cmp     edi, HVMSR_APIC_FREQUENCY       # the same crystal
        je      synthetic_ok
synthetic_refuse:
        stc
        ret
synthetic_read_os:
        mov     rax, [rcx + PART_OS_ID]
        clc
        ret
synthetic_read_page:
        mov     rax, [rcx + PART_HYPERCALL]
        clc
        ret
synthetic_read_index:
        mov     eax, [rbx + VP_INDEX]
        clc
        ret
synthetic_read_icr:
        mov     eax, [rbx + VP_APIC + APIC_ICR_HIGH*16]
        shl     rax, 32
        mov     ecx, [rbx + VP_APIC + APIC_ICR*16]
        or      rax, rcx
        ret
synthetic_read_tpr:
        mov     eax, [rbx + VP_APIC + APIC_TPR*16]
synthetic_ok:
        clc
        ret

# reference_time - Exit: rax = 100 ns since the partition began, carry clear.  rcx = partition.  Changes rdx, r8.
reference_time:
        rdtsc
        shl     rdx, 32
        or      rax, rdx
        sub     rax, [rcx + PART_STARTED]
        xor     edx, edx
        mov     r8d, TICKS_PER_REFERENCE
        div     r8
        clc
        ret

# synthetic_write - Entry: edi = MSR, rsi = value, rbx = VP.  Exit: carry set for #GP.
synthetic_write:
        mov     rbp, [rbx + VP_PARTITION]
        test    dword ptr [rbp + PART_FLAGS], ENLIGHTENED
        jz      synthetic_refuse
        cmp     edi, HVMSR_EOI
        je      synthetic_write_eoi
        cmp     edi, HVMSR_ICR
        je      synthetic_write_icr
        cmp     edi, HVMSR_TPR
        je      synthetic_write_tpr
        cmp     edi, HVMSR_GUEST_OS_ID
        je      synthetic_write_os
        cmp     edi, HVMSR_HYPERCALL
        je      synthetic_write_page
        cmp     edi, HVMSR_VP_ASSIST_PAGE
        je      synthetic_write_assist
        cmp     edi, HVMSR_RESET
        jne     synthetic_refuse
        test    rsi, ~HVRESET_RESET
        jnz     synthetic_refuse
        test    esi, esi
        jz      synthetic_ok
        mov     esi, CODE_RESET
        call    partition_ends
        clc
        ret

synthetic_write_eoi:
        shr     rsi, 32
        jnz     synthetic_refuse
        call    apic_eoi
        clc
        ret
synthetic_write_tpr:
        test    rsi, ~0xFF
        jnz     synthetic_refuse
        mov     [rbx + VP_APIC + APIC_TPR*16], esi
        WORK    WORK_EVENT
        clc
        ret
synthetic_write_icr:
        mov     rax, rsi
        shr     rax, 32
        mov     [rbx + VP_APIC + APIC_ICR_HIGH*16], eax
        mov     edi, APIC_ICR
        call    apic_write
        clc
        ret

# The page is the guest's own memory; we never waive an EOI, so its first word stays 0.
synthetic_write_assist:
        test    esi, HVPAGE_ENABLE
        jz      1f
        mov     rax, rsi
        and     rax, -PAGE
        cmp     rax, [rbp + PART_MEMORY]
        jae     synthetic_refuse
        add     rax, [rbp + PART_BASE]
        mov     dword ptr [rax], 0
1:      mov     [rbx + VP_ASSIST], rsi
        clc
        ret

synthetic_write_os:
        mov     [rbp + PART_OS_ID], rsi
        test    rsi, rsi
        jnz     synthetic_ok
        and     qword ptr [rbp + PART_HYPERCALL], ~HVPAGE_ENABLE
        call    overlay_off
        clc
        ret

synthetic_write_page:
        mov     rax, [rbp + PART_HYPERCALL]
        test    eax, HVPAGE_LOCKED
        jnz     synthetic_refuse
        cmp     qword ptr [rbp + PART_OS_ID], 0
        jne     1f
        and     rsi, ~HVPAGE_ENABLE             # nobody has said who it is: the page stays away
1:      test    esi, HVPAGE_ENABLE
        jz      2f
        mov     rax, rsi
        and     rax, -PAGE
        cmp     rax, [rbp + PART_MEMORY]
        jae     synthetic_refuse
2:      mov     [rbp + PART_HYPERCALL], rsi
        call    overlay_off
        test    dword ptr [rbp + PART_HYPERCALL], HVPAGE_ENABLE
        jz      synthetic_ok
        call    overlay_on
        clc
        ret
