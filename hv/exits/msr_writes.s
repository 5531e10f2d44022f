# msr_writes.s - MSRs whose write does something: those that change hands with the VP, DEBUGCTL, the TSC, the APIC's base.
#
# Source  SDM 4, "Architectural MSRs"; SDM 3A, "Local APIC Status and Location", "x2APIC State Transitions"

# msr_write_held - Entry: edi = number, rsi = value, rdx = row, rbx = VP.  Exit: carry set for #GP.  Changes rax, rcx, rdx, r10.
msr_write_held:
        mov     rax, rsi
        cmp     edi, MSR_STAR
        je      5f
        cmp     edi, MSR_LSTAR
        je      4f
        cmp     edi, MSR_CSTAR
        je      4f
        shr     rax, 32                         # FMASK, TSC_AUX: 32 bits
        jnz     msr_write_gp
        jmp     5f
4:      sar     rax, LINEAR_BITS - 1            # canonical as WRMSR checks it
        inc     rax
        cmp     rax, 1
        ja      msr_write_gp
5:      mov     r10, [rdx + 8]
        call    held_write
        clc
        ret
# msr_write_debugctl - No branch records: only BTF may be set.  Entry: rsi = value.  Exit: carry set for #GP.  Changes rcx.
msr_write_debugctl:
        test    rsi, ~2
        jnz     msr_write_gp
        VMPUT   VMCS_GUEST_DEBUGCTL, rsi
        clc
        ret
# msr_write_tsc - Entry: rsi = value, rbx = VP.  Exit: carry clear.  Changes rax, rcx, rdx, rsi.
msr_write_tsc:
        rdtsc
        shl     rdx, 32
        or      rax, rdx
        sub     rsi, rax
        mov     [rbx + VP_TSC_OFFSET], rsi
        VMPUT   VMCS_TSC_OFFSET, rsi
        call    reference_lost
        clc
        ret
# msr_write_deadline - Entry: rsi = value, rbx = VP.  Exit: carry clear.  Changes rax, rdi.
msr_write_deadline:
        mov     rdi, rsi
        call    apic_timer_deadline
        clc
        ret

# msr_write_apic_base - xAPIC may become x2APIC or off, off may become xAPIC; no other mode.
# Entry: rsi = value, rbx = VP.  Exit: carry set for #GP.  Changes rax, rcx, rdx, rdi, r8.
msr_write_apic_base:
        call    apic_base_fits
        jnz     msr_write_gp
        mov     rcx, [rbx + VP_APIC_BASE]
        mov     r8, rcx                         # as it was
        call    apic_base_set
        and     ecx, APICBASE_EN | APICBASE_EXTD
        mov     edx, esi
        and     edx, APICBASE_EN | APICBASE_EXTD
        cmp     ecx, edx
        je      msr_write_done
        cmp     edx, APICBASE_EXTD
        je      4f                              # x2APIC without EN
        cmp     ecx, APICBASE_EN | APICBASE_EXTD
        jne     5f
        test    edx, edx
        jnz     4f                              # from x2APIC only off
        push    rsi
        call    apic_reset
        pop     rsi
        call    apic_base_set
        clc
        ret
5:      cmp     edx, APICBASE_EN | APICBASE_EXTD
        jne     msr_write_done
        test    ecx, ecx
        jz      4f                              # from off only xAPIC
        mov     ecx, [rbx + VP_INDEX]
        mov     [rbx + VP_APIC + APIC_ID*16], ecx
        mov     edx, ecx
        shr     edx, 4
        shl     edx, 16
        and     ecx, 15
        bts     edx, ecx
        mov     [rbx + VP_APIC + APIC_LDR*16], edx
        clc
        ret
4:      mov     [rbx + VP_APIC_BASE], r8
        stc
        ret

# apic_base_fits - May IA32_APIC_BASE have a value?  The page may lie wherever the partition has no memory.
# Entry: rsi = value, rbx = VP.  Exit: zero flag set when it may.  Keeps rsi.  Changes rax, rcx, rdi.
apic_base_fits:
        test    esi, (PAGE - 1) & ~(APICBASE_EN | APICBASE_EXTD | APICBASE_BSP)
        jnz     1f
        mov     rdi, rsi
        and     rdi, -PAGE
        mov     ecx, [rel cpuid_hv_width]
        mov     rax, rdi
        shr     rax, cl
        test    rax, rax
        jnz     1f
        push    rbp
        mov     rbp, [rbx + VP_PARTITION]
        test    dword ptr [rbp + PART_FLAGS], CREATED
        jz      2f
        call    ept_find
        jmp     3f
2:      xor     eax, eax
        cmp     rdi, [rbp + PART_MEMORY]
        adc     eax, eax                        # 1: memory
3:      pop     rbp
        test    rax, rax
1:      ret

# apic_base_set - Entry: rsi = value, rbx = VP.  Exit: nothing.
# Changes rax.  CPUID says whether the APIC is on: no prepared answer then.
apic_base_set:
        mov     [rbx + VP_APIC_BASE], rsi
        test    esi, APICBASE_EN
        jnz     1f
        lea     rax, [rel cpuid_none]
        mov     [rbx + VP_CPUID], rax
1:      ret
