# control.s - control registers, debug registers, MSRs.
#
# Source  SDM 3A, "Control Registers"; SDM 4, "Architectural MSRs"; hv/README.md, "Scheduling, locks, isolation"

# probe_control - CR0, CR4, CR3, CR8, DR0: what may be written, what is refused.  Entry: nothing.  Exit: nothing.
# Changes rax, rcx, r12, r13.
probe_control:
        mov     r12, cr0
        BITS    r12d, CR0_NE
                                                # the guest sees what it wrote
        mov     rax, r12
        and     rax, ~CR0_NE
        mov     cr0, rax
        mov     rcx, cr0
        EQ      rcx, rax
        mov     rax, r12
        or      rax, CR0_CD
        mov     cr0, rax
        mov     rcx, cr0
        BITS    ecx, CR0_CD
        mov     cr0, r12
        mov     rcx, cr0
        EQ      rcx, r12
        mov     rax, r12
        or      rax, CR0_TS
        mov     cr0, rax
        EXPECT  VECTOR_NM
        fld1
        CAUGHT
        clts
        fninit
        mov     rax, 1 << 32
        or      rax, r12
        EXPECT  VECTOR_GP
        mov     cr0, rax
        CAUGHT
        mov     rax, r12
        btr     rax, shift(CR0_PG)                    # not in 64-bit mode
        EXPECT  VECTOR_GP
        mov     cr0, rax
        CAUGHT
        mov     rax, r12
        and     rax, ~CR0_CD
        or      rax, CR0_NW
        EXPECT  VECTOR_GP
        mov     cr0, rax
        CAUGHT
        smsw    eax
        EQ      ax, r12w

        mov     r13, cr4
        NOBITS  r13d, CR4_VMXE
        mov     rax, r13
        or      rax, CR4_VMXE
        EXPECT  VECTOR_GP
        mov     cr4, rax
        CAUGHT
        mov     rax, r13
        or      rax, CR4_OSXSAVE
        EXPECT  VECTOR_GP
        mov     cr4, rax
        CAUGHT
        mov     rax, r13
        or      rax, CR4_PGE
        mov     cr4, rax
        mov     rcx, cr4
        EQ      rcx, rax
        mov     cr4, r13
        mov     rax, cr3
        mov     cr3, rax

        mov     eax, 9
        mov     cr8, rax
        mov     rcx, cr8
        EQ      ecx, 9
        APIC_READ APIC_TPR
        EQ      eax, 0x90
        mov     eax, 16
        EXPECT  VECTOR_GP
        mov     cr8, rax
        CAUGHT
        xor     eax, eax
        mov     cr8, rax

        mov     eax, 0x1234
        mov     dr0, rax
        mov     rcx, dr0
        EQ      ecx, 0x1234
        xor     eax, eax
        mov     dr0, rax
        ret

        .macro  NO_READ msr
        mov     ecx, \msr
        EXPECT  VECTOR_GP
        rdmsr
        CAUGHT
        .endm
        .macro  NO_WRITE msr, value
        mov     ecx, \msr
        mov     rax, \value
        mov     rdx, rax
        shr     rdx, 32
        EXPECT  VECTOR_GP
        wrmsr
        CAUGHT
        .endm
# probe_registers - MSRs: what may be read and written, what is refused.  Entry: nothing.  Exit: nothing.  Changes rax, rcx, rdx.
probe_registers:
        NO_READ 0x12345678
        NO_WRITE 0x12345678, 0
        NO_READ 0x400000E0                      # a synthetic MSR that is not offered
        NO_READ 0x480                           # VMX capabilities
        NO_WRITE MSR_MTRRCAP, 0
        RDMSR   MSR_MTRRCAP
        EQ      rax, 0
        RDMSR   MSR_APIC_BASE
        BITS    eax, APICBASE_EN
        BITS    eax, APICBASE_BSP
        RDMSR   MSR_EFER                        # these two do not exit
        BITS    eax, EFER_LMA
        WRMSR   MSR_KERNEL_GS_BASE, 0x123456789000
        RDMSR   MSR_KERNEL_GS_BASE
        mov     rcx, 0x123456789000
        EQ      rax, rcx
        NO_READ X2APIC_FIRST + APIC_ID          # not in x2APIC mode
        ret
