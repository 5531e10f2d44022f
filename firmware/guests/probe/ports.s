# ports.s - IN and OUT in all sizes, string forms, devices and ports where nothing is.
#
# Source  hv/README.md, "What a partition finds"

        .equ    EMPTY_PORT, 0x1234
# probe_ports - All of it.  Entry: nothing.  Exit: nothing.  Changes rax, rcx, rdx, rdi, rsi, r12.
probe_ports:
        mov     edx, EMPTY_PORT
        mov     rax, 0x1111111122222222
        in      al, dx
        mov     rcx, 0x11111111222222FF         # only AL
        EQ      rax, rcx
        xor     eax, eax
        in      ax, dx
        EQ      eax, 0xFFFF
        mov     rax, -2
        in      eax, dx
        mov     ecx, 0xFFFFFFFF
        EQ      rax, rcx                        # zero-extended
        out     dx, al
        out     dx, ax
        out     dx, eax
        in      al, 0xEE
        EQ      al, 0xFF

        mov     edx, PORT_FW_SELECTOR           # fw_cfg: signature, processors, memory
        xor     eax, eax
        out     dx, ax
        mov     edx, PORT_FW_DATA
        lea     rdi, [rel buffer]
        mov     ecx, 4
        rep insb
        EQ      ecx, 0
        EQ      dword ptr [rel buffer], 0x554D4551      # "QEMU"
        lea     rax, [rel buffer + 4]
        EQ      rdi, rax
        mov     edx, PORT_FW_SELECTOR
        mov     eax, 5
        out     dx, ax
        mov     edx, PORT_FW_DATA
        lea     rdi, [rel buffer]
        insb
        insb
        EQ      word ptr [rel buffer], 1
        mov     edx, PORT_FW_SELECTOR
        mov     eax, 3
        out     dx, ax
        mov     edx, PORT_FW_DATA
        lea     rdi, [rel buffer]
        mov     ecx, 8
        rep insb
        mov     rax, [rel information]
        mov     rax, [rax + INFO_MEMORY]
        EQ      [rel buffer], rax
        lea     rdi, [rel buffer + 7]           # downwards
        std
        mov     ecx, 2
        mov     edx, EMPTY_PORT
        rep insb
        cld
        lea     rax, [rel buffer + 5]
        EQ      rdi, rax
        EQ      word ptr [rel buffer + 6], 0xFFFF
        lea     rsi, [rel buffer]
        mov     ecx, 2
        rep outsd
        lea     rax, [rel buffer + 8]
        EQ      rsi, rax

        mov     edx, PORT_UART + UART_SCR
        mov     al, 0x5A
        out     dx, al
        xor     eax, eax
        in      al, dx
        EQ      al, 0x5A
        mov     edx, PORT_UART + UART_LSR
        in      al, dx
        BITS    al, LSR_THRE
        in      al, PORT_KEY_COMMAND
        NOBITS  al, 3
        in      al, PORT_SYSTEM_A
        BITS    al, 2
        mov     al, 0xAA
        out     PORT_PIC1_DATA, al
        in      al, PORT_PIC1_DATA
        EQ      al, 0xAA

        mov     edx, PORT_PM_TIMER              # 3.58 MHz
        in      eax, dx
        mov     r12d, eax
        mov     ecx, 100000
.spin:  dec     ecx
        jnz     .spin
        in      eax, dx
        sub     eax, r12d
        and     eax, 0xFFFFFF
        ABOVE   eax, 100
        mov     al, put(PITCONTROL_ACCESS, PITACCESS_BOTH) | put(PITCONTROL_MODE, PITMODE_RATE)
        out     PORT_PIT_CONTROL, al
        xor     eax, eax
        out     PORT_PIT0, al
        out     PORT_PIT0, al
        call    .latch
        mov     r12d, eax
        mov     ecx, 100000
.wait:  dec     ecx
        jnz     .wait
        call    .latch
        BELOW   eax, r12d
        ret
.latch: xor     eax, eax
        out     PORT_PIT_CONTROL, al
        in      al, PORT_PIT0
        mov     ah, al
        in      al, PORT_PIT0
        xchg    al, ah
        ret
        .align  16
buffer: .quad   0, 0
