# Expect: pass. VMX instructions fail by their numbers: pointers, launch state, components, INVEPT and INVVPID types.
        .include "lib.s"
        .include "vmxlib.s"

test:   call    vmx_start
        mov     qword ptr [rip + pointer], VMXON_REGION
        vmclear [rip + pointer]
        FAILED  VMCLEAR_VMXON
        vmptrld [rip + pointer]
        FAILED  VMPTRLD_VMXON
        vmxon   [rip + pointer]
        FAILED  VMXON_IN_ROOT
        mov     qword ptr [rip + pointer], VMCS2_REGION + 1
        vmclear [rip + pointer]
        FAILED  VMCLEAR_ADDRESS
        vmptrld [rip + pointer]
        FAILED  VMPTRLD_ADDRESS
        mov     dword ptr [VMCS2_REGION], 0x12345678
        mov     qword ptr [rip + pointer], VMCS2_REGION
        vmptrld [rip + pointer]
        FAILED  VMPTRLD_REVISION
        mov     eax, 0x7E                       # no such component
        vmread  rdx, rax
        FAILED  UNSUPPORTED_COMPONENT
        mov     eax, 0x7E
        vmwrite rax, rdx
        FAILED  UNSUPPORTED_COMPONENT
        vmcall
        FAILED  VMCALL_IN_ROOT
        vmresume
        FAILED  VMRESUME_NOT_LAUNCHED
        mov     eax, 7
        invept  rax, [rip + pointer]
        FAILED  INVALIDATE_OPERAND
        mov     eax, 7
        invvpid rax, [rip + pointer]
        FAILED  INVALIDATE_OPERAND
        GUEST   guest
        RUN     HLT
        mov     dword ptr [rip + launched], 0
        call    vmx_run
        EQ      eax, NOTHING
        GET     rax, VM_INSTRUCTION_ERROR
        EQ      eax, VMERROR_VMLAUNCH_NOT_CLEAR
        vmptrst [rip + pointer]
        EQ      qword ptr [rip + pointer], VMCS_REGION
        vmclear [rip + pointer]                 # no VMCS is current any more
        vmread  rax, rcx
        FAILED_INVALID
        PASS
guest:  hlt
