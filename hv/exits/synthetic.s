# synthetic.s - the hypervisor's own MSRs: found by number, allowed by a privilege of the partition.
#
# Readers and writers follow the contract at synthetic_at (synthetic_rows.s).
# Source  TLFS, "Synthetic MSRs", "Establishing the Hypercall Interface", "Reset MSR", "Virtual Processor Idle Sleep State"

        .equ    SYNTHETIC_MSRS, 0x200           # numbers that are ours
        .record SYN
        .field  PRIVILEGE, 8                    # any of these bits
        .field  ARGUMENT, 8
        .field  READ, 8                         # 0: write-only
        .field  WRITE, 8                        # 0: read-only
        .endrecord

# synthetic_read - Entry: edi = MSR, rbx = VP.  Exit: rax = value, rbp = partition; or carry set for #GP.  Keeps rbx, r12-r15.
synthetic_read:
        mov     ecx, SYN_READ
        jmp     synthetic_go
# synthetic_write - Entry: edi = MSR, rsi = value, rbx = VP.  Exit: rbp = partition; carry set for #GP.  Keeps rbx, r12-r15.
synthetic_write:
        mov     ecx, SYN_WRITE
synthetic_go:
        mov     rbp, [rbx + VP_PARTITION]
        mov     eax, edi
        sub     eax, HVMSR_GUEST_OS_ID
        cmp     eax, SYNTHETIC_ROWS
        jae     synthetic_refuse
        lea     rdx, [rel synthetic_at]
        mov     rdx, [rdx + rax*8]
        test    rdx, rdx
        jz      synthetic_refuse
        mov     rax, [rdx + SYN_PRIVILEGE]
        test    rax, [rbp + PART_PRIVILEGES]
        jz      synthetic_refuse
        mov     rax, [rdx + rcx]
        mov     dword ptr [rbx + VP_MSR_THERE], 1
        test    rax, rax
        jz      synthetic_refuse
        jmp     rax
synthetic_refuse:
        stc
        ret

# synthetic_vp - A word of the VP.  Entry, Exit, Keeps: as a reader of synthetic_at.
synthetic_vp:
        mov     rax, [rdx + SYN_ARGUMENT]
        mov     rax, [rbx + rax]
        clc
        ret
# synthetic_index - Its index.  Entry, Exit, Keeps: as a reader of synthetic_at.
synthetic_index:
        mov     eax, [rbx + VP_INDEX]
        clc
        ret
# synthetic_partition - A word of the partition.  Entry, Exit, Keeps: as a reader of synthetic_at.
synthetic_partition:
        mov     rax, [rdx + SYN_ARGUMENT]
        mov     rax, [rbp + rax]
        clc
        ret
# synthetic_constant - The argument itself.  Entry, Exit, Keeps: as a reader of synthetic_at.
synthetic_constant:
        mov     rax, [rdx + SYN_ARGUMENT]
synthetic_ok:
        clc
        ret
# synthetic_read_icr - Both halves.  Entry, Exit, Keeps: as a reader of synthetic_at.
synthetic_read_icr:
        mov     eax, [rbx + VP_APIC + APIC_ICR_HIGH*16]
        shl     rax, 32
        mov     ecx, [rbx + VP_APIC + APIC_ICR*16]
        or      rax, rcx
        ret
# synthetic_read_tpr - Entry, Exit, Keeps: as a reader of synthetic_at.
synthetic_read_tpr:
        mov     eax, [rbx + VP_APIC + APIC_TPR*16]
        clc
        ret
# synthetic_read_crash - Entry, Exit, Keeps: as a reader of synthetic_at.
synthetic_read_crash:
        lea     eax, [rdi - HVMSR_CRASH_P0]
        mov     rax, [rbp + rax*8 + PART_CRASH]
        clc
        ret
# synthetic_write_crash - Entry, Exit, Keeps: as a writer of synthetic_at.
synthetic_write_crash:
        lea     eax, [rdi - HVMSR_CRASH_P0]
        mov     [rbp + rax*8 + PART_CRASH], rsi
        clc
        ret

