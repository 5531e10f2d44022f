# Expect: pass; gap=1. An access whose last bytes are not canonical raises #GP(0), not a page fault for its first.
        .include "lib.s"

test:   mov     rbx, 0x7FFFFFFFFFFC             # four canonical bytes, then four that are not
        EXPECT  VECTOR_GP
        mov     rcx, [rbx]
        CAUGHT
        EXPECT  VECTOR_GP
        mov     [rbx], rcx
        CAUGHT
        PASS
