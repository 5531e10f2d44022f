# smplib.s - other processors for guest programs: included after lib.s.
#
# Source  firmware/boot/README.md, "Mailboxes"

# WAKE routine - Send every parked processor to routine: ring 0, own stack, library's tables; edi = its number.
        .macro  WAKE routine
        lea     rax, [rip + \routine]
        mov     [rip + smp_routine], rax
        call    smp_wake
        .endm

# smp_wake - Entry: nothing.  Exit: nothing.  Changes rax, rcx, rdx.
smp_wake:
        mov     ecx, 1
.next:  cmp     ecx, [rip + processors]
        jae     .done
        mov     eax, ecx
        imul    eax, eax, MAILBOX_SIZE
        mov     rdx, [rip + boot_information]
        add     rax, [rdx + BOOT_MAILBOXES]
        mov     [rax + MAILBOX_ARGUMENT], rcx
        lea     rdx, [rip + smp_enter]
        mov     [rax + MAILBOX_ENTRY], rdx
        inc     ecx
        jmp     .next
.done:  ret

# smp_enter - A woken processor.  Entry: rdi = its number.  Exit: never.
smp_enter:
        mov     eax, edi
        shl     eax, 12
        mov     esp, 0x190000
        add     esp, eax
        mov     rax, TABLES
        mov     cr3, rax
        lgdt    [rip + gdt_pointer]
        lidt    [rip + idt_pointer]
        mov     eax, DATA
        mov     ds, eax
        mov     es, eax
        mov     ss, eax
        push    CODE64
        lea     rax, [rip + .cs]
        push    rax
        retfq
.cs:    jmp     [rip + smp_routine]
        .align  8
smp_routine: .quad 0
