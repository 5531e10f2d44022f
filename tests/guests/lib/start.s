# start.s - the library's address space and tables, then `test`.
#
# Source  firmware/boot/README.md, "Handover"; SDM 3A, "4-Level Paging and 5-Level Paging", "64-Bit Mode IDT"

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

# tables_make - Identity map, supervisor; USER alias; empty window.  Entry: nothing.  Exit: nothing.  Changes rax, rcx, rdi.
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

# idt_make - An interrupt gate for every vector; the library's and INT3's and INTO's with DPL 3.
# Entry: nothing.  Exit: nothing.  Changes rax, rcx, rdi.
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
