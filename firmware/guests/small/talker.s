# talker.s - print a hundred lines on COM1, numbered, end with 0.
#
# Entry   LONG state of hv/README.md, "What a partition finds"
# Exit    0
# Source  hv/README.md, "What a partition finds" (console)

        .include "com1.s"
        .equ    LINES, 100

start:  xor     ebx, ebx
.line:  mov     eax, ebx
        mov     ecx, 10
        xor     edx, edx
        div     ecx
        add     eax, '0'
        add     edx, '0'
        mov     [rip + number], al              # tens, units
        mov     [rip + number + 1], dl
        lea     rsi, [rip + text]
        call    print
        inc     ebx
        cmp     ebx, LINES
        jb      .line
        END     0

text:   .ascii  "line "
number: .asciz  "00\n"
