# Expect: pass. DIV and IDIV by zero or with a quotient that does not fit are faults with vector 0 and no error code.
        .include "lib.s"

test:   xor     edx, edx
        mov     eax, 10
        xor     ecx, ecx
        EXPECT  VECTOR_DE
        div     ecx
        CAUGHT
        EQ      eax, 10                         # nothing changed
        EQ      edx, 0

        mov     edx, 5
        mov     ecx, 5
        EXPECT  VECTOR_DE
        div     ecx
        CAUGHT

        mov     eax, 0x80000000
        mov     edx, 0xFFFFFFFF
        mov     ecx, -1
        EXPECT  VECTOR_DE
        idiv    ecx                             # -2^31 / -1
        CAUGHT

        mov     ax, 0x8000
        mov     cl, 0
        EXPECT  VECTOR_DE
        div     cl
        CAUGHT
        EQ      ax, 0x8000
        PASS
