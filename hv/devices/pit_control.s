# pit_control.s - the 8254's control word and latches, and port 0x61: gate of counter 2, refresh toggle, its output.
#
# Source  Intel 8254 data sheet, "Read-Back Command"; PIIX3 data sheet, "NMI Status and Control Register"

        .equ    SPEAKER_KEPT, PORT61_GATE | PORT61_SPEAKER | PORT61_NMI
        .equ    COUNTERS, 3
        .equ    REFRESH_SHIFT, 14               # the refresh bit changes every 16,384 cycles (about 15 us)

# pit_control - Entry: edx = control word, rbx = VP, rbp = partition.  Exit: nothing.  Changes rax, rcx, rdx, rdi, rsi.
pit_control:
        mov     ecx, edx
        shr     ecx, shift(PITCONTROL_SELECT)
        cmp     ecx, COUNTERS
        je      pit_read_back
        call    pit_numbered
        mov     ecx, edx
        shr     ecx, shift(PITCONTROL_ACCESS)
        and     ecx, get(PITCONTROL_ACCESS, PITCONTROL_ACCESS)
        .assert PITACCESS_LATCH == 0
        jz      pit_latch
        mov     [rsi + COUNTER_ACCESS], cl
        shr     edx, shift(PITCONTROL_MODE)
        and     edx, get(PITCONTROL_MODE, PITCONTROL_MODE)
        cmp     edx, PITMODE_HARD_STROBE + 1
        jb      1f
        and     edx, 3                          # 6 and 7 mean 2 and 3
1:      mov     [rsi + COUNTER_MODE], dl
        mov     word ptr [rsi + COUNTER_READ_HIGH], 0
        mov     dword ptr [rsi + COUNTER_RELOAD], 0
        mov     byte ptr [rsi + COUNTER_LATCHED], 0
        jmp     pit_schedule

# pit_latch - A latched value stays until it has been read.  Entry: rsi = counter, rbp = partition.  Exit: nothing.
# Changes rax, rcx, rdx, rdi.
pit_latch:
        cmp     byte ptr [rsi + COUNTER_LATCHED], 0
        jne     1f
        call    pit_value
        mov     [rsi + COUNTER_LATCH], eax
        mov     al, 1
        cmp     byte ptr [rsi + COUNTER_ACCESS], PITACCESS_BOTH
        jne     2f
        inc     eax
        mov     byte ptr [rsi + COUNTER_READ_HIGH], 0
2:      mov     [rsi + COUNTER_LATCHED], al
1:      ret

pit_read_back:                                  # edx = PITBACK
        push    r12
        push    r13
        mov     r12d, edx
        xor     r13d, r13d
1:      lea     ecx, [r13 + shift(PITBACK_COUNTERS)]
        bt      r12d, ecx
        jnc     3f
        mov     ecx, r13d
        call    pit_numbered
        test    r12d, PITBACK_NO_COUNT
        jnz     2f
        call    pit_latch
2:      test    r12d, PITBACK_NO_STATUS
        jnz     3f
        call    pit_status
3:      inc     r13d
        cmp     r13d, COUNTERS
        jb      1b
        pop     r13
        pop     r12
        ret

# pit_status - Latch a counter's status: output, null count, access, mode.  Entry: rsi = counter, rbp = partition.
# Exit: nothing.  Changes rax, rcx, rdx, rdi.
pit_status:
        cmp     byte ptr [rsi + COUNTER_STATUS_LATCHED], 0
        jne     1f
        call    pit_output
        shl     eax, shift(PITSTATUS_OUT)
        cmp     dword ptr [rsi + COUNTER_RELOAD], 0
        jne     2f
        or      eax, PITSTATUS_NULL
2:      movzx   ecx, byte ptr [rsi + COUNTER_ACCESS]
        shl     ecx, shift(PITSTATUS_ACCESS)
        or      eax, ecx
        movzx   ecx, byte ptr [rsi + COUNTER_MODE]
        add     ecx, ecx
        or      eax, ecx
        mov     [rsi + COUNTER_STATUS], al
        mov     byte ptr [rsi + COUNTER_STATUS_LATCHED], 1
1:      ret

# speaker_read - Entry, Exit, Keeps: as a device of port_read.
speaker_read:
        mov     ecx, 2
        call    pit_numbered
        call    pit_output
        shl     eax, shift(PORT61_OUT)
        mov     r8d, eax
        rdtsc
        shl     rdx, 32
        or      rax, rdx
        shr     rax, REFRESH_SHIFT
        and     eax, 1
        shl     eax, shift(PORT61_REFRESH)
        or      eax, r8d
        or      eax, [rbp + PART_SPEAKER]
        ret

# speaker_write - A gate that opens starts counter 2 again: exact for modes 1, 2, 3, 5; counts of modes 0 and 4 are loaded later.
# Entry, Exit, Keeps: as a device of port_write.
speaker_write:
        mov     eax, [rbp + PART_SPEAKER]
        and     edx, SPEAKER_KEPT
        mov     [rbp + PART_SPEAKER], edx
        not     eax
        and     eax, edx
        test    eax, PORT61_GATE
        jz      1f
        mov     ecx, 2
        call    pit_numbered
        jmp     pit_restart
1:      ret

# partition_devices - Power-up state of a partition's devices that is not zero.  Entry: rbp = partition.  Exit: nothing.
# Changes rax, rcx.
partition_devices:
        mov     dword ptr [rbp + PIC_MASTER], put(0xFF0000, 0xFF) | 0x08 << 24  # masked, vectors as a PC's firmware sets them
        mov     dword ptr [rbp + PIC_SLAVE], put(0xFF0000, 0xFF) | 0x70 << 24
        mov     word ptr [rbp + PART_UART], 12  # divisor for 9600 baud
        jmp     ioapic_reset
