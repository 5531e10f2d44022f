# Expect: pass. Code over the end of memory: where nothing answers all bits are ones, which is an undefined instruction.
        .include "lib.s"

        .equ    END, 16 << 20                   # of memory
test:   mov     ecx, 3
.again: mov     word ptr [END - 2], 0x11B8      # MOV EAX, imm32
        mov     edx, END - 2
        xor     eax, eax
        EXPECT_AT VECTOR_UD, 0, END + 3
        jmp     rdx
        CAUGHT
        EQ      eax, 0xFFFFFF11
        dec     ecx
        jnz     .again
        PASS