# synthetic_idle - Reading GUEST_IDLE: sleep until an interrupt, even one that RFLAGS.IF or the priority keeps back.
# Entry, Exit, Keeps: as a reader of synthetic_at.
synthetic_idle:
        call    assist_settle
        call    event_waits
        jns     1f
        mov     dword ptr [rbx + VP_DEAF], 0
        mov     dword ptr [rbx + VP_STATE], VP_HALTED
        WORK    WORK_YIELD
1:      xor     eax, eax                        # carry clear
        ret

# synthetic_write_reset - Entry, Exit, Keeps: as a writer of synthetic_at.
synthetic_write_reset:
        test    rsi, ~HVRESET_RESET
        jnz     synthetic_refuse
        test    esi, esi
        jz      synthetic_ok
        test    dword ptr [rbp + PART_FLAGS], CREATED
        jnz     partition_reset
        mov     esi, CODE_RESET
        call    partition_ends
        clc
        ret
# synthetic_write_eoi - Entry, Exit, Keeps: as a writer of synthetic_at.
synthetic_write_eoi:
        shr     rsi, 32
        jnz     synthetic_refuse
        call    apic_eoi
        clc
        ret
# synthetic_write_tpr - Entry, Exit, Keeps: as a writer of synthetic_at.
synthetic_write_tpr:
        test    rsi, ~0xFF
        jnz     synthetic_refuse
        mov     [rbx + VP_APIC + APIC_TPR*16], esi
        WORK    WORK_EVENT
        clc
        ret
# synthetic_write_icr - Entry, Exit, Keeps: as a writer of synthetic_at.
synthetic_write_icr:
        mov     rax, rsi
        shr     rax, 32
        mov     [rbx + VP_APIC + APIC_ICR_HIGH*16], eax
        mov     edi, APIC_ICR
        call    apic_write
        clc
        ret

# synthetic_write_assist - The page begins with the word of the waived EOI.
# Entry, Exit, Keeps: as a writer of synthetic_at.
synthetic_write_assist:
        push    rsi
        call    assist_settle
        call    assist_withdraw
        mov     rsi, [rsp]
        lea     r8, [rbx + VP_ASSIST]
        mov     edx, EPT_DATA
        call    overlay_msr
        pop     rsi
        jc      1f
        mov     [rbx + VP_ASSIST_MSR], rsi
1:      ret

# synthetic_write_os - Without an identity the hypercall page goes.  Entry, Exit, Keeps: as a writer of synthetic_at.
synthetic_write_os:
        mov     [rbp + PART_OS_ID], rsi
        test    rsi, rsi
        jnz     synthetic_ok
        and     qword ptr [rbp + PART_HYPERCALL], ~HVPAGE_ENABLE
        lea     rsi, [rbp + PART_CALL_PAGE]
        call    overlay_drop
        clc
        ret

# synthetic_write_page - The hypercall page.  Entry, Exit, Keeps: as a writer of synthetic_at.
synthetic_write_page:
        test    dword ptr [rbp + PART_HYPERCALL], HVPAGE_LOCKED
        jnz     synthetic_refuse
        cmp     qword ptr [rbp + PART_OS_ID], 0
        jne     1f
        and     rsi, ~HVPAGE_ENABLE             # nobody has said who it is: the page stays away
1:      push    rsi
        lea     r8, [rbp + PART_CALL_PAGE]
        mov     edx, EPT_CODE
        call    overlay_msr
        pop     rsi
        jc      3f
        mov     [rbp + PART_HYPERCALL], rsi
        mov     rdi, [rbp + PART_CALL_PAGE + OVERLAY_FRAME]
        test    rdi, rdi
        jz      2f
        mov     eax, [rel hypercall_code]
        cmp     [rdi], eax
        je      2f
        stosd
        mov     eax, 0xCCCCCCCC
        mov     ecx, PAGE / 4 - 1
        rep stosd
2:      clc
3:      ret

        .balign 4
hypercall_code:
        vmcall
        ret
