# connections.s - connections, and the end of ports and connections.
#
# Source  TLFS, "HvCallConnectPort", "HvCallDisconnectPort", "HvCallGetPortProperty"

        .record CONNECT
        .field  PARTITION, 8
        .field  ID, 4
        .field  VTL, 4
        .field  OWNER, 8                        # of the port
        .field  PORT, 8
        .field  TYPE, 8
        .endrecord

# call_connect_port - HvCallConnectPort.  Entry, Exit, Keeps: as a handler of calls.
call_connect_port:
        mov     rdi, [rsi]
        mov     r8, PRIVILEGE_CONNECT_PORT
        call    port_owner                      # who may not learns nothing of its input
        jc      call_connect_port_1.done
        cmp     byte ptr [rsi + CONNECT_VTL], 0
        jne     port_bad
# call_connect_port_1 - Its older form.  Entry, Exit, Keeps: as a handler of calls.
call_connect_port_1:
        mov     rdi, [rsi]
        mov     r8, PRIVILEGE_CONNECT_PORT
        call    port_owner
        jc      .done
        STATES  PSTATE_ACTIVE
        jz      .done
        mov     ecx, [rsi + CONNECT_ID]
        mov     eax, HVSTATUS_INVALID_CONNECTION_ID
        cmp     ecx, ID_MOST
        ja      .done
        call    connection_find
        jnz     .done
        test    dword ptr [r10 + PART_FLAGS], CREATED | ROOT
        jnz     2f
        cmp     ecx, CONSOLE_CONNECTION         # taken, in partitions of the loader
        je      .done
2:      mov     r9, r10                         # connecting partition
        mov     rdi, [rsi + CONNECT_OWNER]
        call    target_any
        jc      .done
        STATES  PSTATE_ACTIVE
        jz      .done
        mov     eax, HVSTATUS_INVALID_PORT_ID
        mov     ecx, [rsi + CONNECT_PORT]
        call    port_find_id
        jz      .done
        cmp     qword ptr [r11 + PORT_CONNECTION], 0
        jne     .done
        mov     eax, HVSTATUS_INVALID_PARTITION_ID
        mov     rcx, [r9 + PART_ID]
        cmp     [r11 + PORT_SENDER], rcx
        jne     .done
        mov     ecx, [rsi + CONNECT_TYPE]
        cmp     [r11 + PORT_TYPE], ecx
        jne     port_bad
        push    rbp
        mov     rbp, r9
        call    pool_take
        mov     rdx, rax
        mov     eax, HVSTATUS_INSUFFICIENT_MEMORY
        jc      3f
        mov     [rdx + CONNECTION_OWNER], rbp
        mov     [rdx + CONNECTION_PORT], r11
        mov     ecx, [rsi + CONNECT_ID]
        mov     [rdx + CONNECTION_ID], rcx
        mov     [r11 + PORT_CONNECTION], rdx
        mov     rax, [rbp + PART_CONNECTIONS]
        mov     [rdx + CONNECTION_LINK], rax
        mov     [rbp + PART_CONNECTIONS], rdx
        xor     eax, eax
3:      pop     rbp
.done:  ret

# call_disconnect_port - HvCallDisconnectPort.  Entry, Exit, Keeps: as a handler of calls.
call_disconnect_port:
        mov     rdi, [rsi]
        mov     r8, PRIVILEGE_CONNECT_PORT
        call    port_owner
        jc      1f
        STATES  PSTATE_ACTIVE
        jz      1f
        mov     ecx, [rsi + 8]
        call    connection_find
        mov     eax, HVSTATUS_INVALID_CONNECTION_ID
        jz      1f
        lea     rax, [r10 + PART_CONNECTIONS]
2:      mov     rcx, [rax]
        cmp     rcx, r11
        mov     rdx, rax
        mov     rax, rcx
        jne     2b
        mov     rcx, [r11 + CONNECTION_LINK]
        mov     [rdx], rcx
        push    rbp
        mov     rbp, r10
        call    connection_free
        pop     rbp
        xor     eax, eax
1:      ret

# port_free - Entry: r11 = port, in no list, rbp = its owner.  Messages that wait are gone.  Exit: nothing.
# Changes all but rbx, rbp, r12-r15.
port_free:
        mov     rax, [r11 + PORT_CONNECTION]
        test    rax, rax
        jz      1f
        mov     qword ptr [rax + CONNECTION_PORT], 0
1:      cmp     dword ptr [r11 + PORT_TYPE], PORT_MESSAGE
        jne     4f
        xor     r9d, r9d
2:      call    port_node                       # rdi = node r9d
        cmp     dword ptr [rdi + NODE_BUSY], 0
        je      3f
        mov     rsi, [rdi + NODE_READER]
        mov     edx, [r11 + PORT_SINT]
        call    message_forget
3:      inc     r9d
        cmp     r9d, PORT_NODES
        jb      2b
        mov     rdi, [r11 + PORT_NODE_PAGE]
        call    pool_give
4:      mov     rdi, r11
        jmp     pool_give

# port_node - Entry: r11 = port, r9d = 0..15.  Exit: rdi = node.  Changes rax.
port_node:
        mov     rdi, [r11 + PORT_NODE_PAGE]
        mov     eax, r9d
        cmp     eax, PORT_IN_PAGE
        jb      1f
        sub     eax, PORT_IN_PAGE
        lea     rdi, [r11 + PORT_NODE]
1:      imul    eax, eax, PORT_NODE_BYTES
        add     rdi, rax
        ret

# connection_free - Entry: r11 = connection, in no list, rbp = its owner.  Exit: nothing.  Changes rax, rdi.
connection_free:
        mov     rax, [r11 + CONNECTION_PORT]
        test    rax, rax
        jz      1f
        mov     qword ptr [rax + PORT_CONNECTION], 0
1:      mov     rdi, r11
        jmp     pool_give

# ports_close - All of a partition that ends.  Entry: rbp = partition.  Exit: nothing.  Keeps rbx, rbp, r12-r15.
ports_close:
        mov     r11, [rbp + PART_PORTS]
        test    r11, r11
        jz      1f
        mov     rax, [r11 + PORT_LINK]
        mov     [rbp + PART_PORTS], rax
        call    port_free
        jmp     ports_close
1:      mov     r11, [rbp + PART_CONNECTIONS]
        test    r11, r11
        jz      2f
        mov     rax, [r11 + CONNECTION_LINK]
        mov     [rbp + PART_CONNECTIONS], rax
        call    connection_free
        jmp     1b
2:      ret

# call_delete_port - HvCallDeletePort.  Entry, Exit, Keeps: as a handler of calls.
call_delete_port:
        mov     rdi, [rsi]
        mov     r8, PRIVILEGE_CREATE_PORT
        call    port_owner
        jc      2f
        STATES  PSTATE_ACTIVE
        jz      2f
        mov     ecx, [rsi + 8]
        call    port_find_id
        mov     eax, HVSTATUS_INVALID_PORT_ID
        jz      2f
        lea     rax, [r10 + PART_PORTS]
1:      mov     rcx, [rax]
        cmp     rcx, r11
        mov     rdx, rax
        mov     rax, rcx                        # LINK is the first word
        jne     1b
        mov     rcx, [r11 + PORT_LINK]
        mov     [rdx], rcx
        push    rbp
        mov     rbp, r10
        call    port_free
        pop     rbp
        xor     eax, eax
2:      ret
