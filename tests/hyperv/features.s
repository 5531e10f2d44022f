# Expect: pass. What a parent takes away by feature masks: a privilege, CPUID bits, the hypervisor itself; masks that cannot be are refused.
        .include "rootlib.s"
        .use    cpuid

        .equ    OFFERED, 0x402F540FFF               # every synthetic feature that is offered
        .equ    PRESENT, 1 << 31
        .equ    C_IDT, 0x24000
        .equ    C_TOLD, 0x28000                 # leaf 1 ECX, leaf 7 EBX, leaf 0x40000000 EBX, faults of RDMSR, of VMCALL
        .macro  PROPERTY code, value, status
        call    clear_input
        mov     [INPUT], r15
        mov     dword ptr [INPUT + 8], \code
        STORE   INPUT + 16, \value
        STATUS  HVCALL_SET_PROPERTY, \status
        .endm
        .macro  PROPERTY_IS code, value
        call    clear_input
        mov     [INPUT], r15
        mov     dword ptr [INPUT + 8], \code
        OK      HVCALL_GET_PROPERTY
        mov     rax, \value
        EQ      [OUTPUT], rax
        .endm
# CHILD_OF features - A child with them, whose VP is ready; run it, and go on when it is done.
        .macro  CHILD_OF features
        CREATE
        mov     rdi, r15
        mov     esi, (POOL >> 12) + ROOT_POOL
        mov     edx, 32
        call    deposit
        EQ      eax, 0
        PROPERTY 0x10001, \features, HVSTATUS_SUCCESS
        PROPERTY_IS 0x10001, \features
        call    clear_input
        mov     [INPUT], r15
        OK      HVCALL_INITIALIZE_PARTITION
        .endm

test:   ROOT_BEGINS
        CHILD_OF OFFERED & ~(1 << 8)                # without the VP index
        PROPERTY 0x10001, OFFERED, HVSTATUS_INVALID_PARTITION_STATE
        call    clear_input
        mov     [INPUT], r15
        mov     dword ptr [INPUT + 8], 0x10000
        OK      HVCALL_GET_PROPERTY
        mov     rax, PRIVILEGE_VP_INDEX
        NOBITS  [OUTPUT], rax
        PROPERTY 0x6000A, 1 << 5, HVSTATUS_PROPERTY_VALUE_OUT_OF_RANGE
        PROPERTY 0x6000B, 1, HVSTATUS_PROPERTY_VALUE_OUT_OF_RANGE
        call    clear_input
        mov     [INPUT], r15
        mov     dword ptr [INPUT + 8], 0x6000A
        OK      HVCALL_GET_PROPERTY
        mov     r13, [OUTPUT]
        btr     r13, 4                          # SSE4.2
        btr     r13, 25                         # BMI1
        PROPERTY 0x6000A, r13, HVSTATUS_SUCCESS
        PROPERTY 0x6000B, 0, HVSTATUS_SUCCESS
        RUN_LONG guest
        mov     ecx, [CHILD + C_TOLD]
        BITS    ecx, PRESENT
        NOBITS  ecx, FEATURE_C_SSE4_2
        NOBITS  ecx, FEATURE_C_TSC_DEADLINE
        BITS    ecx, FEATURE_C_SSE4_1
        mov     ecx, [CHILD + C_TOLD + 4]
        NOBITS  ecx, FEATURE_7B_BMI1
        BITS    ecx, FEATURE_7B_BMI2
        EQ      dword ptr [CHILD + C_TOLD + 8], HVTEXT_EBX
        EQ      dword ptr [CHILD + C_TOLD + 12], 1      # RDMSR of VP_INDEX
        EQ      dword ptr [CHILD + C_TOLD + 16], 0      # the VMCALL was a hypercall
        END_CHILD
        CREATE                                  # masks that cannot be
        PROPERTY 0x10001, OFFERED | 1 << 30, HVSTATUS_PROPERTY_VALUE_OUT_OF_RANGE
        PROPERTY 0x10001, OFFERED & ~(1 << 25), HVSTATUS_PROPERTY_VALUE_OUT_OF_RANGE
        PROPERTY 0x6000A, 0, HVSTATUS_INVALID_PARTITION_STATE
        call    clear_input
        mov     [INPUT], r15
        OK      HVCALL_DELETE_PARTITION
        CHILD_OF 0                              # a processor that looks bare
        RUN_LONG guest
        mov     ecx, [CHILD + C_TOLD]
        NOBITS  ecx, PRESENT
        BITS    ecx, FEATURE_C_SSE4_2
        NE      dword ptr [CHILD + C_TOLD + 8], HVTEXT_EBX
        EQ      dword ptr [CHILD + C_TOLD + 12], 3      # that, and two WRMSRs
        EQ      dword ptr [CHILD + C_TOLD + 16], 1      # the VMCALL was none
        END_CHILD
        PASS

guest:  CHILD_GATE C_IDT, VECTOR_GP, guest_gp
        CHILD_GATE C_IDT, VECTOR_UD, guest_ud
        CHILD_LOADS
        mov     dword ptr [C_TOLD + 12], 0
        mov     dword ptr [C_TOLD + 16], 0
        mov     eax, 1
        cpuid
        mov     [C_TOLD], ecx
        mov     eax, 7
        xor     ecx, ecx
        cpuid
        mov     [C_TOLD + 4], ebx
        mov     eax, HVLEAF_VENDOR
        cpuid
        mov     [C_TOLD + 8], ebx
        mov     ecx, HVMSR_VP_INDEX
        rdmsr
        CHILD_CALLS 0x20000
        mov     rcx, HVCALL_SPIN_WAIT | HVINPUT_FAST
        xor     edx, edx
        vmcall
        out     0x10, al
1:      jmp     1b
guest_gp:
        inc     dword ptr [C_TOLD + 12]
        add     qword ptr [rsp + 8], 2
        add     rsp, 8
        iretq
guest_ud:
        inc     dword ptr [C_TOLD + 16]
        add     qword ptr [rsp], 3
        iretq
        CHILD_DESCRIPTORS C_IDT
guest_end:
        LIBRARY
