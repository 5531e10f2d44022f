# vmx_state.s - VMX operation, a VMCS that passes all checks, identity EPT.
#
# Source  SDM 3D, "Enabling and Entering VMX Operation"; SDM 3C, "Virtual-Machine Control Structures"

# vmx_on - CR4.VMXE, VMXON region, VMXON.  Entry: nothing.  Exit: its flags.  Changes rax, rcx, rdx.
vmx_on: mov     rax, cr4
        or      rax, CR4_VMXE
        mov     cr4, rax
        call    vmx_revision
        mov     [VMXON_REGION], eax
        mov     qword ptr [rip + pointer], VMXON_REGION
        vmxon   [rip + pointer]
        ret
# vmx_revision - Entry: nothing.  Exit: eax = revision identifier of a VMCS.  Changes rcx, rdx.
vmx_revision:
        mov     ecx, VMXMSR_BASIC
        rdmsr
        and     eax, BASIC_REVISION
        ret
# vmx_start - VMX operation, a VMCS that enters 64-bit mode here.  Entry: nothing.  Exit: nothing.  Changes rax, rcx, rdx, rdi, rsi.
vmx_start:
        call    vmx_on
        call    vmx_revision
        mov     [VMCS_REGION], eax
        mov     [VMCS2_REGION], eax
        mov     qword ptr [rip + pointer], VMCS_REGION
        vmclear [rip + pointer]
        vmptrld [rip + pointer]
        mov     dword ptr [rip + launched], 0
        call    ept_make
        call    vmx_controls
        call    vmx_host
# vmx_guest - Guest state: as this program runs now.  Entry: nothing.  Exit: nothing.  Changes rax, rcx, rsi.
vmx_guest:
        mov     rax, cr0
        PUT     GUEST_CR0, rax
        PUT     CR0_READ_SHADOW, rax
        mov     rax, cr3
        PUT     GUEST_CR3, rax
        mov     rax, cr4
        PUT     GUEST_CR4, rax
        PUT     GUEST_CS_SELECTOR, CODE64
        PUT     GUEST_CS_LIMIT, 0xFFFFFFFF
        PUT     GUEST_CS_ACCESS_RIGHTS, CODE64_AR
        PUT     GUEST_CS_BASE, 0
        lea     rsi, [rip + segments]
.segment:
        mov     ecx, [rsi]                      # selector of ES, SS, DS, FS, GS
        test    ecx, ecx
        jz      .rest
        mov     eax, DATA
        vmwrite rcx, rax
        mov     eax, 0xFFFFFFFF
        mov     ecx, [rsi + 4]
        vmwrite rcx, rax
        mov     eax, DATA_AR
        mov     ecx, [rsi + 8]
        vmwrite rcx, rax
        xor     eax, eax
        mov     ecx, [rsi + 12]
        vmwrite rcx, rax
        add     rsi, 16
        jmp     .segment
.rest:  PUT     GUEST_TR_SELECTOR, TSS
        PUT     GUEST_TR_BASE, tss
        PUT     GUEST_TR_LIMIT, TSS_BYTES - 1
        PUT     GUEST_TR_ACCESS_RIGHTS, TSS_AR
        PUT     GUEST_LDTR_SELECTOR, 0
        PUT     GUEST_LDTR_ACCESS_RIGHTS, AR_UNUSABLE
        PUT     GUEST_GDTR_BASE, gdt
        PUT     GUEST_GDTR_LIMIT, gdt_end - gdt - 1
        PUT     GUEST_IDTR_BASE, idt
        PUT     GUEST_IDTR_LIMIT, 0xFFF
        PUT     GUEST_RSP, GUEST_STACK
        PUT     GUEST_RFLAGS, RFLAGS_ONE
        PUT     GUEST_DR7, 0x400
        PUT     GUEST_EFER, EFER_LME | EFER_LMA | EFER_NXE | EFER_SCE
        PUT     GUEST_ACTIVITY, ACTIVITY_ACTIVE
        PUT     GUEST_INTERRUPTIBILITY, 0
        PUT     GUEST_PENDING_DEBUG, 0
        PUT     VMCS_LINK_POINTER, -1
        ret
        .align  4
segments:
        .long   VMCS_GUEST_ES_SELECTOR, VMCS_GUEST_ES_LIMIT, VMCS_GUEST_ES_ACCESS_RIGHTS, VMCS_GUEST_ES_BASE
        .long   VMCS_GUEST_SS_SELECTOR, VMCS_GUEST_SS_LIMIT, VMCS_GUEST_SS_ACCESS_RIGHTS, VMCS_GUEST_SS_BASE
        .long   VMCS_GUEST_DS_SELECTOR, VMCS_GUEST_DS_LIMIT, VMCS_GUEST_DS_ACCESS_RIGHTS, VMCS_GUEST_DS_BASE
        .long   VMCS_GUEST_FS_SELECTOR, VMCS_GUEST_FS_LIMIT, VMCS_GUEST_FS_ACCESS_RIGHTS, VMCS_GUEST_FS_BASE
        .long   VMCS_GUEST_GS_SELECTOR, VMCS_GUEST_GS_LIMIT, VMCS_GUEST_GS_ACCESS_RIGHTS, VMCS_GUEST_GS_BASE
        .long   0
