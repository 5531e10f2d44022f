# Expect: pass. On one processor partitions get time by their weights; a cap holds even when nobody else wants it; a reserve goes first.
        .include "rootlib.s"

        .equ    C_COUNTS, 0x28000               # of three children, whose memory is the same
        .macro  PROPERTY_OF id, code, value, status=0
        call    clear_input
        mov     rax, [rip + \id]
        mov     [INPUT], rax
        mov     dword ptr [INPUT + 8], \code
        STORE   INPUT + 16, \value
        STATUS  HVCALL_SET_PROPERTY, \status
        .endm
# CHILD_OF id, pool - A partition whose VP counts in the word of its index; on processor 0.
        .macro  CHILD_OF id, number
        EMPTY_CHILD (POOL >> 12) + ROOT_POOL + 32 * \number, 32
        mov     [rip + \id], r15
        call    long_child
        SET     HVREG_RAX + 6, C_COUNTS + 8 * \number
        .endm
        .macro  SUSPEND id, value
        mov     rax, [rip + \id]
        mov     [rip + child], rax
        SET     HVREG_EXPLICIT_SUSPEND, \value
        .endm
# WATCH - Counts of 300 ms in r8, r9, r10.
        .macro  WATCH
        mov     qword ptr [CHILD + C_COUNTS], 0
        mov     qword ptr [CHILD + C_COUNTS + 8], 0
        mov     qword ptr [CHILD + C_COUNTS + 16], 0
        RDMSR   HVMSR_TIME_REF_COUNT
        lea     r12, [rax + 3000000]
73:     CALL_FAST HVCALL_SPIN_WAIT, 1
        RDMSR   HVMSR_TIME_REF_COUNT
        cmp     rax, r12
        jb      73b
        mov     r8, [CHILD + C_COUNTS]
        mov     r9, [CHILD + C_COUNTS + 8]
        mov     r10, [CHILD + C_COUNTS + 16]
        .endm
# NEAR a, numerator, b - a / b is the numerator's tenth part, within a tenth.
        .macro  NEAR a, tenths, b
        imul    rax, \a, 100
        imul    rcx, \b, 9 * \tenths
        CONDITION jae, rax, rcx
        imul    rcx, \b, 11 * \tenths
        CONDITION jbe, rax, rcx
        .endm
test:   ROOT_BEGINS
        lea     rsi, [rip + guest]
        mov     ecx, guest_end - guest
        call    load_child
        CHILD_OF first, 0
        CHILD_OF second, 1
        PROPERTY_OF first, 0x20003, 300
        SUSPEND first, 0
        SUSPEND second, 0
        WATCH
        NEAR    r8, 30, r9                      # three times as much
        mov     r15, r8
        add     r15, r9                         # the whole processor
        PROPERTY_OF first, 0x20003, 100
        PROPERTY_OF first, 0x20002, 0x4000      # a quarter at most
        WATCH
        mov     r14, r8
        add     r14, r9
        NEAR    r14, 10, r15
        imul    r8, r8, 4
        NEAR    r8, 10, r15
        SUSPEND second, 1                       # nobody else wants it
        WATCH
        imul    r8, r8, 4
        NEAR    r8, 10, r15
        SUSPEND second, 0
        PROPERTY_OF first, 0x20001, 0x8000, HVSTATUS_PROPERTY_VALUE_OUT_OF_RANGE       # more than its cap
        PROPERTY_OF first, 0x20002, 0x10000
        PROPERTY_OF first, 0x20003, 10          # a tenth of the other's weight, but a reserve of six tenths
        PROPERTY_OF first, 0x20001, 0x9999
        WATCH
        NEAR    r8, 6, r15
        PROPERTY_OF first, 0x20001, 0
        WATCH
        NEAR    r9, 9, r15
        mov     rax, [rip + first]
        mov     [rip + child], rax
        END_CHILD
        mov     rax, [rip + second]
        mov     [rip + child], rax
        END_CHILD
        PASS
        .align  8
first:  .quad   0
second: .quad   0
guest:  inc     qword ptr [rsi]
        jmp     guest
guest_end:
        LIBRARY
