# messages.s - messages to a VP: a queue for each SINT, and the slots of its message page.
#
# A message is a NODE of whoever sends it; while it waits the node is busy.  The VP's processor alone writes slots, the
# type last.  A slot in use gets the flag that asks the guest for an EOM.
# Source  TLFS, "SynIC Message Delivery", "HV_MESSAGE"

# message_queue - Entry: rdi = node, filled, rsi = VP it is for, edx = SINT, rbx = VP this processor is about.
# Exit: nothing.  Changes rax, rcx, rdx.
message_queue:
        mov     dword ptr [rdi + NODE_BUSY], 1
        mov     qword ptr [rdi + NODE_NEXT], 0
        shl     edx, shift(QUEUE_BYTES)
        lea     rcx, [rsi + rdx + VP_QUEUE]
1:      lock bts dword ptr [rsi + VP_QUEUE_LOCK], 0
        jnc     2f
        pause
        jmp     1b
2:      mov     rax, [rcx + QUEUE_TAIL]
        mov     [rcx + QUEUE_TAIL], rdi
        test    rax, rax
        jz      3f
        mov     [rax + NODE_NEXT], rdi
        jmp     4f
3:      mov     [rcx + QUEUE_HEAD], rdi
4:      inc     dword ptr [rsi + VP_WAITING]
        mov     dword ptr [rsi + VP_QUEUE_LOCK], 0
        mov     eax, REQUEST_MESSAGES
        jmp     request

# message_take - The first of a queue.  Entry: r13 = queue, not empty, rbx = VP.  Exit: r15 = node.  Changes rax.
message_take:
        lock bts dword ptr [rbx + VP_QUEUE_LOCK], 0
        jnc     1f
        pause
        jmp     message_take
1:      mov     r15, [r13 + QUEUE_HEAD]
        mov     rax, [r15 + NODE_NEXT]
        mov     [r13 + QUEUE_HEAD], rax
        test    rax, rax
        jnz     2f
        mov     [r13 + QUEUE_TAIL], rax
2:      dec     dword ptr [rbx + VP_WAITING]
        mov     dword ptr [rbx + VP_QUEUE_LOCK], 0
        ret

# messages_deliver - Fill the slots that are free.  Entry: rbx = VP, on its processor, rbp = partition.  Exit: nothing.
# Changes rax, rcx, rdx, rdi, rsi, r8.
messages_deliver:
        test    dword ptr [rbx + VP_SCONTROL], SCONTROL_ENABLE
        jz      4f
        test    dword ptr [rbx + VP_SIMP], HVPAGE_ENABLE
        jz      4f
        push    r12
        push    r13
        push    r14
        push    r15
        xor     r12d, r12d                      # SINT
        lea     r13, [rbx + VP_QUEUE]
        mov     r14, [rbx + VP_SIM + OVERLAY_FRAME]
1:      cmp     qword ptr [r13 + QUEUE_HEAD], 0
        je      3f
        cmp     dword ptr [r14], HVMESSAGE_NONE
        jne     2f
        call    message_take
        call    message_fill
        mov     edi, r12d
        call    synic_raise
        jmp     3f
2:      or      byte ptr [r14 + 5], 1           # HVSLOT_PENDING
3:      add     r13, QUEUE_BYTES
        add     r14, SLOTS_BYTES
        inc     r12d
        cmp     r12d, SINTS_COUNT
        jb      1b
        pop     r15
        pop     r14
        pop     r13
        pop     r12
4:      ret

# message_fill - Entry: r13 = queue, r14 = slot, r15 = node, which becomes free; rbx = VP, rbp = partition.
# Exit: nothing.  Changes rax, rcx, rdx, rdi, rsi, r8.
message_fill:
        mov     edx, [r15 + NODE_TYPE]
        cmp     edx, HVMESSAGE_APIC_EOI
        je      2f
        cmp     edx, HVMESSAGE_TIMER_EXPIRED
        jne     1f
        call    reference_time
        mov     [r15 + NODE_PAYLOAD + TIMER_DELIVERED], rax
        jmp     1f
2:      call    eoi_fill
1:      mov     ecx, [r15 + NODE_LENGTH]
        lea     rsi, [r15 + NODE_PAYLOAD]
        lea     rdi, [r14 + SLOTS_DATA]
        rep movsb
        mov     rax, [r15 + NODE_ORIGIN]
        mov     [r14 + SLOTS_ORIGIN], rax
        xor     eax, eax
        cmp     qword ptr [r13 + QUEUE_HEAD], 0
        setne   ah
        mov     al, [r15 + NODE_LENGTH]
        mov     [r14 + 4], eax
        mov     edx, [r15 + NODE_TYPE]
        mov     [r14], edx
        cmp     edx, HVMESSAGE_APIC_EOI
        je      eoi_freed
        mov     dword ptr [r15 + NODE_BUSY], 0
        cmp     edx, HVMESSAGE_TIMER_EXPIRED
        je      stimer_freed
        ret

# message_forget - Take a node out of its queue, or wait until it is in its slot.  Entry: rdi = node, rsi = VP, edx = SINT.
# Exit: nothing.  Changes rax, rcx, rdx.
message_forget:
        cmp     dword ptr [rdi + NODE_BUSY], 0
        je      4f
        shl     edx, shift(QUEUE_BYTES)
        lea     rcx, [rsi + rdx + VP_QUEUE]
        SPIN    rsi + VP_QUEUE_LOCK
        xor     edx, edx                        # the one before
        mov     rax, [rcx + QUEUE_HEAD]
1:      test    rax, rax
        jz      3f
        cmp     rax, rdi
        je      2f
        mov     rdx, rax
        mov     rax, [rax + NODE_NEXT]
        jmp     1b
2:      mov     rax, [rdi + NODE_NEXT]
        mov     dword ptr [rdi + NODE_BUSY], 0
        dec     dword ptr [rsi + VP_WAITING]
        test    rax, rax
        jnz     5f
        mov     [rcx + QUEUE_TAIL], rdx
5:      test    rdx, rdx
        jz      6f
        mov     [rdx + NODE_NEXT], rax
        jmp     3f
6:      mov     [rcx + QUEUE_HEAD], rax
3:      mov     dword ptr [rsi + VP_QUEUE_LOCK], 0
7:      cmp     dword ptr [rdi + NODE_BUSY], 0  # its reader's processor copies it
        je      4f
        pause
        jmp     7b
4:      ret
