# Expect: pass. ENTER makes frames of every nesting level and operand size, and faults when the new top of the stack cannot be written.
        .include "lib.s"

        .equ    TOP, WINDOW + 0x2100
test:   MAP     1, 0                            # absent below the page of the stack
        MAP     2, FREE + USER_PAGE
        MAP     3, FREE + 0x1000 + USER_PAGE
        mov     r12, rsp
        mov     rsp, TOP
        mov     rbp, 0x1122334455667788
        enter   0x20, 0
        mov     rax, rsp
        mov     rcx, rbp
        mov     rsp, r12
        EQ      rax, TOP - 8 - 0x20
        EQ      rcx, TOP - 8
        mov     rax, [TOP - 8]
        EQ64    rax, 0x1122334455667788

        mov     rbp, TOP + 0x80                 # three levels: two pointers of the outer frame, and its own
        mov     qword ptr [rbp - 8], 0x111
        mov     qword ptr [rbp - 16], 0x222
        mov     rsp, TOP
        enter   0x10, 35                        # modulo 32
        mov     rax, rsp
        mov     rcx, rbp
        mov     rsp, r12
        EQ      rax, TOP - 8 - 24 - 0x10
        EQ      rcx, TOP - 8
        EQ      qword ptr [TOP - 8], TOP + 0x80
        EQ      qword ptr [TOP - 16], 0x111
        EQ      qword ptr [TOP - 24], 0x222
        EQ      qword ptr [TOP - 32], TOP - 8

        mov     rsp, TOP                        # 16-bit operands
        mov     rbp, 0x1234
        .byte   0x66, 0xC8, 4, 0, 0
        mov     rax, rsp
        mov     rcx, rbp
        mov     rsp, r12
        EQ      rax, TOP - 2 - 4
        EQ      rcx, TOP - 2
        EQ      word ptr [TOP - 2], 0x1234

        mov     byte ptr [rip + idt + 16 * VECTOR_PF + 4], 1    # on IST1: the stack itself is bad
        mov     byte ptr [rip + idt + 16 * VECTOR_SS + 4], 1
        mov     byte ptr [rip + idt + 16 * VECTOR_UD + 4], 1
        mov     rbp, 0x5678
        mov     rsp, TOP
        EXPECT  VECTOR_PF, PFEC_WR              # nothing but the new top lies there
        enter   0x800, 0
        CAUGHT
        EQ      rsp, TOP
        EQ      rbp, 0x5678
        mov     rax, WINDOW + 0x2100 - 8 - 0x800
        EQ      [rip + fault_address], rax
        EXPECT  VECTOR_PF, PFEC_WR              # one byte of it
        .byte   0x66, 0xC8, 0xFF, 0, 0
        CAUGHT
        EXPECT  VECTOR_UD
        .byte   0xF0, 0xC8, 0, 0, 0
        CAUGHT
        mov     rax, 0x800000000100
        mov     rsp, rax
        EXPECT  VECTOR_SS
        enter   0x100, 0
        CAUGHT
        mov     rsp, r12
        PASS
