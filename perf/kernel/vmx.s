# vmx.s - VMX operation and one VMCS for the loops of exits.s.
#
# Source  SDM 3C, "Initializing VMM"; "Preparation and Launching a Virtual Machine"

        .equ    ACCESSED_DATA, put(AR_TYPE, 3) | AR_S | AR_P | AR_DB | AR_G
        .equ    ACCESSED_CODE, put(AR_TYPE, 11) | AR_S | AR_P | AR_L | AR_G
        .equ    BUSY_TSS, put(AR_TYPE, 11) | AR_P

        .macro  FIELD name, value
        .long   VMCS_\name
        .quad   \value
        .endm
        .macro  DATA_SEGMENT name
        FIELD   GUEST_\name\()_SELECTOR, DATA
        FIELD   GUEST_\name\()_BASE, 0
        FIELD   GUEST_\name\()_LIMIT, 0xFFFFFFFF
        FIELD   GUEST_\name\()_ACCESS_RIGHTS, ACCESSED_DATA
        FIELD   HOST_\name\()_SELECTOR, DATA
        .endm

# vmx_on - VMX operation, once.  Changes rax, rcx, rdx, r8
vmx_on: mov     rax, cr4
        test    eax, CR4_VMXE
        jnz     .end
        mov     ecx, MSR_FEATURE_CONTROL
        rdmsr
        test    eax, FEATURE_CONTROL_LOCK
        jnz     .locked
        or      eax, FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMX
        wrmsr
.locked:
        mov     rax, cr4
        or      eax, CR4_VMXE
        mov     cr4, rax
        mov     ecx, VMXMSR_BASIC
        rdmsr
        mov     [VMXON_PAGE], eax
        mov     [VMCS_PAGE], eax
        mov     qword ptr [POINTER], VMXON_PAGE
        vmxon   [POINTER]
.end:   ret

# control - edi = wanted bits, ecx = capability MSR -> rax = the control.  Changes rdx
control:
        rdmsr
        or      eax, edi
        and     eax, edx
        ret

        .macro  CONTROLS field, msr, wanted
        mov     edi, \wanted
        mov     ecx, \msr
        call    control
        mov     ecx, \field
        vmwrite rcx, rax
        .endm

# vmcs_prepare - a cleared VMCS, current, for row rbx.  Changes rax, rcx, rdx, rsi, rdi, r8
vmcs_prepare:
        call    vmx_on
        mov     qword ptr [POINTER], VMCS_PAGE
        vmclear [POINTER]
        vmptrld [POINTER]
        CONTROLS VMCS_PIN_BASED_CONTROLS, VMXMSR_TRUE_PIN, 0
        CONTROLS VMCS_PRIMARY_CONTROLS, VMXMSR_TRUE_PROC, [rbx + LOOP_PRIMARY]
        CONTROLS VMCS_SECONDARY_CONTROLS, VMXMSR_PROC2, [rbx + LOOP_SECONDARY]
        CONTROLS VMCS_EXIT_CONTROLS, VMXMSR_TRUE_EXIT, EXITC_HOST_64
        CONTROLS VMCS_ENTRY_CONTROLS, VMXMSR_TRUE_ENTRY, ENTRYC_GUEST_64
        test    dword ptr [rbx + LOOP_SECONDARY], PROC2_VPID
        jz      .rows
        mov     ecx, VMCS_VPID
        mov     eax, 1
        vmwrite rcx, rax
.rows:  lea     rsi, [rel vmcs_rows]
.row:   mov     ecx, [rsi]
        mov     rax, [rsi + 4]
        vmwrite rcx, rax
        add     rsi, 12
        lea     rax, [rel vmcs_rows_end]
        cmp     rsi, rax
        jb      .row
        test    dword ptr [rbx + LOOP_SECONDARY], PROC2_EPT
        jz      .state
        call    ept_build
        mov     ecx, VMCS_EPT_POINTER
        mov     eax, EPT_PML4 | put(EPTP_MEMORY_TYPE, 6) | put(EPTP_WALK, 3)
        vmwrite rcx, rax
.state: mov     rax, cr0
        mov     ecx, VMCS_GUEST_CR0
        vmwrite rcx, rax
        mov     ecx, VMCS_HOST_CR0
        vmwrite rcx, rax
        mov     rax, cr4
        mov     ecx, VMCS_GUEST_CR4
        vmwrite rcx, rax
        mov     ecx, VMCS_HOST_CR4
        vmwrite rcx, rax
        mov     rax, [rbx + LOOP_GUEST]
        mov     ecx, VMCS_GUEST_RIP
        vmwrite rcx, rax
        mov     rax, [rbx + LOOP_HANDLER]
        mov     ecx, VMCS_HOST_RIP
        vmwrite rcx, rax
        ret

