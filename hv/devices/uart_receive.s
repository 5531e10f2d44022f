# uart_receive.s - the machine's receiver for the partition that listens.
#
# Source  PC16550D data sheet, "Line Status Register"; 82093AA data sheet, "I/O Redirection Table"

# uart_ready - Entry: rbp = partition.  Exit: al = DR and OE of the machine's receiver, 0 for who does not listen.
# Changes rax, rdx.
uart_ready:
        xor     eax, eax
        cmp     rbp, [rel listener]
        jne     .done
        test    byte ptr [rbp + SERIAL + SERIAL_MCR], MCR_LOOP
        jnz     .done
        mov     edx, PORT_UART + UART_LSR
        in      al, dx
        and     al, LSR_DR | LSR_OE
.done:  ret
# uart_take - Entry: rbp = partition.  Exit: eax = the character that waits, or 0.  Changes rdx.
uart_take:
        call    uart_ready
        test    al, LSR_DR
        mov     eax, 0
        jz      uart_ready.done
        mov     edx, PORT_UART + UART_DATA
        in      al, dx
        ret
# uart_forget - Drop the characters that wait.  Entry: rbp = partition.  Exit: nothing.  Changes rax, rdx.
uart_forget:
        cmp     rbp, [rel listener]
        jne     uart_ready.done
        mov     al, FCR_ENABLE | FCR_CLEAR_RECEIVE
        mov     edx, PORT_UART + UART_IIR
        out     dx, al
        ret

# uart_wanted - Exit: zero flag clear when what is typed interrupts this partition.  Entry: rbp.  Keeps every register.
uart_wanted:
        cmp     rbp, [rel listener]
        jne     3f
        test    byte ptr [rbp + SERIAL + SERIAL_IER], IER_DATA
        jz      .done
        test    byte ptr [rbp + SERIAL + SERIAL_MCR], MCR_OUT2
.done:  ret
3:      cmp     rbp, rbp
        ret

# uart_poll - The machine's UART has interrupted since the last poll.  Entry: rbx = VP, rbp = partition.
# Exit: nothing.  Changes rax, rcx, rdi, rsi.
uart_poll:
        cmp     rbp, [rel listener]
        jne     uart_wanted.done
        mov     dword ptr [rel uart_waits], 0
        jmp     uart_heard

        .equ    UART_PIN, 0x10 + 2 * IRQ_UART   # redirection entry of the pin
# uart_listen - Let the machine's receiver interrupt the processor of the partition that listens.  Once, on the first processor.
# Entry: nothing.  Exit: nothing.  Changes rax, rcx, rdx.
uart_listen:
        mov     rdx, [rel listener]
        test    rdx, rdx
        jz      uart_ready.done
        mov     rdx, [rdx + PART_VP]
        mov     rdx, [rdx + VP_PROCESSOR]
        mov     rcx, [rdx + CPU_NUMBER]
        shl     ecx, 24
        mov     eax, MEMORY_IOAPIC
        mov     dword ptr [rax], UART_PIN + 1
        mov     [rax + 0x10], ecx
        mov     dword ptr [rax], UART_PIN
        mov     dword ptr [rax + 0x10], UART_VECTOR     # fixed, physical, edge, not masked
        mov     al, IER_DATA
        mov     edx, PORT_UART + UART_IER
        out     dx, al
        mov     al, MCR_DTR | MCR_RTS | MCR_OUT2
        mov     edx, PORT_UART + UART_MCR
        out     dx, al
        ret

        .balign 8
listener:       .quad 0
uart_waits:     .long 0                         # 1: it has interrupted
