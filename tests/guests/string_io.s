# Expect: pass. REP INS and OUTS move bytes, update RCX, RSI and RDI, and stop at the element that faults.
        .include "lib.s"

test:   mov     ax, 0                           # fw_cfg signature: "QEMU"
        mov     dx, PORT_FW_SELECTOR
        out     dx, ax
        mov     dx, PORT_FW_DATA
        mov     edi, FREE
        mov     ecx, 4
        cld
        rep insb
        EQ      dword ptr [FREE], 0x554D4551
        EQ      ecx, 0
        EQ      rdi, FREE + 4

        lea     rsi, [rip + text]
        mov     ecx, text_end - text
        mov     dx, PORT_POST
        rep outsb
        EQ      ecx, 0
        lea     rax, [rip + text_end]
        EQ      rsi, rax

        MAP     0, FREE + USER_PAGE             # the second page is missing
        mov     edi, WINDOW + 0xFFD
        mov     ecx, 8
        mov     dx, PORT_POST
        EXPECT  VECTOR_PF, PFEC_WR
        rep insb
        CAUGHT
        EQ      ecx, 5
        EQ      rdi, offset WINDOW + 0x1000
        mov     rsi, WINDOW + 0xFFE
        mov     ecx, 8
        EXPECT  VECTOR_PF, 0
        rep outsb
        CAUGHT
        EQ      ecx, 6
        EQ      rsi, offset WINDOW + 0x1000
        std
        mov     rsi, WINDOW + 4
        mov     ecx, 2
        rep outsb
        cld
        EQ      rsi, offset WINDOW + 2
        xor     ecx, ecx
        rep outsb                               # nothing
        EQ      rsi, offset WINDOW + 2
        PASS
text:   .ascii  "string"
text_end:
