# io.s - IN and OUT: find the device, give it bytes, merge the result.  String forms are in io_string.s.
#
# Source  SDM 3C, "Exit Qualification for I/O Instructions"; SDM 2A, "IN", "OUT"

# exit_io - IN, OUT, INS, OUTS.  Entry, Exit, Keeps: as a handler of exits.
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
ports_none:                                     # of created partitions: no devices of a PC
        .long   0xFFFFFFFF

io_created:                                     # its parent may want to see it
        mov     edi, r12d
        shr     edi, shift(QUAL_IO_PORT)
        call    intercept_port
        jc      seen_io
        jmp     io_here
