# Expect: pass. Pages of the hypervisor laid over one page of the guest form a stack: any of them may go first.
        .include "hvlib.s"

        .equ    AT, 0x400000
        .equ    TAG, 0x55
test:   mov     qword ptr [AT], TAG
        WRMSR   HVMSR_GUEST_OS_ID, OS_ID
        WRMSR   HVMSR_SIMP, AT | HVPAGE_ENABLE
        mov     qword ptr [AT], 1               # each page of ours is marked
        WRMSR   HVMSR_SIEFP, AT | HVPAGE_ENABLE
        mov     qword ptr [AT], 2
        WRMSR   HVMSR_HYPERCALL, AT | HVPAGE_ENABLE
        EQ      dword ptr [AT], 0xC3C1010F
        WRMSR   HVMSR_SIEFP, 0                  # from the middle
        EQ      dword ptr [AT], 0xC3C1010F
        WRMSR   HVMSR_HYPERCALL, 0
        EQ      qword ptr [AT], 1
        WRMSR   HVMSR_SIEFP, AT | HVPAGE_ENABLE
        EQ      qword ptr [AT], 2               # its content stays with it
        WRMSR   HVMSR_SIMP, 0                   # from below
        EQ      qword ptr [AT], 2
        WRMSR   HVMSR_SIEFP, AT + 0x1000 | HVPAGE_ENABLE        # moved
        EQ      qword ptr [AT], TAG
        EQ      qword ptr [AT + 0x1000], 2
        WRMSR   HVMSR_SIEFP, 0
        EQ      qword ptr [AT + 0x1000], 0

        WRMSR   HVMSR_HYPERCALL, CALL_PAGE | HVPAGE_ENABLE | HVPAGE_LOCKED
        GP_WRITE HVMSR_HYPERCALL, 0
        RDMSR   HVMSR_HYPERCALL
        EQ      eax, CALL_PAGE | HVPAGE_ENABLE | HVPAGE_LOCKED
        PASS
