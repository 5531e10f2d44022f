# Expect: pass. Code and data wrap at 4 GiB outside 64-bit mode: in a segment with a base, inside an instruction, at equal cost.
        .include "lib.s"

        .equ    TOP, 0x400000                   # memory that the last 2 MiB below 4 GiB are mapped to
        .equ    TOP_ENTRY, TABLES + 0x2000 + 0x3000 + 511 * 8
        .equ    OFFSET, 0x10000                 # of code at linear 0, in a segment with base 0xFFFF0000
        .equ    ROUNDS, 6
# LOOPS name - 1,000 rounds of a loop that changes its own code; EAX = cycles.
        .macro  LOOPS name
        rdtsc
        mov     ebp, eax
        mov     ecx, 1000
\name\()_loop:
        add     [sum], ecx
        mov     [\name\()_edited + 1], ecx
        jmp     \name\()_edited
\name\()_edited:
        mov     edx, 0
        cmp     edx, ecx
        jne     wrong
        loop    \name\()_loop
        rdtsc
        sub     eax, ebp
        .endm
test:   mov     rax, TOP + PTE_P + PTE_RW + PDE_2M_PS
        mov     [TOP_ENTRY], rax
        mov     rax, cr3
        mov     cr3, rax
        mov     rax, 0xFFCF9BFF0000FFFF         # 32-bit code, base 0xFFFF0000, 4 GiB
        mov     [rip + scratch_descriptors], rax
        mov     r12d, ROUNDS
next:   mov     dword ptr [rip + sum], 0
        ljmp    fword ptr [rip + to_wrapped]
        .code32
wrapped: LOOPS  past
        mov     [first], eax
        ljmp    CODE32, flat
flat:   LOOPS   below
        mov     [second], eax
        ljmp    CODE64, back
wrong:  ljmp    CODE64, failure
        .code64
failure: FAIL   999
back:   EQ      dword ptr [rip + sum], 1001000
        dec     r12d
        jnz     next                            # at first there are walks
        mov     eax, [rip + first]
        EQ      [rip + second], eax

        mov     byte ptr [TOP + 0x1FFFFE], 0xB8 # MOV EAX, 0x44332211 over the end; RET
        mov     byte ptr [TOP + 0x1FFFFF], 0x11
        mov     dword ptr [0], 0xC3443322
        ljmp    fword ptr [rip + to_over]
        .code32
over:   mov     eax, 0xFFFFFFFE
        call    eax
        mov     [sum], eax
        mov     eax, 0xFFFFFFFE
        mov     edx, [eax]                      # the same bytes as data
        mov     [first], edx
        ljmp    CODE64, done
        .code64
done:   EQ      dword ptr [rip + sum], 0x44332211
        EQ      dword ptr [rip + first], 0x332211B8
        PASS
        .align  8
to_wrapped: .long wrapped + OFFSET
        .word   SCRATCH
        .align  8
to_over: .long  over
        .word   CODE32
        .align  8
sum:    .quad   0
first:  .quad   0
second: .quad   0