# ept_build - 4 GiB at themselves by 2 MiB, write-back, without ABSENT.  Changes rax, rcx
ept_build:
        mov     eax, EPT_PML4 + 0x1000 + 7
        mov     [EPT_PML4], rax
        xor     ecx, ecx
.pdpt:  lea     eax, [rcx + 2]
        shl     eax, 12
        add     eax, EPT_PML4 + 7
        mov     [rcx*8 + EPT_PML4 + 0x1000], rax
        inc     ecx
        cmp     ecx, 4
        jb      .pdpt
        xor     ecx, ecx
.pd:    mov     eax, ecx
        shl     rax, 21
        or      rax, EPTE_R | EPTE_W | EPTE_X | put(EPTE_TYPE, 6) | EPTE_PS
        mov     [rcx*8 + EPT_PML4 + 0x2000], rax
        inc     ecx
        cmp     ecx, 2048
        jb      .pd
        mov     qword ptr [EPT_PML4 + 0x2000 + (ABSENT >> 21) * 8], 0
        ret

        .align  8
vmcs_rows:
        DATA_SEGMENT ES
        DATA_SEGMENT SS
        DATA_SEGMENT DS
        DATA_SEGMENT FS
        DATA_SEGMENT GS
        FIELD   GUEST_CS_SELECTOR, CODE
        FIELD   GUEST_CS_BASE, 0
        FIELD   GUEST_CS_LIMIT, 0xFFFFFFFF
        FIELD   GUEST_CS_ACCESS_RIGHTS, ACCESSED_CODE
        FIELD   GUEST_LDTR_SELECTOR, 0
        FIELD   GUEST_LDTR_BASE, 0
        FIELD   GUEST_LDTR_LIMIT, 0
        FIELD   GUEST_LDTR_ACCESS_RIGHTS, AR_UNUSABLE
        FIELD   GUEST_TR_SELECTOR, TASK
        FIELD   GUEST_TR_BASE, BUFFER
        FIELD   GUEST_TR_LIMIT, 0x67
        FIELD   GUEST_TR_ACCESS_RIGHTS, BUSY_TSS
        FIELD   GUEST_GDTR_BASE, gdt
        FIELD   GUEST_GDTR_LIMIT, gdt_end - gdt - 1
        FIELD   GUEST_IDTR_BASE, guest_idt
        FIELD   GUEST_IDTR_LIMIT, 0x20F
        FIELD   GUEST_CR3, PML4
        FIELD   GUEST_DR7, 0x400
        FIELD   GUEST_RSP, GUEST_STACK
        FIELD   GUEST_RFLAGS, RFLAGS_ONE | RFLAGS_IF
        FIELD   GUEST_INTERRUPTIBILITY, 0
        FIELD   GUEST_ACTIVITY, ACTIVITY_ACTIVE
        FIELD   GUEST_PENDING_DEBUG, 0
        FIELD   GUEST_DEBUGCTL, 0
        FIELD   GUEST_SYSENTER_CS, 0
        FIELD   GUEST_SYSENTER_ESP, 0
        FIELD   GUEST_SYSENTER_EIP, 0
        FIELD   VMCS_LINK_POINTER, 0xFFFFFFFFFFFFFFFF
        FIELD   HOST_CS_SELECTOR, CODE
        FIELD   HOST_TR_SELECTOR, TASK
        FIELD   HOST_CR3, PML4
        FIELD   HOST_FS_BASE, 0
        FIELD   HOST_GS_BASE, 0
        FIELD   HOST_TR_BASE, BUFFER
        FIELD   HOST_GDTR_BASE, gdt
        FIELD   HOST_IDTR_BASE, guest_idt
        FIELD   HOST_SYSENTER_CS, 0
        FIELD   HOST_SYSENTER_ESP, 0
        FIELD   HOST_SYSENTER_EIP, 0
        FIELD   EXCEPTION_BITMAP, 0
        FIELD   PFEC_MASK, 0
        FIELD   PFEC_MATCH, 0
        FIELD   CR3_TARGET_COUNT, 0
        FIELD   EXIT_MSR_STORE_COUNT, 0
        FIELD   EXIT_MSR_LOAD_COUNT, 0
        FIELD   ENTRY_MSR_LOAD_COUNT, 0
        FIELD   ENTRY_INTERRUPTION_INFO, 0
        FIELD   CR0_MASK, 0
        FIELD   CR4_MASK, 0
        FIELD   CR0_READ_SHADOW, 0
        FIELD   CR4_READ_SHADOW, 0
vmcs_rows_end:
