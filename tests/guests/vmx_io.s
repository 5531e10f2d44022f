# Expect: pass. I/O exits: unconditional, by bitmap, string forms; qualification gives size, direction, port and form.
        .include "lib.s"
        .include "vmxlib.s"

test:   call    vmx_start
        GUEST   g_none                          # no control: no exit
        RUN     VMCALL
        SET     PRIMARY_CONTROLS, PROC_IO
        GUEST   g_in
        RUN     IO
        QUALIFIED 0x80 << 16 | QUAL_IO_IN | QUAL_IO_IMMEDIATE
        LENGTH  2
        GUEST   g_out
        RUN     IO
        QUALIFIED 0x1234 << 16 | 3
        LENGTH  1
        GUEST   g_outw
        RUN     IO
        QUALIFIED 0x1234 << 16 | 1
        GUEST   g_rep
        RUN     IO
        QUALIFIED 0x1234 << 16 | QUAL_IO_IN | QUAL_IO_STRING | QUAL_IO_REP
        LENGTH  2
        GET     rax, GUEST_LINEAR_ADDRESS
        EQ      rax, GUEST_RAM
        GET     rax, EXIT_INSTRUCTION_INFO
        and     eax, INFO_ADDRESS_SIZE
        EQ      eax, put(INFO_ADDRESS_SIZE, 2)

        CLEAR   PRIMARY_CONTROLS, PROC_IO
        SET     PRIMARY_CONTROLS, PROC_IO_BITMAPS
        PUT     IO_BITMAP_A, IO_BITMAPS
        PUT     IO_BITMAP_B, IO_BITMAPS + 0x1000
        GUEST   g_none
        RUN     VMCALL
        or      byte ptr [IO_BITMAPS + 0x83 / 8], 1 << (0x83 & 7)
        GUEST   g_in
        RUN     VMCALL                          # port 0x80 alone
        GUEST   g_four
        RUN     IO                              # 0x80 to 0x83: one byte is enough
        QUALIFIED 0x80 << 16 | 3
        or      byte ptr [IO_BITMAPS + 0x1000 + (0x9000 - 0x8000) / 8], 1
        GUEST   g_high
        RUN     IO
        QUALIFIED 0x9000 << 16
        GUEST   g_wrap
        RUN     IO                              # wraps round from port 0xFFFF: exits whatever the bitmap
        PASS

g_none: mov     dx, 0x80
        out     dx, al
        vmcall
g_in:   in      al, 0x80
        vmcall
g_out:  mov     edx, 0x1234
        jmp     .at
.at:    out     dx, eax
g_outw: mov     edx, 0x1234
        out     dx, ax
g_rep:  mov     edx, 0x1234
        mov     edi, GUEST_RAM
        mov     ecx, 4
        rep insb
g_four: mov     edx, 0x80
        out     dx, eax
        vmcall
g_high: mov     edx, 0x9000
        out     dx, al
        vmcall
g_wrap: mov     edx, 0xFFFF
        out     dx, ax
        vmcall
