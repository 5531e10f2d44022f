# events.s - interrupts and exceptions: a hook answers, an expectation is met, or the run fails.
#
# Source  SDM 3A, "64-Bit Mode Stack Frame"
        .equ    HAVE_ERROR, 1 << VECTOR_DF | 1 << VECTOR_TS | 1 << VECTOR_NP | 1 << VECTOR_SS | 1 << VECTOR_GP | 1 << VECTOR_PF | 1 << VECTOR_AC | 1 << VECTOR_CP
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

# event - Save everything; a hook answers, or an expectation, or the run fails.
event:  push    rax
        push    rcx
        push    rdx
        push    rbx
        push    rbp
        push    rsi
        push    rdi
        push    r8
        push    r9
        push    r10
        push    r11
        push    r12
        push    r13
        push    r14
        push    r15
        mov     rdi, rsp
        cld
        mov     eax, [rdi + FRAME_VECTOR]
        mov     rcx, cr2
        mov     [rip + fault_address], rcx
        lea     rcx, [rip + hooks]
        mov     rcx, [rcx + rax*8]
        test    rcx, rcx
        jz      .expected
        call    rcx
        jmp     event_return
.expected:
        cmp     eax, [rip + expect_vector]
        jne     unexpected
        mov     edx, [rdi + FRAME_ERROR]
        mov     [rip + fault_error], rdx
        mov     ecx, [rip + expect_error]
        cmp     ecx, NOTHING
        je      .rip
        cmp     edx, ecx
        jne     unexpected
.rip:   mov     rcx, [rdi + FRAME_RIP]
        mov     [rip + fault_rip], rcx
        mov     rdx, [rdi + FRAME_RFLAGS]
        mov     [rip + fault_rflags], rdx
        mov     rdx, [rip + expect_resume]
        test    byte ptr [rdi + FRAME_CS], 3
        jz      .ring0
        add     rdx, USER
        sub     rcx, USER
.ring0: cmp     rcx, [rip + expect_rip]
        jne     unexpected
        mov     [rdi + FRAME_RIP], rdx
        and     qword ptr [rdi + FRAME_RFLAGS], ~(RFLAGS_TF | RFLAGS_RF)
        mov     dword ptr [rip + expect_vector], NOTHING
event_return:
        pop     r15
        pop     r14
        pop     r13
        pop     r12
        pop     r11
        pop     r10
        pop     r9
        pop     r8
        pop     rdi
        pop     rsi
        pop     rbp
        pop     rbx
        pop     rdx
        pop     rcx
        pop     rax
        add     rsp, 16
        iretq

# to_kernel - Software interrupt of RING0: go on in ring 0, on the stack that RING3 left.
# Entry: rdi = FRAME.  Exit: nothing.  Changes rax.
to_kernel:
        and     qword ptr [rdi + FRAME_RIP], USER - 1
        mov     qword ptr [rdi + FRAME_CS], CODE64
        mov     qword ptr [rdi + FRAME_SS], DATA
        mov     rax, [rip + kernel_rsp]
        mov     [rdi + FRAME_RSP], rax
        ret

# to_fail - Software interrupt of FAIL and CAUGHT: say which check, end the run by its number.  Entry: nothing.  Exit: never.
to_fail:
        lea     rsi, [rip + text_check]
        call    print
        mov     eax, [rip + failed]
        call    print_hex
        lea     rsi, [rip + text_line]
        call    print
        mov     eax, [rip + failed]
        test    eax, eax
        jnz     .out
        dec     eax
.out:   out     PORT_DEBUG_EXIT, eax
        hlt

# unexpected - Say what came, end the run by 0xE00 + vector.  Entry: rdi = FRAME.  Exit: never.
unexpected:
        mov     rbx, rdi
        lea     rsi, [rip + text_vector]
        mov     rax, [rbx + FRAME_VECTOR]
        call    print_named
        lea     rsi, [rip + text_error]
        mov     rax, [rbx + FRAME_ERROR]
        call    print_named
        lea     rsi, [rip + text_rip]
        mov     rax, [rbx + FRAME_RIP]
        call    print_named
        lea     rsi, [rip + text_cr2]
        mov     rax, [rip + fault_address]
        call    print_named
        lea     rsi, [rip + text_check]
        mov     eax, [rip + failed]
        call    print_named
        lea     rsi, [rip + text_line]
        call    print
        mov     eax, [rbx + FRAME_VECTOR]
        add     eax, 0xE00
        out     PORT_DEBUG_EXIT, eax
        hlt
