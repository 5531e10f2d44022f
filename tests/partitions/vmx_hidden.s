# Expect: pass. A guest has no VMX: its instructions are #UD, CR4.VMXE is #GP, its MSRs do not exist.
        .include "hvlib.s"

test:   mov     rax, cr4
        NOBITS  eax, CR4_VMXE
        or      eax, CR4_VMXE
        EXPECT  VECTOR_GP
        mov     cr4, rax
        CAUGHT
        EXPECT  VECTOR_UD
        vmxon   [rsp]
        CAUGHT
        EXPECT  VECTOR_UD
        vmptrld [rsp]
        CAUGHT
        EXPECT  VECTOR_UD
        vmread  rax, rcx
        CAUGHT
        EXPECT  VECTOR_UD
        vmlaunch
        CAUGHT
        EXPECT  VECTOR_UD
        vmxoff
        CAUGHT
        mov     ecx, 0x480
        EXPECT  VECTOR_GP
        rdmsr
        CAUGHT
        mov     ecx, MSR_FEATURE_CONTROL
        EXPECT  VECTOR_GP
        rdmsr
        CAUGHT
        mov     rax, cr0                        # NE and CD are the guest's to see
        and     eax, ~CR0_NE & 0xFFFFFFFF
        or      eax, CR0_CD
        mov     cr0, rax
        mov     rbx, cr0
        EQ      rbx, rax
        PASS
