# jobs.s - work with known results.
#
# Source  hvlab's own; OEIS A000720 (primes), A006877 (longest paths to 1)

        .equ    PRIMES_BELOW, 1000000
        .equ    PRIMES_RESULT, 78498
        .equ    COLLATZ_BELOW, 300000
        .equ    COLLATZ_FROM, 230631
        .equ    COLLATZ_STEPS, 442
        .equ    MATRIX_RESULT, 299063040
        .equ    SIEVE, 0x200000
        .equ    MATRICES, 0x300000
        .equ    SIDE, 96

# primes - Sieve of Eratosthenes, a byte a number.  Entry: nothing.  Exit: rax = how many.  Changes rcx, rdx, rsi, rdi.
primes: mov     edi, SIEVE
        mov     ecx, PRIMES_BELOW
        mov     al, 1
        rep stosb
        mov     word ptr [SIEVE], 0             # 0 and 1
        mov     ecx, 2
.next:  cmp     byte ptr [SIEVE + rcx], 0
        je      .composite
        mov     edx, ecx
        imul    edx, ecx
        jmp     .test
.mark:  mov     byte ptr [SIEVE + rdx], 0
        add     edx, ecx
.test:  cmp     edx, PRIMES_BELOW
        jb      .mark
.composite:
        inc     ecx
        cmp     ecx, 1000                       # the square root
        jbe     .next
        xor     eax, eax
        xor     ecx, ecx
.count: movzx   edx, byte ptr [SIEVE + rcx]
        add     eax, edx
        inc     ecx
        cmp     ecx, PRIMES_BELOW
        jb      .count
        ret

# collatz - Longest path to 1.  Entry: nothing.  Exit: rax = its start, rdx = its steps.  Changes rcx, rsi, rdi, r8.
collatz:
        xor     edi, edi                        # most steps
        xor     r8d, r8d                        # from
        mov     esi, 1
.start: mov     rax, rsi
        xor     ecx, ecx
.step:  cmp     rax, 1
        je      .one
        inc     ecx
        test    al, 1
        jnz     .odd
        shr     rax, 1
        jmp     .step
.odd:   lea     rax, [rax + rax*2 + 1]
        jmp     .step
.one:   cmp     ecx, edi
        jbe     .less
        mov     edi, ecx
        mov     r8d, esi
.less:  inc     esi
        cmp     esi, COLLATZ_BELOW
        jb      .start
        mov     eax, r8d
        mov     edx, edi
        ret

        .equ    A, MATRICES
        .equ    B, MATRICES + SIDE * SIDE * 8
        .equ    C, MATRICES + SIDE * SIDE * 16
# matrix - C = A * B with A[i][j] = i + 2j, B[i][j] = 3i + j.  Entry: nothing.
# Exit: rax = trace of C.  Changes rcx, rdx, rsi, rdi, r8-r11.
matrix: xor     esi, esi
.fill:  mov     eax, esi                        # row and column from the index
        xor     edx, edx
        mov     ecx, SIDE
        div     ecx
        lea     ecx, [rax + rdx*2]
        mov     [A + rsi*8], rcx
        lea     ecx, [rdx + rax*2]
        add     ecx, eax
        mov     [B + rsi*8], rcx
        inc     esi
        cmp     esi, SIDE * SIDE
        jb      .fill

        xor     edi, edi                        # row
.row:   xor     esi, esi                        # column
.column: xor    r8d, r8d
        imul    r9d, edi, SIDE * 8
        add     r9, A
        lea     r10, [B + rsi*8]
        mov     ecx, SIDE
.add:   mov     rax, [r9]
        imul    rax, [r10]
        add     r8, rax
        add     r9, 8
        add     r10, SIDE * 8
        dec     ecx
        jnz     .add
        imul    eax, edi, SIDE
        add     eax, esi
        mov     [C + rax*8], r8
        inc     esi
        cmp     esi, SIDE
        jb      .column
        inc     edi
        cmp     edi, SIDE
        jb      .row

        xor     eax, eax
        mov     ecx, SIDE
        mov     edx, C
.trace: add     rax, [rdx]
        add     rdx, (SIDE + 1) * 8
        dec     ecx
        jnz     .trace
        ret
