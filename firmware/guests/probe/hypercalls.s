# hypercalls.s - synthetic MSRs and every hypercall, right and wrong.
#
# Source  TLFS, "Hypercall Interface", "Hypercall Reference"

        .macro  CALL input, status, parameters=parameters, output=output
        mov     rcx, \input
        mov     rdx, \parameters
        mov     r8, \output
        call    hypercall
        EQ      ax, \status
        .endm
        .macro  PARAMETER at, value
        mov     rax, \value
        mov     [rel parameters + \at], rax
        .endm

# probe_no_hypercalls - Not enlightened: VMCALL does not exist.  Entry: nothing.  Exit: nothing.  Changes rax, rcx, rdx.
probe_no_hypercalls:
        EXPECT  VECTOR_UD
        vmcall
        CAUGHT
        mov     ecx, HVMSR_GUEST_OS_ID
        EXPECT  VECTOR_GP
        rdmsr
        CAUGHT
        ret

# probe_hypercalls - Synthetic MSRs, and calls that are refused.  Entry: nothing.  Exit: nothing.  Changes rax, rcx, rdx, r8-r12.
probe_hypercalls:
        RDMSR   HVMSR_GUEST_OS_ID
        mov     rcx, GUEST_OS
        EQ      rax, rcx
        RDMSR   HVMSR_HYPERCALL
        lea     rcx, [rel call_page]
        or      rcx, HVPAGE_ENABLE
        EQ      rax, rcx
        EXPECT  VECTOR_GP
        mov     byte ptr [rel call_page], 0     # the page is read-only
        CAUGHT
        RDMSR   HVMSR_VP_INDEX
        EQ      rax, 0
        mov     ecx, HVMSR_VP_INDEX
        EXPECT  VECTOR_GP
        wrmsr
        CAUGHT
        RDMSR   HVMSR_TIME_REF_COUNT
        mov     r12, rax
        mov     ecx, 10000
.spin:  dec     ecx
        jnz     .spin
        RDMSR   HVMSR_TIME_REF_COUNT
        ABOVE   rax, r12
        RDMSR   HVMSR_TSC_FREQUENCY
        mov     rcx, [rel information]
        EQ      rax, [rcx + INFO_TSC]
        WRMSR   HVMSR_TPR, 0x40
        RDMSR   HVMSR_TPR
        EQ      eax, 0x40
        WRMSR   HVMSR_TPR, 0

        CALL    0x7FFF, HVSTATUS_INVALID_HYPERCALL_CODE
        CALL    HVCALL_SPIN_WAIT | 1 << 27, HVSTATUS_INVALID_HYPERCALL_INPUT
        CALL    HVCALL_SPIN_WAIT | 1 << 32, HVSTATUS_INVALID_HYPERCALL_INPUT    # no repeat call
        CALL    HVCALL_SPIN_WAIT, HVSTATUS_INVALID_ALIGNMENT, parameters + 4
        CALL    HVCALL_SPIN_WAIT, HVSTATUS_INVALID_ALIGNMENT, 0x7FFFFF0000000
        CALL    HVCALL_SIGNAL_EVENT | HVINPUT_FAST, HVSTATUS_INVALID_CONNECTION_ID, 0
        ret

# probe_calls - The calls themselves.  Entry: nothing.  Exit: nothing.  Changes rax, rcx, rdx, r8-r11.
probe_calls:
        CALL    HVCALL_SPIN_WAIT | HVINPUT_FAST, HVSTATUS_SUCCESS, 100
        CALL    HVCALL_SPIN_WAIT, HVSTATUS_SUCCESS
        PARAMETER 0, 0                          # flush: space, flags, processors
        PARAMETER 8, HVFLUSH_ALL_PROCESSORS | HVFLUSH_ALL_SPACES
        PARAMETER 16, 0
        CALL    HVCALL_FLUSH_SPACE, HVSTATUS_SUCCESS
        PARAMETER 8, 1 << 40
        CALL    HVCALL_FLUSH_SPACE, HVSTATUS_INVALID_PARAMETER
        PARAMETER 8, HVFLUSH_ALL_PROCESSORS | HVFLUSH_ALL_SPACES
        PARAMETER 24, 0x100000
        PARAMETER 32, 0x200000
        CALL    HVCALL_FLUSH_LIST | 2 << 32, HVSTATUS_SUCCESS
        shr     rax, shift(HVRESULT_DONE)
        EQ      eax, 2
        CALL    HVCALL_FLUSH_LIST | 2 << 32 | 2 << 48, HVSTATUS_INVALID_HYPERCALL_INPUT   # starts at its end

        mov     dword ptr [rel ipis], 0         # an IPI to VP 0, which is us
        sti
        CALL    HVCALL_CLUSTER_IPI | HVINPUT_FAST, HVSTATUS_SUCCESS, IPI, 1
        nop
        cli
        EQ      dword ptr [rel ipis], 1
        CALL    HVCALL_CLUSTER_IPI | HVINPUT_FAST, HVSTATUS_INVALID_PARAMETER, 5, 1

        PARAMETER 0, SELF_PARTITION
        PARAMETER 8, SELF_VP
        PARAMETER 16, HVREG_CR3 | HVREG_VP_INDEX << 32
        mov     qword ptr [rel output + 16], -1
        CALL    HVCALL_GET_REGISTERS | 2 << 32, HVSTATUS_SUCCESS
        shr     rax, shift(HVRESULT_DONE)
        EQ      eax, 2
        mov     rax, cr3
        EQ      [rel output], rax
        EQ      qword ptr [rel output + 16], 0
        PARAMETER 16, HVREG_CR3 | 0x12345 << 32 # the second name is unknown
        CALL    HVCALL_GET_REGISTERS | 2 << 32, HVSTATUS_UNKNOWN_REGISTER_NAME
        shr     rax, shift(HVRESULT_DONE)
        EQ      eax, 1
        PARAMETER 8, 3
        CALL    HVCALL_GET_REGISTERS | 1 << 32, HVSTATUS_INVALID_VP_INDEX
        PARAMETER 0, 99
        CALL    HVCALL_GET_REGISTERS | 1 << 32, HVSTATUS_INVALID_PARTITION_ID

        PARAMETER 0, SELF_PARTITION
        PARAMETER 8, SELF_VP
        PARAMETER 16, HVREG_CR2
        PARAMETER 24, 0
        PARAMETER 32, 0x123456
        CALL    HVCALL_SET_REGISTERS | 1 << 32, HVSTATUS_SUCCESS
        mov     rax, cr2
        EQ      eax, 0x123456
        PARAMETER 16, HVREG_CR3                 # not under our feet
        CALL    HVCALL_SET_REGISTERS | 1 << 32, HVSTATUS_INVALID_PARAMETER

        PARAMETER 0, 7                          # a connection that does not exist
        PARAMETER 8, 1
        CALL    HVCALL_POST_MESSAGE, HVSTATUS_INVALID_CONNECTION_ID
        PARAMETER 0, 1
        PARAMETER 8, 1 | 241 << 32              # too long
        CALL    HVCALL_POST_MESSAGE, HVSTATUS_INVALID_PARAMETER
        ret

        .equ    CHECKS, CHECK
        .align  256
parameters: .fill 256
output: .fill   256
