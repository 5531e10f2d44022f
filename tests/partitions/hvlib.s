# hvlib.s - what programs of this folder add to tests/guests/lib.s: the hypercall page, and calls through it.

        .include "../guests/lib.s"
        .use    tlfs, synic

        .equ    CALL_PAGE, FREE
        .equ    INPUT, FREE + 0x1000
        .equ    OUTPUT, FREE + 0x2000
        .equ    OS_ID, 0x8100000000010000       # Linux

# ENLIGHTEN - Say who we are and turn the hypercall page on.
        .macro  ENLIGHTEN
        WRMSR   HVMSR_GUEST_OS_ID, OS_ID
        WRMSR   HVMSR_HYPERCALL, CALL_PAGE | HVPAGE_ENABLE
        .endm
# CALL_HV value - Hypercall with INPUT and OUTPUT.  Exit: rax = result.  CALL_FAST value, first, second: in registers.
        .macro  CALL_HV value
        mov     rcx, \value
        mov     edx, INPUT
        mov     r8d, OUTPUT
        mov     eax, CALL_PAGE
        call    rax
        .endm
        .macro  CALL_FAST value, first, second=0
        mov     rcx, (\value) | HVINPUT_FAST
        mov     rdx, \first
        mov     r8, \second
        mov     eax, CALL_PAGE
        call    rax
        .endm
# GP_READ msr, GP_WRITE msr, value - #GP(0).
        .macro  GP_READ msr
        mov     ecx, \msr
        EXPECT  VECTOR_GP
        rdmsr
        CAUGHT
        .endm
        .macro  GP_WRITE msr, value
        mov     rdx, \value
        mov     eax, edx
        shr     rdx, 32
        mov     ecx, \msr
        EXPECT  VECTOR_GP
        wrmsr
        CAUGHT
        .endm
# UNTIL address, value - Wait, interrupts on, until a counter in memory has a value; OPEN: let what is due in.
        .macro  UNTIL address, value
        sti
75:     pause
        cmp     dword ptr [\address], \value
        jb      75b
        cli
        .endm
        .macro  OPEN
        sti
        nop
        nop
        cli
        .endm
# STORE address, value - A quadword into memory.  Changes rax.
        .macro  STORE address, value
        mov     rax, \value
        mov     [\address], rax
        .endm
