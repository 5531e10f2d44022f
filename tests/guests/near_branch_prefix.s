# Expect: pass. In 64-bit mode an operand-size prefix changes nothing of near branches: 64-bit target and stack slot, 32-bit displacement.
        .include "lib.s"

        .equ    HIGH, 0x40000000                # above the first 64 KiB of everything
test:   lea     rbx, [rip + .bad]
        mov     rbp, rsp
        .byte   0x66, 0xE8                      # CALL rel32
        .long   .called - .after
.after: nop
        jmp     .bad
.called:
        lea     rax, [rip + .after]
        EQ      [rsp], rax
        lea     rcx, [rbp - 8]
        EQ      rsp, rcx
        lea     rax, [rip + .back]
        mov     [rsp], rax
        .byte   0x66, 0xC3                      # RET
        jmp     .bad
.back:  EQ      rsp, rbp
        .byte   0x66, 0xE9                      # JMP rel32
        .long   .jumped - 78f
78:     jmp     .bad
.jumped:
        .byte   0x66, 0xEB, .short - 77f        # JMP rel8
77:     jmp     .bad
.short: xor     eax, eax
        .byte   0x66, 0x0F, 0x84                # JZ rel32
        .long   .zero - 76f
76:     jmp     .bad
.zero:  .byte   0x66, 0x75, 2                   # JNZ, not taken
        jmp     .on
        jmp     .bad
.on:    stc
        .byte   0x66, 0x76, .below - 75f        # JBE
75:     jmp     .bad
.below: mov     ecx, 3
        xor     edx, edx
.turn:  inc     edx
        .byte   0x66, 0xE2, (.turn - 74f) & 0xFF        # LOOP
74:     EQ      edx, 3
        EQ      rcx, 0
        .byte   0x66, 0xE3, .none - 73f         # JRCXZ
73:     jmp     .bad
.none:  lea     rax, [rip + .group]
        .byte   0x66, 0xFF, 0xE0                # JMP RAX
        jmp     .bad
.group: lea     rax, [rip + .routine]
        mov     [rip + slot], rax
        lea     rcx, [rip + slot]
        .byte   0x66, 0xFF, 0x11                # CALL [RCX]
.again: EQ      rsp, rbp
        sub     rsp, 16
        push    rbx
        lea     rax, [rip + .end]
        mov     [rsp], rax
        .byte   0x66, 0xC2, 16, 0               # RET 16
        jmp     .bad
.end:   EQ      rsp, rbp
        mov     rax, 0x800000000000
        EXPECT  VECTOR_GP
        .byte   0x66, 0xFF, 0xE0
        CAUGHT
        PASS
.routine:
        lea     rax, [rip + .again]
        EQ      [rsp], rax
        .byte   0x66, 0xC3
.bad:   FAIL    99
        .align  8
slot:   .quad   0
