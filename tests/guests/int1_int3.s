# Expect: pass. INT1 and INT3 are traps: RIP after them, no error code; INT1 leaves DR6 alone.
        .include "lib.s"

test:   mov     eax, 0xFFFF0FF0
        mov     dr6, rax
        EXPECT_AT VECTOR_DB, 0, .after1
        int1
.after1:
        CAUGHT
        mov     rax, dr6
        EQ      eax, 0xFFFF0FF0
        EXPECT_AT VECTOR_BP, 0, .after3
        int3
.after3:
        CAUGHT
        EXPECT_AT VECTOR_BP, 0, .after33
        int     3
.after33:
        CAUGHT
        RING3
        EXPECT_AT VECTOR_BP, 0, .user3          # the gate's DPL is 3
        int3
.user3: CAUGHT
        EXPECT_AT VECTOR_DB, 0, .user1          # INT1 ignores the gate's DPL, which is 0
        int1
.user1: CAUGHT
        RING0
        PASS
