# Expect: pass. Real mode: INT n through the vector table, IRET, #DE, address arithmetic, and 4 GiB limits kept from before.
        .include "lib.s"
        .include "modelib.s"

test:   LEAVE_LONG
        REAL_BEGIN block
        jmp     vectors
handler: push   bp
        mov     bp, sp
        mov     dword ptr es:[0], 0x80
        mov     ax, [bp + 2]
        mov     es:[4], ax
        mov     ax, [bp + 4]
        mov     es:[6], ax
        mov     ax, [bp + 6]
        mov     es:[8], ax
        pushf
        pop     word ptr es:[12]
        pop     bp
        iret
divided: push   bp
        mov     bp, sp
        mov     ax, [bp + 2]
        mov     es:[0x20], ax
        add     word ptr [bp + 2], 2            # over the DIV
        pop     bp
        iret
vectors: mov    word ptr [0x80 * 4], handler - block
        mov     word ptr [0x80 * 4 + 2], REAL >> 4
        mov     word ptr [0], divided - block
        mov     word ptr [2], REAL >> 4
        mov     ax, RESULTS >> 4
        mov     es, ax
        stc
        int     0x80
back:   mov     es:[0x10], sp                   # 0x7000 again
        pushf
        pop     word ptr es:[0x14]              # CF still set
        xor     bx, bx
        mov     ax, 0x1234
        div     bl                              # a fault: IP at DIV
divide: mov     ax, 0xFFFF
        mov     ds, ax
        mov     al, [0x10]                      # 0xFFFF0 + 0x10 = 0x100000: no wrap, A20 is on
        mov     es:[0x30], al
        mov     ax, 0x2000
        mov     ds, ax
        mov     bx, 0xFFFF
        mov     si, 2
        mov     byte ptr [1], 0x5A
        mov     al, [bx + si]                   # 16-bit effective addresses wrap
        mov     es:[0x31], al
        REAL_END block
        ENTER_LONG
        EQ      dword ptr [RESULTS], 0x80
        EQ      word ptr [RESULTS + 4], offset back - block
        EQ      word ptr [RESULTS + 6], REAL >> 4
        BITS    word ptr [RESULTS + 8], RFLAGS_CF
        NOBITS  word ptr [RESULTS + 12], RFLAGS_IF
        EQ      word ptr [RESULTS + 0x10], 0x7000
        BITS    word ptr [RESULTS + 0x14], RFLAGS_CF
        EQ      word ptr [RESULTS + 0x20], offset divide - block - 2
        mov     al, [0x100000]
        EQ      [RESULTS + 0x30], al
        EQ      byte ptr [RESULTS + 0x31], 0x5A
        PASS

