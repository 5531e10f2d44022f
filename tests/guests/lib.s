# lib.s - what every guest program in this folder stands on.  Included first; the program's code begins at `test`.
#
# Entry   64-bit mode at 1 MiB as firmware/boot/README.md, "Handover", says for LONG payloads
# Exit    PASS, FAIL n, or a failed check: 32-bit write to the debug-exit port
# Source  tests/guests/README.md

        .use    cpu, firmware, platform, apic, uart, msr, paging, cpuid

        .org    0x100000

# ---- address space ----
        .equ    USER, 0x40000000                # the first 2 MiB again, for ring 3
        .equ    WINDOW, 0x60000000              # 512 pages of 4 KiB that MAP fills
        .equ    TABLES, 0x200000                # PML4, PDPT, four PDs
        .equ    WINDOW_PT, TABLES + 0x6000
        .equ    FREE, 0x210000                  # from here on memory is the test's own
        .equ    STACK0, 0x1FF000                # tops of stacks
        .equ    STACK3, 0x1EF000
        .equ    STACK_RSP0, 0x1DF000
        .equ    STACK_IST1, 0x1CF000
        .equ    STACK_IST2, 0x1BF000
        .equ    USER_PAGE, PTE_P | PTE_RW | PTE_US

# ---- selectors ----
        .equ    CODE64, 0x08
        .equ    DATA, 0x10
        .equ    USER_CODE32, 0x1B
        .equ    USER_DATA, 0x23
        .equ    USER_CODE64, 0x2B
        .equ    CODE32, 0x38
        .equ    CODE16, 0x40
        .equ    DATA16, 0x48
        .equ    TSS, 0x50
        .equ    SCRATCH, 0x60                   # four descriptors for the test
        .equ    TSS_BYTES, 104 + 8192 + 1

        .record FRAME                           # what handlers get in rdi
        .field  R15, 8
        .field  R14, 8
        .field  R13, 8
        .field  R12, 8
        .field  R11, 8
        .field  R10, 8
        .field  R9, 8
        .field  R8, 8
        .field  RDI, 8
        .field  RSI, 8
        .field  RBP, 8
        .field  RBX, 8
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
        .equ    TO_KERNEL, 0x81                 # software interrupts of the library, DPL 3
        .equ    TO_FAIL, 0x82
        .equ    NOTHING, 0xFFFFFFFF

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
# not looked at) at its own address; the program goes on behind CAUGHT with all registers as they were.
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

# ---- start ----
start:  cli
        mov     rsp, STACK0
        mov     [rip + boot_information], rdi
        mov     eax, [rdi + BOOT_PROCESSORS]
        mov     [rip + processors], eax
        cld
        call    tables_make
        call    idt_make
        mov     rax, TABLES
        mov     cr3, rax
        lgdt    [rip + gdt_pointer]
        lidt    [rip + idt_pointer]
        mov     eax, DATA
        mov     ds, eax
        mov     es, eax
        mov     ss, eax
        xor     eax, eax
        mov     fs, eax
        mov     gs, eax
        push    CODE64
        lea     rax, [rip + .cs]
        push    rax
        retfq
.cs:    mov     eax, TSS
        ltr     ax
        ON      TO_KERNEL, to_kernel
        ON      TO_FAIL, to_fail
        jmp     test

# tables_make - Identity map, supervisor; USER alias; empty window.  Changes rax, rcx, rdi.
tables_make:
        mov     edi, TABLES
        mov     ecx, 0x7000 / 8
        xor     eax, eax
        rep stosq
        mov     dword ptr [TABLES], TABLES + 0x1000 + USER_PAGE
        mov     edi, TABLES + 0x1000
        mov     eax, TABLES + 0x2000 + USER_PAGE
.pdpt:  mov     [rdi], rax
        add     rdi, 8
        add     eax, 0x1000
        cmp     eax, TABLES + 0x6000
        jb      .pdpt
        mov     edi, TABLES + 0x2000
        mov     eax, PTE_P | PTE_RW | PDE_PS
.pd:    mov     [rdi], rax
        add     rdi, 8
        add     eax, 0x200000
        jnc     .pd
        mov     dword ptr [TABLES + 0x2000 + (USER >> 21) * 8], USER_PAGE | PDE_PS
        mov     dword ptr [TABLES + 0x2000 + (WINDOW >> 21) * 8], WINDOW_PT + USER_PAGE
        ret

# idt_make - An interrupt gate for every vector; the library's and INT3's and INTO's with DPL 3.  Changes rax, rcx, rdi.
idt_make:
        lea     rdi, [rip + idt]
        lea     rax, [rip + stubs]
        xor     ecx, ecx
