# Expect: pass. A partition is created, given memory, initialized, finalized and deleted; each call names what is wrong.
        .include "rootlib.s"

test:   ENLIGHTEN
        call    clear_input
        STATUS  HVCALL_CREATE_PARTITION, HVSTATUS_INSUFFICIENT_MEMORY   # the root's pool is empty
        STORE   INPUT, 1 << 40
        STATUS  HVCALL_CREATE_PARTITION, HVSTATUS_INVALID_PARAMETER
        ROOT_BEGINS
        OK      HVCALL_GET_PARTITION_ID
        mov     rbx, [OUTPUT]
        NE      rbx, 0
        call    clear_input
        mov     qword ptr [INPUT], SELF_ID
        OK      HVCALL_MEMORY_BALANCE
        EQ      qword ptr [OUTPUT], ROOT_POOL
        EQ      qword ptr [OUTPUT + 8], 0
        CREATE
        NE      r15, rbx
        call    clear_input
        mov     [INPUT], rbx
        OK      HVCALL_NEXT_CHILD
        EQ      [OUTPUT], r15
        mov     [INPUT + 8], r15
        OK      HVCALL_NEXT_CHILD
        EQ      qword ptr [OUTPUT], 0
        mov     qword ptr [INPUT + 8], 999
        STATUS  HVCALL_NEXT_CHILD, HVSTATUS_INVALID_PARTITION_ID
        mov     [INPUT], r15
        STATUS  HVCALL_NEXT_CHILD, HVSTATUS_ACCESS_DENIED

        call    clear_input                     # not yet initialized
        mov     [INPUT], r15
        STATUS  HVCALL_INITIALIZE_PARTITION, HVSTATUS_INSUFFICIENT_MEMORY
        STATUS  HVCALL_CREATE_VP, HVSTATUS_INVALID_PARTITION_STATE
        STATUS  HVCALL_FINALIZE_PARTITION, HVSTATUS_INVALID_PARTITION_STATE
        mov     qword ptr [INPUT], 999
        STATUS  HVCALL_INITIALIZE_PARTITION, HVSTATUS_INVALID_PARTITION_ID
        mov     [INPUT], rbx                    # the root is nobody's child
        STATUS  HVCALL_INITIALIZE_PARTITION, HVSTATUS_ACCESS_DENIED

        mov     rdi, r15
        mov     esi, (POOL >> 12) + 16
        mov     edx, 32
        call    deposit
        EQ      eax, 0
        mov     rdi, r15                        # one page twice
        mov     esi, (POOL >> 12) + 16
        mov     edx, 1
        call    deposit
        EQ      eax, HVSTATUS_OPERATION_DENIED
        mov     rdi, r15                        # a page that we do not have
        mov     esi, 0x40000
        mov     edx, 1
        call    deposit
        EQ      eax, HVSTATUS_OPERATION_DENIED
        EXPECT  VECTOR_GP                       # deposited: gone
        mov     eax, [POOL]
        CAUGHT
        call    clear_input
        mov     [INPUT], r15
        OK      HVCALL_MEMORY_BALANCE
        EQ      qword ptr [OUTPUT], 32

        call    clear_input                     # properties
        mov     [INPUT], r15
        mov     dword ptr [INPUT + 8], 0x10000
        OK      HVCALL_GET_PROPERTY
        BITS    dword ptr [OUTPUT], PRIVILEGE_SYNIC
        STORE   INPUT + 16, PRIVILEGE_MANAGEMENT        # to nobody but the root
        STATUS  HVCALL_SET_PROPERTY, HVSTATUS_PROPERTY_VALUE_OUT_OF_RANGE
        STORE   INPUT + 16, PRIVILEGE_HYPERCALL | PRIVILEGE_VP_INDEX
        OK      HVCALL_SET_PROPERTY
        OK      HVCALL_GET_PROPERTY
        EQ      qword ptr [OUTPUT], PRIVILEGE_HYPERCALL | PRIVILEGE_VP_INDEX
        mov     dword ptr [INPUT + 8], 0x20003
        STATUS  HVCALL_SET_PROPERTY, HVSTATUS_INVALID_PARTITION_STATE
        mov     dword ptr [INPUT + 8], 0x12345
        STATUS  HVCALL_GET_PROPERTY, HVSTATUS_UNKNOWN_PROPERTY

        call    clear_input
        mov     [INPUT], r15
        OK      HVCALL_INITIALIZE_PARTITION
        STATUS  HVCALL_INITIALIZE_PARTITION, HVSTATUS_INVALID_PARTITION_STATE
        STATUS  HVCALL_DELETE_PARTITION, HVSTATUS_INVALID_PARTITION_STATE
        mov     dword ptr [INPUT + 8], 0x20003
        STORE   INPUT + 16, 10001
        STATUS  HVCALL_SET_PROPERTY, HVSTATUS_PROPERTY_VALUE_OUT_OF_RANGE
        STORE   INPUT + 16, 500
        OK      HVCALL_SET_PROPERTY
        mov     dword ptr [INPUT + 8], 0x30005  # reference time: goes on from what is set
        STORE   INPUT + 16, 1000000
        OK      HVCALL_SET_PROPERTY
        OK      HVCALL_GET_PROPERTY
        CONDITION jae, dword ptr [OUTPUT], 1000000
        BELOW   dword ptr [OUTPUT], 1001000
        mov     dword ptr [INPUT + 8], 0x10000  # too late
        STATUS  HVCALL_SET_PROPERTY, HVSTATUS_INVALID_PARTITION_STATE

        call    clear_input                     # a VP
        mov     [INPUT], r15
        mov     dword ptr [INPUT + 8], 64
        STATUS  HVCALL_CREATE_VP, HVSTATUS_INVALID_VP_INDEX
        mov     dword ptr [INPUT + 8], 0
        OK      HVCALL_CREATE_VP
        STATUS  HVCALL_CREATE_VP, HVSTATUS_INVALID_VP_INDEX
        mov     dword ptr [INPUT + 8], 7
        OK      HVCALL_CREATE_VP
        OK      HVCALL_DELETE_VP
        STATUS  HVCALL_DELETE_VP, HVSTATUS_INVALID_VP_INDEX

        call    clear_input                     # an end that leaves no trace
        mov     [INPUT], r15
        OK      HVCALL_FINALIZE_PARTITION
        OK      HVCALL_MEMORY_BALANCE
        EQ      qword ptr [OUTPUT], 32
        EQ      qword ptr [OUTPUT + 8], 0
        STATUS  HVCALL_DELETE_PARTITION, HVSTATUS_OPERATION_DENIED      # its pool is not empty
        call    take_back
        EQ      eax, 0
        STATUS  HVCALL_MEMORY_BALANCE, HVSTATUS_INVALID_PARTITION_ID
        mov     eax, [POOL + 0x10000]           # ours again
        EQ      eax, 0
        mov     dword ptr [POOL + 0x10000], 5
        call    clear_input
        mov     qword ptr [INPUT], SELF_ID
        OK      HVCALL_MEMORY_BALANCE
        EQ      qword ptr [OUTPUT], ROOT_POOL
        EQ      qword ptr [OUTPUT + 8], 0
        PASS
        LIBRARY
