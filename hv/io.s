# io.s - IN and OUT: find the device, give it bytes, merge the result.  String forms are in io_string.s.
#
# Source  SDM 3C, "Exit Qualification for I/O Instructions"; SDM 2A, "IN", "OUT"

exit_io:
        VMGET   r12, VMCS_EXIT_QUALIFICATION
        test    dword ptr [rbp + PART_FLAGS], CREATED
        jnz     io_created
io_here:
        test    r12d, QUAL_IO_STRING
        jnz     io_string
        mov     edi, r12d
        shr     edi, shift(QUAL_IO_PORT)
        mov     esi, r12d
        and     esi, QUAL_IO_SIZE
        inc     esi
        test    r12d, QUAL_IO_IN
        jnz     1f
        mov     edx, [rbx + VP_RAX]
        call    port_write
        jmp     advance
1:      call    port_read
        mov     esi, r12d
        and     esi, QUAL_IO_SIZE
        cmp     esi, 1
        jb      2f
        je      3f
        mov     eax, eax
        mov     [rbx + VP_RAX], rax
        jmp     advance
2:      mov     [rbx + VP_RAX], al
        jmp     advance
3:      mov     [rbx + VP_RAX], ax
        jmp     advance

# port_find - Entry: edi = port.  Exit: rax = its row, zero flag set when there is none.  Changes rdx.
port_find:
        test    dword ptr [rbp + PART_FLAGS], CREATED
        jnz     5f
        lea     rax, [rel ports]
1:      mov     edx, [rax]
        cmp     edx, 0xFFFFFFFF
        je      2f
        cmp     di, dx
        jb      3f
        shr     edx, 16
        cmp     di, dx
        jbe     4f
3:      add     rax, PORT_ROW
        jmp     1b
4:      test    rax, rax                        # zero flag clear
2:      ret
5:      cmp     eax, eax                        # no devices of a PC
        ret

# port_read - Entry: edi = port, esi = bytes, rbx = VP, rbp = partition.  Exit: eax, ones where nothing is.
# A device of byte registers is asked for each byte.
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
        call    port_find
        mov     ecx, 0xFF
        jz      3f
        cmp     dword ptr [rax + PORT_WIDE], 0
        jne     4f
        mov     edi, r12d
        call    qword ptr [rax + PORT_READ]
        movzx   ecx, al
3:      mov     eax, ecx
        mov     ecx, r15d
        shl     eax, cl
        or      r14d, eax
        inc     r12d
        add     r15d, 8
        dec     r13d
        jnz     1b
        mov     eax, r14d
5:      pop     r15
        pop     r14
        pop     r13
        pop     r12
        ret
4:      mov     edi, r12d
        mov     esi, r13d
        call    qword ptr [rax + PORT_READ]
        jmp     5b

# port_write - Entry: edi = port, esi = bytes, edx = value.
port_write:
        push    r12
        push    r13
        push    r14
        mov     r12d, edi
        mov     r13d, esi
        mov     r14d, edx
1:      mov     edi, r12d
        call    port_find
        jz      2f
        mov     edi, r12d
        mov     esi, r13d
        mov     edx, r14d
        cmp     dword ptr [rax + PORT_WIDE], 0
        jne     3f
        movzx   edx, dl
        call    qword ptr [rax + PORT_WRITE]
2:      inc     r12d
        shr     r14d, 8
        dec     r13d
        jnz     1b
4:      pop     r14
        pop     r13
        pop     r12
        ret
3:      call    qword ptr [rax + PORT_WRITE]
        jmp     4b

# First and last port, whether the device takes a whole access, and its two routines:
# read edi = port, esi = bytes -> eax; write edx = value; rbx = VP, rbp = partition; may change all but rbx, rbp, r12-r15.
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
ports:  PORTS   PORT_UART, PORT_UART + 7, 0, uart_read, uart_write
        PORTS   PORT_DEBUG_EXIT, PORT_DEBUG_EXIT + 3, 1, exit_port_read, exit_port_write
        PORTS   PORT_PARTITION, PORT_PARTITION + 1, 1, ones_read, console_write
        PORTS   PORT_PIT0, PORT_PIT_CONTROL, 0, pit_read, pit_write
        PORTS   PORT_SPEAKER, PORT_SPEAKER, 0, speaker_read, speaker_write
        PORTS   PORT_PM_TIMER, PORT_PM_TIMER + 3, 1, pm_timer_read, ignore_write
        PORTS   PORT_POST, PORT_POST, 0, post_read, post_write
        PORTS   PORT_DEBUG_CONSOLE, PORT_DEBUG_CONSOLE, 0, debug_read, debug_write
        PORTS   PORT_DEBUG_CONSOLE2, PORT_DEBUG_CONSOLE2, 0, debug_read, debug_write
        PORTS   PORT_PIC1, PORT_PIC1_DATA, 0, pic_read, pic_write
        PORTS   PORT_PIC2, PORT_PIC2_DATA, 0, pic_read, pic_write
        PORTS   PORT_ELCR1, PORT_ELCR2, 0, elcr_read, elcr_write
        PORTS   PORT_KEY_COMMAND, PORT_KEY_COMMAND, 0, keyboard_read, keyboard_write
        PORTS   PORT_KEY_DATA, PORT_KEY_DATA, 0, keyboard_data, ignore_write
        PORTS   PORT_RTC_INDEX, PORT_RTC_DATA, 0, cmos_read, cmos_write
        PORTS   PORT_SYSTEM_A, PORT_SYSTEM_A, 0, system_a_read, system_a_write
        PORTS   PORT_FW_SELECTOR, PORT_FW_DATA, 1, fw_read, fw_write
        PORTS   PORT_PM1_STATUS, PORT_PM1_CONTROL + 1, 1, pm1_read, pm1_write
        PORTS   PORT_PCI_ADDRESS, PORT_PCI_ADDRESS + 3, 1, reset_read, reset_write
        .long   0xFFFFFFFF

io_created:                                     # its parent may want to see it
        mov     edi, r12d
        shr     edi, shift(QUAL_IO_PORT)
        call    intercept_port
        jc      seen_io
        jmp     io_here
