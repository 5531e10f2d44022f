# Expect: pass. The 8259 pair: initialization words, masks, requests and service, priority, both kinds of EOI, automatic EOI.
        .include "lib.s"

        .equ    TIMER, 0x20                     # vectors
        .equ    SERIAL, 0x24
        .equ    READ_IRR, 0x0A
        .equ    READ_ISR, 0x0B
        .equ    EOI, 0x20
        .equ    EOI_OF, 0x60
        .macro  OUTB port, value
        mov     al, \value
        out     \port, al
        .endm
        .macro  PORT_IS port, value
        in      al, \port
        EQ      al, \value
        .endm
        .macro  REQUESTS value
        OUTB    PORT_PIC1, READ_IRR
        PORT_IS PORT_PIC1, \value
        .endm
        .macro  SERVICE value
        OUTB    PORT_PIC1, READ_ISR
        PORT_IS PORT_PIC1, \value
        .endm
# START base, icw4 - Of the first chip; all lines open.
        .macro  START base, icw4
        OUTB    PORT_PIC1, 0x11
        OUTB    PORT_PIC1_DATA, \base
        OUTB    PORT_PIC1_DATA, 4
        OUTB    PORT_PIC1_DATA, \icw4
        .endm
# TICK - An edge on line 0; RING - one on line 4.
        .macro  TICK
        OUTB    PORT_PIT_CONTROL, 0x30          # once, in 20 microseconds
        OUTB    PORT_PIT0, 24
        OUTB    PORT_PIT0, 0
        call    settle
        .endm
        .macro  RING
        mov     dx, PORT_UART + UART_IER
        OUTB    dx, 0
        OUTB    dx, IER_THRE
        .endm
        .macro  OPEN
        sti
        nop
        nop
        cli
        .endm
# TOOK n, last - So many interrupts were taken, the last one with this vector.
        .macro  TOOK n, last
        EQ      dword ptr [rip + count], \n
        EQ      byte ptr [rip + vector], \last
        .endm
test:   ON      TIMER, taken
        ON      SERIAL, taken
        ON      0x30, taken
        ON      0x34, taken
        mov     dx, PORT_UART + UART_LSR        # what the library said is out
1:      in      al, dx
        test    al, LSR_TEMT
        jz      1b
        mov     dx, PORT_UART + UART_MCR
        OUTB    dx, MCR_OUT2
        OUTB    PORT_PIC1_DATA, 0xFF
        OUTB    PORT_PIC2_DATA, 0xFF

        OUTB    PORT_PIC2, 0x11                 # ---- the words go to their own chip ----
        PORT_IS PORT_PIC1_DATA, 0xFF
        OUTB    PORT_PIC2_DATA, 0x28
        OUTB    PORT_PIC2_DATA, 2
        OUTB    PORT_PIC2_DATA, 1
        PORT_IS PORT_PIC2_DATA, 0               # masks are open
        OUTB    PORT_PIC2_DATA, 0xA5
        PORT_IS PORT_PIC2_DATA, 0xA5
        PORT_IS PORT_PIC1_DATA, 0xFF
        START   0x25, 1                         # the low bits of the base do not count
        PORT_IS PORT_PIC1_DATA, 0
        PORT_IS PORT_PIC2_DATA, 0xA5
        OUTB    PORT_PIC2, READ_IRR
        PORT_IS PORT_PIC2, 0
        REQUESTS 0

        OUTB    PORT_PIC1_DATA, 1               # ---- a line that is masked keeps its request ----
        TICK
        REQUESTS 1
        OPEN
        EQ      dword ptr [rip + count], 0
        OUTB    PORT_PIC1_DATA, 0
        OPEN
        TOOK    1, TIMER
        REQUESTS 0
        SERVICE 1
        TICK                                    # ---- in service, it waits for its end, and so does what comes after it ----
        RING
        REQUESTS 0x11
        OPEN
        TOOK    1, TIMER
        OUTB    PORT_PIC1, EOI_OF | 4           # of a line that is not in service
        OPEN
        TOOK    1, TIMER
        OUTB    PORT_PIC1, EOI
        SERVICE 0
        OPEN
        TOOK    2, TIMER                        # the lower line first
        OUTB    PORT_PIC1, EOI
        OPEN
        TOOK    3, SERIAL
        SERVICE 0x10
        TICK                                    # a higher one goes before it
        OPEN
        TOOK    4, TIMER
        SERVICE 0x11
        OUTB    PORT_PIC1, EOI_OF | 4           # that one alone
        SERVICE 1
        OUTB    PORT_PIC1, EOI
        SERVICE 0
        OUTB    PORT_PIC1, EOI                  # nothing is in service
        RING
        OPEN
        TOOK    5, SERIAL
        TICK
        OPEN
        TOOK    6, TIMER
        OUTB    PORT_PIC1, EOI                  # ends the highest
        SERVICE 0x10
        OUTB    PORT_PIC1, EOI
        SERVICE 0

        START   0x30, 3                         # ---- automatic EOI ----
        TICK
        OPEN
        TOOK    7, 0x30
        SERVICE 0
        TICK
        OPEN
        TOOK    8, 0x30
        TICK                                    # ---- ICW1 forgets requests and service ----
        START   TIMER, 1
        REQUESTS 0
        OPEN
        EQ      dword ptr [rip + count], 8
        TICK
        OPEN
        TOOK    9, TIMER
        SERVICE 1
        OUTB    PORT_PIC1, EOI

        mov     dx, PORT_ELCR1                  # ---- edge or level: kept for each chip ----
        OUTB    dx, 0x20
        mov     dx, PORT_ELCR2
        OUTB    dx, 0x0C
        PORT_IS dx, 0x0C
        mov     dx, PORT_ELCR1
        PORT_IS dx, 0x20
        PASS
settle: mov     ecx, 40000
1:      pause
        dec     ecx
        jnz     1b
        ret
taken:  inc     dword ptr [rip + count]
        mov     al, [rdi + FRAME_VECTOR]
        mov     [rip + vector], al
        cmp     al, SERIAL
        jne     1f
        mov     dx, PORT_UART + UART_IIR        # takes the cause back
        in      al, dx
1:      ret
        .align  8
count:  .quad   0
vector: .quad   0
