# Expect: pass. An access over a page end is all or nothing, and CR2 is the first byte that cannot be reached.
        .include "lib.s"

test:   MAP     0, FREE + USER_PAGE
        mov     rbx, WINDOW + 0xFFC
        mov     dword ptr [rbx], 0x11111111
        EXPECT  VECTOR_PF, PFEC_WR
        mov     qword ptr [rbx], -1
        CAUGHT
        mov     rax, WINDOW + 0x1000
        EQ      [rip + fault_address], rax
        EQ      dword ptr [rbx], 0x11111111
        EXPECT  VECTOR_PF, 0
        mov     rax, [rbx]
        CAUGHT
        MAP     1, FREE + 0x1000 + PTE_P        # second page read-only
        EXPECT  VECTOR_PF, PFEC_P | PFEC_WR
        mov     qword ptr [rbx], -1
        CAUGHT
        EQ      dword ptr [rbx], 0x11111111
        MAP     1, FREE + 0x1000 + USER_PAGE
        mov     rax, 0x8877665544332211
        mov     [rbx], rax
        EQ      [rbx], rax
        EQ      dword ptr [FREE + 0xFFC], 0x44332211
        EQ      dword ptr [FREE + 0x1000], 0x88776655

        mov     byte ptr [rbx + 3], 0xB8        # MOV EAX, imm32 over the end
        mov     dword ptr [rbx + 4], 0x12345678
        mov     byte ptr [rbx + 8], 0xC3
        lea     rax, [rbx + 3]
        call    rax
        EQ      eax, 0x12345678
        MAP     1, 0
        xor     eax, eax
        lea     rcx, [rbx + 3]
        EXPECT_AT VECTOR_PF, PFEC_ID, WINDOW + 0xFFF
        jmp     rcx
        CAUGHT
        mov     rax, WINDOW + 0x1000
        EQ      [rip + fault_address], rax

        mov     qword ptr [FREE + 0xFF8], 0     # stores of more than one part, by SGDT and INS
        .macro  NOT_STORED
        CAUGHT
        mov     rax, WINDOW + 0x1000
        EQ      [rip + fault_address], rax
        EQ      qword ptr [FREE + 0xFF8], 0
        .endm
        EXPECT  VECTOR_PF, PFEC_WR
        sgdt    [WINDOW + 0xFFF]
        NOT_STORED
        EXPECT  VECTOR_PF, PFEC_WR
        sidt    [WINDOW + 0xFFC]
        NOT_STORED
        mov     edi, WINDOW + 0xFFE
        mov     edx, PORT_DEBUG_EXIT
        EXPECT  VECTOR_PF, PFEC_WR
        insd
        NOT_STORED
        MAP     1, FREE + 0x1000 + USER_PAGE
        mov     qword ptr [FREE + 0x1000], 0
        MAP     0, 0
        EXPECT  VECTOR_PF, PFEC_WR
        sgdt    [WINDOW + 0xFFF]
        CAUGHT
        mov     rax, WINDOW + 0xFFF
        EQ      [rip + fault_address], rax
        EQ      qword ptr [FREE + 0x1000], 0
        PASS
