# Expect: pass. PIT counter 0 reaches the processor through the 8259 pair and LINT0; masks, EOI and read-back work.
        .include "lib.s"

test:   ON      0x20, fired
        mov     al, 0x11
        out     PORT_PIC1, al
        mov     al, 0x20                        # vectors from 0x20
        out     PORT_PIC1_DATA, al
        mov     al, 4
        out     PORT_PIC1_DATA, al
        mov     al, 1
        out     PORT_PIC1_DATA, al
        mov     al, 0xFE                        # only line 0
        out     PORT_PIC1_DATA, al
        mov     al, 0x34                        # counter 0, both bytes, rate generator
        out     PORT_PIT_CONTROL, al
        mov     al, 1193 & 0xFF                 # a millisecond
        out     PORT_PIT0, al
        mov     al, 1193 >> 8
        out     PORT_PIT0, al
.wait:  sti
        hlt
        cli
        cmp     dword ptr [rip + count], 5
        jb      .wait
        mov     al, 0xFF
        out     PORT_PIC1_DATA, al
        in      al, PORT_PIC1_DATA
        EQ      al, 0xFF
        mov     ebx, [rip + count]
        sti
        mov     ecx, 3000000
.quiet: dec     ecx
        jnz     .quiet
        cli
        EQ      dword ptr [rip + count], ebx
        mov     al, 0x0A                        # read the request register: line 0 waits
        out     PORT_PIC1, al
        in      al, PORT_PIC1
        BITS    al, 1
        mov     al, 0x00                        # latch the counter
        out     PORT_PIT_CONTROL, al
        in      al, PORT_PIT0
        mov     cl, al
        in      al, PORT_PIT0
        mov     ch, al
        BELOW   cx, 1194
        PASS
fired:  inc     dword ptr [rip + count]
        mov     al, 0x20
        out     PORT_PIC1, al
        ret
        .align  8
count:  .quad   0
