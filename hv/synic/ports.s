# ports.s - ports and connections: where messages and events arrive, and through what they are sent.
#
# A port belongs to the receiver, a connection to the sender; each is a page of its owner's pool, a port of messages has a second
# one for its nodes.  All of it changes under parts_lock.
# Source  TLFS, "Inter-Partition Communication", "HvCallCreatePort", "HvCallConnectPort", "HvCallDeletePort", "HvCallDisconnectPort"

        .equ    PORT_NODE_BYTES, NODE_PAYLOAD + SLOTS_PAYLOAD
        .equ    PORT_NODES, 16                  # messages of a port that may wait
        .equ    PORT_IN_PAGE, 14                # nodes in its second page
        .record PORT
        .field  LINK, 8                         # next of its partition
        .field  ID, 8
        .field  OWNER, 8                        # partition
        .field  SENDER, 8                       # ID of the partition that may connect
        .field  TYPE, 4
        .field  SINT, 4
        .field  VP, 4                           # index, or PORT_ANY_VP
        .field  BASE, 2                         # event flags
        .field  COUNT, 2
        .field  CONNECTION, 8                   # that is connected, or 0
        .field  NODE_PAGE, 8                    # page of nodes
        .field  POSTED, 8                       # messages so far
        .field  NODE, 2 * PORT_NODE_BYTES       # those that the page has no room for
        .endrecord
        .record CONNECTION
        .field  LINK, 8
        .field  ID, 8
        .field  PORT, 8                         # or 0 when that is gone
        .field  OWNER, 8
        .endrecord
        .equ    PORT_MESSAGE, 1
        .equ    PORT_EVENT, 2
        .equ    PORT_ANY_VP, 0xFFFFFFFF
        .equ    ID_MOST, 0xFFFFFF

        .record CREATE_PORT
        .field  PARTITION, 8
        .field  ID, 4
        .field  VTL, 4
        .field  SENDER, 8
        .field  TYPE, 8
        .field  SINT, 4
        .field  VP, 4
        .field  FLAGS, 8                        # base, count
        .field  PROXIMITY, 8
        .endrecord

# port_owner - Entry: rdi = partition ID, r8 = privilege of the caller on itself, rbp = caller.
# Exit: r10 = partition, carry clear; or eax = status, carry set.  Changes rax.
port_owner:
        call    target_any
        jc      2f
        cmp     r10, rbp
        jne     target_parent
        test    [rbp + PART_PRIVILEGES], r8
        jnz     2f                              # carry clear
        mov     eax, HVSTATUS_ACCESS_DENIED
        stc
2:      ret

# port_find_id - Entry: ecx = ID, r10 = partition.  Exit: r11 = port, zero flag set when there is none.  Changes nothing else.
port_find_id:
        mov     r11, [r10 + PART_PORTS]
        jmp     connection_find.each
# connection_find - The same of a connection.  Entry: ecx = ID, r10 = partition.  Exit: r11, zero flag.  Changes nothing else.
connection_find:
        mov     r11, [r10 + PART_CONNECTIONS]
.each:  test    r11, r11
        jz      2f
        cmp     [r11 + PORT_ID], ecx
        je      3f
        mov     r11, [r11 + PORT_LINK]
        jmp     .each
3:      test    r11, r11
2:      ret
        .assert PORT_ID == CONNECTION_ID && PORT_LINK == CONNECTION_LINK, "one search serves both"

# call_create_port, and its older form, which has neither VTLs nor a proximity domain.
# Entry, Exit, Keeps: as a handler of calls.
call_create_port:
        mov     rdi, [rsi]
        mov     r8, PRIVILEGE_CREATE_PORT
        call    port_owner                      # who may not learns nothing of its input
        jc      port_done
        cmp     word ptr [rsi + CREATE_PORT_VTL], 0
        jne     port_bad
        lea     rdi, [rsi + CREATE_PORT_PROXIMITY]
        call    proximity_check
        test    eax, eax
        jnz     port_done
