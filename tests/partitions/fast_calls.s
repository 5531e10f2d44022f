# Expect: pass. Parameters in XMM registers, results in the registers after them, variable headers and sets of VPs.
        .include "hvlib.s"

        .equ    VECTOR, 0x61
        .equ    EVERY, HVFLUSH_ALL_PROCESSORS | HVFLUSH_ALL_SPACES
        .macro  FAST_GO value, first, second
        CALL_FAST \value, \first, \second
        .endm
test:   ON      VECTOR, taken
        ENLIGHTEN
        APIC_WRITE APIC_SVR, SVR_ENABLE | 0xFF
        STORE   INPUT, EVERY                    # header: space, flags; mask in XMM0
        STORE   INPUT + 8, 0
        xorps   xmm0, xmm0
        CALL_FAST HVCALL_FLUSH_SPACE, 0, EVERY
        EQ      rax, 0
        movups  xmm0, [rip + names]
        movups  xmm1, [rip + marks]
        mov     rbx, 0x1234567887654321
        CALL_FAST HVCALL_GET_REGISTERS | put(HVINPUT_COUNT, 2), -1, SELF_VP
        mov     rcx, put(HVRESULT_DONE, 2)
        EQ      rax, rcx
        movups  [OUTPUT], xmm0                  # the names stay
        movups  [OUTPUT + 16], xmm1
        movups  [OUTPUT + 32], xmm2
        EQ      dword ptr [OUTPUT], HVREG_RAX + 3
        EQ      qword ptr [OUTPUT + 16], rbx
        EQ      qword ptr [OUTPUT + 24], 0
        EQ      qword ptr [OUTPUT + 32], 0      # VP index

        STORE   INPUT, 0                        # Ex flush: sparse set with one bank
        STORE   INPUT + 8, HVFLUSH_ALL_SPACES
        STORE   INPUT + 16, 0
        STORE   INPUT + 24, 1
        STORE   INPUT + 32, 1
        CALL_HV HVCALL_FLUSH_SPACE_EX | put(HVINPUT_VARIABLE, 1)
        EQ      rax, 0
        CALL_HV HVCALL_FLUSH_SPACE_EX           # the bank is missing
        EQ      ax, HVSTATUS_INVALID_HYPERCALL_INPUT
        STORE   INPUT + 16, 2                   # no such format
        CALL_HV HVCALL_FLUSH_SPACE_EX | put(HVINPUT_VARIABLE, 1)
        EQ      ax, HVSTATUS_INVALID_PARAMETER
        STORE   INPUT + 16, 1                   # all VPs
        STORE   INPUT + 32, WINDOW
        CALL_HV HVCALL_FLUSH_LIST_EX | put(HVINPUT_COUNT, 1)
        mov     rcx, put(HVRESULT_DONE, 1)
        EQ      rax, rcx

        STORE   INPUT, VECTOR                   # Ex cluster IPI
        STORE   INPUT + 8, 0
        STORE   INPUT + 16, 1
        STORE   INPUT + 24, 1
        CALL_HV HVCALL_CLUSTER_IPI_EX | put(HVINPUT_VARIABLE, 1)
        EQ      rax, 0
        OPEN
        EQ      dword ptr [rip + count], 1
        STORE   INPUT + 24, 2                   # a VP that is not there
        CALL_HV HVCALL_CLUSTER_IPI_EX | put(HVINPUT_VARIABLE, 1)
        EQ      rax, 0
        OPEN
        EQ      dword ptr [rip + count], 1
        STORE   INPUT, 3
        CALL_HV HVCALL_CLUSTER_IPI_EX | put(HVINPUT_VARIABLE, 1)
        EQ      ax, HVSTATUS_INVALID_PARAMETER
        PASS
taken:  inc     dword ptr [rip + count]
        WRMSR   HVMSR_EOI, 0
        ret
        .align  16
names:  .long   HVREG_RAX + 3, HVREG_VP_INDEX, 0, 0
marks:  .quad   -1, -1
count:  .quad   0
