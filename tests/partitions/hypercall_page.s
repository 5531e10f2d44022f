# Expect: pass. The hypercall page needs an identity, covers the guest's page, refuses writes, and gives it back.
        .include "hvlib.s"

test:   EXPECT  VECTOR_UD
        vmcall
        CAUGHT
        mov     qword ptr [CALL_PAGE], 0x1234
        WRMSR   HVMSR_HYPERCALL, CALL_PAGE | HVPAGE_ENABLE
        RDMSR   HVMSR_HYPERCALL
        EQ      eax, CALL_PAGE                  # nobody has said who it is: not enabled
        ENLIGHTEN
        RDMSR   HVMSR_HYPERCALL
        EQ      eax, CALL_PAGE | HVPAGE_ENABLE
        EQ      dword ptr [CALL_PAGE], 0xC3C1010F       # VMCALL, RET
        EXPECT  VECTOR_GP
        mov     dword ptr [CALL_PAGE + 0x100], 1
        CAUGHT
        mov     ecx, HVMSR_HYPERCALL
        mov     eax, 0xF0000000 | HVPAGE_ENABLE # outside the partition's memory
        xor     edx, edx
        EXPECT  VECTOR_GP
        wrmsr
        CAUGHT
        RING3
        EXPECT  VECTOR_UD                       # not from ring 3
        vmcall
        CAUGHT
        RING0
        WRMSR   HVMSR_GUEST_OS_ID, 0
        EQ      dword ptr [CALL_PAGE], 0x1234
        mov     dword ptr [CALL_PAGE], 5
        EQ      dword ptr [CALL_PAGE], 5
        EXPECT  VECTOR_UD
        vmcall
        CAUGHT
        PASS
