# Expect: pass. A partition's ports: fw_cfg, PIT with gate, PM timer, keyboard controller; absent ones read as ones.
        .include "hvlib.s"

test:   mov     dx, PORT_FW_SELECTOR
        mov     ax, FWCFG_PROCESSORS
        out     dx, ax
        inc     dx
        in      al, dx
        EQ      al, 1
        in      al, dx
        EQ      al, 0
        dec     dx
        mov     ax, FWCFG_RAM_SIZE
        out     dx, ax
        inc     dx
        xor     ebx, ebx
        mov     ecx, 4
1:      in      al, dx
        mov     bl, al
        ror     ebx, 8
        dec     ecx
        jnz     1b
        EQ      ebx, 16 << 20

        mov     al, 1                           # gate of counter 2
        out     PORT_SPEAKER, al
        mov     al, 0xB0                        # counter 2, both bytes, mode 0
        out     PORT_PIT_CONTROL, al
        mov     al, 1193 & 0xFF
        out     PORT_PIT2, al
        mov     al, 1193 >> 8
        out     PORT_PIT2, al
        rdtsc
        mov     ebx, eax
2:      in      al, PORT_SPEAKER
        test    al, 0x20
        jz      2b
        rdtsc
        sub     eax, ebx
        ABOVE   eax, 990000                     # 1193 ticks are a millisecond
        BELOW   eax, 1100000

        mov     dx, PORT_PM_TIMER
        in      eax, dx
        mov     ebx, eax
        rdtsc
        mov     esi, eax
3:      rdtsc
        sub     eax, esi
        cmp     eax, 1000000
        jb      3b
        mov     dx, PORT_PM_TIMER
        in      eax, dx
        sub     eax, ebx
        and     eax, 0xFFFFFF
        ABOVE   eax, 3500
        BELOW   eax, 4000
        in      al, PORT_KEY_COMMAND
        NOBITS  al, 3                           # nothing to read, ready for a command
        mov     dx, 0x1F7
        in      al, dx
        EQ      al, 0xFF
        mov     dx, 0xCFC
        in      eax, dx
        EQ      eax, -1
        PASS
