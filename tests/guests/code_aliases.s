# Expect: pass. Code runs as it was last written, through whichever mapping: writable and not executable, of another privilege, by part.
        .include "lib.s"

        .equ    ROUTINE, FREE                   # MOV EAX, imm32; RET
        .equ    RUN, WINDOW                     # executable, read-only
        .equ    EDIT, WINDOW + 0x1000           # writable, not executable
        .equ    ROUNDS, 100
test:   mov     byte ptr [ROUTINE], 0xB8
        mov     byte ptr [ROUTINE + 5], 0xC3
        mov     dword ptr [ROUTINE + 64], 0x90909090            # a routine on the same page that stays as it is
        mov     byte ptr [ROUTINE + 68], 0xC3
        MAP     0, FREE + PTE_P
        MAP     1, FREE + PTE_P + PTE_RW + PTE_XD
        mov     rbx, RUN
        mov     rsi, EDIT
        lea     r8, [rbx + 64]
        mov     ecx, ROUNDS
.whole: mov     [rsi + 1], ecx
        call    rbx
        EQ      eax, ecx
        call    r8
        dec     ecx
        jnz     .whole

        mov     ecx, ROUNDS
.parts: mov     eax, ecx
        imul    eax, 0x01030507
        mov     edx, eax
        mov     [rsi + 1], al
        mov     [rsi + 2], ah
        shr     eax, 16
        mov     [rsi + 3], ax
        call    rbx
        EQ      eax, edx
        lock add dword ptr [rsi + 1], 5
        call    rbx
        add     edx, 5
        EQ      eax, edx
        dec     ecx
        jnz     .parts

        mov     rax, cr4                        # a supervisor writes what only a user may execute, at the same address
        or      rax, CR4_SMEP
        mov     cr4, rax
        MAP     0, FREE + USER_PAGE
        mov     ecx, ROUNDS
.privilege:
        mov     [rbx + 1], ecx
        RING3
        call    rbx
        mov     edx, eax
        call    r8
        mov     [rbx + 1], eax                  # the user writes too
        RING0
        EQ      edx, ecx
        dec     ecx
        jnz     .privilege
        PASS
