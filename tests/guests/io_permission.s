# Expect: pass. IN and OUT in ring 3 need IOPL 3 or clear bits in the TSS bitmap for every byte, inside its limit.
        .include "lib.s"

test:   RING3
        mov     dx, 0x80
        EXPECT  VECTOR_GP
        out     dx, al
        CAUGHT
        EXPECT  VECTOR_GP
        in      al, 0x80
        CAUGHT
        RING0
        and     byte ptr [rip + tss_bitmap + 0x80 / 8], ~3      # 0x80 and 0x81
        RING3
        out     0x80, al
        mov     dx, 0x80
        out     dx, ax
        EXPECT  VECTOR_GP
        out     dx, eax                         # 0x82, 0x83 are not allowed
        CAUGHT
        mov     dx, 0x81
        EXPECT  VECTOR_GP
        out     dx, ax
        CAUGHT
        lea     rsi, [rip + test]
        mov     dx, 0x80
        outsb
        mov     dx, 0x84
        EXPECT  VECTOR_GP
        outsb
        CAUGHT
        RING0
        mov     byte ptr [rip + tss_bitmap + 8191], 0           # port 0xFFF8..0xFFFF, then the last byte: all ones
        RING3
        mov     dx, 0xFFFF
        in      al, dx
        EXPECT  VECTOR_GP
        in      ax, dx
        CAUGHT
        RING0
        mov     word ptr [rip + tss + 102], TSS_BYTES           # bitmap beyond the limit: nothing is allowed
        RING3
        EXPECT  VECTOR_GP
        out     0x80, al
        CAUGHT
        RING0
        pushfq
        or      qword ptr [rsp], RFLAGS_IOPL
        popfq
        RING3
        out     0x80, al                        # IOPL 3 asks no bitmap
        RING0
        PASS
