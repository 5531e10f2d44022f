# Expect: pass. I/O breakpoints trap after IN and OUT of their ports while CR4.DE is set.
        .include "lib.s"
        .include "breaklib.s"

test:   ON      VECTOR_DB, seen
        mov     eax, PORT_POST                  # I/O breakpoints need CR4.DE
        mov     dr2, rax
        mov     rax, cr4
        or      eax, CR4_DE
        mov     cr4, rax
        mov     eax, DR7_ONE | DR7_L2 | put(DR7_RW2, 2) | put(DR7_LEN2, 0)
        mov     dr7, rax
        out     PORT_POST, al
        MET     DR6_B2
        in      al, PORT_POST
        MET     DR6_B2
        out     PORT_POST + 1, al
        NOT_MET
        mov     eax, [PORT_POST]                # memory of that address is something else
        NOT_MET
        xor     eax, eax
        mov     dr7, rax
        out     PORT_POST, al
        NOT_MET
        PASS
