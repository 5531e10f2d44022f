# Expect: pass. REP INS and OUTS move bytes, update RCX, RSI and RDI in the address size, and stop at the element that faults.
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

        mov     dx, PORT_POST                   # ---- words and doublewords, what lies around them ----
        mov     eax, 0x5A
        out     dx, al
        mov     rax, -1
        mov     [FREE + 0x100], rax
        mov     [FREE + 0x108], rax
        mov     edi, FREE + 0x102
        insb
        EQ      rdi, FREE + 0x103
        EQ      dword ptr [FREE + 0x100], 0xFF5AFFFF
        mov     dx, 0x1F6                       # nothing is there: ones
        mov     qword ptr [FREE + 0x100], 0
        mov     qword ptr [FREE + 0x108], 0
        mov     ecx, 2
        mov     edi, FREE + 0x101
        rep insw
        EQ      rdi, FREE + 0x105
        mov     rax, 0xFFFFFFFF00
        EQ      [FREE + 0x100], rax
        std
        mov     ecx, 1
        mov     edi, FREE + 0x109
        rep insd
        cld
        EQ      rdi, FREE + 0x105
        EQ      [FREE + 0x108], rax
        mov     rbx, 0x100000000                # ---- 32-bit addresses: the upper halves do not count, and go ----
        lea     rdi, [rbx + FREE + 0x100]
        lea     rcx, [rbx + 3]
        .byte   0x67
        rep insb
        EQ      rdi, FREE + 0x103
        EQ      rcx, 0
        lea     rsi, [rbx + FREE + 0x100]
        lea     rcx, [rbx + 1]
        mov     dx, PORT_POST
        .byte   0x67
        rep outsw
        EQ      rsi, FREE + 0x102
        EQ      rcx, 0
        mov     rcx, rbx                        # no element
        mov     rsi, rbx
        .byte   0x67
        rep outsb
        MAP     0, FREE + 0x10000 + USER_PAGE   # ---- an element in two pages, the second one missing: nothing moves ----
        MAP     1, 0
        mov     dx, 0x1F6
        mov     word ptr [FREE + 0x10FFE], 0
        mov     edi, WINDOW + 0xFFE
        mov     ecx, 3
        EXPECT  VECTOR_PF, PFEC_WR
        rep insd
        CAUGHT
        EQ      ecx, 3
        EQ      word ptr [FREE + 0x10FFE], 0
        mov     rax, cr2
        mov     ecx, WINDOW + 0x1000
        EQ      rax, rcx
        MAP     1, FREE + 0x12000 + USER_PAGE
        mov     dword ptr [FREE + 0x12000], 0
        mov     dword ptr [FREE + 0x11000], 0
        mov     edi, WINDOW + 0xFFE
        insd
        EQ      word ptr [FREE + 0x10FFE], 0xFFFF
        EQ      dword ptr [FREE + 0x12000], 0xFFFF
        EQ      dword ptr [FREE + 0x11000], 0
        MAP     1, FREE + 0x12000 + PTE_P + PTE_US      # read-only, and the processor writes
        mov     edi, WINDOW + 0xFFF
        EXPECT  VECTOR_PF, PFEC_P | PFEC_WR
        insw
        CAUGHT
        mov     rsi, rdi                        # but OUTS reads
        mov     dx, PORT_POST
        outsw
        EQ      rsi, offset WINDOW + 0x1001
        PASS
text:   .ascii  "string"
text_end:
