# vmcs.s - a VP's VMCS: controls within the processor's capabilities, host state, then the guest's first state.
#
# Source  SDM 3C, "VMCS Data Structures"; SDM 3D, "VMX Capability Reporting Facility"

        .equ    WANT_PIN, PIN_EXTERNAL_INTERRUPT | PIN_NMI | PIN_VIRTUAL_NMIS | PIN_PREEMPTION_TIMER
        .equ    WANT_PROC_1, PROC_TSC_OFFSETTING | PROC_HLT | PROC_MWAIT | PROC_RDPMC | PROC_CR8_LOAD
        .equ    WANT_PROC_2, WANT_PROC_1 | PROC_CR8_STORE | PROC_IO | PROC_MSR_BITMAPS | PROC_MONITOR | PROC_MOV_DR
        .equ    WANT_PROC, WANT_PROC_2 | PROC_SECONDARY
        .equ    WANT_PROC2, PROC2_EPT | PROC2_RDTSCP | PROC2_VPID | PROC2_WBINVD | PROC2_UNRESTRICTED | PROC2_INVPCID
        .equ    WANT_EXIT_1, EXITC_SAVE_DEBUG | EXITC_HOST_64 | EXITC_ACK_INTERRUPT | EXITC_SAVE_PAT | EXITC_LOAD_PAT
        .equ    WANT_EXIT, WANT_EXIT_1 | EXITC_SAVE_EFER | EXITC_LOAD_EFER | EXITC_SAVE_TIMER
        .equ    WANT_ENTRY, ENTRYC_LOAD_DEBUG | ENTRYC_LOAD_PAT | ENTRYC_LOAD_EFER

# Bits that stay ours: what the guest may not change without an exit.
        .equ    CR0_OURS, CR0_NE | CR0_CD | CR0_NW
        .equ    CR4_GUEST_1, CR4_VME | CR4_PVI | CR4_TSD | CR4_DE | CR4_PSE | CR4_PAE | CR4_MCE | CR4_PGE | CR4_PCE
        .equ    CR4_GUEST_2, CR4_GUEST_1 | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_UMIP | CR4_LA57 | CR4_FSGSBASE
        .equ    CR4_GUEST, CR4_GUEST_2 | CR4_PCIDE | CR4_SMEP | CR4_SMAP

# vp_init - Entry: rbx = VP, on its processor, in VMX root operation.  Exit: its VMCS is current and ready.
# Keeps rbx, rbp, r12-r15.
vp_init:
        push    rbp
        push    r12
        mov     rbp, [rbx + VP_PARTITION]
        mov     edi, PAGE
        call    frames_zeroed
        mov     [rbx + VP_VMCS], rax
        call    vmcs_make
        cmp     dword ptr [rbx + VP_INDEX], 0
        jne     4f
        call    guest_state
        mov     rax, [rbp + PART_DESC]
        cmp     dword ptr [rax + DESC_KIND], PAYLOAD_LONG
        je      2f
        cmp     dword ptr [rax + DESC_KIND], PAYLOAD_LINUX64
        jne     3f
2:      VMGET   rax, VMCS_ENTRY_CONTROLS
        or      eax, ENTRYC_GUEST_64
        vmwrite rcx, rax

3:      call    tsc_now
        mov     [rbp + PART_STARTED], rax
        mov     rdx, [rbp + PART_DESC]
        mov     [rdx + DESC_STARTED], rax
        mov     rdx, rax
        neg     rdx
        mov     [rbx + VP_TSC_OFFSET], rdx      # the guest's TSC begins at 0
        VMPUT   VMCS_TSC_OFFSET, rdx
        call    apic_reset                      # then as a PC's firmware leaves it: enabled, 8259 pair on LINT0
        mov     dword ptr [rbx + VP_APIC + APIC_SVR*16], SVR_ENABLE | SVR_VECTOR
        mov     dword ptr [rbx + VP_APIC + APIC_LVT_LINT0*16], put(LVT_MODE, DELIVERY_EXTINT)
        mov     dword ptr [rbx + VP_APIC + APIC_LVT_LINT1*16], put(LVT_MODE, DELIVERY_NMI)
        call    synic_reset
        call    vp_clear
        jmp     5f
4:      call    vp_power_on                     # its partition's first VP is in the ring before it
5:      pop     r12
        pop     rbp
        ret

# vmcs_make - Entry: rbx = VP with a page for its VMCS, rbp = partition.  Exit: the VMCS is current, without guest state.
# Changes rax, rcx, rdx, rdi, rsi, r8, r12.
vmcs_make:
        mov     r8, [rbx + VP_VMCS]
        mov     ecx, VMXMSR_BASIC
        rdmsr
        and     eax, BASIC_REVISION
        mov     [r8], eax
        vmclear [rbx + VP_VMCS]
        jbe     vmcs_refused
        vmptrld [rbx + VP_VMCS]
        jbe     vmcs_refused
        mov     dword ptr [rel vmx_running], 1
        mov     ecx, VMXMSR_MISC
        rdmsr
        and     eax, MISC_TIMER_RATE
        mov     [rel timer_rate], eax

        lea     r12, [rel vmcs_controls]
1:      call    vmcs_control
        add     r12, VMCS_CONTROL
        cmp     dword ptr [r12], 0xFFFFFFFF
        jne     1b
        lea     r12, [rel vmcs_rows_any]
        call    vmcs_rows
        mov     rax, [rbx + VP_VPID]
        VMPUT   VMCS_VPID, rax
        mov     rax, [rbp + PART_EPTP]
        VMPUT   VMCS_EPT_POINTER, rax
        lea     rax, [rel msr_bitmap]
        VMPUT   VMCS_MSR_BITMAPS, rax
        jmp     vmcs_host

