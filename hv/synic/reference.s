# reference.s - time in units of 100 ns: reference time, its page, run time; and the report of a crash.
#
# Time is read by the multiplication that the page has guests use, so that both sources agree to the unit.
# Source  TLFS, "Partition Reference Time", "Partition Reference Time Enlightenment", "Guest Crash Enlightenment"

        .record TSCPAGE
        .field  SEQUENCE, 8                     # 0: not valid, use the MSR
        .field  SCALE, 8
        .field  OFFSET, 8
        .endrecord

# tsc_now - Entry: nothing.  Exit: rax = TSC.  Changes rdx.
tsc_now:
        rdtsc
        shl     rdx, 32
        or      rax, rdx
        ret

# reference_time - Entry: rbp = partition.  Exit: rax = 100 ns since the partition began, carry clear.  Changes rdx.
reference_time:
        call    tsc_now
# reference_of - The same of a time.  Entry: rax = TSC, rbp = partition.  Exit: rax, carry clear.  Changes rdx.
reference_of:
        sub     rax, [rbp + PART_STARTED]
reference_scale:
        mov     rdx, REFERENCE_SCALE
        mul     rdx
        mov     rax, rdx
        clc
        ret

# reference_deadline - The TSC at which reference time reaches a value.  Entry: rax = reference time, rbp = partition.
# Exit: rax = TSC, or NEVER when it is too far away.  Changes rdx.
reference_deadline:
        mov     edx, TICKS_PER_REFERENCE
        mul     rdx
        test    rdx, rdx
        jnz     1f
        add     rax, 1
        jc      1f
        add     rax, [rbp + PART_STARTED]
        jc      1f
        ret
1:      mov     rax, NEVER
        ret

# run_time - 100 ns that the VP, the current one, has been on a processor.  Entry, Exit, Keeps: as a reader of synthetic_at.
run_time:
        call    tsc_now
        sub     rax, [rbx + VP_RAN_SINCE]
        add     rax, [rbx + VP_RAN]
        jmp     reference_scale

# reference_write_page - MSR REFERENCE_TSC.  Entry, Exit, Keeps: as a writer of synthetic_at.
reference_write_page:
        push    rsi
        lea     r8, [rbp + PART_TSC_PAGE]
        mov     edx, EPT_READ
        call    overlay_msr
        pop     rsi
        jc      1f
        mov     [rbp + PART_REFERENCE_TSC], rsi
        mov     rax, [rbp + PART_TSC_PAGE + OVERLAY_FRAME]
        test    rax, rax
        jz      1f
        mov     rdx, REFERENCE_SCALE
        mov     [rax + TSCPAGE_SCALE], rdx
        xor     edx, edx
        mov     [rax + TSCPAGE_OFFSET], rdx
        cmp     dword ptr [rbp + PART_TSC_MOVED], 0
        sete    dl
        mov     [rax + TSCPAGE_SEQUENCE], rdx
        clc
1:      ret

# reference_lost - A VP has moved its TSC: the page is of no use any more.  Entry: rbx = VP.  Exit: nothing.  Changes rax, rdx.
reference_lost:
        mov     rdx, [rbx + VP_PARTITION]
        mov     dword ptr [rdx + PART_TSC_MOVED], 1
        mov     rax, [rdx + PART_TSC_PAGE + OVERLAY_FRAME]
        test    rax, rax
        jz      1f
        mov     dword ptr [rax + TSCPAGE_SEQUENCE], 0
1:      ret

# crash_write - MSR CRASH_CTL: print on the console what the guest reports.  Entry, Exit, Keeps: as a writer of synthetic_at.
crash_write:
        mov     rax, CRASH_NOTIFY
        test    rsi, rax
        jz      3f
        push    r12
        push    r13
        mov     r12, rsi
        call    line_begin
        call    say_partition
        SAY     text_crash
        xor     r13d, r13d
1:      mov     al, ' '
        call    putc
        mov     rdi, [rbp + r13*8 + PART_CRASH]
        call    say_hex
        inc     r13d
        cmp     r13d, 5
        jb      1b
        bt      r12, shift(CRASH_MESSAGE)
        jnc     2f
        call    crash_text
2:      call    line_end
        pop     r13
        pop     r12
3:      clc
        ret

# crash_text - Print the text at P3 of P4 bytes, as far as it lies in one page.  Entry: rbp = partition.
# Exit: nothing.  Changes rax, rdx, rdi, r12, r13.
crash_text:
        mov     rdi, [rbp + PART_CRASH + 24]
        mov     r13d, edi
        or      r13d, -PAGE
        neg     r13d                            # bytes to the end of the page
        mov     rax, [rbp + PART_CRASH + 32]
        cmp     rax, r13
        cmovb   r13, rax
        call    guest_memory
        test    rax, rax
        jz      2f
        mov     r12, rax
        mov     al, ' '
        call    putc
1:      sub     r13d, 1
        jc      2f
        mov     al, [r12]
        inc     r12
        call    putc_safe
        jmp     1b
2:      ret

text_crash:     .asciz "guest crash:"
