# trap.s - the host's interrupt table.  An exception in the hypervisor is the end; a timer interrupt only wakes.
#
# Source  SDM 3A, "Interrupt and Exception Handling in 64-Bit Mode"

        .equ    VECTORS, 256
        .equ    EXCEPTIONS, 32
        .equ    STUB_BYTES, 16
        .equ    ERROR_CODES_1, 1 << VECTOR_DF | 1 << VECTOR_TS | 1 << VECTOR_NP | 1 << VECTOR_SS | 1 << VECTOR_GP
        .equ    ERROR_CODES, ERROR_CODES_1 | 1 << VECTOR_PF | 1 << VECTOR_AC | 1 << VECTOR_CP

# One stub an exception: vector on the stack above its error code (0 where the processor pushes none).
        .balign STUB_BYTES
# trap_stubs - One an exception: vector on the stack above its error code (0 where the processor pushes none).
# Entry: from hardware.  Exit: never.
trap_stubs:
        .rept   EXCEPTIONS
        .balign STUB_BYTES
        .if     (ERROR_CODES >> \+ & 1) == 0
        push    0
        .endif
        push    \+
        jmp     near trap
        .endr

# trap - Entry: stack holds vector, error code, RIP, CS, RFLAGS, RSP, SS.  Exit: never.
trap:   mov     rdi, [rsp]
        mov     rsi, [rsp + 8]
        mov     rdx, [rsp + 16]
        mov     rcx, [rsp + 40]
        mov     rax, cr2
        jmp     panic_trap

# trap_uart - Something was typed.  Entry: from hardware.  Exit: IRETQ.  Keeps every register.
trap_uart:
        mov     dword ptr [rel uart_waits], 1
# trap_timer - Wake from host_sleep: its deadline, or another processor's request.  Entry: from hardware.  Exit: IRETQ.
# Keeps every register.
trap_timer:
        push    rdx
        mov     edx, MEMORY_LOCAL_APIC
        mov     dword ptr [rdx + APIC_EOI*16], 0
        pop     rdx
        iretq
# trap_spurious - Nothing to do.  Entry: from hardware.  Exit: IRETQ.  Keeps every register.
trap_spurious:
        iretq

# idt_init - Fill the table: exceptions, the timer, and nothing for the rest.  Once, on the first processor.
# Entry: nothing.  Exit: nothing.  Changes rax, rcx, rdx, rdi, rsi.
idt_init:
        lea     rdi, [rel host_idt]
        lea     rsi, [rel trap_stubs]
        xor     ecx, ecx
1:      mov     rax, rsi
        call    idt_gate
        add     rsi, STUB_BYTES
        inc     ecx
        cmp     ecx, EXCEPTIONS
        jb      1b
2:      lea     rax, [rel trap_spurious]
        cmp     ecx, TIMER_VECTOR
        je      4f
        cmp     ecx, KICK_VECTOR
        je      4f
        lea     rax, [rel trap_uart]
        cmp     ecx, UART_VECTOR
        je      3f
        lea     rax, [rel trap_spurious]
        jmp     3f
4:      lea     rax, [rel trap_timer]
3:      call    idt_gate
        inc     ecx
        cmp     ecx, VECTORS
        jb      2b
        ret

# idt_gate - Entry: rdi = gate, ecx = vector, rax = handler, below 4 GiB.  Exit: rdi = next gate.  Changes rax, rdx.
idt_gate:
        mov     [rdi], ax
        mov     word ptr [rdi + 2], HOST_CS
        mov     dl, 1                           # IST 1 for exceptions, the running stack for interrupts
        cmp     ecx, EXCEPTIONS
        jb      1f
        xor     edx, edx
1:      mov     [rdi + 4], dl
        mov     byte ptr [rdi + 5], GATE_INTERRUPT >> 8
        shr     eax, 16
        mov     [rdi + 6], ax
        mov     qword ptr [rdi + 8], 0
        add     rdi, 16
        ret

        .balign 16
host_idt:       .fill VECTORS, 16, 0
host_idtr:      .word VECTORS * 16 - 1
                .quad host_idt
