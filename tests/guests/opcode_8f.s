# Expect: pass. Opcode 8F has one member, POP; the others raise #UD.
        .include "lib.s"

test:   EXPECT  VECTOR_UD
        .byte   0x8F, 0xC8, 0, 0                # /1
        CAUGHT
        PASS
