# Expect: pass. While the A20 gate is closed bit 20 of a physical address is 0, for code, data and page walks of every processor alike.
        .include "lib.s"
        .include "modelib.s"

        .equ    SPOT, 0xC800                    # a free place, as is the one 1 MiB above
        .equ    A20_PORT, 0x92
test:   mov     eax, [SPOT + 0x100000]
        mov     [rip + kept], eax
        mov     dword ptr [SPOT + 0x100000], 0x22222222
        LEAVE_LONG
        REAL_BEGIN block
        mov     dword ptr [SPOT], 0x11111111
        mov     ax, 0xFFFF
        mov     fs, ax                          # FFFF:C810 is 0x10C800
        mov     ax, RESULTS >> 4
        mov     es, ax
        mov     cx, 3
        xor     di, di
.again: mov     eax, fs:[SPOT + 0x10]
        mov     es:[di], eax
        in      al, A20_PORT
        and     al, ~2 & 0xFF
        out     A20_PORT, al
        mov     eax, fs:[SPOT + 0x10]            # of the place below
        mov     es:[di + 4], eax
        mov     dword ptr fs:[SPOT + 0x10], 0x33333333
        in      al, A20_PORT
        or      al, 2
        out     A20_PORT, al
        mov     eax, fs:[SPOT + 0x10]
        mov     es:[di + 8], eax
        mov     eax, [SPOT]
        mov     es:[di + 12], eax
        mov     dword ptr [SPOT], 0x11111111
        add     di, 16
        dec     cx
        jnz     .again
        REAL_END block
        ENTER_LONG
        mov     eax, [rip + kept]
        mov     [SPOT + 0x100000], eax
        mov     ebx, RESULTS
        mov     ecx, 3
.check: EQ      dword ptr [rbx], 0x22222222
        EQ      dword ptr [rbx + 4], 0x11111111
        EQ      dword ptr [rbx + 8], 0x22222222
        EQ      dword ptr [rbx + 12], 0x33333333
        add     ebx, 16
        dec     ecx
        jnz     .check
        PASS
        .align  8
kept:   .quad   0
