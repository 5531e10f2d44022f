# Expect: pass. The UART raises line 4 when its transmitter is empty; IIR names the cause; loopback receives what is sent.
        .include "lib.s"

        .macro  UART_OUT register, value
        mov     al, \value
        mov     dx, PORT_UART + UART_\register
        out     dx, al
        .endm
        .macro  UART_IN register
        mov     dx, PORT_UART + UART_\register
        in      al, dx
        .endm
test:   ON      0x24, fired
        mov     al, 0x11
        out     PORT_PIC1, al
        mov     al, 0x20
        out     PORT_PIC1_DATA, al
        mov     al, 4
        out     PORT_PIC1_DATA, al
        mov     al, 1
        out     PORT_PIC1_DATA, al
        mov     al, 0xEF                        # only line 4
        out     PORT_PIC1_DATA, al
        UART_OUT SCR, 0x5A
        UART_IN SCR
        EQ      al, 0x5A
        UART_OUT MCR, MCR_DTR | MCR_RTS | MCR_OUT2
        UART_OUT IER, IER_THRE
        sti
        mov     ecx, 10000000                   # the library's own characters may still be on the line
.empty: cmp     dword ptr [rip + count], 0
        jne     .fired
        dec     ecx
        jnz     .empty
.fired: cli
        EQ      dword ptr [rip + count], 1
        EQ      byte ptr [rip + cause], IIR_THRE
        UART_IN IIR
        and     al, 0xF
        EQ      al, IIR_NONE                    # reading IIR took it back
        UART_OUT IER, 0
        UART_OUT MCR, MCR_LOOP
        UART_OUT DATA, 0x42
        mov     ecx, 1000000
.wait:  UART_IN LSR
        test    al, LSR_DR
        jnz     .got
        dec     ecx
        jnz     .wait
        FAIL    90
.got:   UART_IN DATA
        EQ      al, 0x42
        UART_IN LSR
        NOBITS  al, LSR_DR
        PASS
fired:  inc     dword ptr [rip + count]
        mov     dx, PORT_UART + UART_IIR
        in      al, dx
        and     al, 0xF
        mov     [rip + cause], al
        mov     al, 0x20
        out     PORT_PIC1, al
        ret
        .align  8
count:  .quad   0
cause:  .quad   0
