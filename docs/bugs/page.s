# page.s - a guest that puts the hypercall page among its own code, and calls.
        .include "../../tests/partitions/hvlib.s"
        .equ    NEAR_PAGE, 0x1F0000
test:   WRMSR   HVMSR_GUEST_OS_ID, OS_ID
        WRMSR   HVMSR_HYPERCALL, NEAR_PAGE | HVPAGE_ENABLE
        mov     rcx, 0x7FFF | HVINPUT_FAST
        mov     eax, NEAR_PAGE
        call    rax
        EQ      ax, HVSTATUS_INVALID_HYPERCALL_CODE
        PASS
