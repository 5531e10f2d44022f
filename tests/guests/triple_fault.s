# Expect: triple fault. A fault that can deliver neither itself nor #DF shuts the processor down.
        .include "lib.s"

test:   lidt    [rip + .none]
        ud2
        PASS
.none:  .word   0
        .quad   0
