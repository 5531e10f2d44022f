# pit.s - the 8254: three counters that run by reference time, and port 0x61.
#
# A counter's value follows from the tick at which it was loaded, so nothing has to happen between two reads.
# Modes 0, 2, 3 (1, 4 and 5 count like 0); BCD counts as binary.  Counter 0 raises line 0 of the 8259.
# Source  Intel 8254 data sheet, "Programming the 8254", "Read-Back Command", "Mode Definitions"

        .record COUNTER
        .field  LOADED, 8                       # tick of the PIT clock
        .field  RELOAD, 4                       # 1..65536
        .field  LATCH, 4                        # latched value, valid when LATCHED > 0
        .field  LATCHED, 1                      # bytes of it still to be read
        .field  STATUS_LATCHED, 1
        .field  STATUS, 1                       # latched status
        .field  ACCESS, 1                       # PITACCESS
        .field  MODE, 1                         # PITMODE
        .field  READ_HIGH, 1                    # next byte read is the high one
        .field  WRITE_HIGH, 1
        .field  LOW, 1                          # low byte written first
        .field  GATED, 4                        # counter 2: elapsed ticks while its gate is closed
        .field  NULL, 4                         # 1: nothing loaded yet
        .endrecord
        .equ    PIT_FULL, 0x10000

# pit_counter - Entry: edi = port of a counter, rbp = partition.  Exit: rsi = its record, ecx = number.  Changes rax.
pit_counter:
        mov     ecx, edi
        sub     ecx, PORT_PIT0
# pit_numbered - Entry: ecx = number, rbp = partition.  Exit: rsi = its record.  Changes rax.
pit_numbered:
        mov     eax, ecx
        shl     eax, 5
        lea     rsi, [rbp + rax + PART_PIT]
        ret

# pit_elapsed - Entry: rsi = counter, rbp = partition.  Exit: rax = ticks since it was loaded.  Changes rcx, rdx, rdi.
pit_elapsed:
        mov     edi, HZ_PIT
        call    reference_ticks
        sub     rax, [rsi + COUNTER_LOADED]
        ret

# pit_value - Entry: rsi = counter, rbp = partition.  Exit: eax = what the counter shows, 16 bits.  Changes rcx, rdx, rdi.
pit_value:
        call    pit_elapsed
        mov     ecx, [rsi + COUNTER_RELOAD]
        test    ecx, ecx
        jz      3f
        cmp     byte ptr [rsi + COUNTER_MODE], PITMODE_RATE
        je      1f
        cmp     byte ptr [rsi + COUNTER_MODE], PITMODE_SQUARE
        je      2f
        sub     ecx, eax                        # one-shot modes run on below 0
        movzx   eax, cx
        ret
2:      add     rax, rax                        # square wave: by twos
1:      xor     edx, edx
        div     rcx
        mov     eax, ecx
        sub     eax, edx
        movzx   eax, ax
        cmp     byte ptr [rsi + COUNTER_MODE], PITMODE_SQUARE
        jne     4f
        and     eax, ~1
4:      ret
3:      xor     eax, eax
        ret

# pit_output - Entry: rsi = counter, rbp = partition.  Exit: eax = 1 when the counter's output is high.  Changes rcx, rdx, rdi.
pit_output:
        call    pit_elapsed
        mov     ecx, [rsi + COUNTER_RELOAD]
        test    ecx, ecx
        jz      2f
        cmp     byte ptr [rsi + COUNTER_MODE], PITMODE_SQUARE
        je      1f
        cmp     byte ptr [rsi + COUNTER_MODE], PITMODE_RATE
        je      3f
        cmp     rax, rcx                        # terminal count
        setae   al
        movzx   eax, al
        ret
1:      xor     edx, edx
        div     rcx
        inc     ecx
        shr     ecx, 1
        cmp     edx, ecx                        # first half high
        setb    al
        movzx   eax, al
        ret
3:      mov     eax, 1
        ret
2:      xor     eax, eax
        cmp     byte ptr [rsi + COUNTER_MODE], PITMODE_TERMINAL
        setne   al
        ret

# pit_read - Entry, Exit, Keeps: as a device of port_read.
pit_read:
        cmp     edi, PORT_PIT_CONTROL
        je      pit_nothing
        call    pit_counter
        cmp     byte ptr [rsi + COUNTER_STATUS_LATCHED], 0
        je      1f
        mov     byte ptr [rsi + COUNTER_STATUS_LATCHED], 0
        mov     al, [rsi + COUNTER_STATUS]
        ret
