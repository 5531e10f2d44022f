# Expect: pass. A partition's I/O APIC: registers, the UART's edge to a vector, masks, level entries with remote IRR until EOI.
        .include "hvlib.s"

        .equ    PIN_REGISTER, IOAPIC_REDIRECTION + 2 * IRQ_UART
        .equ    EDGE, 0x61
        .equ    OTHER, 0x62
        .macro  IO_WRITE register, value
        mov     dword ptr [rbx + IOWINDOW_SELECT], \register
        mov     dword ptr [rbx + IOWINDOW_DATA], \value
        .endm
        .macro  IO_IS register, value
        mov     dword ptr [rbx + IOWINDOW_SELECT], \register
        EQ      dword ptr [rbx + IOWINDOW_DATA], \value
        .endm
# SEND - Write a character: the transmitter empties at once and raises line 4.  LET - Take what waits.
        .macro  SEND
        mov     edx, PORT_UART
        mov     al, '.'
        out     dx, al
        .endm
        .macro  LET
        sti
        nop
        nop
        cli
        .endm
        .macro  PORT_WRITE port, value
        mov     edx, \port
        mov     al, \value
        out     dx, al
        .endm

test:   ON      EDGE, taken
        ON      OTHER, taken
        APIC_WRITE APIC_SVR, SVR_ENABLE | 0xFF
        mov     ebx, MEMORY_IOAPIC
        IO_IS   IOAPIC_VERSION, 0x170020
        IO_WRITE IOAPIC_ID, 0xFFFFFFFF
        IO_IS   IOAPIC_ID, 0x0F000000
        IO_IS   (IOAPIC_REDIRECTION + 46), REDIRECT_MASKED      # pin 23 after power-up
        IO_IS   (IOAPIC_REDIRECTION + 48), 0                    # there is no pin 24
        IO_WRITE PIN_REGISTER, 0xFFFFFFFF                       # delivery status and remote IRR are read-only
        IO_IS   PIN_REGISTER, 0x1AFFF
        IO_WRITE PIN_REGISTER, REDIRECT_MASKED | EDGE
        IO_WRITE (PIN_REGISTER + 1), 0x12345678
        IO_IS   (PIN_REGISTER + 1), 0x12000000
        IO_WRITE (PIN_REGISTER + 1), 0

        PORT_WRITE PORT_UART + UART_MCR, MCR_OUT2
        PORT_WRITE PORT_UART + UART_IER, IER_THRE
        SEND
        IO_WRITE PIN_REGISTER, EDGE                             # an edge on a masked pin is lost
        LET
        EQ      dword ptr [rip + count], 0
        SEND
        LET
        EQ      dword ptr [rip + count], 1
        EQ      byte ptr [rip + last], EDGE
        APIC_WRITE APIC_EOI, 0
        IO_WRITE (PIN_REGISTER + 1), 0x05000000                 # another processor's
        SEND
        LET
        EQ      dword ptr [rip + count], 1
        IO_WRITE (PIN_REGISTER + 1), 0xFF000000                 # broadcast
        SEND
        LET
        EQ      dword ptr [rip + count], 2
        APIC_WRITE APIC_EOI, 0

        IO_WRITE PIN_REGISTER, REDIRECT_LEVEL | OTHER
        SEND
        IO_IS   PIN_REGISTER, REDIRECT_LEVEL | REDIRECT_REMOTE_IRR | OTHER
        LET
        EQ      byte ptr [rip + last], OTHER
        APIC_READ (APIC_TMR + 3)
        EQ      eax, 1 << (OTHER - 0x60)
        EQ      dword ptr [rip + count], 3
        mov     eax, MEMORY_LOCAL_APIC                          # the same vector as an edge, to itself: no level any more
        mov     dword ptr [rax + APIC_ICR*16], put(ICR_SHORTHAND, SHORTHAND_SELF) | ICR_ASSERT | OTHER
        APIC_READ (APIC_TMR + 3)
        EQ      eax, 0
        APIC_WRITE APIC_EOI, 0
        LET
        EQ      dword ptr [rip + count], 4
        APIC_WRITE APIC_EOI, 0
        IO_IS   PIN_REGISTER, REDIRECT_LEVEL | REDIRECT_REMOTE_IRR | OTHER      # it still awaits the EOI of a level
        mov     dword ptr [rbx + IOWINDOW_EOI], OTHER
        mov     dword ptr [rip + count], 2
        SEND
        LET
        APIC_READ (APIC_TMR + 3)
        EQ      eax, 1 << (OTHER - 0x60)
        SEND                                                    # no second one before the EOI
        LET
        EQ      dword ptr [rip + count], 3
        APIC_WRITE APIC_EOI, 0
        IO_IS   PIN_REGISTER, REDIRECT_LEVEL | OTHER
        SEND
        IO_IS   PIN_REGISTER, REDIRECT_LEVEL | REDIRECT_REMOTE_IRR | OTHER
        mov     dword ptr [rbx + IOWINDOW_EOI], OTHER           # by the register
        IO_IS   PIN_REGISTER, REDIRECT_LEVEL | OTHER
        LET
        EQ      dword ptr [rip + count], 4
        APIC_WRITE APIC_EOI, 0
        SEND
        IO_WRITE PIN_REGISTER, REDIRECT_MASKED | OTHER          # as an edge it awaits no EOI
        IO_IS   PIN_REGISTER, REDIRECT_MASKED | OTHER
        movzx   eax, byte ptr [rbx + IOWINDOW_DATA + 2]         # narrow reads see their part
        EQ      eax, 1
        mov     dword ptr [rbx + IOWINDOW_SELECT], 0
        mov     eax, [rbx + IOWINDOW_DATA]
        mov     byte ptr [rbx + IOWINDOW_DATA + 3], 5           # narrow writes to it are lost
        EQ      eax, [rbx + IOWINDOW_DATA]
        mov     byte ptr [rbx + IOWINDOW_SELECT], 1             # the index has one byte
        EQ      dword ptr [rbx + IOWINDOW_SELECT], 1
        EQ      dword ptr [rbx + 0x20], 0
        PASS

taken:  inc     dword ptr [rip + count]
        mov     al, [rdi + FRAME_VECTOR]
        mov     [rip + last], al
        ret
        .align  8
count:  .quad   0
last:   .quad   0
