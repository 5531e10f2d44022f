# acpi.s - ACPI PM1 registers and timer, UART, of a partition.  Calling convention: the table in io.s.
#
# Source  ACPI, "ACPI Hardware Specification"; PC16550D, "Registers"

# reference_ticks - Cycles of a clock since the partition began.  Entry: rdi = Hz.  Exit: rax.  Changes rdx, rcx.
reference_ticks:
        rdtsc
        shl     rdx, 32
        or      rax, rdx
        sub     rax, [rbp + PART_STARTED]
        mul     rdi
        mov     ecx, HZ_TSC
        div     rcx
        ret

pm_timer_read:
        mov     edi, HZ_PM_TIMER
        call    reference_ticks
        and     eax, (1 << ACPI_VALUES_TIMER_BITS) - 1
        ret

pm1_read:
        xor     eax, eax
        cmp     edi, PORT_PM1_ENABLE
        jb      1f                              # no event has happened
        mov     eax, [rbp + PART_PM1_ENABLE]
        cmp     edi, PORT_PM1_CONTROL
        jb      1f
        mov     eax, [rbp + PART_PM1_CONTROL]
        or      eax, PM1CNT_SCI_EN
1:      ret
pm1_write:
        cmp     edi, PORT_PM1_ENABLE
        jb      2f
        cmp     edi, PORT_PM1_CONTROL
        jae     1f
        mov     [rbp + PART_PM1_ENABLE], dx
        ret
1:      movzx   eax, dx
        and     eax, ~PM1CNT_SLP_EN & 0xFFFF
        mov     [rbp + PART_PM1_CONTROL], eax
        test    edx, PM1CNT_SLP_EN
        jz      2f
        and     edx, PM1CNT_SLP_TYP
        cmp     edx, put(PM1CNT_SLP_TYP, ACPI_VALUES_S5)
        jne     2f
        xor     esi, esi                        # soft off: the partition has ended well
        jmp     partition_ends
2:      ret

# ---- 16550: a transmitter that is always ready and says so by line 4, no receiver ----
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

uart_read:
        sub     edi, PORT_UART
        jz      uart_read_data
        cmp     edi, UART_IER
        je      uart_read_ier
        cmp     edi, UART_IIR
        je      uart_read_iir
        mov     al, [rbp + SERIAL + SERIAL_LCR]
        cmp     edi, UART_LCR
        je      1f
        mov     al, [rbp + SERIAL + SERIAL_MCR]
        cmp     edi, UART_MCR
        je      1f
        mov     al, LSR_THRE | LSR_TEMT
        cmp     edi, UART_LSR
        je      1f
        mov     al, MSR_CTS | MSR_DSR | MSR_DCD
        cmp     edi, UART_MSR
        je      uart_read_modem
        mov     al, [rbp + SERIAL + SERIAL_SCR]
1:      ret
uart_read_data:
        xor     eax, eax
        test    byte ptr [rbp + SERIAL + SERIAL_LCR], LCR_DLAB
        jz      1b
        mov     al, [rbp + SERIAL + SERIAL_DLL]
        ret
uart_read_ier:
        mov     al, [rbp + SERIAL + SERIAL_IER]
        test    byte ptr [rbp + SERIAL + SERIAL_LCR], LCR_DLAB
        jz      1b
        mov     al, [rbp + SERIAL + SERIAL_DLM]
        ret
uart_read_iir:
        mov     cl, [rbp + SERIAL + SERIAL_EMPTY]
        mov     byte ptr [rbp + SERIAL + SERIAL_EMPTY], 0       # reading it clears it
        mov     al, IIR_NONE
        test    cl, cl
        jz      2f
        mov     al, IIR_THRE
2:      test    byte ptr [rbp + SERIAL + SERIAL_FCR], FCR_ENABLE
        jz      1b
        or      al, IIR_FIFOS
        ret
uart_read_modem:
        test    byte ptr [rbp + SERIAL + SERIAL_MCR], MCR_LOOP
        jz      1b
        mov     cl, [rbp + SERIAL + SERIAL_MCR] # loop-back: DTR to DSR, RTS to CTS, OUT1 to RI, OUT2 to DCD
        and     ecx, 15
        lea     rdx, [rel uart_loop]
        mov     al, [rdx + rcx]
        ret
uart_loop:
        .byte   0x00, 0x20, 0x10, 0x30, 0x40, 0x60, 0x50, 0x70, 0x80, 0xA0, 0x90, 0xB0, 0xC0, 0xE0, 0xD0, 0xF0

uart_write:
        sub     edi, PORT_UART
        jz      uart_write_data
        cmp     edi, UART_IER
        je      uart_write_ier
        cmp     edi, UART_IIR
        jne     1f
        mov     [rbp + SERIAL + SERIAL_FCR], dl
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
        jne     4f
        mov     [rbp + SERIAL + SERIAL_SCR], dl
4:      ret
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
        jnz     4b                              # nothing leaves the chip
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
# uart_line - Line 4 when "transmitter empty" waits and OUT2 lets it out.  Keeps rdx.
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
