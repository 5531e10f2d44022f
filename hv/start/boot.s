# boot.s - what the firmware hands over, and waking the other processors.
#
# Source  firmware/boot/README.md; SDM 3A, "APIC Timer"

# boot_memory - Entry: r15 = boot information.  Exit: RAM regions and processor_count known.  Changes rax, rdx, rdi, rsi, r13, r14.
boot_memory:
        mov     eax, [r15 + BOOT_PROCESSORS]
        cmp     eax, PROCESSORS
        jbe     1f
        mov     eax, PROCESSORS
1:      mov     [rel processor_count], eax
        mov     rax, [r15 + BOOT_MAILBOXES]
        mov     [rel mailboxes], rax
        mov     rax, [r15 + BOOT_RSDP]
        mov     [rel firmware_rsdp], rax
        mov     r14d, [r15 + BOOT_E820_COUNT]
        mov     r13, [r15 + BOOT_E820]
2:      test    r14d, r14d
        jz      3f
        cmp     dword ptr [r13 + E820_TYPE], E820_RAM
        jne     4f
        mov     rdi, [r13 + E820_BASE]
        mov     rsi, [r13 + E820_LENGTH]
        add     rsi, rdi
        call    frames_region
4:      add     r13, E820_SIZE
        dec     r14d
        jmp     2b
3:      ret

# processors_wake - Let every other processor go to processor_start, one at a time.  Entry: nothing.  Exit: nothing.
# Changes rax, rdx, rdi.
processors_wake:
        push    rbx
        mov     ebx, 1
1:      cmp     ebx, [rel processor_count]
        jae     4f
        lea     rax, [rel processors]
        mov     rdi, [rax + rbx*8]
        mov     rdx, [rel mailboxes]
        mov     eax, ebx
        imul    eax, eax, MAILBOX_SIZE
        add     rdx, rax
        mov     [rdx + MAILBOX_ARGUMENT], rdi
        lea     rax, [rel processor_start]
        mov     [rdx + MAILBOX_ENTRY], rax      # the store that wakes it
3:      pause
        cmp     qword ptr [rdi + CPU_READY], 0
        je      3b
        inc     ebx
        jmp     1b
4:      pop     rbx
        ret

# processor_start - Entry: another processor, 64-bit mode, rdi = its block.  Exit: never.
processor_start:
        cli
        cld
        mov     rsp, rdi
        mov     rbx, rdi
        call    processor_init
        mov     qword ptr [rbx + CPU_READY], 1
        jmp     processor_run

# host_apic_init - This processor's APIC: enabled, timer in TSC-deadline mode, everything else masked.  Entry: nothing.
# Exit: nothing.  Changes rax, rdx.
host_apic_init:
        mov     al, 0xFF
        out     PORT_PIC1_DATA, al
        out     PORT_PIC2_DATA, al
        mov     edx, MEMORY_LOCAL_APIC
        mov     dword ptr [rdx + APIC_SVR*16], SVR_ENABLE | SPURIOUS_VECTOR
        mov     dword ptr [rdx + APIC_LVT_LINT0*16], LVT_MASKED
        mov     dword ptr [rdx + APIC_LVT_LINT1*16], LVT_MASKED
        mov     dword ptr [rdx + APIC_LVT_ERROR*16], LVT_MASKED
        mov     dword ptr [rdx + APIC_TPR*16], 0
        mov     dword ptr [rdx + APIC_LVT_TIMER*16], put(LVT_TIMER, TIMER_TSC_DEADLINE) | TIMER_VECTOR
        ret

# host_sleep - Halt until a TSC deadline or another interrupt.  Entry: rdi = deadline (NEVER: no timer).
# Exit: nothing.  Changes rax, rcx, rdx.
host_sleep:
        xor     eax, eax
        xor     edx, edx
        cmp     rdi, -1
        je      1f
        mov     rax, rdi
        mov     rdx, rdi
        shr     rdx, 32
1:      mov     ecx, MSR_TSC_DEADLINE
        wrmsr                                   # 0 disarms; a deadline in the past fires at once
        inc     qword ptr gs:[CPU_IDLE]
        sti
        hlt
        cli
        xor     eax, eax
        xor     edx, edx
        mov     ecx, MSR_TSC_DEADLINE
        wrmsr
        ret

        .balign 8
host_cr3:       .quad 0
mailboxes:      .quad 0
firmware_rsdp:  .quad 0
processors:     .fill PROCESSORS, 8, 0
host_gdt:       .quad 0
                .quad GDT_CODE64                # code: 64-bit, DPL 0
                .quad GDT_DATA                  # data: flat, DPL 0
processor_count: .long 0
text_welcome:   .asciz "hvlab hypervisor: "
text_processors: .asciz " processors, "
text_partitions: .asciz " partitions"
text_no_vmx:    .asciz "this processor has no VMX, or it is locked"
