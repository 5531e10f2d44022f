# hypercall_values.s - how VP registers are read and written.
#
# Readers and writers follow the contract at regs (hypercall_names.s).  What else the processor holds is the VP's when it is
# CPU_CURRENT.
# A parent's writes are checked for reserved bits alone; what does not fit together shows when the VP is entered.
# Source  TLFS, "Virtual Processor Registers"

# reg_word - A word of the VP.  Entry, Exit, Keeps: as a reader of regs.
reg_word:
        mov     rax, [rbx + r10 + VP_RAX]
        xor     edx, edx
        ret
# reg_word_write - Entry, Exit, Keeps: as a writer of regs.
reg_word_write:
        mov     [rbx + r10 + VP_RAX], rsi
        xor     eax, eax
        ret
# reg_leaf - A row of the hypervisor's CPUID leaves.  Entry, Exit, Keeps: as a reader of regs.
reg_leaf:
        lea     rcx, [rel cpuid_hv]
        mov     rax, [rcx + r10]
        mov     rdx, [rcx + r10 + 8]
        ret
# reg_field - A field of the VMCS.  Entry, Exit, Keeps: as a reader of regs.
reg_field:
        vmread  rax, r10
        xor     edx, edx
        ret
# reg_field_write - Entry, Exit, Keeps: as a writer of regs.
reg_field_write:
        vmwrite r10, rsi
        xor     eax, eax
        ret
# reg_cr0 - What the guest would read.  Entry, Exit, Keeps: as a reader of regs.
reg_cr0:
        mov     edx, CR0_OURS
        jmp     reg_masked
# reg_cr4 - The same.  Entry, Exit, Keeps: as a reader of regs.
reg_cr4:
        mov     rdx, ~CR4_GUEST
reg_masked:                                     # what the guest would read: shadow for our bits
        vmread  rax, r10
        lea     ecx, [r10 + VMCS_CR0_READ_SHADOW - VMCS_GUEST_CR0]
        cmp     r10d, VMCS_GUEST_CR0
        je      1f
        mov     ecx, VMCS_CR4_READ_SHADOW
1:      vmread  rcx, rcx
        and     rcx, rdx
        not     rdx
        and     rax, rdx
        or      rax, rcx
        xor     edx, edx
        ret
# reg_cr2 - Entry, Exit, Keeps: as a reader of regs.
reg_cr2:
        mov     rax, [rbx + VP_CR2]
        xor     edx, edx
        cmp     rbx, gs:[CPU_CURRENT]
        jne     .done
        mov     rax, cr2
.done:  ret
# reg_cr2_write - Entry, Exit, Keeps: as a writer of regs.
reg_cr2_write:
        mov     [rbx + VP_CR2], rsi
        xor     eax, eax
        cmp     rbx, gs:[CPU_CURRENT]
        jne     reg_cr2.done
        mov     cr2, rsi
        ret
# reg_cr8 - The APIC's task priority.  Entry, Exit, Keeps: as a reader of regs.
reg_cr8:
        mov     eax, [rbx + VP_APIC + APIC_TPR*16]
        shr     eax, 4
        xor     edx, edx
        ret
# reg_cr8_write - Entry, Exit, Keeps: as a writer of regs.
reg_cr8_write:
        mov     eax, HVSTATUS_INVALID_REGISTER_VALUE
        cmp     rsi, 15
        ja      .done
        shl     esi, 4
        mov     [rbx + VP_APIC + APIC_TPR*16], esi
        WORK    WORK_EVENT
        xor     eax, eax
.done:  ret
# reg_msr - An MSR that changes hands with the VP.  Entry, Exit, Keeps: as a reader of regs.
reg_msr:
        call    held_read
        xor     edx, edx
        ret
# reg_base_write - Addresses must be canonical as WRMSR checks it.  Entry, Exit, Keeps: as a writer of regs.
reg_base_write:
        mov     rax, rsi
        sar     rax, LINEAR_BITS - 1
        inc     rax
        cmp     rax, 1
        mov     eax, HVSTATUS_INVALID_REGISTER_VALUE
        ja      reg_cr8_write.done
# reg_msr_write - Entry, Exit, Keeps: as a writer of regs.
reg_msr_write:
        call    held_write
        xor     eax, eax
        ret
# reg_tsc - Entry, Exit, Keeps: as a reader of regs.
reg_tsc:
        call    tsc_now
        add     rax, [rbx + VP_TSC_OFFSET]
        xor     edx, edx
        ret
# reg_time - Reference time.  Entry, Exit, Keeps: as a reader of regs.
reg_time:
        call    reference_time
        xor     edx, edx
        ret
# reg_constant - The argument itself.  Entry, Exit, Keeps: as a reader of regs.
reg_constant:
        mov     eax, r10d
        xor     edx, edx
        ret
# reg_vp_index - Entry, Exit, Keeps: as a reader of regs.
reg_vp_index:
        mov     eax, [rbx + VP_INDEX]
        xor     edx, edx
        ret
# reg_privileges - And features.  Entry, Exit, Keeps: as a reader of regs.
reg_privileges:
        mov     rax, [rbp + PART_PRIVILEGES]
        mov     rdx, FEATURES << 32
        ret
