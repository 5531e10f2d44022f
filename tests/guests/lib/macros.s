# macros.s - verdicts, checks, expectations, shorthands of guest programs.

# PASS, FAIL n - End the run.
        .macro  PASS
        xor     eax, eax
        out     PORT_DEBUG_EXIT, eax
        hlt
        .endm
        .macro  FAIL n
        mov     dword ptr [rip + failed], \n
        int     TO_FAIL
        .endm

# EQ a, b - Fail by the number of this check unless the operands of a CMP are equal.  NE, BELOW alike.
        .macro  CONDITION jump, a, b
        .set    CHECK, CHECK + 1
        cmp     \a, \b
        \jump   79f
        FAIL    CHECK
79:
        .endm
        .macro  EQ a, b
        CONDITION je, \a, \b
        .endm
        .macro  NE a, b
        CONDITION jne, \a, \b
        .endm
        .macro  BELOW a, b
        CONDITION jb, \a, \b
        .endm
        .macro  ABOVE a, b
        CONDITION ja, \a, \b
        .endm
# EQ64 a, b - The same with a 64-bit constant; a is a register.
        .macro  EQ64 a, b
        .set    CHECK, CHECK + 1
        cmp     \a, [rip + 78f]
        je      79f
        FAIL    CHECK
78:     .quad   \b
79:
        .endm
# BITS a, mask - Fail unless all bits of the mask are set; NOBITS: unless none is.
        .macro  BITS a, mask
        .set    CHECK, CHECK + 1
        test    \a, \mask
        jnz     79f
        FAIL    CHECK
79:
        .endm
        .macro  NOBITS a, mask
        .set    CHECK, CHECK + 1
        test    \a, \mask
        jz      79f
        FAIL    CHECK
79:
        .endm

# EXPECT vector, error ... CAUGHT - The instruction after EXPECT must fault with this vector and error code (NOTHING:
# not checked) at its own address; the program goes on after CAUGHT with all registers as they were.
        .macro  EXPECT vector, error=0
        .set    CHECK, CHECK + 1
        mov     dword ptr [rip + failed], CHECK
        mov     dword ptr [rip + expect_vector], \vector
        mov     dword ptr [rip + expect_error], \error
        mov     qword ptr [rip + expect_resume], 77f
        mov     qword ptr [rip + expect_rip], 76f
76:
        .endm
        .macro  CAUGHT
        int     TO_FAIL                         # it did not fault
77:
        .endm
# EXPECT_AT vector, error, address - The same; the fault is reported at another address (traps, jumps).
        .macro  EXPECT_AT vector, error, address
        .set    CHECK, CHECK + 1
        mov     dword ptr [rip + failed], CHECK
        mov     dword ptr [rip + expect_vector], \vector
        mov     dword ptr [rip + expect_error], \error
        mov     qword ptr [rip + expect_resume], 77f
        mov     qword ptr [rip + expect_rip], \address
        .endm

# ON vector, handler - Call handler (rdi = FRAME) for each event with this vector, then return from it.
        .macro  ON vector, handler
        mov     qword ptr [rip + hooks + 8 * (\vector)], \handler
        .endm

# MAP index, entry - Set entry `index` of the window and forget its translation.  Changes rax.
        .macro  MAP index, entry
        mov     rax, \entry
        mov     [WINDOW_PT + 8 * (\index)], rax
        mov     rax, WINDOW + 0x1000 * (\index)
        invlpg  [rax]
        .endm

# RING3, RING0 - Go on in ring 3 (at the USER alias, on its own stack) or back in ring 0.  RING3 changes rax.
        .macro  RING3
        mov     [rip + kernel_rsp], rsp
        push    USER_DATA
        push    USER + STACK3
        pushfq
        push    USER_CODE64
        mov     rax, USER + 77f
        push    rax
        iretq
77:
        .endm
        .macro  RING0
        int     TO_KERNEL
        .endm

        .macro  WRMSR msr, value
        mov     ecx, \msr
        mov     rax, \value
        mov     rdx, rax
        shr     rdx, 32
        wrmsr
        .endm
# RDMSR msr - Result in rax.  Changes rcx, rdx.
        .macro  RDMSR msr
        mov     ecx, \msr
        rdmsr
        shl     rdx, 32
        or      rax, rdx
        .endm
# APIC_WRITE, APIC_READ - A register of the local APIC page, by its row (APIC_READ: into eax).  Change rax.
        .macro  APIC_WRITE register, value
        mov     eax, MEMORY_LOCAL_APIC
        mov     dword ptr [rax + 16 * (\register)], \value
        .endm
        .macro  APIC_READ register
        mov     eax, MEMORY_LOCAL_APIC
        mov     eax, [rax + 16 * (\register)]
        .endm
# COPY_OF label, to - The code from label to label_end there.  Changes rcx, rsi, rdi.
        .macro  COPY_OF label, to
        lea     rsi, [rip + \label]
        mov     edi, \to
        mov     ecx, \label\()_end - \label
        rep movsb
        .endm
# UNDEFINED bytes - The instruction of these bytes must be #UD.
        .macro  UNDEFINED bytes
        EXPECT  VECTOR_UD
        .byte   \bytes
        CAUGHT
        .endm
