# end.s - the end of a partition, and of the machine.
#
# Source  hv/README.md, "What a partition finds" (end codes), "Console of the machine"

# partition_fatal - Print why a partition must end, and let it end before its next entry.
# Entry: rbx = VP (its VMCS current), rdi = text, esi = end code.  Exit: rbp = partition.  Keeps rbx, r12-r15.
partition_fatal:
        mov     rbp, [rbx + VP_PARTITION]
        test    dword ptr [rbp + PART_FLAGS], CREATED
        jnz     child_fatal
        push    rdi
        mov     [rbp + PART_CODE], esi
        WORK    WORK_END
        call    line_begin
        call    say_partition
        pop     rsi
        call    say
        SAY     text_at
        VMGET   rdi, VMCS_GUEST_RIP
        call    say_hex
        SAY     text_exit
        VMGET   rdi, VMCS_EXIT_REASON
        call    say_hex
        SAY     text_qualification
        VMGET   rdi, VMCS_EXIT_QUALIFICATION
        call    say_hex
        jmp     line_end

# partition_ends - The guest asked for it.  Entry: rbx = VP, rbp = partition, esi = end code.  Exit: nothing.
# Keeps rbx, rbp, r12-r15.
partition_ends:
        test    dword ptr [rbp + PART_FLAGS], CREATED
        jnz     child_fatal
        mov     [rbp + PART_CODE], esi
        WORK    WORK_END
        ret

# end_partition - Go on with another VP, or end the machine.  Entry: rbx = VP with WORK_END.  Exit: never.
end_partition:
        mov     rbp, [rbx + VP_PARTITION]
        mov     r13, [rbp + PART_DESC]
        call    vps_ended
        mov     r12, rax
        rdtsc
        shl     rdx, 32
        or      rax, rdx
        mov     [r13 + DESC_ENDED], rax
        mov     [r13 + DESC_EXITS], r12
        mov     rax, [rbp + PART_HYPERCALLS]
        mov     [r13 + DESC_HYPERCALLS], rax
        mov     rax, [rbp + PART_INJECTED]
        mov     [r13 + DESC_INJECTED], rax
        mov     rax, [rbp + PART_VIOLATIONS]
        mov     [r13 + DESC_VIOLATIONS], rax
        mov     eax, [rbp + PART_CODE]
        mov     [r13 + DESC_CODE], eax
        mov     dword ptr [r13 + DESC_STATE], STATE_ENDED

        call    line_begin
        call    say_partition
        SAY     text_ended
        mov     edi, [rbp + PART_CODE]
        call    say_hex
        SAY     text_after
        mov     rdi, r12
        call    say_number
        SAY     text_exits
        mov     rdi, [rbp + PART_HYPERCALLS]
        call    say_number
        SAY     text_hypercalls
        mov     rdi, [rbp + PART_INJECTED]
        call    say_number
        SAY     text_events
        call    line_end

        mov     qword ptr gs:[CPU_CURRENT], 0   # nothing of it is worth keeping
        mov     dword ptr gs:[CPU_HELD_KNOWN], 0
        lock dec dword ptr [rel running]
        jnz     schedule

# all_ended - Every partition has ended: one line, then the machine ends with the first code that is not 0.
all_ended:
        call    line_begin
        SAY     text_all
        xor     r12d, r12d                      # code of the machine
        mov     r13d, PARTITION_TABLE + TABLE_FIRST
        mov     r14d, [PARTITION_TABLE + TABLE_COUNT]
1:      mov     al, ' '
        call    putc
        lea     rsi, [r13 + DESC_NAME]
        mov     ecx, 16
        call    say_some
        SAY     text_equals
        mov     edi, [r13 + DESC_CODE]
        test    r12d, r12d
        cmovz   r12d, edi
        call    say_hex
        add     r13, DESC_BYTES
        dec     r14d
        jnz     1b
        call    line_end
        mov     eax, r12d
        jmp     machine_end

text_at:        .asciz " at "
text_exit:      .asciz ", exit reason "
text_qualification: .asciz ", qualification "
text_ended:     .asciz "ended with "
text_after:     .asciz " after "
text_exits:     .asciz " exits, "
text_hypercalls: .asciz " hypercalls, "
text_events:    .asciz " injected events"
text_all:       .asciz "all partitions have ended:"
text_entry_failed: .asciz "VM entry failed"