# CONTROLS field, msr, wanted - What is wanted and must be 1, without what must be 0.
        .macro  CONTROLS field, msr, wanted
        mov     ecx, VMXMSR_\msr
        rdmsr
        or      eax, \wanted
        and     eax, edx
        PUT     \field, rax
        .endm
# vmx_controls - Entry: nothing.  Exit: nothing.  Changes rax, rcx, rdx.
vmx_controls:
        CONTROLS PIN_BASED_CONTROLS, TRUE_PIN, 0
        CONTROLS PRIMARY_CONTROLS, TRUE_PROC, PROC_HLT | PROC_SECONDARY
        CONTROLS SECONDARY_CONTROLS, PROC2, PROC2_EPT | PROC2_UNRESTRICTED | PROC2_RDTSCP | PROC2_INVPCID
        CONTROLS EXIT_CONTROLS, TRUE_EXIT, EXITC_HOST_64 | EXITC_SAVE_EFER | EXITC_LOAD_EFER
        CONTROLS ENTRY_CONTROLS, TRUE_ENTRY, ENTRYC_GUEST_64 | ENTRYC_LOAD_EFER
        PUT     EPT_POINTER, EPT_PML4 | put(EPTP_MEMORY_TYPE, MEMTYPE_WB) | put(EPTP_WALK, 3)
        PUT     EXCEPTION_BITMAP, 0
        PUT     PFEC_MASK, 0
        PUT     PFEC_MATCH, 0
        PUT     CR3_TARGET_COUNT, 0
        PUT     CR0_MASK, 0
        PUT     CR4_MASK, 0
        PUT     ENTRY_INTERRUPTION_INFO, 0
        PUT     EXIT_MSR_STORE_COUNT, 0
        PUT     EXIT_MSR_LOAD_COUNT, 0
        PUT     ENTRY_MSR_LOAD_COUNT, 0
        ret
# vmx_host - Host state: as this program runs now.  Entry: nothing.  Exit: nothing.  Changes rax, rcx, rdx.
vmx_host:
        mov     rax, cr0
        PUT     HOST_CR0, rax
        mov     rax, cr3
        PUT     HOST_CR3, rax
        mov     rax, cr4
        PUT     HOST_CR4, rax
        PUT     HOST_CS_SELECTOR, CODE64
        PUT     HOST_SS_SELECTOR, DATA
        PUT     HOST_DS_SELECTOR, DATA
        PUT     HOST_ES_SELECTOR, DATA
        PUT     HOST_FS_SELECTOR, 0
        PUT     HOST_GS_SELECTOR, 0
        PUT     HOST_TR_SELECTOR, TSS
        PUT     HOST_TR_BASE, tss
        PUT     HOST_FS_BASE, 0
        PUT     HOST_GS_BASE, 0
        PUT     HOST_GDTR_BASE, gdt
        PUT     HOST_IDTR_BASE, idt
        RDMSR   MSR_EFER
        mov     rdx, rax
        PUT     HOST_EFER, rdx
        PUT     HOST_SYSENTER_CS, 0
        PUT     HOST_SYSENTER_ESP, 0
        PUT     HOST_SYSENTER_EIP, 0
        PUT     HOST_RIP, vmx_exit
        ret

# ept_make - 4 GiB at themselves by 2 MiB pages, write-back, all rights.  Entry: nothing.  Exit: nothing.  Changes rax, rcx, rdi.
ept_make:
        mov     edi, EPT_PML4
        mov     ecx, 0x7000 / 8
        xor     eax, eax
        cld
        rep stosq
        mov     dword ptr [EPT_PML4], EPT_PML4 + 0x1000 + EPT_RWX
        mov     edi, EPT_PML4 + 0x1000
        mov     eax, EPT_PD + EPT_RWX
.pdpt:  mov     [rdi], rax
        add     rdi, 8
        add     eax, 0x1000
        cmp     eax, EPT_PT
        jb      .pdpt
        mov     edi, EPT_PD
        mov     eax, EPT_RWX | EPT_WB | EPDE_2M_PS
.pd:    mov     [rdi], rax
        add     rdi, 8
        add     eax, 0x200000
        jnc     .pd
        ret
