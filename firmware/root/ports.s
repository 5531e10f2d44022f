# ports.s - the ports of a child: which device answers, and how wide.  Any other reads ones and ignores writes.
#
# Entry: edi = port, esi = bytes, edx = value, rbx = rbp = VM.  Exit: eax.
# Source  firmware/root/README.md, "Devices of a child"

# port_row - Entry: edi = port.  Exit: rax = its row, zero flag set when there is none.
port_row:
        lea     rax, [rel ports]
1:      cmp     dword ptr [rax], 0xFFFFFFFF
        je      3f
        cmp     di, [rax]
        jb      2f
        cmp     di, [rax + 2]
        jbe     4f
2:      add     rax, PORT_ROW
        jmp     1b
4:      test    rax, rax
3:      ret

# port_read, port_write - A device of byte registers is asked for each byte.
port_read:
        push    r12
        push    r13
        push    r14
        push    r15
        mov     r12d, edi
        mov     r13d, esi
        xor     r14d, r14d                      # bytes so far
        xor     r15d, r15d                      # shift
1:      mov     edi, r12d
        call    port_row
        mov     ecx, 0xFF
        jz      2f
        cmp     dword ptr [rax + PORT_WIDE], 0
        jne     3f
        call    qword ptr [rax + PORT_READ]
        movzx   ecx, al
2:      mov     eax, ecx
        mov     ecx, r15d
        shl     eax, cl
        or      r14d, eax
        inc     r12d
        add     r15d, 8
        dec     r13d
        jnz     1b
        mov     eax, r14d
        jmp     4f
3:      mov     esi, r13d
        call    qword ptr [rax + PORT_READ]
4:      pop     r15
        pop     r14
        pop     r13
        pop     r12
        ret

port_write:
        push    r12
        push    r13
        push    r14
        mov     r12d, edi
        mov     r13d, esi
        mov     r14d, edx
1:      mov     edi, r12d
        call    port_row
        jz      2f
        cmp     dword ptr [rax + PORT_WIDE], 0
        jne     3f
        movzx   edx, r14b
        call    qword ptr [rax + PORT_WRITE]
2:      inc     r12d
        shr     r14d, 8
        dec     r13d
        jnz     1b
        jmp     4f
3:      mov     esi, r13d
        mov     edx, r14d
        call    qword ptr [rax + PORT_WRITE]
4:      pop     r14
        pop     r13
        pop     r12
        ret

# Rows: first and last port, 1 for a device that takes a whole access, its routines.
# They may change all but rbx, rbp, r12-r15.
        .equ    PORT_WIDE, 4
        .equ    PORT_READ, 8
        .equ    PORT_WRITE, 16
        .equ    PORT_ROW, 24
        .macro  PORTS first, last, wide, read, write
        .word   \first, \last
        .long   \wide
        .quad   \read, \write
        .endm
        .balign 8
ports:  PORTS   VPORT_SERIAL, VPORT_SERIAL + 7, 0, uart_read, uart_write
        PORTS   VPORT_EXIT, VPORT_EXIT, 1, ones_read, exit_write
        PORTS   PORT_PIC1, PORT_PIC1_DATA, 0, interrupts_read, interrupts_write
        PORTS   PORT_PIC2, PORT_PIC2_DATA, 0, interrupts_read, interrupts_write
        PORTS   PORT_RTC_INDEX, PORT_RTC_DATA, 0, cmos_read, cmos_write
        PORTS   PORT_ELCR1, PORT_ELCR2, 0, elcr_read, elcr_write
        PORTS   PORT_PM1_STATUS, PORT_PM1_CONTROL + 1, 1, pm1_read, pm1_write
        PORTS   PORT_PM_TIMER, PORT_PM_TIMER + 3, 1, pm_timer_read, ones_read
        PORTS   PORT_PCI_ADDRESS, PORT_PCI_ADDRESS + 3, 1, ones_read, reset_write
        PORTS   VPORT_TIMER_PERIOD, VPORT_TIMER_PERIOD, 1, ones_read, timer_write
        PORTS   VPORT_DISK_SECTOR, VPORT_DISK_COMMAND, 1, disk_read, disk_write
        .long   0xFFFFFFFF