1:      cmp     byte ptr [rsi + COUNTER_LATCHED], 0
        je      2f
        dec     byte ptr [rsi + COUNTER_LATCHED]
        mov     eax, [rsi + COUNTER_LATCH]
        jmp     3f
2:      call    pit_value
3:      mov     cl, [rsi + COUNTER_ACCESS]
        cmp     cl, PITACCESS_LOW
        je      4f
        cmp     cl, PITACCESS_HIGH
        je      5f
        xor     byte ptr [rsi + COUNTER_READ_HIGH], 1
        jnz     4f                              # was low, next is high
5:      shr     eax, 8
4:      ret
pit_nothing:
        mov     eax, 0xFF
        ret

# pit_write - Entry, Exit, Keeps: as a device of port_write.
pit_write:
        cmp     edi, PORT_PIT_CONTROL
        je      pit_control
        call    pit_counter
        mov     cl, [rsi + COUNTER_ACCESS]
        movzx   eax, dl
        cmp     cl, PITACCESS_LOW
        je      pit_load
        shl     eax, 8
        cmp     cl, PITACCESS_HIGH
        je      pit_load
        xor     byte ptr [rsi + COUNTER_WRITE_HIGH], 1
        jz      1f
        mov     [rsi + COUNTER_LOW], dl
        ret
1:      mov     al, [rsi + COUNTER_LOW]
pit_load:                                       # eax = count, 0 = 65536
        test    eax, eax
        jnz     2f
        mov     eax, PIT_FULL
2:      mov     [rsi + COUNTER_RELOAD], eax
# pit_restart - Count from now.  Entry: rsi = counter, rbx = VP, rbp = partition.  Exit: nothing.  Changes rax, rcx, rdx, rdi.
pit_restart:
        mov     edi, HZ_PIT
        call    reference_ticks
        mov     [rsi + COUNTER_LOADED], rax
# pit_schedule - When does the output of counter 0 rise?  Entry: rsi = counter just set, rbx = VP, rbp = partition.
# Exit: nothing.  Changes rax, rcx, rdx.
pit_schedule:
        lea     rax, [rbp + PART_PIT]
        cmp     rsi, rax
        jne     pit_deadline.done
        mov     rax, NEVER
        mov     rcx, [rbp + PART_VP]            # the first VP watches it, whoever sets it
        mov     [rcx + VP_PIT_DEADLINE], rax
        mov     eax, [rsi + COUNTER_RELOAD]
        test    eax, eax
        jz      pit_deadline.done
        add     rax, [rsi + COUNTER_LOADED]
        mov     [rbp + PART_PIT_NEXT], rax
        WORK    WORK_CLOCK

# pit_deadline - The tick PART_PIT_NEXT as a TSC.  Entry: rbp = partition.  Exit: nothing.  Changes rax, rcx, rdx.
pit_deadline:
        mov     rax, [rbp + PART_PIT_NEXT]
        mov     ecx, HZ_TSC
        mul     rcx
        mov     ecx, HZ_PIT
        div     rcx
        inc     rax                             # not before its time
        add     rax, [rbp + PART_STARTED]
        mov     rcx, [rbp + PART_VP]
        mov     [rcx + VP_PIT_DEADLINE], rax
.done:  ret

# pit_fire - Counter 0 has reached its end: line 0, and in modes 2 and 3 the next period.  Entry: rbx = VP, rbp = partition.
# Exit: nothing.  Changes rax, rcx, rdx, rdi, rsi.
pit_fire:
        xor     edi, edi
        call    line_raise
        lea     rsi, [rbp + PART_PIT]
        mov     rax, NEVER
        mov     [rbx + VP_PIT_DEADLINE], rax
        mov     al, [rsi + COUNTER_MODE]
        and     al, ~(PITMODE_RATE ^ PITMODE_SQUARE)
        cmp     al, PITMODE_RATE
        jne     pit_deadline.done
        call    pit_elapsed                     # ticks since the load
        mov     ecx, [rsi + COUNTER_RELOAD]
        xor     edx, edx
        div     rcx
        inc     rax                             # periods that have begun, and one
        mul     rcx
        add     rax, [rsi + COUNTER_LOADED]
        cmp     rax, [rbp + PART_PIT_NEXT]
        ja      2f
        mov     rax, [rbp + PART_PIT_NEXT]      # the deadline was rounded: this one has just been
        add     rax, rcx
2:      mov     [rbp + PART_PIT_NEXT], rax
        jmp     pit_deadline
