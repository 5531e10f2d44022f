# power.s - a virtual processor at power-up, after INIT, and at a start-up IPI.
#
# Source  SDM 3A, "Processor State After Reset", "MP Initialization Protocol"; TLFS, "Virtual Processor Creation"

# vp_power_on - Registers of reset.  Entry: rbx = VP, its VMCS current, rbp = partition.  Exit: nothing.
# Changes rax, rcx, rdx, rdi.
vp_power_on:
        push    r12
        mov     rdi, rbx
        mov     ecx, 16
        xor     eax, eax
        rep stosq
        mov     eax, LEAF_FEATURES
        push    rbx
        cpuid
        pop     rbx
        mov     [rbx + VP_RDX], rax             # the processor's signature
        lea     r12, [rel guest_any]
        call    vmcs_rows
        lea     r12, [rel guest_reset]
        call    vmcs_rows
        VMGET   rax, VMCS_ENTRY_CONTROLS
        and     eax, ~ENTRYC_GUEST_64 & 0xFFFFFFFF
        vmwrite rcx, rax
        mov     rax, [rbp + PART_STARTED]
        neg     rax
        mov     [rbx + VP_TSC_OFFSET], rax
        VMPUT   VMCS_TSC_OFFSET, rax
        call    apic_reset
        call    synic_reset
        call    vp_clear
        pop     r12
        ret

# vp_clear - What is neither in the VMCS nor in the APIC, as at power-up.  Entry: rbx = VP.  Exit: nothing.  Changes rax.
vp_clear:
        mov     rax, NEVER
        mov     [rbx + VP_PIT_DEADLINE], rax
        mov     dword ptr [rbx + VP_CREDIT], 1
        mov     word ptr [rbx + VP_FX], FCW_INIT        # x87 and SSE state
        mov     dword ptr [rbx + VP_FX + FX_MXCSR], POWER_UP_MXCSR
        mov     dword ptr [rbx + VP_DR6], DR6_RESET
        xor     eax, eax
        mov     [rbx + VP_FAULT], eax
        mov     [rbx + VP_AGAIN], eax
        mov     [rbx + VP_NMI], eax
        mov     [rbx + VP_WINDOW], eax
        mov     [rbx + VP_NMI_WINDOW], eax
        mov     [rbx + VP_OFFERED], eax
        mov     [rbx + VP_EXTERNAL], eax
        ret

        .equ    FX_MXCSR, 24

# vp_start - A start-up IPI has come: power-up state, then CS:IP of its vector; an NMI that waits was held for it.
# Entry: rbx = VP, its VMCS current, rbp.  Exit: nothing.  Keeps rbx, rbp, r12-r15.
vp_start:
        xor     eax, eax
        xchg    eax, [rbx + VP_STARTING]
        push    rax
        mov     eax, [rbx + VP_NMI]
        push    rax
        call    queues_clear
        call    pages_clear
        call    windows_close
        call    vp_power_on
        pop     rcx
        pop     rax
        cmp     al, 1
        jne     1f                              # a reset: at the reset vector
        mov     [rbx + VP_NMI], ecx
        movzx   eax, ah                         # the start-up IPI's
        mov     edx, eax
        shl     eax, 8
        VMPUT   VMCS_GUEST_CS_SELECTOR, rax
        shl     edx, 12
        VMPUT   VMCS_GUEST_CS_BASE, rdx
        xor     eax, eax
        VMPUT   VMCS_GUEST_RIP, rax
1:      ret

        .equ    AR_REAL_DATA, put(AR_TYPE, 3) | AR_S | AR_P
        .equ    AR_REAL_CODE, put(AR_TYPE, 11) | AR_S | AR_P
        .equ    AR_LDT, put(AR_TYPE, 2) | AR_P
        .equ    REAL_LIMIT, 0xFFFF
        .equ    CR0_RESET, CR0_ET | CR0_CD | CR0_NW
        .macro  SEGMENT16 name, selector, base, rights
        ROW2    GUEST_\name\()_SELECTOR, \selector
        ROW2    GUEST_\name\()_BASE, \base
        ROW2    GUEST_\name\()_LIMIT, REAL_LIMIT
        ROW2    GUEST_\name\()_ACCESS_RIGHTS, \rights
        .endm
guest_reset:
        SEGMENT16 ES, 0, 0, AR_REAL_DATA
        SEGMENT16 SS, 0, 0, AR_REAL_DATA
        SEGMENT16 DS, 0, 0, AR_REAL_DATA
        SEGMENT16 FS, 0, 0, AR_REAL_DATA
        SEGMENT16 GS, 0, 0, AR_REAL_DATA
        SEGMENT16 CS, 0xF000, 0xFFFF0000, AR_REAL_CODE
        SEGMENT16 LDTR, 0, 0, AR_LDT
        SEGMENT16 TR, 0, 0, AR_TSS
        ROW2    GUEST_GDTR_LIMIT, REAL_LIMIT
        ROW2    GUEST_IDTR_LIMIT, REAL_LIMIT
        ROW2    GUEST_RIP, 0xFFF0
        ROW2    GUEST_RSP, 0
        ROW2    GUEST_CR0, CR0_ET | CR0_NE
        ROW2    CR0_READ_SHADOW, CR0_RESET
        ROW2    GUEST_CR3, 0
        ROW2    GUEST_CR4, CR4_VMXE
        ROW2    CR4_READ_SHADOW, 0
        ROW2    GUEST_EFER, 0
        .long   0xFFFFFFFF
