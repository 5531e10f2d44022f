/* Entry from the multiboot loader, entry stubs of the interrupt table, and the way to privilege level 3 and back. */
#ifdef __x86_64__
#define R(name) %r##name
#define WORD .quad
#define SIZE 8
#else
#define R(name) %e##name
#define WORD .long
#define SIZE 4
#endif

        .section .multiboot, "a"
        .balign 4
        .long   0x1BADB002, 3, -(0x1BADB002 + 3)

        .section .text
        .code32
        .globl  start
start:  cli
        cld
        mov     $stack_top, %esp
        mov     %eax, %edi
        mov     %ebx, %esi
#ifdef __x86_64__
        mov     $directories + 7, %eax           /* one 512 GiB entry, four 1 GiB entries, 2 MiB pages up to 4 GiB */
        mov     %eax, top
        mov     $tables + 3, %eax
        xor     %ecx, %ecx
1:      mov     %eax, directories(, %ecx, 8)
        add     $4096, %eax
        inc     %ecx
        cmp     $4, %ecx
        jb      1b
        xor     %ecx, %ecx
        mov     $0x83, %eax
2:      mov     %eax, tables(, %ecx, 8)
        add     $0x200000, %eax
        inc     %ecx
        cmp     $2048, %ecx
        jb      2b
        mov     $0x620, %eax                     /* PAE, OSFXSR, OSXMMEXCPT */
        mov     %eax, %cr4
        mov     $top, %eax
        mov     %eax, %cr3
        mov     $0xC0000080, %ecx
        rdmsr
        or      $0x900, %eax                     /* LME, NXE */
        wrmsr
        mov     $0x80010033, %eax                /* PG, WP, NE, ET, MP, PE */
        mov     %eax, %cr0
        lgdt    boot_gdt
        ljmp    $0x08, $long_start
        .code64
long_start:
        mov     $0x10, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %ss
        mov     %edi, %edi
        mov     %esi, %esi
        call    main
#else
        mov     $0x610, %eax                     /* PSE, OSFXSR, OSXMMEXCPT; paging comes later */
        mov     %eax, %cr4
        mov     $0x33, %eax
        mov     %eax, %cr0
        push    %esi
        push    %edi
        call    main
#endif
        ud2

/* One stub a vector: error code (or 0), vector, registers. */
        .macro  stub number
        .balign 16
        .if     (\number == 8) || ((\number >= 10) && (\number <= 14)) || (\number == 17)
        .else
        push    $0
        .endif
        push    $\number
        jmp     common
        .endm

        .balign 16
        .globl  stubs
stubs:  .set    i, 0
        .rept   129
        stub    i
        .set    i, i + 1
        .endr

common:
#ifdef __x86_64__
        push    %rax
        push    %rcx
        push    %rdx
        push    %rbx
        push    %rbp
        push    %rsi
        push    %rdi
        .irp    r, 8, 9, 10, 11, 12, 13, 14, 15
        push    %r\r
        .endr
        mov     %rsp, %rdi
        cld
        call    trap
        .irp    r, 15, 14, 13, 12, 11, 10, 9, 8
        pop     %r\r
        .endr
        pop     %rdi
        pop     %rsi
        pop     %rbp
        pop     %rbx
        pop     %rdx
        pop     %rcx
        pop     %rax
        add     $16, %rsp
        iretq
#else
        push    %eax
        push    %ecx
        push    %edx
        push    %ebx
        push    %ebp
        push    %esi
        push    %edi
        push    %esp
        cld
        call    trap
        pop     %edi
        pop     %edi
        pop     %esi
        pop     %ebp
        pop     %ebx
        pop     %edx
        pop     %ecx
        pop     %eax
        add     $8, %esp
        iret
#endif

/* unsigned user_run(entry, stack): run a program at level 3 until it asks to end; returns the value it gave. */
        .globl  user_run, user_leave
user_run:
#ifdef __x86_64__
        push    %rbx
        push    %rbp
        push    %r12
        push    %r13
        push    %r14
        push    %r15
        mov     %rsp, kernel_stack
        mov     %rsp, task + 4
        push    $0x23
        push    %rsi
        push    $0x202
        push    $0x1B
        push    %rdi
        iretq
user_leave:
        mov     %edi, %eax
        mov     kernel_stack, %rsp
        pop     %r15
        pop     %r14
        pop     %r13
        pop     %r12
        pop     %rbp
        pop     %rbx
        sti
        ret
#else
        mov     4(%esp), %eax
        mov     8(%esp), %edx
        push    %ebx
        push    %ebp
        push    %esi
        push    %edi
        mov     %esp, kernel_stack
        mov     %esp, task + 4
        mov     $0x23, %ecx
        mov     %ecx, %ds
        mov     %ecx, %es
        push    $0x23
        push    %edx
        push    $0x202
        push    $0x1B
        push    %eax
        iret
user_leave:
        mov     4(%esp), %eax
        mov     kernel_stack, %esp
        mov     $0x10, %ecx
        mov     %ecx, %ds
        mov     %ecx, %es
        pop     %edi
        pop     %esi
        pop     %ebp
        pop     %ebx
        sti
        ret
#endif

/* The program at level 3.  Interrupt 0x80: EAX 0 counts, EAX 1 ends with EBX.  A fault skips EDX bytes. */
        .globl  user_begin, user_end
user_begin:
        xor     %ebx, %ebx
        mov     $1000, %ecx
1:      xor     %eax, %eax
        int     $0x80
        add     %ecx, %ebx
        dec     %ecx
        jnz     1b
        mov     $1, %edx
        cli
        hlt
        mov     $3, %edx
        mov     %cr0, R(ax)
        mov     $0x100000, %esi
        mov     $2, %edx
        movb    (R(si)), %al
        movb    %al, (R(si))
        mov     $20000000, %ecx                  /* long enough for ticks of the timer */
2:      dec     %ecx
        jnz     2b
        mov     $1, %eax
        int     $0x80
user_end:

        .section .data
        .balign 16
#ifdef __x86_64__
boot_gdt_table:
        .quad   0, 0x00AF9B000000FFFF, 0x00CF93000000FFFF
boot_gdt:
        .word   23
        .long   boot_gdt_table
#endif
        .globl  kernel_stack
kernel_stack:
        WORD    0

        .section .bss
        .balign 4096
        .globl  top, directories
#ifdef __x86_64__
top:    .skip   4096
directories:
        .skip   4096
tables: .skip   16384
#endif
        .skip   16384
stack_top:
        .section .note.GNU-stack, "", @progbits
