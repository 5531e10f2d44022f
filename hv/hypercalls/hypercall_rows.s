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
row_get_registers:  CALLROW 16, 4, 16, CALL_REP | CALL_LOCKED, 0, call_get_register
row_set_registers:  CALLROW 16, 32, 0, CALL_REP | CALL_LOCKED, 0, call_set_register
row_post_message:   CALLROW 256, 0, 0, CALL_LOCKED, PRIVILEGE_POST_MESSAGES, call_post_message
row_signal_event:   CALLROW 8, 0, 0, CALL_LOCKED, PRIVILEGE_SIGNAL_EVENTS, call_signal_event
row_create_partition: CALLROW 56, 0, 8, CALL_LOCKED, PRIVILEGE_CREATE_PARTITIONS, call_create_partition
row_initialize:     CALLROW 8, 0, 0, CALL_LOCKED, PRIVILEGE_CREATE_PARTITIONS, call_initialize_partition
row_finalize:       CALLROW 8, 0, 0, CALL_LOCKED, PRIVILEGE_CREATE_PARTITIONS, call_finalize_partition
row_delete:         CALLROW 8, 0, 0, CALL_LOCKED, PRIVILEGE_CREATE_PARTITIONS, call_delete_partition
row_get_property:   CALLROW 16, 0, 8, CALL_LOCKED, PRIVILEGE_CREATE_PARTITIONS, call_get_property
row_set_property:   CALLROW 24, 0, 0, CALL_LOCKED, PRIVILEGE_CREATE_PARTITIONS, call_set_property
row_get_id:         CALLROW 0, 0, 8, 0, PRIVILEGE_PARTITION_ID, call_get_partition_id
row_next_child:     CALLROW 16, 0, 8, CALL_LOCKED, PRIVILEGE_CREATE_PARTITIONS, call_next_child
row_deposit:        CALLROW 8, 8, 0, CALL_REP | CALL_LOCKED, PRIVILEGE_MEMORY_POOL, call_deposit
row_withdraw:       CALLROW 16, 0, 8, CALL_REP | CALL_LOCKED, PRIVILEGE_MEMORY_POOL, call_withdraw
row_balance:        CALLROW 16, 0, 16, CALL_LOCKED, PRIVILEGE_MEMORY_POOL, call_balance
row_map:            CALLROW 24, 8, 0, CALL_REP | CALL_LOCKED, PRIVILEGE_CREATE_PARTITIONS, call_map_pages
row_unmap:          CALLROW 24, 0, 0, CALL_REP | CALL_LOCKED, PRIVILEGE_CREATE_PARTITIONS, call_unmap_pages
row_map_sparse:     CALLROW 16, 16, 0, CALL_REP | CALL_LOCKED, PRIVILEGE_CREATE_PARTITIONS, call_map_sparse
row_intercept:      CALLROW 24, 0, 0, CALL_LOCKED, PRIVILEGE_CREATE_PARTITIONS, call_install_intercept
row_create_vp:      CALLROW 40, 0, 0, CALL_LOCKED, PRIVILEGE_CREATE_PARTITIONS, call_create_vp
row_delete_vp:      CALLROW 16, 0, 0, CALL_LOCKED, PRIVILEGE_CREATE_PARTITIONS, call_delete_vp
row_create_port_1:  CALLROW 48, 0, 0, CALL_LOCKED, 0, call_create_port_1
row_create_port:    CALLROW 56, 0, 0, CALL_LOCKED, 0, call_create_port
row_delete_port:    CALLROW 16, 0, 0, CALL_LOCKED, 0, call_delete_port
row_connect_port_1: CALLROW 40, 0, 0, CALL_LOCKED, 0, call_connect_port_1
row_connect_port:   CALLROW 72, 0, 0, CALL_LOCKED, 0, call_connect_port
row_disconnect:     CALLROW 16, 0, 0, CALL_LOCKED, 0, call_disconnect_port
row_get_port:       CALLROW 24, 0, 8, CALL_LOCKED, 0, call_get_port
row_assert:         CALLROW 32, 0, 0, CALL_LOCKED, PRIVILEGE_CREATE_PARTITIONS, call_assert
row_clear:          CALLROW 8, 0, 0, CALL_LOCKED, PRIVILEGE_CREATE_PARTITIONS, call_clear
row_start_vp:       CALLROW 240, 0, 0, CALL_LOCKED, PRIVILEGE_START_VP, call_start_vp
row_vp_index:       CALLROW 16, 4, 4, CALL_REP | CALL_LOCKED, PRIVILEGE_START_VP, call_vp_index
row_map_state:      CALLROW 24, 0, 8, CALL_LOCKED, PRIVILEGE_CREATE_PARTITIONS, call_map_state
row_unmap_state:    CALLROW 16, 0, 0, CALL_LOCKED, PRIVILEGE_CREATE_PARTITIONS, call_unmap_state
row_translate:      CALLROW 32, 0, 16, CALL_LOCKED, PRIVILEGE_CREATE_PARTITIONS, call_translate
row_read_gpa:       CALLROW 32, 0, 24, CALL_LOCKED, PRIVILEGE_CREATE_PARTITIONS, call_read_gpa
row_write_gpa:      CALLROW 48, 0, 8, CALL_LOCKED, PRIVILEGE_CREATE_PARTITIONS, call_write_gpa

        .equ    CALLS, HVCALL_UNMAP_STATE_PAGE + 1
        .macro  CALLAT code, row
        .space  calls + HVCALL_\code * 8 - ., 0
        .quad   \row
        .endm
