# uart.s - COM1 of a partition, a 16550: a transmitter that is always ready, and for one partition the machine's receiver.
#
# What is typed reaches the first partition of the table that is not the root (`listener`). The machine's UART interrupts that
# partition's processor, which makes an edge on line 4.  Calling convention: port_table.s.
# Who receives and how is the image's own: uart_ready (al = LSR_DR, LSR_OE), uart_take, uart_forget.
# The root partition keeps such ports for its children by this very file.
# Source  PC16550D data sheet, "Interrupt Identification Register", "Line Status Register";
#         82093AA data sheet, "I/O Redirection Table"

        .record SERIAL
        .field  DLL, 1
        .field  DLM, 1
        .field  IER, 1
        .field  LCR, 1
        .field  MCR, 1
        .field  SCR, 1
        .field  FCR, 1
        .field  EMPTY, 1                        # "transmitter empty" waits to be read in IIR
        .endrecord
        .equ    SERIAL, PART_UART
        .equ    IIR_FIFOS, 0xC0

# uart_read - Entry, Exit, Keeps: as a device of port_read.
uart_read:
        sub     edi, PORT_UART
        jz      uart_read_data
        cmp     edi, UART_IER
        je      uart_read_ier
        cmp     edi, UART_IIR
        je      uart_read_iir
        mov     al, [rbp + SERIAL + SERIAL_LCR]
        cmp     edi, UART_LCR
        je      .done
        mov     al, [rbp + SERIAL + SERIAL_MCR]
        cmp     edi, UART_MCR
        je      .done
        cmp     edi, UART_LSR
        je      uart_read_status
        mov     al, MSR_CTS | MSR_DSR | MSR_DCD
        cmp     edi, UART_MSR
        je      uart_read_modem
        mov     al, [rbp + SERIAL + SERIAL_SCR]
.done:  ret
uart_read_data:
        xor     eax, eax
        test    byte ptr [rbp + SERIAL + SERIAL_LCR], LCR_DLAB
        jz      uart_take
        mov     al, [rbp + SERIAL + SERIAL_DLL]
        ret
uart_read_ier:
        mov     al, [rbp + SERIAL + SERIAL_IER]
        test    byte ptr [rbp + SERIAL + SERIAL_LCR], LCR_DLAB
        jz      uart_read.done
        mov     al, [rbp + SERIAL + SERIAL_DLM]
        ret
uart_read_iir:
        test    byte ptr [rbp + SERIAL + SERIAL_IER], IER_DATA
        jz      3f
        call    uart_ready
        test    al, LSR_DR
        mov     al, IIR_DATA
        jnz     2f
3:      mov     cl, [rbp + SERIAL + SERIAL_EMPTY]
        mov     byte ptr [rbp + SERIAL + SERIAL_EMPTY], 0       # reading it clears it
        mov     al, IIR_NONE
        test    cl, cl
        jz      2f
        mov     al, IIR_THRE
2:      test    byte ptr [rbp + SERIAL + SERIAL_FCR], FCR_ENABLE
        jz      uart_read.done
        or      al, IIR_FIFOS
        ret
uart_read_modem:
        test    byte ptr [rbp + SERIAL + SERIAL_MCR], MCR_LOOP
        jz      uart_read.done
        mov     cl, [rbp + SERIAL + SERIAL_MCR] # loop-back: DTR to DSR, RTS to CTS, OUT1 to RI, OUT2 to DCD
        and     ecx, MCR_DTR | MCR_RTS | MCR_OUT1 | MCR_OUT2
        lea     rdx, [rel uart_loop]
        mov     al, [rdx + rcx]
        ret
uart_loop:
        .rept   MCR_LOOP
        .byte   get(\+, MCR_DTR) * MSR_DSR | get(\+, MCR_RTS) * MSR_CTS | get(\+, MCR_OUT1) * MSR_RI | get(\+, MCR_OUT2) * MSR_DCD
        .endr

# uart_write - Entry, Exit, Keeps: as a device of port_write.
uart_write:
        sub     edi, PORT_UART
        jz      uart_write_data
        cmp     edi, UART_IER
        je      uart_write_ier
        cmp     edi, UART_IIR
        jne     1f
        mov     [rbp + SERIAL + SERIAL_FCR], dl
        test    dl, FCR_CLEAR_RECEIVE
        jnz     uart_forget
        ret
1:      cmp     edi, UART_LCR
        jne     2f
        mov     [rbp + SERIAL + SERIAL_LCR], dl
        ret
2:      cmp     edi, UART_MCR
        jne     3f
        and     dl, MCR_DTR | MCR_RTS | MCR_OUT1 | MCR_OUT2 | MCR_LOOP
        mov     [rbp + SERIAL + SERIAL_MCR], dl
        ret
3:      cmp     edi, UART_SCR
        jne     .done
        mov     [rbp + SERIAL + SERIAL_SCR], dl
.done:  ret
uart_write_data:
        test    byte ptr [rbp + SERIAL + SERIAL_LCR], LCR_DLAB
        jz      5f
        mov     [rbp + SERIAL + SERIAL_DLL], dl
        ret
5:      mov     cl, [rbp + SERIAL + SERIAL_IER]
        and     cl, IER_THRE
        mov     [rbp + SERIAL + SERIAL_EMPTY], cl
        call    uart_line
        test    byte ptr [rbp + SERIAL + SERIAL_MCR], MCR_LOOP
        jnz     uart_write.done                 # nothing leaves the chip
        mov     al, dl
        jmp     partition_putc
uart_write_ier:
        test    byte ptr [rbp + SERIAL + SERIAL_LCR], LCR_DLAB
        jz      6f
        mov     [rbp + SERIAL + SERIAL_DLM], dl
        ret
6:      and     dl, IER_DATA | IER_THRE | IER_LINE | IER_MODEM
        mov     [rbp + SERIAL + SERIAL_IER], dl
        and     dl, IER_THRE
        mov     [rbp + SERIAL + SERIAL_EMPTY], dl
        call    uart_heard
# uart_line - Line 4 when "transmitter empty" waits and OUT2 lets it out.  Entry: rbx = VP, rbp = partition.
# Exit: nothing.  Keeps rdx, rbx, rbp, r12-r15.
uart_line:
        cmp     byte ptr [rbp + SERIAL + SERIAL_EMPTY], 0
        je      7f
        test    byte ptr [rbp + SERIAL + SERIAL_MCR], MCR_OUT2
        jz      7f
        push    rdx
        mov     edi, IRQ_UART
        call    line_raise
        pop     rdx
7:      ret

uart_read_status:
        call    uart_ready
        or      al, LSR_THRE | LSR_TEMT
        ret

# uart_heard - Something has come: line 4, when the guest wants to know.  Entry: rbx = VP, rbp = partition.  Exit: nothing.
# Keeps rdx.
uart_heard:
        test    byte ptr [rbp + SERIAL + SERIAL_IER], IER_DATA
        jz      8f
        test    byte ptr [rbp + SERIAL + SERIAL_MCR], MCR_OUT2
        jz      8f
        push    rdx
        call    uart_ready
        test    al, LSR_DR
        jz      9f
        mov     edi, IRQ_UART
        call    line_raise
9:      pop     rdx
8:      ret
