# Expect: pass. A child without privileges is refused each call that needs one, whatever its input, and each MSR; what is for all, it may use.
        .include "rootlib.s"

        .equ    GIVEN, PRIVILEGE_HYPERCALL      # nothing else
        .equ    C_PAGE, 0x20000
        .equ    C_INPUT, 0x22000
        .equ    C_OUTPUT, 0x23000
        .equ    C_AT, 0x24000                   # what is being tried
test:   ROOT_BEGINS
        NEW_CHILD guest, guest_end, GIVEN
        WATCH_PORT 0x10
        SET     HVREG_EXPLICIT_SUSPEND, 0
        WAIT_MESSAGE HVMESSAGE_IO_INTERCEPT
        mov     eax, [CHILD + C_AT]
        mov     [rip + tried], eax              # for a debugger: the call or MSR
        EQ      byte ptr [SLOT0 + SLOTS_DATA + 48], 0
        END_CHILD
        PASS
tried:  .quad   0

guest:  CHILD_LOADS
        CHILD_GATE 0x25000, VECTOR_GP, guest_gp
        CHILD_CALLS C_PAGE
        lea     rbx, [rip + guest_calls]
guest_call:
        mov     rcx, [rbx]
        mov     [C_AT], rcx
        mov     qword ptr [C_INPUT], -1         # itself
        mov     edx, C_INPUT
        mov     r8d, C_OUTPUT
        mov     eax, C_PAGE
        call    rax
        cmp     ax, [rbx + 8]
        jne     guest_bad
        add     rbx, 16
        cmp     qword ptr [rbx], 0
        jne     guest_call
        lea     rbx, [rip + guest_msrs]
guest_msr:
        mov     ecx, [rbx]
        mov     [C_AT], ecx
        xor     r12d, r12d
        lea     r13, [rip + 1f]
        rdmsr
1:      cmp     r12d, 1                         # #GP it must be
        jne     guest_bad
        lea     r13, [rip + 2f]
        xor     eax, eax
        xor     edx, edx
        wrmsr
2:      cmp     r12d, 2
        jne     guest_bad
        add     rbx, 4
        cmp     dword ptr [rbx], 0
        jne     guest_msr
        xor     eax, eax
guest_tell:
        out     0x10, al
guest_bad:
        mov     eax, 1
        jmp     guest_tell
guest_gp:
        inc     r12d
        mov     [rsp + 8], r13
        add     rsp, 8
        iretq
        CHILD_DESCRIPTORS 0x25000
        .macro  DENIED code, more=0, status=HVSTATUS_ACCESS_DENIED
        .quad   HVCALL_\code | \more, \status
        .endm
        .equ    ONE, put(HVINPUT_COUNT, 1)
guest_calls:
        DENIED  CREATE_PARTITION
        DENIED  INITIALIZE_PARTITION
        DENIED  FINALIZE_PARTITION
        DENIED  DELETE_PARTITION
        DENIED  GET_PROPERTY
        DENIED  SET_PROPERTY
        DENIED  GET_PARTITION_ID
        DENIED  NEXT_CHILD
        DENIED  DEPOSIT_MEMORY, ONE
        DENIED  WITHDRAW_MEMORY, ONE
        DENIED  MEMORY_BALANCE
        DENIED  MAP_PAGES, ONE
        DENIED  UNMAP_PAGES, ONE
        DENIED  MAP_SPARSE, ONE
        DENIED  INSTALL_INTERCEPT
        DENIED  CREATE_VP
        DENIED  DELETE_VP
        DENIED  GET_REGISTERS, ONE
        DENIED  SET_REGISTERS, ONE
        DENIED  TRANSLATE
        DENIED  READ_GPA
        DENIED  WRITE_GPA
        DENIED  CREATE_PORT_1
        DENIED  CREATE_PORT
        DENIED  DELETE_PORT
        DENIED  CONNECT_PORT_1
        DENIED  CONNECT_PORT
        DENIED  DISCONNECT_PORT
        DENIED  GET_PORT
        DENIED  POST_MESSAGE
        DENIED  SIGNAL_EVENT
        DENIED  ASSERT_INTERRUPT
        DENIED  CLEAR_INTERRUPT
        DENIED  START_VP
        DENIED  VP_INDEX_OF_APIC, ONE
        DENIED  MAP_STATE_PAGE
        DENIED  UNMAP_STATE_PAGE
        DENIED  SPIN_WAIT, 0, HVSTATUS_SUCCESS
        DENIED  CREATE_PARTITION, ONE, HVSTATUS_INVALID_HYPERCALL_INPUT         # what the input is like comes first
        DENIED  DEPOSIT_MEMORY, 0, HVSTATUS_INVALID_HYPERCALL_INPUT
        .quad   0
guest_msrs:
        .long   HVMSR_VP_INDEX, HVMSR_RESET, HVMSR_VP_RUNTIME, HVMSR_TIME_REF_COUNT, HVMSR_REFERENCE_TSC, HVMSR_TSC_FREQUENCY
        .long   HVMSR_APIC_FREQUENCY, HVMSR_EOI, HVMSR_ICR, HVMSR_TPR, HVMSR_VP_ASSIST_PAGE, HVMSR_SCONTROL, HVMSR_SVERSION
        .long   HVMSR_SIEFP, HVMSR_SIMP, HVMSR_EOM, HVMSR_SINT0, HVMSR_SINT15, HVMSR_STIMER0_CONFIG, HVMSR_STIMER3_COUNT
        .long   HVMSR_GUEST_IDLE, 0x40000040, 0x400000E0, 0x400000F1, 0x40000106, 0x40000118, 0
guest_end:
        LIBRARY
