# hypercall_names.s - names of VP registers: where each is, how it is read and written.
#
# Source  TLFS, "Virtual Processor Registers", "HV_X64_SEGMENT_REGISTER", "HV_X64_TABLE_REGISTER"

        .record REG
        .field  FIRST, 4
        .field  LAST, 4
        .field  ARGUMENT, 4
        .field  STRIDE, 4                       # of the argument from name to name
        .field  READ, 8
        .field  WRITE, 8                        # by the VP itself or its parent; 0: not
        .field  PARENT_WRITE, 8                 # by its parent alone
        .endrecord

        .macro  REGROW first, last, argument, stride, read, write=0, parent=0
        .long   HVREG_\first, HVREG_\last, \argument, \stride
        .quad   \read, \write, \parent
        .endm

# reg_segment - Base, limit, selector, attributes: 16 bytes.  Entry: r10 = 2 * number (ES CS SS DS FS GS LDTR TR).
# Exit: rax = base, rdx = limit | selector << 32 | attributes << 48.
reg_segment:
        lea     ecx, [r10 + VMCS_GUEST_ES_LIMIT]
        vmread  rdx, rcx
        lea     ecx, [r10 + VMCS_GUEST_ES_SELECTOR]
        vmread  rax, rcx
        shl     rax, 32
        or      rdx, rax
        lea     ecx, [r10 + VMCS_GUEST_ES_ACCESS_RIGHTS]
        vmread  rax, rcx
        test    eax, AR_UNUSABLE
        jz      1f
        xor     eax, eax                        # not present
1:      shl     rax, 48
        or      rdx, rax
        lea     ecx, [r10 + VMCS_GUEST_ES_BASE]
        vmread  rax, rcx
        ret

# reg_table - Six bytes of padding, limit, base.  Entry: r10 = 0 GDTR, 2 IDTR.
reg_table:
        lea     ecx, [r10 + VMCS_GUEST_GDTR_LIMIT]
        vmread  rax, rcx
        shl     rax, 48
        lea     ecx, [r10 + VMCS_GUEST_GDTR_BASE]
        vmread  rdx, rcx
        ret

        .balign 8
regs:   REGROW  RSP, RSP, VMCS_GUEST_RSP, 0, reg_field, reg_field_write
        REGROW  RAX, R15, 0, 8, reg_word, reg_word_write
        REGROW  RIP, RIP, VMCS_GUEST_RIP, 0, reg_field, 0, reg_field_write
        REGROW  RFLAGS, RFLAGS, VMCS_GUEST_RFLAGS, 0, reg_field, 0, reg_rflags_write
        REGROW  CR0, CR0, VMCS_GUEST_CR0, 0, reg_cr0, 0, reg_cr0_write
        REGROW  CR2, CR2, 0, 0, reg_cr2, reg_cr2_write
        REGROW  CR3, CR3, VMCS_GUEST_CR3, 0, reg_field, 0, reg_cr3_write
        REGROW  CR4, CR4, VMCS_GUEST_CR4, 0, reg_cr4, 0, reg_cr4_write
        REGROW  CR8, CR8, 0, 0, reg_cr8, reg_cr8_write
        REGROW  DR0, DR3, 0, 16, reg_dr, 0, reg_dr_write
        REGROW  DR6, DR6, 64, 0, reg_dr, 0, reg_dr6_write
        REGROW  DR7, DR7, VMCS_GUEST_DR7, 0, reg_field, 0, reg_field_write
        REGROW  ES, TR, 0, 2, reg_segment, 0, reg_segment_write
        REGROW  IDTR, IDTR, 2, 0, reg_table, 0, reg_table_write
        REGROW  GDTR, GDTR, 0, 0, reg_table, 0, reg_table_write
        REGROW  TSC, TSC, 0, 0, reg_tsc
        REGROW  EFER, EFER, VMCS_GUEST_EFER, 0, reg_field, 0, reg_efer_write
        REGROW  KERNEL_GS_BASE, KERNEL_GS_BASE, MSR_KERNEL_GS_BASE, 0, reg_msr, reg_base_write
        REGROW  APIC_BASE, APIC_BASE, VP_APIC_BASE - VP_RAX, 0, reg_word
        REGROW  PAT, PAT, VMCS_GUEST_PAT, 0, reg_field, 0, reg_field_write
        REGROW  SYSENTER_CS, SYSENTER_CS, VMCS_GUEST_SYSENTER_CS, 0, reg_field, 0, reg_field_write
        REGROW  SYSENTER_EIP, SYSENTER_EIP, VMCS_GUEST_SYSENTER_EIP, 0, reg_field, 0, reg_field_write
        REGROW  SYSENTER_ESP, SYSENTER_ESP, VMCS_GUEST_SYSENTER_ESP, 0, reg_field, 0, reg_field_write
        REGROW  STAR, STAR, MSR_STAR, 0, reg_msr, reg_msr_write
        REGROW  LSTAR, LSTAR, MSR_LSTAR, 0, reg_msr, reg_base_write
        REGROW  CSTAR, CSTAR, MSR_CSTAR, 0, reg_msr, reg_base_write
        REGROW  SFMASK, SFMASK, MSR_FMASK, 0, reg_msr, 0, reg_msr_write
        REGROW  HYPERCALL, HYPERCALL, PART_HYPERCALL, 0, reg_partition
        REGROW  GUEST_OS_ID, GUEST_OS_ID, PART_OS_ID, 0, reg_partition
        REGROW  VP_INDEX, VP_INDEX, 0, 0, reg_vp_index
        REGROW  TIME_REF_COUNT, TIME_REF_COUNT, 0, 0, reg_time
        REGROW  PRIVILEGES, PRIVILEGES, 0, 0, reg_privileges
        REGROW  PENDING_INTERRUPTION, PENDING_INTERRUPTION, 0, 0, reg_pending, 0, reg_pending_write
        REGROW  INTERRUPT_STATE, INTERRUPT_STATE, 0, 0, reg_interrupt_state, 0, reg_interrupt_state_write
        REGROW  SINT0, SINT15, VP_SINT - VP_RAX, 8, reg_word
        REGROW  SCONTROL, SCONTROL, VP_SCONTROL - VP_RAX, 0, reg_word
        REGROW  SIEFP, SIEFP, VP_SIEFP - VP_RAX, 0, reg_word
        REGROW  SIMP, SIMP, VP_SIMP - VP_RAX, 0, reg_word
        .long   0xFFFFFFFF
