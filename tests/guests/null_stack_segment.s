# Expect: pass. A null selector for SS in 64-bit mode must have the CPL as its RPL, and keeps the CPL; MOVBE of two registers is #UD.
        .include "lib.s"

        .macro  REFUSED selector
        mov     ecx, \selector
        EXPECT  VECTOR_GP
        mov     ss, ecx
        CAUGHT
        mov     [rip + far_pointer + 4], cx
        EXPECT  VECTOR_GP
        lss     eax, [rip + far_pointer]
        CAUGHT
        .endm
test:   REFUSED 1
        REFUSED 2
        REFUSED 3
        xor     ecx, ecx
        mov     ss, ecx
        mov     ecx, ss
        EQ      ecx, 0
        mov     [rip + far_pointer + 4], cx
        mov     rax, rsp
        lss     rsp, [rip + far_pointer]
        mov     rsp, rax
        RING3
        mov     ecx, 3                          # at CPL 3 never
        EXPECT  VECTOR_GP
        mov     ss, ecx
        CAUGHT
        xor     ecx, ecx
        EXPECT  VECTOR_GP
        mov     ss, ecx
        CAUGHT
        RING0
        EXPECT  VECTOR_UD
        .byte   0x0F, 0x38, 0xF0, 0xC1          # movbe eax, ecx
        CAUGHT
        EXPECT  VECTOR_UD
        .byte   0x0F, 0x38, 0xF1, 0xC1
        CAUGHT
        EXPECT  VECTOR_UD
        .byte   0x66, 0x0F, 0x38, 0xF1, 0xC1
        CAUGHT
        mov     eax, 0x11223344
        movbe   [FREE], eax
        EQ      dword ptr [FREE], 0x44332211
        PASS
        .align  8
far_pointer:
        .quad   0, 0
