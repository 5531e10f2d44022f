# main.s - the root starts, and then serves whoever wants something: its children by messages, the host by the mailbox.
#
# Entry   LONG state of hv/README.md, "What a partition finds"; a partition with every privilege
# Source  TLFS, "Partition Initialization" (order of MSRs); firmware/root/README.md

# start - Entry: rdi = guest information.  Exit: never.
start:  cld
        mov     rax, [rdi + 8]                  # guest information: memory
        mov     [rel memory_end], rax
        lgdt    [rel gdt_pointer]
        push    0x08
        lea     rax, [rel flat]
        push    rax
        retfq
# flat - The rest, in the new code segment.  Entry: from start.  Exit: never.
flat:   mov     eax, 0x10
        mov     ds, ax
        mov     es, ax
        mov     ss, ax
        call    idt_init
        lidt    [rel idt_pointer]
        MSR     HVMSR_GUEST_OS_ID, OS_ID
        MSR     HVMSR_HYPERCALL, CALL_PAGE | HVPAGE_ENABLE
        MSR     HVMSR_SIMP, SIM_PAGE | HVPAGE_ENABLE
        MSR     HVMSR_SCONTROL, SCONTROL_ENABLE
        MSR     HVMSR_SINT0, MESSAGE
        MSR     HVMSR_STIMER0_CONFIG, STIMER_DIRECT | STIMER_PERIODIC | STIMER_AUTO_ENABLE | put(STIMER_VECTOR, TICK)
        MSR     HVMSR_STIMER0_COUNT, TICK_TIME
        mov     rdi, SELF_ID
        mov     esi, OWN_POOL >> 12
        mov     edx, OWN_PAGES
        call    winhv_deposit
        test    eax, eax
        jnz     give_up
        mov     al, ROOTSAY_READY
        xor     ah, ah
        xor     ecx, ecx
        call    channel_say

serve:  call    messages_serve
        call    mailbox_serve
        call    devices_serve
        cmp     dword ptr [SIM_PAGE], 0
        jne     serve
        sti                                     # sleep until a message or the tick; what comes before HLT wakes it
        hlt
        cli
        jmp     serve

give_up:                                        # eax = status
        out     PORT_DEBUG_EXIT, eax
        hlt

# idt_init - Both vectors only wake.  Entry: nothing.  Exit: nothing.  Changes rax, rcx, rdx, rdi.
idt_init:
        lea     rax, [rel wake]
        lea     rdi, [rel idt]
        mov     ecx, 256
1:      mov     [rdi], ax
        mov     word ptr [rdi + 2], 0x08
        mov     word ptr [rdi + 4], GATE_INTERRUPT
        mov     rdx, rax
        shr     rdx, 16
        mov     [rdi + 6], dx
        mov     qword ptr [rdi + 8], 0
        add     rdi, 16
        dec     ecx
        jnz     1b
        ret
# wake - Entry: from hardware.  Exit: IRETQ.  Keeps every register.
wake:   push    rax
        push    rcx
        push    rdx
        MSR     HVMSR_EOI, 0
        pop     rdx
        pop     rcx
        pop     rax
        iretq
