# Expect: pass. COM1 of a partition that listens: registers as the 16550 has them, three characters that are typed, the receiver's interrupt.
        .include "hvlib.s"

        .equ    RECEIVED, 0x61
        .equ    PIN_REGISTER, IOAPIC_REDIRECTION + 2 * IRQ_UART
        .macro  UART_OUT register, value
        mov     al, \value
        mov     dx, PORT_UART + UART_\register
        out     dx, al
        .endm
        .macro  UART_IN register
        mov     dx, PORT_UART + UART_\register
        in      al, dx
        .endm
        .macro  UART_IS register, value
        UART_IN \register
        EQ      al, \value
        .endm
# HEARD - Until a character is there.
        .macro  HEARD
75:     pause
        UART_IN LSR
        test    al, LSR_DR
        jz      75b
        .endm
test:   UART_IS LSR, LSR_THRE | LSR_TEMT        # nothing was typed yet
        UART_IS IIR, IIR_NONE
        UART_IS DATA, 0
        UART_OUT SCR, 0xA5
        UART_OUT MCR, 0xFF
        UART_OUT LCR, 3 | LCR_PARITY
        UART_IS SCR, 0xA5
        UART_IS MCR, MCR_DTR | MCR_RTS | MCR_OUT1 | MCR_OUT2 | MCR_LOOP
        UART_IS LCR, 3 | LCR_PARITY

        UART_OUT LCR, LCR_DLAB                  # ---- the divisor ----
        UART_OUT DATA, 0x12
        UART_OUT IER, 0x34
        UART_OUT LCR, 3
        UART_OUT IER, 0xF0                      # bits that do not exist
        UART_IS IER, 0
        UART_IS DATA, 0
        UART_OUT LCR, LCR_DLAB
        UART_IS DATA, 0x12
        UART_IS IER, 0x34
        UART_OUT LCR, 3

        UART_OUT MCR, MCR_LOOP                  # ---- loop-back: the modem lines see our own ----
        UART_IS MSR, 0
        UART_OUT MCR, MCR_LOOP | MCR_DTR
        UART_IS MSR, MSR_DSR
        UART_OUT MCR, MCR_LOOP | MCR_RTS
        UART_IS MSR, MSR_CTS
        UART_OUT MCR, MCR_LOOP | MCR_OUT1
        UART_IS MSR, MSR_RI
        UART_OUT MCR, MCR_LOOP | MCR_OUT2
        UART_IS MSR, MSR_DCD
        UART_OUT DATA, '!'                      # nothing leaves the chip
        UART_OUT MCR, MCR_DTR
        UART_IS MSR, MSR_CTS | MSR_DSR | MSR_DCD

        UART_OUT IER, IER_THRE                  # ---- causes ----
        UART_IS IIR, IIR_THRE
        UART_IS IIR, IIR_NONE                   # reading took it back
        UART_OUT DATA, 'o'
        UART_OUT IIR, FCR_ENABLE
        UART_IS IIR, 0xC0 | IIR_THRE
        UART_OUT DATA, 'k'
        UART_OUT IER, 0
        UART_IS IIR, 0xC0 | IIR_NONE
        UART_OUT IIR, 0
        UART_IS IIR, IIR_NONE

        HEARD                                   # ---- "abc" is typed ----
        UART_IS IIR, IIR_NONE                   # not asked for
        UART_OUT IER, IER_DATA
        UART_IS IIR, IIR_DATA
        UART_IS IIR, IIR_DATA                   # until it is read
        UART_OUT MCR, MCR_LOOP                  # looped back, the chip does not hear the line
        UART_IS LSR, LSR_THRE | LSR_TEMT
        UART_IS IIR, IIR_NONE
        UART_OUT MCR, 0
        UART_OUT IIR, FCR_ENABLE                # empties nothing
        UART_IS DATA, 'a'
        UART_OUT IER, 0
        HEARD
        UART_OUT IIR, FCR_ENABLE | FCR_CLEAR_RECEIVE
        UART_IN LSR
        NOBITS  al, LSR_DR                      # 'b' is gone
        UART_IS DATA, 0

        ON      RECEIVED, received              # ---- 'c' interrupts, when OUT2 lets it ----
        APIC_WRITE APIC_SVR, SVR_ENABLE | 0xFF
        mov     ebx, MEMORY_IOAPIC
        mov     dword ptr [rbx + IOWINDOW_SELECT], PIN_REGISTER
        mov     dword ptr [rbx + IOWINDOW_DATA], RECEIVED
        UART_OUT IER, IER_DATA
        HEARD
        OPEN
        EQ      dword ptr [rip + count], 0
        UART_OUT MCR, MCR_OUT2
        UART_OUT IER, IER_DATA
        OPEN
        EQ      dword ptr [rip + count], 1
        UART_IS DATA, 'c'
        HEARD                                   # and so does the next one that comes, 'd'
        OPEN
        EQ      dword ptr [rip + count], 2
        UART_IS DATA, 'd'
        OPEN
        EQ      dword ptr [rip + count], 2
        UART_IS LSR, LSR_THRE | LSR_TEMT
        PASS
received:
        inc     dword ptr [rip + count]
        APIC_WRITE APIC_EOI, 0
        ret
        .align  8
count:  .quad   0
