"""Guest programs that tests of several folders run, as text after the libraries (tests/machines.py)."""

# Counts to ten, and stores each number twice.
COUNT = """
test:   xor     ecx, ecx
.loop:  inc     ecx
        mov     [rip + cell], ecx
        mov     eax, [rip + cell]
        mov     [rip + cell + 4], cl
        cmp     ecx, 10
        jb      .loop
        PASS
        .align  16
cell:   .quad   0
        .quad   0
"""
# Enters a guest twice: an exit by CPUID, one by VMCALL.
ENTER = """
test:   call    vmx_start
        GUEST   guest
        RUN     CPUID
        SKIP
        RUN     VMCALL
        PASS
guest:  nop
exits:  cpuid
after:  mov     [0x600018], eax
        vmcall
"""

# Enters a guest that exits three times.
THREE = """
test:   call    vmx_start
        GUEST   guest
        call    vmx_run
        SKIP
        call    vmx_run
        SKIP
        call    vmx_run
        PASS
guest:  cpuid
first:  nop
        vmcall
second: hlt
"""
# Reads a byte from the UART when there is one and writes it back; a full stop ends the run.
ECHO = """
test:   mov     dx, PORT_UART + UART_LSR
        in      al, dx
        test    al, LSR_DR
        jz      test
        mov     dx, PORT_UART + UART_DATA
        in      al, dx
        out     dx, al
        cmp     al, '.'
        jne     test
        PASS
"""
# Sleeps with nothing to wake it but a byte received or a key, and says which it was.
SLEEP = """
        .macro  PIC port, value
        mov     al, \\value
        out     \\port, al
        .endm
test:   ON      0x24, got
        ON      0x21, typed
        PIC     PORT_PIC1, 0x11
        PIC     PORT_PIC1_DATA, 0x20
        PIC     PORT_PIC1_DATA, 4
        PIC     PORT_PIC1_DATA, 1
        PIC     PORT_PIC1_DATA, 0xED            # lines 1 and 4
        mov     dx, PORT_UART + UART_MCR
        mov     al, MCR_DTR | MCR_RTS | MCR_OUT2
        out     dx, al
        mov     dx, PORT_UART + UART_IER
        mov     al, IER_DATA
        out     dx, al
.sleep: sti
        hlt
        jmp     .sleep
got:    mov     dx, PORT_UART
        in      al, dx
        jmp     say
typed:  in      al, 0x60
say:    mov     dx, 0xE9
        out     dx, al
        mov     al, 0x20
        out     PORT_PIC1, al
        cmp     dword ptr [rip + last], 0
        jne     .end
        inc     dword ptr [rip + last]
        ret
.end:   PASS
        .align  8
last:   .quad   0
"""

