# Expect: pass. VMXON checks CR4, CPL, alignment and revision; VMXOFF and VMCALL need VMX operation; errors 15 and 1.
        .include "lib.s"
        .include "vmxlib.s"

test:   EXPECT  VECTOR_UD                       # CR4.VMXE = 0
        vmxon   [rip + pointer]
        CAUGHT
        EXPECT  VECTOR_UD
        vmxoff
        CAUGHT
        EXPECT  VECTOR_UD
        vmptrst [rip + pointer]
        CAUGHT
        mov     rax, cr4
        or      rax, CR4_VMXE
        mov     cr4, rax
        EXPECT  VECTOR_UD                       # still outside VMX operation
        vmread  rax, rcx
        CAUGHT
        call    vmx_revision
        lea     edx, [rax + 1]
        mov     [VMXON_REGION], edx
        mov     qword ptr [rip + pointer], VMXON_REGION + 8
        vmxon   [rip + pointer]                 # not aligned
        FAILED_INVALID
        mov     qword ptr [rip + pointer], VMXON_REGION
        vmxon   [rip + pointer]                 # wrong revision
        FAILED_INVALID
        mov     rax, 1 << 50
        mov     [rip + pointer], rax
        vmxon   [rip + pointer]                 # beyond the physical-address width
        FAILED_INVALID
        RING3
        EXPECT  VECTOR_GP
        vmxon   [rip + pointer]
        CAUGHT
        RING0
        call    vmx_on
        SUCCEEDED
        mov     rax, cr4
        and     rax, ~CR4_VMXE                  # fixed in VMX operation
        EXPECT  VECTOR_GP
        mov     cr4, rax
        CAUGHT
        mov     rax, cr0
        and     rax, ~CR0_NE
        EXPECT  VECTOR_GP
        mov     cr0, rax
        CAUGHT
        vmxon   [rip + pointer]                 # no current VMCS: cannot say why
        FAILED_INVALID
        vmcall
        FAILED_INVALID
        vmptrst [rip + pointer]
        SUCCEEDED
        EQ      qword ptr [rip + pointer], -1
        RING3
        EXPECT  VECTOR_GP
        vmptrst [rip + pointer]
        CAUGHT
        EXPECT  VECTOR_GP
        vmxoff
        CAUGHT
        RING0
        vmxoff
        SUCCEEDED
        EXPECT  VECTOR_UD
        vmcall
        CAUGHT
        mov     rax, cr4
        and     rax, ~CR4_VMXE
        mov     cr4, rax
        PASS
