# Expect: pass. Unknown codes, reserved bits, wrong repetitions, misaligned or foreign lists each have their status.
        .include "hvlib.s"

        .macro  STATUS value, status
        CALL_HV \value
        EQ      ax, \status
        .endm
        .equ    REP2, put(HVINPUT_COUNT, 2)
test:   ENLIGHTEN
        STATUS  0x7FFF, HVSTATUS_INVALID_HYPERCALL_CODE
        STATUS  0, HVSTATUS_INVALID_HYPERCALL_CODE
        STATUS  HVCALL_SPIN_WAIT, HVSTATUS_SUCCESS
        STATUS  HVCALL_SPIN_WAIT | REP2, HVSTATUS_INVALID_HYPERCALL_INPUT
        STATUS  HVCALL_SPIN_WAIT | put(HVINPUT_RESERVED1, 1), HVSTATUS_INVALID_HYPERCALL_INPUT
        STATUS  HVCALL_SPIN_WAIT | put(HVINPUT_RESERVED3, 8), HVSTATUS_INVALID_HYPERCALL_INPUT
        STATUS  HVCALL_SPIN_WAIT | put(HVINPUT_VARIABLE, 1), HVSTATUS_INVALID_HYPERCALL_INPUT
        STATUS  HVCALL_GET_REGISTERS, HVSTATUS_INVALID_HYPERCALL_INPUT
        STATUS  HVCALL_GET_REGISTERS | REP2 | put(HVINPUT_START, 2), HVSTATUS_INVALID_HYPERCALL_INPUT
        STATUS  HVCALL_GET_REGISTERS | put(HVINPUT_COUNT, 7) | HVINPUT_FAST, HVSTATUS_INVALID_HYPERCALL_INPUT   # does not fit
        STATUS  HVCALL_CREATE_PARTITION, HVSTATUS_ACCESS_DENIED
        STORE   INPUT, 0
        STATUS  HVCALL_SIGNAL_EVENT, HVSTATUS_INVALID_CONNECTION_ID
        mov     rcx, HVCALL_GET_REGISTERS | REP2        # the output begins inside the input
        mov     edx, INPUT
        lea     r8, [rdx + 16]
        mov     eax, CALL_PAGE
        call    rax
        EQ      ax, HVSTATUS_INVALID_ALIGNMENT

        mov     ecx, HVCALL_FLUSH_SPACE
        mov     edx, INPUT + 4                  # not 8-aligned
        mov     eax, CALL_PAGE
        call    rax
        EQ      ax, HVSTATUS_INVALID_ALIGNMENT
        mov     ecx, HVCALL_FLUSH_SPACE
        mov     edx, INPUT + 0xFF0              # leaves its page
        mov     eax, CALL_PAGE
        call    rax
        EQ      ax, HVSTATUS_INVALID_ALIGNMENT
        mov     ecx, HVCALL_FLUSH_SPACE
        mov     rdx, 0x7000000000               # no memory of ours
        mov     eax, CALL_PAGE
        call    rax
        EQ      ax, HVSTATUS_INVALID_ALIGNMENT

        STORE   INPUT, 0                        # message to a connection that does not exist
        STATUS  HVCALL_POST_MESSAGE, HVSTATUS_INVALID_CONNECTION_ID
        STORE   INPUT, 1
        STORE   INPUT + 8, 1 | 241 << 32
        STATUS  HVCALL_POST_MESSAGE, HVSTATUS_INVALID_PARAMETER
        PASS
