# print.s - text on COM1, polled.
#
# Source  PC16550D data sheet, "Registers"

        .code32
# uart_init - COM1: 115200 baud, 8N1, FIFOs on, interrupts off.  Entry: nothing.  Exit: nothing.  Changes eax, edx.
uart_init:
        mov     dx, PORT_UART + UART_LCR
        mov     al, LCR_DLAB
        out     dx, al
        mov     dx, PORT_UART + UART_DATA
        mov     al, 1                           # divisor 1
        out     dx, al
        mov     dx, PORT_UART + UART_IER
        xor     eax, eax
        out     dx, al
        mov     dx, PORT_UART + UART_LCR
        mov     al, put(LCR_WORD, 8 - 5)        # eight bits
        out     dx, al
        mov     dx, PORT_UART + UART_IER
        xor     eax, eax
        out     dx, al
        mov     dx, PORT_UART + UART_IIR
        mov     al, FCR_ENABLE | FCR_CLEAR_RECEIVE | FCR_CLEAR_SEND
        out     dx, al
        mov     dx, PORT_UART + UART_MCR
        mov     al, MCR_DTR | MCR_RTS
        out     dx, al
        ret

# print - Send a text; a line feed gets a carriage return.  Entry: esi = text, ended by a zero byte.  Exit: nothing.
# Changes eax, edx, esi.
print:  lodsb
        test    al, al
        jz      .done
        cmp     al, '\n'
        jne     .send
        mov     al, '\r'
        call    print_character
        mov     al, '\n'
.send:  call    print_character
        jmp     print
.done:  ret

# print_character - Entry: al.  Exit: nothing.  Changes edx.
print_character:
        push    eax
        mov     dx, PORT_UART + UART_LSR
.wait:  in      al, dx
        test    al, LSR_THRE
        jz      .wait
        pop     eax
        mov     dx, PORT_UART + UART_DATA
        out     dx, al
        ret

# print_number - Send a number in decimal.  Entry: eax.  Exit: nothing.  Changes eax, ecx, edx.
print_number:
        mov     ecx, 10
        xor     edx, edx
        div     ecx
        push    edx                             # last digit waits on the stack
        test    eax, eax
        jz      .digit
        call    print_number
.digit: pop     eax
        add     al, '0'
        jmp     print_character
