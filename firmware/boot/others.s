# others.s - wake the other processors; they park at their mailboxes or halt.
#
# Source  SDM 3A, "Multiple-Processor (MP) Initialization", "Interrupt Command Register (ICR)"

        .equ    ICR_OTHERS, put(ICR_SHORTHAND, SHORTHAND_OTHERS) | ICR_ASSERT
        .equ    WAIT_INIT, 10000                # PAUSEs between INIT and start-up; this hardware needs none
        .equ    COUNT, LOW_TRAMPOLINE + (arrived - trampoline)

        .code32
# others_start - INIT, start-up, start-up to all; returns when each has arrived.  Entry: nothing.  Exit: nothing.
# Changes eax, ecx, esi, edi.
others_start:
        mov     edi, LOW_MAILBOXES
        mov     ecx, 16 * MAILBOX_SIZE / 4
        xor     eax, eax
        cld
        rep stosd
        mov     esi, offset gdt
        mov     edi, LOW_GDT
        mov     ecx, (gdt_end - gdt) / 4
        rep movsd
        cmp     dword ptr [LOW_BOOT + BOOT_PROCESSORS], 1
        jbe     .done
        mov     esi, offset trampoline
        mov     edi, LOW_TRAMPOLINE
        mov     ecx, (trampoline_end - trampoline) / 4
        rep movsd

        mov     eax, ICR_OTHERS | put(ICR_MODE, DELIVERY_INIT)
        call    others_send
        mov     ecx, WAIT_INIT
.wait:  pause
        dec     ecx
        jnz     .wait
        mov     eax, ICR_OTHERS | put(ICR_MODE, DELIVERY_SIPI) | LOW_TRAMPOLINE >> 12
        call    others_send
        mov     eax, ICR_OTHERS | put(ICR_MODE, DELIVERY_SIPI) | LOW_TRAMPOLINE >> 12
        call    others_send                     # ignored by those that run already
.all:   pause
        mov     eax, [COUNT]
        inc     eax
        cmp     eax, [LOW_BOOT + BOOT_PROCESSORS]
        jb      .all
.done:  ret

# others_send - Write the ICR and wait until it is sent.  Entry: eax = its low half.  Exit: nothing.  Keeps every register.
others_send:
        mov     dword ptr [MEMORY_LOCAL_APIC + APIC_ICR_HIGH*16], 0
        mov     [MEMORY_LOCAL_APIC + APIC_ICR*16], eax
.busy:  pause
        test    dword ptr [MEMORY_LOCAL_APIC + APIC_ICR*16], ICR_STATUS
        jnz     .busy
        ret

# other_main - A started processor in 32-bit mode: no stack is shared, so everything stays in registers.
# Entry: flat segments, interrupts off.  Exit: never.
other_main:
        mov     eax, [MEMORY_LOCAL_APIC + APIC_ID*16]
        shr     eax, 24
        mov     ebp, eax                        # APIC ID
        shl     eax, 9
        lea     esp, [LOW_PARK_STACKS + eax + 0x200]
        call    processor_init
        mov     eax, [LOW_BLOCK + BLOCK_KIND]
        cmp     eax, PAYLOAD_LONG
        je      .park
        lock inc dword ptr [COUNT]
.halt:  cli                                     # a 32-bit payload starts us again by INIT
        hlt
        jmp     .halt
.park:  shl     ebp, 6
        add     ebp, LOW_MAILBOXES
        .assert MAILBOX_SIZE == 64
        lock inc dword ptr [COUNT]
        mov     edi, offset other_long
        jmp     enter_long

        .code64
# other_long - Entry: 64-bit mode, rbp = mailbox, rsp = park stack.  Exit: never.
other_long:
        mov     dword ptr [rbp + MAILBOX_STATE], PARK_PARKED
.poll:  pause
        mov     rax, [rbp + MAILBOX_ENTRY]
        test    rax, rax
        jz      .poll
        mov     rdi, [rbp + MAILBOX_ARGUMENT]
        mov     dword ptr [rbp + MAILBOX_STATE], PARK_LEFT
        jmp     rax

        .align  16
        .code16
# trampoline - Copied to LOW_TRAMPOLINE.  Entry: real mode, CS = LOW_TRAMPOLINE / 16, IP = 0.  Exit: never.
trampoline:
        cli
        fninit
        lgdtd   cs:[trampoline_gdt - trampoline]
        mov     eax, cr0
        and     eax, ~(CR0_CD | CR0_NW) & 0xFFFFFFFF
        or      eax, CR0_PE | CR0_NE
        mov     cr0, eax
        ljmp    CODE32, dword (trampoline_32 - trampoline + LOW_TRAMPOLINE)
        .code32
trampoline_32:
        mov     eax, DATA
        mov     ds, eax
        mov     es, eax
        mov     ss, eax
        mov     fs, eax
        mov     gs, eax
        mov     eax, offset other_main
        jmp     eax
        .align  4
trampoline_gdt:
        .word   gdt_end - gdt - 1
        .long   LOW_GDT
        .align  4
arrived: .long  0
trampoline_end:
