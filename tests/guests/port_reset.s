# Expect: reset. A write of 6 to port 0xCF9 resets the machine.
        .include "lib.s"

test:   mov     al, RESETCTL_HARD
        mov     dx, PORT_RESET_CONTROL
        out     dx, al
        mov     al, RESETCTL_HARD | RESETCTL_RESET
        out     dx, al
        hlt
