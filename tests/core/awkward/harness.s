# harness.s - run each of a table of instructions with the same registers and memory, and note how it ended.
#
# Entry   placed by tests/core/awkward: COUNT cases of 32 bytes at CASES (an instruction, then INT3), the selector of the
#         code segment at SELECTOR, data at DATA_FROM
# Exit    verdict 0; 32 bytes for each case at RESULTS: vector, error code, RIP - case, MXCSR, x87 status, digest of registers
# Source  SDM 3A, "Interrupt 3 - Breakpoint Exception"
        .equ    PARAMETERS, 0x600000            # count, selector, where code segments begin: 0, or 1 at the case
        .equ    DATA_FROM, 0x601000
        .equ    CASES, 0x800000
        .equ    RESULTS, 0xC00000
        .equ    AREA, USER + 0x400000        # one page of data, then one of stack; nothing after
        .equ    ALIAS, USER                     # ring 3 sees physical memory here
        .equ    STACK_TOP, 0x1F8000

        .macro  ENTRY vector, error
        .if     \error == 0
        push    0
        .endif
        push    \vector
        jmp     ended
        .align  16
        .endm

test:   mov     rax, cr0
        and     eax, ~(CR0_EM | CR0_TS | CR0_AM)
        or      eax, CR0_MP | CR0_NE
        mov     cr0, rax
        mov     rax, cr4
        or      eax, CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE
        mov     cr4, rax
        mov     dword ptr [tss_ist1], STACK_TOP
        mov     rdi, TABLES + 0x2000 + (USER >> 21) * 8
        mov     eax, USER_PAGE | PDE_PS
        mov     ecx, 8
.map:   mov     [rdi], rax
        add     rdi, 8
        add     eax, 0x200000
        dec     ecx
        jnz     .map
        mov     qword ptr [TABLES + 0x2000 + (AREA >> 21) * 8], scratch_table + USER_PAGE
        mov     eax, 0x400000 | PTE_P | PTE_RW | PTE_US
        mov     [scratch_table], rax
        add     eax, 0x1000
        mov     [scratch_table + 8], rax
        mov     rax, cr3
        mov     cr3, rax
# gates for exceptions, on their own stack
        lea     rsi, [rip + entries]
        lea     rdi, [rip + idt]
        mov     ecx, 32
.gate:  mov     [rdi], si
        mov     word ptr [rdi + 2], CODE64
        mov     word ptr [rdi + 4], 0xEE01
        mov     rax, rsi
        shr     rax, 16
        mov     [rdi + 6], ax
        add     rsi, 16
        add     rdi, 16
        dec     ecx
        jnz     .gate
        mov     dword ptr [scratch_descriptors], 0xFFFF
        mov     dword ptr [scratch_descriptors + 4], 0xFB00
        mov     dword ptr [scratch_descriptors + 8], AREA << 16 & 0xFFFFFFFF | 0xFFFF
        mov     dword ptr [scratch_descriptors + 12], AREA & 0xFF000000 | AREA >> 16 & 0xFF | 0xF300
        mov     qword ptr [rip + case], 0
        jmp     next

        .align  16
entries:
        ENTRY   0, 0
        ENTRY   1, 0
        ENTRY   2, 0
        ENTRY   3, 0
        ENTRY   4, 0
        ENTRY   5, 0
        ENTRY   6, 0
        ENTRY   7, 0
        ENTRY   8, 1
        ENTRY   9, 0
        ENTRY   10, 1
        ENTRY   11, 1
        ENTRY   12, 1
        ENTRY   13, 1
        ENTRY   14, 1
        ENTRY   15, 0
        ENTRY   16, 0
        ENTRY   17, 1
        ENTRY   18, 0
        ENTRY   19, 0
        ENTRY   20, 0
        ENTRY   21, 1
        ENTRY   22, 0
        ENTRY   23, 0
        ENTRY   24, 0
        ENTRY   25, 0
        ENTRY   26, 0
        ENTRY   27, 0
        ENTRY   28, 0
        ENTRY   29, 0
        ENTRY   30, 0
        ENTRY   31, 0