# calls - Rows by the call's code.  A handler: Entry: rsi = input header, rdi = output, ecx = quadwords of variable header, and of a
# repeat call edx = element number, r8 = element, r9 = its output; rbx = VP, rbp = partition.  Exit: eax = HVSTATUS or CALL_LATER.
# Keeps rbx, rbp, r12-r15 (call_create_vp changes r12: nothing reads it after that).
calls:
        CALLAT  FLUSH_SPACE, row_flush_space
        CALLAT  FLUSH_LIST, row_flush_list
        CALLAT  SPIN_WAIT, row_spin_wait
        CALLAT  CLUSTER_IPI, row_cluster_ipi
        CALLAT  FLUSH_SPACE_EX, row_flush_space_ex
        CALLAT  FLUSH_LIST_EX, row_flush_list_ex
        CALLAT  CLUSTER_IPI_EX, row_cluster_ipi_ex
        CALLAT  CREATE_PARTITION, row_create_partition
        CALLAT  INITIALIZE_PARTITION, row_initialize
        CALLAT  FINALIZE_PARTITION, row_finalize
        CALLAT  DELETE_PARTITION, row_delete
        CALLAT  GET_PROPERTY, row_get_property
        CALLAT  SET_PROPERTY, row_set_property
        CALLAT  GET_PARTITION_ID, row_get_id
        CALLAT  NEXT_CHILD, row_next_child
        CALLAT  DEPOSIT_MEMORY, row_deposit
        CALLAT  WITHDRAW_MEMORY, row_withdraw
        CALLAT  MEMORY_BALANCE, row_balance
        CALLAT  MAP_PAGES, row_map
        CALLAT  UNMAP_PAGES, row_unmap
        CALLAT  INSTALL_INTERCEPT, row_intercept
        CALLAT  CREATE_VP, row_create_vp
        CALLAT  DELETE_VP, row_delete_vp
        CALLAT  GET_REGISTERS, row_get_registers
        CALLAT  SET_REGISTERS, row_set_registers
        CALLAT  TRANSLATE, row_translate
        CALLAT  READ_GPA, row_read_gpa
        CALLAT  WRITE_GPA, row_write_gpa
        CALLAT  CLEAR_INTERRUPT, row_clear
        CALLAT  CREATE_PORT_1, row_create_port_1
        CALLAT  DELETE_PORT, row_delete_port
        CALLAT  CONNECT_PORT_1, row_connect_port_1
        CALLAT  GET_PORT, row_get_port
        CALLAT  DISCONNECT_PORT, row_disconnect
        CALLAT  POST_MESSAGE, row_post_message
        CALLAT  SIGNAL_EVENT, row_signal_event
        CALLAT  MAP_SPARSE, row_map_sparse
        CALLAT  ASSERT_INTERRUPT, row_assert
        CALLAT  CREATE_PORT, row_create_port
        CALLAT  CONNECT_PORT, row_connect_port
        CALLAT  START_VP, row_start_vp
        CALLAT  VP_INDEX_OF_APIC, row_vp_index
        CALLAT  MAP_STATE_PAGE, row_map_state
        CALLAT  UNMAP_STATE_PAGE, row_unmap_state
