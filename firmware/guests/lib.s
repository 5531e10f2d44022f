# lib.s - what both guests stand on: tables of their own, events, checks.
#
# Entry   LONG state of hv/README.md, "What a partition finds": rdi = guest information
# Exit    jumps to main
# Source  hv/README.md; SDM 3A, "64-Bit Mode IDT"

        .use    cpu, platform, apic, uart, msr, tlfs, paging, cpuid, pit

        .org    0x100000
        .equ    CODE, 0x10                      # selectors of the hypervisor's GDT
        .equ    DATA, 0x18
        .equ    STACK, 0xF0000
        .equ    NOTHING, 0xFFFFFFFF
        .equ    INFO_MEMORY, 0x08               # guest information
        .equ    INFO_NUMBER, 0x10
        .equ    INFO_NAME, 0x20
        .equ    INFO_TSC, 0x30

        .record FRAME
        .field  R11, 8
        .field  R10, 8
        .field  R9, 8
        .field  R8, 8
        .field  RDI, 8
        .field  RSI, 8
        .field  RDX, 8
        .field  RCX, 8
        .field  RAX, 8
        .field  VECTOR, 8
        .field  ERROR, 8
        .field  RIP, 8
        .field  CS, 8
        .field  RFLAGS, 8
        .field  RSP, 8
        .field  SS, 8
        .endrecord

        .set    CHECK, 0

# END code - End the partition.
        .macro  END code
        mov     eax, \code
        out     PORT_DEBUG_EXIT, eax
        hlt
        .endm
# EQ, NE, ABOVE, BELOW a, b - Check a comparison; the run ends by the number of the check that fails.
        .macro  CONDITION jump, a, b
        .set    CHECK, CHECK + 1
        cmp     \a, \b
        \jump   79f
        mov     dword ptr [rel failed], CHECK
        jmp     check_failed
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
        .macro  BITS a, mask
        .set    CHECK, CHECK + 1
        test    \a, \mask
        jnz     79f
        mov     dword ptr [rel failed], CHECK
        jmp     check_failed
79:
        .endm
        .macro  NOBITS a, mask
        .set    CHECK, CHECK + 1
        test    \a, \mask
        jz      79f
        mov     dword ptr [rel failed], CHECK
        jmp     check_failed
79:
        .endm
# EXPECT vector, error ... CAUGHT - The instruction between them must fault so, at its own address.
        .macro  EXPECT vector, error=0
        .set    CHECK, CHECK + 1
        mov     dword ptr [rel failed], CHECK
        mov     dword ptr [rel expect_vector], \vector
        mov     dword ptr [rel expect_error], \error
        mov     qword ptr [rel expect_resume], 77f
        mov     qword ptr [rel expect_rip], 76f
76:
        .endm
        .macro  CAUGHT
        jmp     check_failed
77:
        .endm
        .macro  ON vector, handler
        mov     qword ptr [rel hooks + 8 * (\vector)], \handler
        .endm
        .macro  WRMSR msr, value
        mov     ecx, \msr
        mov     rax, \value
        mov     rdx, rax
        shr     rdx, 32
        wrmsr
        .endm
        .macro  RDMSR msr
        mov     ecx, \msr
        rdmsr
        shl     rdx, 32
        or      rax, rdx
        .endm
        .macro  APIC_WRITE register, value
        mov     eax, MEMORY_LOCAL_APIC
        mov     dword ptr [rax + 16 * (\register)], \value
        .endm
        .macro  APIC_READ register
        mov     eax, MEMORY_LOCAL_APIC
        mov     eax, [rax + 16 * (\register)]
        .endm

start:  mov     rsp, STACK
        mov     [rel information], rdi
        cld
        lea     rdi, [rel idt]
        lea     rax, [rel stubs]
        mov     ecx, 256
1:      mov     [rdi], ax
        mov     word ptr [rdi + 2], CODE
        mov     word ptr [rdi + 4], GATE_INTERRUPT
        mov     edx, eax
        shr     edx, 16
        mov     [rdi + 6], edx
        add     rdi, 16
        add     rax, 16
        dec     ecx
        jnz     1b
        lidt    [rel idt_pointer]
        jmp     main

        .equ    HAVE_ERROR_1, 1 << VECTOR_DF | 1 << VECTOR_TS | 1 << VECTOR_NP | 1 << VECTOR_SS | 1 << VECTOR_GP
        .equ    HAVE_ERROR, HAVE_ERROR_1 | 1 << VECTOR_PF | 1 << VECTOR_AC | 1 << VECTOR_CP
        .align  16
# stubs - One an event, 16 bytes each.  Entry: from hardware.  Exit: IRETQ.  Keeps every register.
stubs:
        .rept   256
        .align  16
        .if     !(HAVE_ERROR >> \+ & 1)
        push    0
        .endif
        push    \+
        jmp     event
        .endr

# event - A hook answers (rdi = FRAME), or it was expected, or the partition ends.
event:  push    rax
        push    rcx
        push    rdx
        push    rsi
        push    rdi
        push    r8
        push    r9
        push    r10
        push    r11
        mov     rdi, rsp
        mov     eax, [rdi + FRAME_VECTOR]
        lea     rcx, [rel hooks]
        mov     rcx, [rcx + rax*8]
        test    rcx, rcx
        jz      1f
        call    rcx
        jmp     event_return
1:      cmp     eax, [rel expect_vector]
        jne     check_failed
        mov     eax, [rdi + FRAME_ERROR]
        cmp     eax, [rel expect_error]
        jne     check_failed
        mov     rax, [rdi + FRAME_RIP]
        cmp     rax, [rel expect_rip]
        jne     check_failed
        mov     rax, [rel expect_resume]
        mov     [rdi + FRAME_RIP], rax
        mov     dword ptr [rel expect_vector], NOTHING
event_return:
        pop     r11
        pop     r10
        pop     r9
        pop     r8
        pop     rdi
        pop     rsi
        pop     rdx
        pop     rcx
        pop     rax
        add     rsp, 16
        iretq

# check_failed - Print the number of the check, end by it.  Entry: it is in `failed`.  Exit: never.
check_failed:
        cli
        lea     rsi, [rel text_failed]
        call    line_text
        mov     eax, [rel failed]
        call    line_number
        call    line_send
        mov     eax, [rel failed]
        out     PORT_DEBUG_EXIT, eax
        hlt
text_failed:    .asciz "failed at check "

        .align  8
information:    .quad 0
expect_resume:  .quad 0
expect_rip:     .quad 0
expect_vector:  .long NOTHING
expect_error:   .long 0
failed:         .quad 0
idt_pointer:    .word 0xFFF
                .quad idt
        .align  8
# hooks - Of events, by vector.  Entry: rdi = FRAME.  Exit: nothing.  Keeps rbx, rbp, r12-r15.
hooks:          .fill 256, 8
        .align  16
idt:            .fill 256, 16