.gate:  mov     [rdi], ax
        mov     word ptr [rdi + 2], CODE64
        mov     word ptr [rdi + 4], 0x8E00
        push    rax
        shr     rax, 16
        mov     [rdi + 6], rax
        pop     rax
        mov     dword ptr [rdi + 12], 0
        add     rdi, 16
        add     rax, 16
        inc     ecx
        cmp     ecx, 256
        jb      .gate
        mov     byte ptr [rip + idt + 16 * VECTOR_BP + 5], 0xEE
        mov     byte ptr [rip + idt + 16 * VECTOR_OF + 5], 0xEE
        mov     byte ptr [rip + idt + 16 * TO_KERNEL + 5], 0xEE
        mov     byte ptr [rip + idt + 16 * TO_FAIL + 5], 0xEE
        ret

# ---- events ----
        .equ    HAVE_ERROR, 1 << VECTOR_DF | 1 << VECTOR_TS | 1 << VECTOR_NP | 1 << VECTOR_SS | 1 << VECTOR_GP | 1 << VECTOR_PF | 1 << VECTOR_AC | 1 << VECTOR_CP
        .align  16
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
to_kernel:
        and     qword ptr [rdi + FRAME_RIP], USER - 1
        mov     qword ptr [rdi + FRAME_CS], CODE64
        mov     qword ptr [rdi + FRAME_SS], DATA
        mov     rax, [rip + kernel_rsp]
        mov     [rdi + FRAME_RSP], rax
        ret

# to_fail - Software interrupt of FAIL and CAUGHT: say which check, end the run by its number.
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

# unexpected - Entry: rdi = FRAME.  Say what came, end the run by 0xE00 + vector.
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

# ---- text on COM1 ----
# print - Send the text at rsi up to its zero byte.  Changes rax, rdx, rsi.
print:  lodsb
        test    al, al
        jz      .done
        call    print_character
        jmp     print
.done:  ret
# print_character - Send al.  Changes rdx.
print_character:
        push    rax
        mov     edx, PORT_UART + UART_LSR
.wait:  in      al, dx
        test    al, LSR_THRE
        jz      .wait
        pop     rax
        mov     edx, PORT_UART + UART_DATA
        out     dx, al
        ret
# print_named - Send the text at rsi, then rax in hexadecimal.
print_named:
        push    rax
        call    print
        pop     rax
# print_hex - Send rax in hexadecimal.  Changes rax, rcx, rdx.
print_hex:
        mov     ecx, 60
.skip:  mov     rdx, rax                        # leading zeros
        shr     rdx, cl
        test    dl, 0xF
        jnz     .digit
        sub     ecx, 4
        jg      .skip
.digit: push    rax
        shr     rax, cl
        and     eax, 0xF
        add     al, '0'
        cmp     al, '9'
        jbe     .send
        add     al, 'a' - '9' - 1
.send:  call    print_character
        pop     rax
        sub     ecx, 4
        jns     .digit
        ret

text_check:  .asciz " check "
text_line:   .asciz "\n"
text_vector: .asciz "unexpected vector "
text_error:  .asciz " error "
text_rip:    .asciz " rip "
text_cr2:    .asciz " cr2 "

# ---- data ----
        .align  16, 0
gdt:    .quad   0
        .quad   0x00AF9B000000FFFF              # CODE64
        .quad   0x00CF93000000FFFF              # DATA
        .quad   0x00CFFB000000FFFF              # USER_CODE32
        .quad   0x00CFF3000000FFFF              # USER_DATA
        .quad   0x00AFFB000000FFFF              # USER_CODE64
        .quad   0x00CFF3000000FFFF              # data again, for SYSEXIT
        .quad   0x00CF9B000000FFFF              # CODE32
        .quad   0x00009B000000FFFF              # CODE16: base 0, limit 64 KiB
        .quad   0x000093000000FFFF              # DATA16
        .word   TSS_BYTES - 1                   # TSS: available, 64-bit
        .word   tss & 0xFFFF
        .byte   tss >> 16 & 0xFF, 0x89, 0, tss >> 24 & 0xFF
        .quad   0
scratch_descriptors:
        .fill   4, 8
gdt_end:
gdt_pointer:
        .word   gdt_end - gdt - 1
        .quad   gdt
idt_pointer:
        .word   256 * 16 - 1
        .quad   idt
        .align  8, 0
boot_information: .quad 0
processors:     .quad 0
kernel_rsp:     .quad 0
expect_vector:  .quad NOTHING
expect_error:   .quad 0
expect_resume:  .quad 0
expect_rip:     .quad 0
fault_error:    .quad 0
fault_rip:      .quad 0
fault_address:  .quad 0
fault_rflags:   .quad 0
failed:         .quad 0
hooks:          .fill 256, 8
        .align  16, 0
idt:    .fill   256, 16
        .align  16, 0
tss:    .long   0
tss_rsp0:       .quad STACK_RSP0, 0, 0
        .quad   0
tss_ist1:       .quad STACK_IST1
tss_ist2:       .quad STACK_IST2, 0, 0, 0, 0, 0
        .quad   0
        .word   0
        .word   104                             # I/O permission bitmap
tss_bitmap:
        .fill   8192, 1, 0xFF
        .byte   0xFF
        .assert . - tss == TSS_BYTES
        .align  16
