# Expect: pass. Ports and connections: messages each way (TIMES of them), in order, none lost, none twice; buffers run out and come back; an event.
        .include "rootlib.s"

        .equ    TO_CHILD, 0x11                  # ports
        .equ    TO_ROOT, 0x12
        .equ    EVENTS, 0x13
        .equ    ID_OUT, 5                       # connections
        .equ    ID_IN, 6
        .equ    ID_EVENT, 7
        .equ    SLOT2, SIM_PAGE + 2 * SLOTS_BYTES
        .equ    CHILD_PRIVILEGES, PRIVILEGE_HYPERCALL | PRIVILEGE_SYNIC | PRIVILEGE_APIC | PRIVILEGE_POST_MESSAGES | PRIVILEGE_SIGNAL_EVENTS
# PORT owner, id, sender, type, sint, count - CONNECT owner, id, port's owner, port, type.  Registers for partitions.
        .macro  PORT_OF owner, id, sender, type, sint, count=0
        call    clear_input
        mov     [INPUT], \owner
        mov     dword ptr [INPUT + 8], \id
        mov     [INPUT + 16], \sender
        mov     dword ptr [INPUT + 24], \type
        mov     dword ptr [INPUT + 32], \sint
        mov     dword ptr [INPUT + 40], (\count) << 16
        .endm
        .macro  CONNECT owner, id, port_owner, port, type
        call    clear_input
        mov     [INPUT], \owner
        mov     dword ptr [INPUT + 8], \id
        mov     [INPUT + 16], \port_owner
        mov     dword ptr [INPUT + 24], \port
        mov     dword ptr [INPUT + 32], \type
        .endm
        .macro  POST connection, type, value
        call    clear_input
        mov     dword ptr [INPUT], \connection
        mov     dword ptr [INPUT + 8], \type
        mov     dword ptr [INPUT + 12], 8
        mov     [INPUT + 16], \value
        .endm
test:   ROOT_BEGINS
        WRMSR   (HVMSR_SINT0 + 2), 0x52 | SINT_POLLING
        WRMSR   (HVMSR_SINT0 + 3), 0x53 | SINT_POLLING
        OK      HVCALL_GET_PARTITION_ID
        mov     rbx, [OUTPUT]
        NEW_CHILD guest, guest_end, CHILD_PRIVILEGES
        PORT_OF r15, TO_CHILD, rbx, 1, 2
        OK      HVCALL_CREATE_PORT
        STATUS  HVCALL_CREATE_PORT, HVSTATUS_INVALID_PORT_ID
        PORT_OF r15, TO_CHILD + 1, rbx, 1, 0    # SINT 0 belongs to intercepts
        STATUS  HVCALL_CREATE_PORT, HVSTATUS_INVALID_PARAMETER
        PORT_OF r15, 1 << 24, rbx, 1, 2
        STATUS  HVCALL_CREATE_PORT, HVSTATUS_INVALID_PORT_ID
        PORT_OF rbx, TO_ROOT, rbx, 1, 2         # to itself
        STATUS  HVCALL_CREATE_PORT, HVSTATUS_INVALID_PARTITION_ID
        PORT_OF rbx, TO_ROOT, r15, 1, 2
        OK      HVCALL_CREATE_PORT
        PORT_OF rbx, EVENTS, r15, 2, 3, 2049
        STATUS  HVCALL_CREATE_PORT, HVSTATUS_INVALID_PARAMETER
        PORT_OF rbx, EVENTS, r15, 2, 3, 64
        OK      HVCALL_CREATE_PORT_1            # the older form
        CONNECT rbx, ID_OUT, r15, 99, 1
        STATUS  HVCALL_CONNECT_PORT, HVSTATUS_INVALID_PORT_ID
        CONNECT rbx, ID_OUT, r15, TO_CHILD, 1
        OK      HVCALL_CONNECT_PORT
        STATUS  HVCALL_CONNECT_PORT, HVSTATUS_INVALID_CONNECTION_ID
        CONNECT r15, ID_IN, rbx, TO_ROOT, 1
        OK      HVCALL_CONNECT_PORT
        CONNECT r15, ID_EVENT, rbx, EVENTS, 2
        OK      HVCALL_CONNECT_PORT_1

        POST    ID_OUT, 1, rbx                  # the child's SynIC is off
        STATUS  HVCALL_POST_MESSAGE, HVSTATUS_INVALID_SYNIC_STATE
        POST    99, 1, rbx
        STATUS  HVCALL_POST_MESSAGE, HVSTATUS_INVALID_CONNECTION_ID
        SET     HVREG_EXPLICIT_SUSPEND, 0
        call    wait_2                          # its first message: it is ready
        EQ      qword ptr [SLOT2 + SLOTS_DATA], 0
        EQ      qword ptr [SLOT2 + SLOTS_ORIGIN], TO_ROOT
        call    done_2
        POST    ID_OUT, 0, rbx
        STATUS  HVCALL_POST_MESSAGE, HVSTATUS_INVALID_PARAMETER

        SET     HVREG_EXPLICIT_SUSPEND, 1       # it reads nothing: the port's 16 buffers run out
        mov     ebx, 1
9:      POST    ID_OUT, 7, rbx
        OK      HVCALL_POST_MESSAGE
        inc     ebx
        cmp     ebx, 16
        jbe     9b
        STATUS  HVCALL_POST_MESSAGE, HVSTATUS_INSUFFICIENT_BUFFERS
        SET     HVREG_EXPLICIT_SUSPEND, 0       # each number goes there and comes back, in order
        xor     r13d, r13d                      # last that came back
