# checksum.s - fill 2 MiB with a sequence, read it again and again, end with 0 when every sum was the same.
#
# Entry   LONG state of hv/README.md, "What a partition finds"
# Exit    0; 1 when a sum differed: something else wrote into this partition
# Source  hv/README.md, "Scheduling, locks, isolation"

        .include "com1.s"
        .equ    FIRST, 0x400000
        .equ    LAST, 0x600000
        .equ    ROUNDS, 10
        .equ    MULTIPLIER, 6364136223846793005 # of Knuth's linear congruential sequence
        .equ    INCREMENT, 1442695040888963407

start:  mov     r8, MULTIPLIER
        mov     r9, INCREMENT
        mov     edi, FIRST
        mov     eax, 1
        xor     ebx, ebx                        # the sum as it should be
.fill:  imul    rax, r8
        add     rax, r9
        mov     [rdi], rax
        rol     rbx, 1
        add     rbx, rax
        add     rdi, 8
        cmp     edi, LAST
        jb      .fill

        mov     ecx, ROUNDS
.round: mov     edi, FIRST
        xor     edx, edx
.read:  rol     rdx, 1
        add     rdx, [rdi]
        add     rdi, 8
        cmp     edi, LAST
        jb      .read
        cmp     rdx, rbx
        jne     .differs
        dec     ecx
        jnz     .round
        END     0
.differs:
        END     1