ended:  mov     [rip + saved], rax
        mov     [rip + saved + 8], rcx
        mov     [rip + saved + 16], rdx
        mov     [rip + saved + 24], rbx
        mov     [rip + saved + 32], rbp
        mov     [rip + saved + 40], rsi
        mov     [rip + saved + 48], rdi
        clts
        cld
        fxsave  [rip + saved + 64]
        mov     rax, [rip + case]
        mov     rbx, rax
        shl     rbx, 5
        add     rbx, RESULTS
        mov     rdx, [rsp]
        mov     [rbx], dx
        mov     rdx, [rsp + 8]
        mov     [rbx + 2], dx
        mov     rdx, [rsp + 16]
        sub     rdx, [rip + start_of]
        mov     [rbx + 4], edx
        stmxcsr [rbx + 8]
        fnstsw  [rbx + 12]
# digest of the seven registers, then of x87 and XMM registers
        mov     rdi, 0x100000001B3
        lea     rsi, [rip + saved]
        mov     ecx, 7
        xor     edx, edx
.seven: xor     rdx, [rsi]
        imul    rdx, rdi
        add     rsi, 8
        dec     ecx
        jnz     .seven
        lea     rsi, [rip + saved + 64 + 32]
        mov     ecx, 8
.mmx:   xor     rdx, [rsi]                      # bits 79:64 of an x87 register are not MMX state
        imul    rdx, rdi
        add     rsi, 16
        dec     ecx
        jnz     .mmx
        mov     ecx, 256 / 8
.float: xor     rdx, [rsi]
        imul    rdx, rdi
        add     rsi, 8
        dec     ecx
        jnz     .float
        mov     [rbx + 16], rdx
        inc     rax
        mov     [rip + case], rax
next:   mov     rax, [rip + case]
        cmp     rax, [PARAMETERS]
        je      done
# data, x87, XMM and MMX registers as always
        lea     rsi, [DATA_FROM]
        mov     edi, 0x400000
        mov     ecx, 0x2000 / 8
        cld
        rep movsq
        fxrstor [DATA_FROM + 0x2000]
# where it runs
        mov     rdx, rax
        shl     rdx, 5
        add     rdx, ALIAS + CASES
        mov     [rip + start_of], rdx
        cmp     qword ptr [PARAMETERS + 16], 0
        je      .flat
        mov     [scratch_descriptors + 2], dx   # 16-bit segments: code at the case, data at AREA
        mov     rcx, rdx
        shr     rcx, 16
        mov     [scratch_descriptors + 4], cl
        mov     [scratch_descriptors + 7], ch
        mov     qword ptr [rip + start_of], 0
        xor     edx, edx
.flat:  mov     rsp, STACK_TOP
        mov     rcx, [PARAMETERS + 24]
        push    rcx                             # SS
        mov     rax, [PARAMETERS + 32]
        push    rax                             # RSP
        push    2
        mov     rax, [PARAMETERS + 8]
        push    rax
        push    rdx
        test    ecx, ecx
        jz      .data
        mov     ds, ecx
        mov     es, ecx
.data:  mov     rax, [PARAMETERS + 0x40]
        mov     rcx, [PARAMETERS + 0x48]
        mov     rdx, [PARAMETERS + 0x50]
        mov     rbx, [PARAMETERS + 0x58]
        mov     rbp, [PARAMETERS + 0x68]
        mov     rsi, [PARAMETERS + 0x70]
        mov     rdi, [PARAMETERS + 0x78]
        mov     r8, [PARAMETERS + 0x80]
        mov     r9, r8
        mov     r10, r8
        mov     r11, r8
        mov     r12, r8
        mov     r13, r8
        mov     r14, r8
        mov     r15, r8
        iretq
done:   PASS
        .align  16
case:   .quad   0
start_of:
        .quad   0
        .align  64
saved:  .fill   72, 8
        .align  4096
scratch_table:
        .fill   512, 8
