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
# Exit: rax = base, rdx = limit | selector << 32 | attributes << 48.  Changes rcx.
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

# reg_table - Six bytes of padding, limit, base, by r10 = 0 GDTR, 2 IDTR.  Entry, Exit, Keeps: as a reader of regs.
reg_table:
        lea     ecx, [r10 + VMCS_GUEST_GDTR_LIMIT]
        vmread  rax, rcx
        shl     rax, 48
        lea     ecx, [r10 + VMCS_GUEST_GDTR_BASE]
        vmread  rdx, rcx
        ret

        .balign 8
# regs - Rows by name.  Entry: r10 = argument; of a writer rdi:rsi = value; rbx = VP, its VMCS current, rbp = partition.
# Exit: rdx:rax of a reader, eax = status of a writer.  Keeps rbx, rbp, r8, r9, r11-r15.
regs:   REGROW  RSP, RSP, VMCS_GUEST_RSP, 0, reg_field, reg_field_write
        REGROW  RAX, R15, 0, 8, reg_word, reg_word_write
        REGROW  RIP, RIP, VMCS_GUEST_RIP, 0, reg_field, 0, reg_field_write
        REGROW  RFLAGS, RFLAGS, VMCS_GUEST_RFLAGS, 0, reg_field, 0, reg_rflags_write
        REGROW  CR0, CR0, VMCS_GUEST_CR0, 0, reg_cr0, 0, reg_cr0_write
        REGROW  CR2, CR2, 0, 0, reg_cr2, reg_cr2_write
        REGROW  CR3, CR3, VMCS_GUEST_CR3, 0, reg_field, 0, reg_cr3_write
        REGROW  CR4, CR4, VMCS_GUEST_CR4, 0, reg_cr4, 0, reg_cr4_write
        REGROW  CR8, CR8, 0, 0, reg_cr8, reg_cr8_write
        REGROW  DR0, DR3, 0, 8, reg_dr, 0, reg_dr_write
        REGROW  DR6, DR6, 0, 0, reg_dr6, 0, reg_dr6_write
        REGROW  DR7, DR7, VMCS_GUEST_DR7, 0, reg_field, 0, reg_field_write
        REGROW  ES, TR, 0, 2, reg_segment, 0, reg_segment_write
        REGROW  IDTR, IDTR, 2, 0, reg_table, 0, reg_table_write
        REGROW  GDTR, GDTR, 0, 0, reg_table, 0, reg_table_write
        REGROW  TSC, TSC, 0, 0, reg_tsc, 0, reg_tsc_write
        REGROW  TSC_DEADLINE, TSC_DEADLINE, VP_TSC_TARGET - VP_RAX, 0, reg_word, 0, reg_deadline_write
        REGROW  ACTIVITY, ACTIVITY, 0, 0, reg_activity, 0, reg_activity_write
        REGROW  XMM0, XMM15, FX_XMM, 16, reg_fx, 0, reg_fx_write
        REGROW  MMX0, MMX7, FX_ST, 16, reg_fx, 0, reg_fx_write
        REGROW  FP_CONTROL, FP_CONTROL, 0, 0, reg_fx, 0, reg_fx_write
        REGROW  XMM_CONTROL, XMM_CONTROL, FX_CONTROL, 0, reg_fx, 0, reg_mxcsr_write
        REGROW  APIC_ID, APIC_DIVIDE, APIC_ID, 1, reg_apic, 0, reg_apic_write
        REGROW  EFER, EFER, VMCS_GUEST_EFER, 0, reg_field, 0, reg_efer_write
        REGROW  KERNEL_GS_BASE, KERNEL_GS_BASE, 4 * 8, 0, reg_msr, reg_base_write
        REGROW  APIC_BASE, APIC_BASE, VP_APIC_BASE - VP_RAX, 0, reg_word, 0, reg_apic_base_write
        REGROW  PAT, PAT, VMCS_GUEST_PAT, 0, reg_field, 0, reg_field_write
        REGROW  SYSENTER_CS, SYSENTER_CS, VMCS_GUEST_SYSENTER_CS, 0, reg_field, 0, reg_field_write
        REGROW  SYSENTER_EIP, SYSENTER_EIP, VMCS_GUEST_SYSENTER_EIP, 0, reg_field, 0, reg_field_write
        REGROW  SYSENTER_ESP, SYSENTER_ESP, VMCS_GUEST_SYSENTER_ESP, 0, reg_field, 0, reg_field_write
        REGROW  STAR, STAR, 0 * 8, 0, reg_msr, reg_msr_write
        REGROW  LSTAR, LSTAR, 1 * 8, 0, reg_msr, reg_base_write
        REGROW  CSTAR, CSTAR, 2 * 8, 0, reg_msr, reg_base_write
        REGROW  SFMASK, SFMASK, 3 * 8, 0, reg_msr, 0, reg_fmask_write
        REGROW  HYPERCALL, HYPERCALL, HVMSR_HYPERCALL, 0, reg_synthetic, 0, reg_synthetic_write
        REGROW  GUEST_OS_ID, GUEST_OS_ID, HVMSR_GUEST_OS_ID, 0, reg_synthetic, 0, reg_synthetic_write
        REGROW  ASSIST_PAGE, ASSIST_PAGE, HVMSR_VP_ASSIST_PAGE, 0, reg_synthetic, 0, reg_synthetic_write
        REGROW  REFERENCE_TSC, REFERENCE_TSC, HVMSR_REFERENCE_TSC, 0, reg_synthetic, 0, reg_synthetic_write
        REGROW  VP_INDEX, VP_INDEX, 0, 0, reg_vp_index
        REGROW  TIME_REF_COUNT, TIME_REF_COUNT, 0, 0, reg_time
        REGROW  PRIVILEGES, PRIVILEGES, 0, 0, reg_privileges
        REGROW  VERSION, VERSION, 2 * 16, 0, reg_leaf
        REGROW  FEATURES, HARDWARE, 4 * 16, 16, reg_leaf
        REGROW  MANAGEMENT, NESTED_FEATURES, 7 * 16, 0, reg_leaf        # zeros
        REGROW  CRASH_P0, CRASH_CTL, HVMSR_CRASH_P0, 1, reg_synthetic
        REGROW  PROCESSOR_CLOCK, INTERRUPT_CLOCK, HZ_TSC, 0, reg_constant
        REGROW  INITIAL_APIC_ID, INITIAL_APIC_ID, 0, 0, reg_vp_index
        REGROW  TSC_AUX, TSC_AUX, 5 * 8, 0, reg_msr, 0, reg_fmask_write
        REGROW  VP_RUNTIME, VP_RUNTIME, HVMSR_VP_RUNTIME, 0, reg_synthetic
        REGROW  SVERSION, SVERSION, HVMSR_SVERSION, 0, reg_synthetic
        REGROW  PENDING_INTERRUPTION, PENDING_INTERRUPTION, 0, 0, reg_pending, 0, reg_pending_write
        REGROW  INTERRUPT_STATE, INTERRUPT_STATE, 0, 0, reg_interrupt_state, 0, reg_interrupt_state_write
        REGROW  SINT0, SINT15, HVMSR_SINT0, 1, reg_synthetic, 0, reg_synthetic_write
        REGROW  SCONTROL, SCONTROL, HVMSR_SCONTROL, 0, reg_synthetic, 0, reg_synthetic_write
        REGROW  SIEFP, SIEFP, HVMSR_SIEFP, 0, reg_synthetic, 0, reg_synthetic_write
        REGROW  SIMP, SIMP, HVMSR_SIMP, 0, reg_synthetic, 0, reg_synthetic_write
        REGROW  STIMER0_CONFIG, STIMER3_COUNT, HVMSR_STIMER0_CONFIG, 1, reg_synthetic, 0, reg_synthetic_write
        .long   0xFFFFFFFF
