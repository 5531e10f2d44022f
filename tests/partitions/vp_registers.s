# Expect: pass. A VP reads its registers by name, many in one call that goes on where it stopped, and writes some.
        .include "hvlib.s"

        .equ    MANY, 200                       # more than one entry handles
test:   ENLIGHTEN
        STORE   INPUT, -1
        STORE   INPUT + 8, SELF_VP
        mov     dword ptr [INPUT + 16], HVREG_RAX + GPR_R12
        mov     dword ptr [INPUT + 20], HVREG_CR3
        mov     dword ptr [INPUT + 24], HVREG_CR4
        mov     dword ptr [INPUT + 28], 0x12345
        mov     r12, 0x123456789ABC
        CALL_HV HVCALL_GET_REGISTERS | put(HVINPUT_COUNT, 4)
        mov     rcx, put(HVRESULT_DONE, 3) | HVSTATUS_UNKNOWN_REGISTER_NAME
        EQ      rax, rcx
        EQ      [OUTPUT], r12
        mov     rax, cr3
        EQ      [OUTPUT + 16], rax
        mov     rax, cr4
        EQ      [OUTPUT + 32], rax              # no sign of VMXE

        mov     edi, INPUT + 16
        mov     ecx, MANY
        mov     eax, HVREG_RAX + GPR_R12
        rep stosd
        mov     rcx, HVCALL_GET_REGISTERS | put(HVINPUT_COUNT, MANY)
        mov     edx, INPUT
        mov     r8d, OUTPUT
        mov     eax, CALL_PAGE
        call    rax
        mov     rcx, put(HVRESULT_DONE, MANY)
        EQ      rax, rcx
        EQ      [OUTPUT + 16 * (MANY - 1)], r12

        mov     dword ptr [INPUT + 16], HVREG_RAX + GPR_R13
        STORE   INPUT + 32, 0x5555AAAA5555
        mov     dword ptr [INPUT + 48], HVREG_CR3       # not under the caller's feet
        STORE   INPUT + 64, 0
        CALL_HV HVCALL_SET_REGISTERS | put(HVINPUT_COUNT, 2)
        mov     rcx, put(HVRESULT_DONE, 1) | HVSTATUS_INVALID_PARAMETER
        EQ      rax, rcx
        mov     rax, 0x5555AAAA5555
        EQ      r13, rax
        lea     rsi, [rip + leaves]             # what CPUID and MSRs say, by name
1:      mov     eax, [rsi]
        mov     [INPUT + 16], eax
        push    rsi
        CALL_HV HVCALL_GET_REGISTERS | put(HVINPUT_COUNT, 1)
        pop     rsi
        EQ      ax, HVSTATUS_SUCCESS
        mov     eax, [rsi + 4]
        cpuid
        EQ      [OUTPUT], eax
        EQ      [OUTPUT + 4], ebx
        EQ      [OUTPUT + 8], ecx
        EQ      [OUTPUT + 12], edx
        lea     rsi, [rsi + 8]
        cmp     dword ptr [rsi], 0
        jne     1b
        mov     dword ptr [INPUT + 16], HVREG_CRASH_CTL
        mov     dword ptr [INPUT + 20], HVREG_PROCESSOR_CLOCK
        mov     dword ptr [INPUT + 24], HVREG_INTERRUPT_CLOCK
        mov     dword ptr [INPUT + 28], HVREG_TSC_AUX
        mov     dword ptr [INPUT + 32], HVREG_SVERSION
        mov     dword ptr [INPUT + 36], HVREG_VP_RUNTIME
        WRMSR   MSR_TSC_AUX, 0x123
        CALL_HV HVCALL_GET_REGISTERS | put(HVINPUT_COUNT, 6)
        EQ      ax, HVSTATUS_SUCCESS
        RDMSR   HVMSR_CRASH_CTL
        EQ      [OUTPUT], rax
        RDMSR   HVMSR_TSC_FREQUENCY
        EQ      [OUTPUT + 16], rax
        RDMSR   HVMSR_APIC_FREQUENCY
        EQ      [OUTPUT + 32], rax
        EQ      qword ptr [OUTPUT + 48], 0x123
        RDMSR   HVMSR_SVERSION
        EQ      [OUTPUT + 64], rax
        RDMSR   HVMSR_VP_RUNTIME
        BELOW   [OUTPUT + 80], rax
        mov     dword ptr [INPUT + 16], HVREG_VERSION   # nobody writes those
        STORE   INPUT + 32, 0
        CALL_HV HVCALL_SET_REGISTERS | put(HVINPUT_COUNT, 1)
        EQ      ax, HVSTATUS_INVALID_PARAMETER
        STORE   INPUT + 8, 1                    # there is no VP 1
        CALL_HV HVCALL_SET_REGISTERS | put(HVINPUT_COUNT, 1)
        EQ      ax, HVSTATUS_INVALID_VP_INDEX
        PASS
        .align  8
leaves: .long   HVREG_VERSION, HVLEAF_VERSION, HVREG_FEATURES, HVLEAF_ADVICE, HVREG_FEATURES + 1, HVLEAF_LIMITS
        .long   HVREG_HARDWARE, HVLEAF_HARDWARE, HVREG_PRIVILEGES, HVLEAF_FEATURES, HVREG_MANAGEMENT, HVLEAF_MANAGEMENT
        .long   HVREG_NESTED_FEATURES, HVLEAF_NESTED_FEATURES, 0
