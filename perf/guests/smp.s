# smp.s - every processor of the bare machine computes without end.
#
# Entry   LONG payload, rdi = boot information
# Source  firmware/boot/README.md, "Mailboxes"

        .use    firmware

        .org    0x200000
start:  mov     ecx, 1
        lea     rdx, [rip + compute]
.next:  cmp     ecx, [rdi + BOOT_PROCESSORS]
        jae     compute
        mov     eax, ecx
        imul    eax, eax, MAILBOX_SIZE
        add     rax, [rdi + BOOT_MAILBOXES]
        mov     [rax + MAILBOX_ENTRY], rdx
        inc     ecx
        jmp     .next

        .align  64
compute:
        add     rax, rcx
        add     rbx, 1
        xor     rdx, rax
        lea     rsi, [rax + rdx]
        sub     r8, rsi
        and     r9, rax
        or      r10, rdx
        dec     ecx
        jne     compute
        jmp     compute
