# Expect: pass. LOCK raises #UD unless the instruction is one of the lockable ones with a memory destination.
        .include "lib.s"

test:   lea     rbx, [rip + memory]
        UNDEFINED "0xF0, 0x90"                  # NOP
        UNDEFINED "0xF0, 0x01, 0xC0"            # ADD with a register
        UNDEFINED "0xF0, 0x8B, 0x03"            # MOV
        UNDEFINED "0xF0, 0x39, 0x03"            # CMP only reads
        UNDEFINED "0xF0, 0x03, 0x03"            # ADD from memory
        UNDEFINED "0xF0, 0x0F, 0xA3, 0x03"      # BT only reads
        UNDEFINED "0xF0, 0x0F, 0xAB, 0xC8"      # BTS, BTR, BTC, XADD, CMPXCHG with a register
        UNDEFINED "0xF0, 0x0F, 0xB3, 0xC8"
        UNDEFINED "0xF0, 0x0F, 0xBB, 0xC8"
        UNDEFINED "0xF0, 0x0F, 0xBA, 0xE8, 0x01"
        UNDEFINED "0xF0, 0x0F, 0xC1, 0xC8"
        UNDEFINED "0xF0, 0x0F, 0xB1, 0xC8"
        mov     edi, FREE + 0xFFD               # the same over a page end, without its last byte, and alone
        mov     dword ptr [rdi], 0xC8BB0FF0
        mov     byte ptr [rdi + 4], 0xC3
        EXPECT_AT VECTOR_UD, 0, FREE + 0xFFD
        jmp     rdi
        CAUGHT
        lock add dword ptr [rbx], 5
        lock btc dword ptr [rbx], 8
        lock neg dword ptr [rbx + 4]
        lock xchg eax, [rbx + 8]
        EQ      dword ptr [rbx], 0x105
        PASS
        .align  16
memory: .quad   0, 0
