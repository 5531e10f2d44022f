# Expect: pass. F6 /1 and F7 /1 are TEST, as on every processor: flags of the AND, no register changed; 0F 18 of a register is a NOP.
        .include "lib.s"
test:   mov     eax, 0x80
        stc
        .byte   0xF6, 0xC8, 0x80                # test al, 0x80
        pushfq
        pop     rcx
        and     ecx, RFLAGS_CF | RFLAGS_PF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF
        EQ      ecx, RFLAGS_SF
        EQ      eax, 0x80
        .byte   0xF6, 0xC8, 0x01                # test al, 1
        pushfq
        pop     rcx
        and     ecx, RFLAGS_CF | RFLAGS_PF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF
        EQ      ecx, RFLAGS_ZF | RFLAGS_PF
        mov     rbx, FREE
        mov     rax, -1
        mov     [rbx], rax
        .byte   0xF7, 0x0B, 0x03, 0, 0, 0       # test dword ptr [rbx], 3
        pushfq
        pop     rcx
        and     ecx, RFLAGS_CF | RFLAGS_PF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF
        EQ      ecx, RFLAGS_PF
        .byte   0x48, 0xF7, 0x0B, 0, 0, 0, 0x80 # test qword ptr [rbx], 0xFFFFFFFF80000000
        pushfq
        pop     rcx
        and     ecx, RFLAGS_CF | RFLAGS_PF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF
        EQ      ecx, RFLAGS_SF | RFLAGS_PF
        MAP     0, 0
        mov     rbx, WINDOW
        EXPECT  VECTOR_PF
        .byte   0xF7, 0x0B, 0x03, 0, 0, 0
        CAUGHT
        EXPECT  VECTOR_UD
        .byte   0xF0, 0xF7, 0x0B, 0x03, 0, 0, 0
        CAUGHT
        .byte   0x0F, 0x18, 0xC3
        PASS
