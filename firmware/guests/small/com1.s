# com1.s - included by the small guests: place, end, text on COM1.
#
# Source  hv/README.md, "What a partition finds"; PC16550D data sheet, "Registers"

        .use    platform, uart
        .org    0x100000
        .equ    INFO_NAME, 0x20                 # guest information: char[16] name

# END code - End the partition.
        .macro  END code
        mov     eax, \code
        out     PORT_DEBUG_EXIT, eax
        hlt
        .endm
        jmp     start

# print - Send a text.  Entry: rsi = its bytes, ended by a zero.  Exit: nothing.  Changes rax, rdx, rsi.
print:  mov     edx, PORT_UART + UART_LSR
1:      in      al, dx
        test    al, LSR_THRE
        jz      1b
        lodsb
        test    al, al
        jz      2f
        mov     edx, PORT_UART + UART_DATA
        out     dx, al
        jmp     print
2:      ret
