# hypercall_rows.s - parameter lists, repeat calls, and the table of calls.
#
# Source  TLFS, "Hypercall Interface", "Hypercall Continuation"

# call_list - A parameter list in guest memory.  Entry: rdi = GPA, eax = bytes (0: nothing is looked at).
# Exit: rax = host address; carry set when it is not 8-aligned, leaves its page, or the memory.  Keeps rdx, rsi.
call_list:
        test    eax, eax
        jz      1f
        test    edi, 7
        jnz     2f
        mov     ecx, edi
        and     ecx, PAGE - 1
        add     ecx, eax
        cmp     ecx, PAGE
        ja      2f
        call    guest_memory
        test    rax, rax
        jz      2f
1:      clc
        ret
2:      stc
        ret

# call_rep - Elements from the start index; at most REP_LIMIT in one go.  Entry: rsi, rdi = lists.
call_rep:
        push    r13
        push    r14
        push    rsi
        push    rdi
        mov     r13, r12
        shr     r13, shift(HVINPUT_START)
        and     r13d, get(HVINPUT_START, HVINPUT_START)
        mov     r14d, REP_LIMIT
1:      mov     rdi, [rsp]
        mov     rsi, [rsp + 8]
        mov     edx, r13d
        call    qword ptr [r15 + CALL_HANDLER]
        test    eax, eax
        jnz     3f                              # the element at fault is the number done
        inc     r13d
        mov     rcx, r12
        shr     rcx, shift(HVINPUT_COUNT)
        and     ecx, get(HVINPUT_COUNT, HVINPUT_COUNT)
        cmp     r13d, ecx
        jae     3f
        dec     r14d
        jnz     1b
        mov     rax, HVINPUT_START
        not     rax
        and     rax, r12
        shl     r13, shift(HVINPUT_START)
        or      rax, r13
        stc
        jmp     4f
3:      shl     r13, shift(HVRESULT_DONE)
        or      rax, r13                        # carry clear
4:      pop     rdi
        pop     rsi
        pop     r14
        pop     r13
        ret

        .macro  CALLROW header, element, output, flags, handler
        .long   \header, \element, \output, \flags
        .quad   \handler
        .endm
        .balign 8
row_flush_space:    CALLROW 24, 0, 0, 0, call_flush_space
row_flush_list:     CALLROW 24, 8, 0, CALL_REP, call_flush_list
row_spin_wait:      CALLROW 8, 0, 0, 0, call_spin_wait
row_cluster_ipi:    CALLROW 16, 0, 0, 0, call_cluster_ipi
row_get_registers:  CALLROW 16, 4, 16, CALL_REP, call_get_register
row_set_registers:  CALLROW 16, 32, 0, CALL_REP, call_set_register
row_post_message:   CALLROW 256, 0, 0, 0, call_post_message
row_signal_event:   CALLROW 8, 0, 0, CALL_DENIED, 0

        .equ    CALLS, HVCALL_SIGNAL_EVENT + 1
        .macro  CALLAT code, row
        .space  calls + HVCALL_\code * 8 - ., 0
        .quad   \row
        .endm
calls:
        CALLAT  FLUSH_SPACE, row_flush_space
        CALLAT  FLUSH_LIST, row_flush_list
        CALLAT  SPIN_WAIT, row_spin_wait
        CALLAT  CLUSTER_IPI, row_cluster_ipi
        CALLAT  GET_REGISTERS, row_get_registers
        CALLAT  SET_REGISTERS, row_set_registers
        CALLAT  POST_MESSAGE, row_post_message
        CALLAT  SIGNAL_EVENT, row_signal_event
