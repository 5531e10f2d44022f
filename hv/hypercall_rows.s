# hypercall_rows.s - the table of calls: bytes of header, element and output, flags, privilege, handler.
#
# Source  TLFS, "Hypercall Reference"

        .macro  CALLROW header, element, output, flags, privilege, handler
        .word   \header, \element, \output, \flags
        .quad   \privilege, \handler
        .endm
        .balign 8
row_flush_space:    CALLROW 24, 0, 0, 0, 0, call_flush_space
row_flush_list:     CALLROW 24, 8, 0, CALL_REP, 0, call_flush_list
row_spin_wait:      CALLROW 8, 0, 0, 0, 0, call_spin_wait
row_cluster_ipi:    CALLROW 16, 0, 0, 0, 0, call_cluster_ipi
row_flush_space_ex: CALLROW 32, 0, 0, CALL_VARIABLE, 0, call_flush_space_ex
row_flush_list_ex:  CALLROW 32, 8, 0, CALL_REP | CALL_VARIABLE, 0, call_flush_list_ex
row_cluster_ipi_ex: CALLROW 24, 0, 0, CALL_VARIABLE, 0, call_cluster_ipi_ex
row_get_registers:  CALLROW 16, 4, 16, CALL_REP, PRIVILEGE_VP_REGISTERS, call_get_register
row_set_registers:  CALLROW 16, 32, 0, CALL_REP, PRIVILEGE_VP_REGISTERS, call_set_register
row_post_message:   CALLROW 256, 0, 0, 0, PRIVILEGE_POST_MESSAGES, call_post_message
row_signal_event:   CALLROW 8, 0, 0, 0, PRIVILEGE_SIGNAL_EVENTS, call_signal_event

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
        CALLAT  FLUSH_SPACE_EX, row_flush_space_ex
        CALLAT  FLUSH_LIST_EX, row_flush_list_ex
        CALLAT  CLUSTER_IPI_EX, row_cluster_ipi_ex
        CALLAT  GET_REGISTERS, row_get_registers
        CALLAT  SET_REGISTERS, row_set_registers
        CALLAT  POST_MESSAGE, row_post_message
        CALLAT  SIGNAL_EVENT, row_signal_event
