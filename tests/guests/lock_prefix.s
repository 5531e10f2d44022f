# Expect: pass. LOCK raises #UD unless the instruction is one of the lockable ones with a memory destination.
        .include "lib.s"

        .macro  UNDEFINED bytes
        EXPECT  VECTOR_UD
        .byte   \bytes
        CAUGHT
        .endm
test:   lea     rbx, [rip + memory]
        UNDEFINED "0xF0, 0x90"                  # NOP
        UNDEFINED "0xF0, 0x01, 0xC0"            # ADD with a register
        UNDEFINED "0xF0, 0x8B, 0x03"            # MOV
        UNDEFINED "0xF0, 0x39, 0x03"            # CMP only reads
        UNDEFINED "0xF0, 0x03, 0x03"            # ADD from memory
        UNDEFINED "0xF0, 0x0F, 0xA3, 0x03"      # BT only reads
        lock add dword ptr [rbx], 5
        lock btc dword ptr [rbx], 8
        lock neg dword ptr [rbx + 4]
        lock xchg eax, [rbx + 8]
        EQ      dword ptr [rbx], 0x105
        PASS
        .align  16
memory: .quad   0, 0