# call_create_port_1 - The older form.  Entry, Exit, Keeps: as a handler of calls.
call_create_port_1:
        mov     r9, rsi
        mov     r8, PRIVILEGE_CREATE_PORT
        mov     rdi, [rsi]
        call    port_owner
        jc      1f
        STATES  PSTATE_ACTIVE
        jz      1f
        push    r10
        mov     rdi, [r9 + CREATE_PORT_SENDER]
        call    target_any
        mov     r11, r10
        pop     r10
        jc      1f
        mov     eax, HVSTATUS_INVALID_PARTITION_ID
        cmp     r11, r10                        # not to itself
        je      1f
        mov     eax, HVSTATUS_INVALID_PARTITION_STATE
        test    dword ptr [r11 + PART_STATE], PSTATE_ACTIVE
        jz      1f
        mov     rdx, [r11 + PART_ID]
        mov     eax, HVSTATUS_INVALID_PORT_ID
        mov     ecx, [r9 + CREATE_PORT_ID]
        cmp     ecx, ID_MOST
        ja      1f
        call    port_find_id
        jnz     1f
        mov     ecx, [r9 + CREATE_PORT_VP]
        cmp     ecx, PORT_ANY_VP
        je      2f
        call    target_vp
        jc      1f
2:      mov     eax, [r9 + CREATE_PORT_SINT]
        lea     ecx, [rax - 1]                  # 1..15
        cmp     ecx, SINTS_COUNT - 1
        jae     port_bad
        mov     eax, [r9 + CREATE_PORT_TYPE]
        cmp     eax, PORT_MESSAGE
        je      3f
        cmp     eax, PORT_EVENT
        jne     port_bad
        movzx   eax, word ptr [r9 + CREATE_PORT_FLAGS]
        movzx   ecx, word ptr [r9 + CREATE_PORT_FLAGS + 2]
        test    ecx, ecx
        jz      port_bad
        add     eax, ecx
        cmp     eax, SLOTS_FLAGS
        ja      port_bad
        cmp     dword ptr [r9 + CREATE_PORT_FLAGS + 4], 0
        jne     port_bad
        jmp     port_make
3:      cmp     qword ptr [r9 + CREATE_PORT_FLAGS], 0
        jne     port_bad
        jmp     port_make
1:
port_done:
        ret
# port_bad - Entry: nothing.  Exit: eax = status.  Changes nothing else.
port_bad:
        mov     eax, HVSTATUS_INVALID_PARAMETER
        ret

# port_make - Everything is in order.  Entry: r9 = input, r10 = owner, rdx = ID of the sender.  Exit: eax = status.
# Changes rcx, r11.
port_make:
        mov     eax, HVSTATUS_INSUFFICIENT_MEMORY
        cmp     qword ptr [r10 + PART_POOL_COUNT], 2
        jb      port_done
        push    rbp
        mov     rbp, r10
        call    pool_take
        mov     r11, rax
        mov     [r11 + PORT_OWNER], rbp
        mov     [r11 + PORT_SENDER], rdx
        mov     eax, [r9 + CREATE_PORT_ID]
        mov     [r11 + PORT_ID], rax
        mov     eax, [r9 + CREATE_PORT_TYPE]
        mov     [r11 + PORT_TYPE], eax
        mov     rax, [r9 + CREATE_PORT_SINT]
        mov     [r11 + PORT_SINT], rax          # and the VP
        .assert PORT_VP == PORT_SINT + 4
        mov     eax, [r9 + CREATE_PORT_FLAGS]
        mov     [r11 + PORT_BASE], eax          # and the count
        cmp     dword ptr [r11 + PORT_TYPE], PORT_MESSAGE
        jne     1f
        call    pool_take
        mov     [r11 + PORT_NODE_PAGE], rax
1:      mov     rax, [rbp + PART_PORTS]
        mov     [r11 + PORT_LINK], rax
        mov     [rbp + PART_PORTS], r11
        pop     rbp
        xor     eax, eax
        ret

# call_get_port - Property 0: messages posted.  Entry, Exit, Keeps: as a handler of calls.
call_get_port:
        mov     r9, rdi
        mov     rdi, [rsi]
        mov     r8, PRIVILEGE_CREATE_PORT
        call    port_owner
        jc      port_done
        STATES  PSTATE_ACTIVE
        jz      port_done
        mov     ecx, [rsi + 8]
        call    port_find_id
        mov     eax, HVSTATUS_INVALID_PORT_ID
        jz      port_done
        mov     eax, HVSTATUS_UNKNOWN_PROPERTY
        cmp     dword ptr [rsi + 16], 0
        jne     port_done
        mov     rax, [r11 + PORT_POSTED]
        mov     [r9], rax
        xor     eax, eax
        ret