1:      cmp     ebx, TIMES
        ja      2f
        POST    ID_OUT, 7, rbx
        CALL_HV HVCALL_POST_MESSAGE
        inc     ebx
        test    eax, eax
        jz      2f
        EQ      ax, HVSTATUS_INSUFFICIENT_BUFFERS
        dec     ebx
        CALL_FAST HVCALL_SPIN_WAIT, 1
2:      cmp     dword ptr [SLOT2], 0
        je      3f
        inc     r13
        EQ      [SLOT2 + SLOTS_DATA], r13
        EQ      dword ptr [SLOT2], 7
        EQ      byte ptr [SLOT2 + 4], 8
        call    done_2
3:      cmp     r13d, TIMES
        jb      1b
        call    clear_input
        OK      HVCALL_GET_PARTITION_ID
        mov     rax, [OUTPUT]
        mov     [INPUT], rax
        mov     dword ptr [INPUT + 8], TO_ROOT
        OK      HVCALL_GET_PORT
        EQ      qword ptr [OUTPUT], TIMES + 1

        mov     r14d, 20000                     # the last is answered by an event, too
4:      bt      dword ptr [SIEF_PAGE + 3 * 256 + 4], 1
        jc      5f
        CALL_FAST HVCALL_SPIN_WAIT, 1
        dec     r14d
        jnz     4b
        FAIL    0x7FFE
5:      mov     eax, [SIEF_PAGE + 3 * 256]      # no other flag
        EQ      eax, 0
        EQ      dword ptr [SIEF_PAGE + 3 * 256 + 4], 2

        mov     ebx, 99                         # a port that goes while messages wait in it
        POST    ID_OUT, 9, rbx
        OK      HVCALL_POST_MESSAGE
        call    clear_input
        mov     [INPUT], r15
        mov     dword ptr [INPUT + 8], TO_CHILD
        OK      HVCALL_DELETE_PORT
        POST    ID_OUT, 9, rbx
        STATUS  HVCALL_POST_MESSAGE, HVSTATUS_INVALID_PORT_ID
        call    clear_input
        mov     qword ptr [INPUT], SELF_ID
        mov     dword ptr [INPUT + 8], ID_OUT
        OK      HVCALL_DISCONNECT_PORT
        STATUS  HVCALL_DISCONNECT_PORT, HVSTATUS_INVALID_CONNECTION_ID
        END_CHILD
        mov     dword ptr [INPUT + 8], TO_ROOT
        mov     qword ptr [INPUT], SELF_ID
        OK      HVCALL_DELETE_PORT
        mov     dword ptr [INPUT + 8], EVENTS
        OK      HVCALL_DELETE_PORT
        OK      HVCALL_MEMORY_BALANCE
        EQ      qword ptr [OUTPUT], ROOT_POOL
        PASS

wait_2: mov     r14d, 20000
1:      cmp     dword ptr [SLOT2], 0
        jne     2f
        CALL_FAST HVCALL_SPIN_WAIT, 1
        dec     r14d
        jnz     1b
        FAIL    0x7FFD
2:      ret
done_2: mov     dword ptr [SLOT2], 0
        WRMSR   HVMSR_EOM, 0
        ret

# The child sends back what comes; of the last number it signals flag 33, too.
        .equ    C_PAGE, 0x20000
        .equ    C_SIM, 0x21000
        .equ    C_INPUT, 0x22000
        .macro  C_WRMSR msr, value
        mov     ecx, \msr
        mov     eax, \value
        xor     edx, edx
        wrmsr
        .endm
guest:  mov     ecx, HVMSR_GUEST_OS_ID
        mov     eax, 1
        mov     edx, eax
        wrmsr
        C_WRMSR HVMSR_HYPERCALL, C_PAGE | 1
        C_WRMSR HVMSR_SIMP, C_SIM | 1
        C_WRMSR HVMSR_SCONTROL, 1
        C_WRMSR HVMSR_SINT0 + 2, 0x52 | SINT_POLLING
        xor     r12d, r12d
        mov     r13d, 1
guest_post:
        mov     dword ptr [C_INPUT], ID_IN
        mov     [C_INPUT + 8], r13d
        mov     dword ptr [C_INPUT + 12], 8
        mov     [C_INPUT + 16], r12
guest_again:
        mov     ecx, HVCALL_POST_MESSAGE
        mov     edx, C_INPUT
        mov     eax, C_PAGE
        call    rax
        test    eax, eax
        jz      guest_next
        mov     rcx, HVCALL_SPIN_WAIT | HVINPUT_FAST
        mov     eax, C_PAGE
        call    rax
        jmp     guest_again
guest_next:
        cmp     r12d, TIMES
        jne     guest_wait
        mov     rcx, HVCALL_SIGNAL_EVENT | HVINPUT_FAST
        mov     rdx, ID_EVENT | 33 << 32
        mov     eax, C_PAGE
        call    rax
guest_wait:
        mov     r13d, [C_SIM + 2 * SLOTS_BYTES]
        test    r13d, r13d
        jnz     guest_got
        mov     rcx, HVCALL_SPIN_WAIT | HVINPUT_FAST
        mov     eax, C_PAGE
        call    rax
        jmp     guest_wait
guest_got:
        mov     r12, [C_SIM + 2 * SLOTS_BYTES + SLOTS_DATA]
        mov     dword ptr [C_SIM + 2 * SLOTS_BYTES], 0
        C_WRMSR HVMSR_EOM, 0
        jmp     guest_post
guest_end:
        LIBRARY