# vmcs_control - Write one control field: what we want, what must be 1; ends the machine if a wanted bit may not be 1.
# Entry: r12 = row: field, wanted, TRUE capability MSR, plain capability MSR.  Exit: nothing.  Changes rax, rcx, rdx, rdi, rsi.
vmcs_control:
        mov     ecx, VMXMSR_BASIC
        rdmsr
        bt      edx, shift(BASIC_TRUE) - 32
        mov     ecx, [r12 + 12]
        jnc     1f
        mov     ecx, [r12 + 8]
1:      rdmsr                                   # eax = must be 1, edx = may be 1
        mov     edi, [r12 + 4]
        mov     esi, edi
        not     edx
        test    esi, edx
        jnz     vmcs_missing
        or      eax, edi
        mov     ecx, [r12]
        vmwrite rcx, rax
        jbe     vmcs_refused
        ret
vmcs_missing:
        lea     rdi, [rel text_no_control]
        jmp     fatal
# vmcs_refused - Entry: nothing.  Exit: never.
vmcs_refused:
        lea     rdi, [rel text_refused]
        jmp     fatal

# vmcs_host - Host state: the registers as they are, this processor's tables, RSP = VP.  Entry: rbx = VP.
# Exit: nothing.  Changes rax, rcx, rdx, r12.
vmcs_host:
        mov     rax, cr0
        VMPUT   VMCS_HOST_CR0, rax
        mov     rax, cr3
        VMPUT   VMCS_HOST_CR3, rax
        mov     rax, cr4
        VMPUT   VMCS_HOST_CR4, rax
        mov     ecx, MSR_EFER
        rdmsr
        shl     rdx, 32
        or      rax, rdx
        VMPUT   VMCS_HOST_EFER, rax
        mov     ecx, MSR_PAT
        rdmsr
        shl     rdx, 32
        or      rax, rdx
        VMPUT   VMCS_HOST_PAT, rax
        mov     rdx, gs:[CPU_SELF]
        VMPUT   VMCS_HOST_GS_BASE, rdx
        lea     rax, [rdx + CPU_TSS]
        VMPUT   VMCS_HOST_TR_BASE, rax
        lea     rax, [rdx + CPU_GDT]
        VMPUT   VMCS_HOST_GDTR_BASE, rax
        lea     rax, [rel host_idt]
        VMPUT   VMCS_HOST_IDTR_BASE, rax
        VMPUT   VMCS_HOST_RSP, rbx
        lea     rax, [rel vmexit]
        VMPUT   VMCS_HOST_RIP, rax
        lea     r12, [rel vmcs_rows_host]
        jmp     vmcs_rows

        .balign 4
        .equ    VMCS_CONTROL, 16
vmcs_controls:
        .long   VMCS_PIN_BASED_CONTROLS, WANT_PIN, VMXMSR_TRUE_PIN, VMXMSR_PIN
        .long   VMCS_PRIMARY_CONTROLS, WANT_PROC, VMXMSR_TRUE_PROC, VMXMSR_PROC
        .long   VMCS_SECONDARY_CONTROLS, WANT_PROC2, VMXMSR_PROC2, VMXMSR_PROC2
        .long   VMCS_EXIT_CONTROLS, WANT_EXIT, VMXMSR_TRUE_EXIT, VMXMSR_EXIT
        .long   VMCS_ENTRY_CONTROLS, WANT_ENTRY, VMXMSR_TRUE_ENTRY, VMXMSR_ENTRY
        .long   0xFFFFFFFF

vmcs_rows_any:
        ROW2    EXCEPTION_BITMAP, 0
        ROW2    PFEC_MASK, 0
        ROW2    PFEC_MATCH, 0
        ROW2    CR3_TARGET_COUNT, 0
        ROW2    EXIT_MSR_STORE_COUNT, 0
        ROW2    EXIT_MSR_LOAD_COUNT, 0
        ROW2    ENTRY_MSR_LOAD_COUNT, 0
        ROW2    ENTRY_INTERRUPTION_INFO, 0
        ROW2    CR0_MASK, CR0_OURS
        ROW2    CR4_MASK, ~CR4_GUEST & 0xFFFFFFFFFFFFFFFF
        ROW2    PREEMPTION_TIMER, 0
        .long   0xFFFFFFFF

vmcs_rows_host:
        ROW2    HOST_CS_SELECTOR, HOST_CS
        ROW2    HOST_SS_SELECTOR, HOST_DS
        ROW2    HOST_DS_SELECTOR, HOST_DS
        ROW2    HOST_ES_SELECTOR, HOST_DS
        ROW2    HOST_FS_SELECTOR, 0
        ROW2    HOST_GS_SELECTOR, 0
        ROW2    HOST_TR_SELECTOR, HOST_TR
        ROW2    HOST_FS_BASE, 0
        ROW2    HOST_SYSENTER_CS, 0
        ROW2    HOST_SYSENTER_ESP, 0
        ROW2    HOST_SYSENTER_EIP, 0
        .long   0xFFFFFFFF

text_no_control: .asciz "the processor lacks a VMX control that the hypervisor needs"
text_refused:   .asciz "a VMX instruction failed while a VMCS was being set up"
