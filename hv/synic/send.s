# send.s - HvCallPostMessage and HvCallSignalEvent: through a connection to the port's VP.
#
# Source  TLFS, "HvCallPostMessage", "HvCallSignalEvent", "SynIC Message Delivery", "SynIC Event Flags"

        .record POST
        .field  CONNECTION, 4
        .field  RESERVED, 4
        .field  TYPE, 4
        .field  LENGTH, 4
        .field  PAYLOAD, 240
        .endrecord

# call_post_message - HvCallPostMessage.  Entry, Exit, Keeps: as a handler of calls.
call_post_message:
        mov     ecx, [rsi + POST_CONNECTION]
        test    dword ptr [rbp + PART_FLAGS], CREATED
        jnz     1f
        cmp     ecx, CONSOLE_CONNECTION
        je      post_console
1:      mov     r10, rbp
        call    connection_find
        mov     eax, HVSTATUS_INVALID_CONNECTION_ID
        jz      5f
        mov     r11, [r11 + CONNECTION_PORT]
        mov     eax, HVSTATUS_INVALID_PORT_ID
        test    r11, r11
        jz      5f
        cmp     dword ptr [r11 + PORT_TYPE], PORT_MESSAGE
        jne     5f
        call    post_check
        jnz     5f
        lea     r8, [rel vp_takes_messages]
        call    port_reader                     # rsi = VP, or eax = status and carry
        jc      5f
        mov     r10, rsi
        xor     r9d, r9d
2:      call    port_node
        cmp     dword ptr [rdi + NODE_BUSY], 0
        je      3f
        inc     r9d
        cmp     r9d, PORT_NODES
        jb      2b
        mov     eax, HVSTATUS_INSUFFICIENT_BUFFERS
        ret
3:      mov     rdx, [rbx + VP_CALL_INPUT]
        mov     eax, [rdx + POST_TYPE]
        mov     [rdi + NODE_TYPE], eax
        mov     eax, [rdx + POST_LENGTH]
        mov     [rdi + NODE_LENGTH], rax
        mov     ecx, [r11 + PORT_ID]
        mov     [rdi + NODE_ORIGIN], rcx
        mov     [rdi + NODE_READER], r10
        push    rdi
        lea     rsi, [rdx + POST_PAYLOAD]
        add     rdi, NODE_PAYLOAD
        mov     ecx, eax
        rep movsb
        pop     rdi
        mov     rsi, r10
        mov     edx, [r11 + PORT_SINT]
        inc     qword ptr [r11 + PORT_POSTED]
        call    message_queue
        xor     eax, eax
5:      ret

# post_check - Type and size.  Entry: rsi = input.  Exit: eax = status, zero flag set when it is SUCCESS.  Changes rdx.
post_check:
        mov     eax, HVSTATUS_INVALID_PARAMETER
        mov     edx, [rsi + POST_TYPE]
        test    edx, edx                        # neither 0 nor the hypervisor's own
        jle     1f
        cmp     dword ptr [rsi + POST_LENGTH], SLOTS_PAYLOAD
        ja      1f
        xor     eax, eax
1:      test    eax, eax
        ret

# port_reader - The VP a port delivers to.  Entry: r11 = port, r8 = routine that says whether VP rsi can (zero flag clear).
# Exit: rsi = VP, carry clear; or eax = status and carry set.  Changes rcx.
port_reader:
        mov     eax, HVSTATUS_INVALID_VP_INDEX
        mov     rsi, [r11 + PORT_OWNER]
        mov     rsi, [rsi + PART_VP]
1:      test    rsi, rsi
        jz      4f
        cmp     dword ptr [r11 + PORT_VP], PORT_ANY_VP
        je      2f
        mov     ecx, [rsi + VP_INDEX]
        cmp     ecx, [r11 + PORT_VP]
        jne     3f
2:      mov     eax, HVSTATUS_INVALID_SYNIC_STATE
        call    r8
        jnz     5f
3:      mov     rsi, [rsi + VP_SIBLING]
        jmp     1b
4:      stc
5:      ret
# vp_takes_messages - Entry: rsi = VP.  Exit: zero flag clear when it takes messages.  Keeps every register.
vp_takes_messages:
        test    dword ptr [rsi + VP_SIMP], HVPAGE_ENABLE
        jz      .done
        test    dword ptr [rsi + VP_SCONTROL], SCONTROL_ENABLE
.done:  ret
# vp_takes_events - Entry: rsi = VP, r11 = port.  Exit: zero flag clear when it takes the port's events.  Changes rcx.
vp_takes_events:
        mov     ecx, [r11 + PORT_SINT]
        mov     ecx, [rsi + rcx*8 + VP_SINT]
        not     ecx
        test    ecx, SINT_MASKED
        jz      vp_takes_messages.done
        test    dword ptr [rsi + VP_SIEFP], HVPAGE_ENABLE
        jz      vp_takes_messages.done
        test    dword ptr [rsi + VP_SCONTROL], SCONTROL_ENABLE
        ret

# call_signal_event - Connection, flag number.  The interrupt comes when the flag was not set yet.
# Entry, Exit, Keeps: as a handler of calls.
call_signal_event:
        mov     ecx, [rsi]
        mov     r10, rbp
        call    connection_find
        mov     eax, HVSTATUS_INVALID_CONNECTION_ID
        jz      .done
        mov     r11, [r11 + CONNECTION_PORT]
        mov     eax, HVSTATUS_INVALID_PORT_ID
        test    r11, r11
        jz      .done
        cmp     dword ptr [r11 + PORT_TYPE], PORT_EVENT
        jne     .done
        mov     eax, HVSTATUS_INVALID_PARAMETER
        movzx   edi, word ptr [rsi + 4]
        cmp     di, [r11 + PORT_COUNT]
        jae     .done
        cmp     word ptr [rsi + 6], 0
        jne     .done
        movzx   eax, word ptr [r11 + PORT_BASE]
        add     edi, eax
        lea     r8, [rel vp_takes_events]
        call    port_reader
        jc      .done
        mov     rdx, [rsi + VP_SIEF + OVERLAY_FRAME]
        mov     ecx, [r11 + PORT_SINT]
        mov     eax, ecx
        shl     eax, 8
        add     rdx, rax
        lock bts dword ptr [rdx], edi
        jc      2f
        mov     rdi, [rsi + rcx*8 + VP_SINT]
        test    edi, SINT_POLLING
        jnz     2f
        movzx   edi, dil
        call    request_vector
2:      xor     eax, eax
.done:  ret

# post_console - A line on the hypervisor's console, with the partition's name in front: connection 1 of the loader's partitions.
post_console:
        call    post_check
        jnz     call_signal_event.done
        push    r12
        push    r13
        mov     r12d, [rsi + POST_LENGTH]
        lea     r13, [rsi + POST_PAYLOAD]
        call    line_begin
        call    say_partition
3:      sub     r12d, 1
        jc      4f
        mov     al, [r13]
        inc     r13
        call    putc_safe
        jmp     3b
4:      call    line_end
        pop     r13
        pop     r12
        xor     eax, eax
        ret
