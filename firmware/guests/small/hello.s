# hello.s - say hello on COM1, end with 0.
#
# Entry   LONG state of hv/README.md, "What a partition finds": rdi = guest information
# Exit    0
# Source  hv/README.md, "What a partition finds" (console)

        .include "com1.s"

start:  lea     rsi, [rip + greeting]
        call    print
        lea     rsi, [rdi + INFO_NAME]
        call    print
        lea     rsi, [rip + newline]
        call    print
        END     0

greeting: .asciz "hello from "
newline:  .asciz "\n"
