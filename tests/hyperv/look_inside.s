# Expect: pass. The root translates a child's linear addresses, reads and writes its memory, and reads and writes its registers.
        .include "rootlib.s"

        .macro  TRANSLATED page, control
        call    clear_input
        mov     [INPUT], r15
        STORE   INPUT + 16, \control
        STORE   INPUT + 24, \page
        OK      HVCALL_TRANSLATE
        .endm
        .macro  AT_GPA address, count
        call    clear_input
        mov     [INPUT], r15
        mov     dword ptr [INPUT + 12], \count
        STORE   INPUT + 16, \address
        STORE   INPUT + 24, 6                   # write-back
        .endm
# BOTH name, value - A register takes a value, and gives it back.
        .macro  BOTH name, value
        SET     \name, \value
        GET     \name
        EQ      dword ptr [rip + status], 0
        mov     rcx, \value
        EQ      rax, rcx
        .endm
        .macro  REFUSED name, value
        mov     rdx, \value
        mov     esi, \name
        call    set_register
        EQ      eax, HVSTATUS_INVALID_REGISTER_VALUE
        .endm
test:   ROOT_BEGINS
        NEW_CHILD guest, guest_end
        mov     qword ptr [CHILD + CHILD_TABLES + 0x2008], 0x3E000 | 1  # a table: linear 2 MiB, read-only
        TRANSLATED CHILD_CODE >> 12, 1
        EQ      dword ptr [OUTPUT], 0
        EQ      byte ptr [OUTPUT + 4], 6
        EQ      qword ptr [OUTPUT + 8], CHILD_CODE >> 12
        TRANSLATED 0x200, 1                     # in its table nothing
        EQ      dword ptr [OUTPUT], 1
        mov     qword ptr [CHILD + 0x3E000], 0x3F000 | 1
        TRANSLATED 0x200, 1
        EQ      dword ptr [OUTPUT], 0
        EQ      qword ptr [OUTPUT + 8], 0x3F
        TRANSLATED 0x200, 2                     # not to be written
        EQ      dword ptr [OUTPUT], 2
        TRANSLATED 0x10000, 1                   # translated, but not mapped
        EQ      dword ptr [OUTPUT], 4
        EQ      qword ptr [OUTPUT + 8], 0x10000
        TRANSLATED 0x40000, 1                   # beyond its tables
        EQ      dword ptr [OUTPUT], 1
        call    clear_input
        mov     [INPUT], r15
        STATUS  HVCALL_TRANSLATE, HVSTATUS_INVALID_PARAMETER    # no access named
        STORE   INPUT + 16, 0x40
        STATUS  HVCALL_TRANSLATE, HVSTATUS_INVALID_PARAMETER

        STORE   CHILD + 0x20FF0, 0x1122334455667788
        STORE   CHILD + 0x20FF8, -1
        AT_GPA  0x20FF0, 6
        OK      HVCALL_READ_GPA
        EQ      dword ptr [OUTPUT], 0
        mov     rax, 0x334455667788
        EQ      [OUTPUT + 8], rax
        EQ      qword ptr [OUTPUT + 16], 0
        AT_GPA  0x20FF8, 9                      # over the page's end
        STATUS  HVCALL_READ_GPA, HVSTATUS_INVALID_PARAMETER
        AT_GPA  0x20FF0, 17
        STATUS  HVCALL_READ_GPA, HVSTATUS_INVALID_PARAMETER
        AT_GPA  0x20FF0, 0
        STATUS  HVCALL_READ_GPA, HVSTATUS_INVALID_PARAMETER
        AT_GPA  0x50000000, 4
        OK      HVCALL_READ_GPA
        EQ      dword ptr [OUTPUT], 1           # not mapped
        AT_GPA  0x20FF0, 3
        STORE   INPUT + 32, 0xAABBCC
        OK      HVCALL_WRITE_GPA
        EQ      dword ptr [OUTPUT], 0
        EQ      dword ptr [CHILD + 0x20FF0], 0x55AABBCC
        AT_GPA  0x20FF0, 3
        STORE   INPUT + 24, 3                   # no cache type
        STATUS  HVCALL_WRITE_GPA, HVSTATUS_INVALID_PARAMETER

        BOTH    HVREG_RAX + 3, 0x123456789ABC   # RBX
        BOTH    HVREG_R15, 0x1515
        BOTH    HVREG_RSP, 0x8888
        BOTH    HVREG_RIP, CHILD_CODE
        BOTH    HVREG_CR2, 0x2222
        BOTH    HVREG_CR8, 5
        BOTH    HVREG_DR0 + 1, 0x3333
        BOTH    HVREG_DR7, 0x400
        BOTH    HVREG_LSTAR, 0x7FFF12345678
        BOTH    HVREG_KERNEL_GS_BASE, 0x11110000
        BOTH    HVREG_SYSENTER_EIP, 0x4444
        BOTH    HVREG_INTERRUPT_STATE, 2
        BOTH    HVREG_PENDING_INTERRUPTION, 7 | 1 << 4 | 13 << 16 | 0x18 << 32
        BOTH    HVREG_XMM0 + 15, 0x1234567812345678
        BOTH    HVREG_MMX0 + 2, 0x4000000000000000
        BOTH    HVREG_XMM_CONTROL, 0            # the data pointer; MXCSR follows it
        BOTH    HVREG_APIC_ID - APIC_ID + APIC_TPR, 0x50
        BOTH    HVREG_APIC_ID - APIC_ID + APIC_LVT_TIMER, LVT_MASKED | 0x41
        BOTH    HVREG_APIC_ID - APIC_ID + APIC_IRR + 3, 0x80
        BOTH    HVREG_APIC_ID - APIC_ID + APIC_IRR + 3, 0
        BOTH    HVREG_SINT0 + 2, 0x52
        BOTH    HVREG_SCONTROL, 1
        BOTH    HVREG_GUEST_OS_ID, 0x8100000000000001
        BOTH    HVREG_STIMER0_CONFIG + 2, STIMER_DIRECT | put(STIMER_VECTOR, 0x33)
        BOTH    HVREG_ACTIVITY, 2
        BOTH    HVREG_ACTIVITY, 0
        BOTH    HVREG_APIC_BASE, 0xF1000000 | APICBASE_EN | APICBASE_BSP        # where the child has no memory
        BOTH    HVREG_APIC_BASE, MEMORY_LOCAL_APIC | APICBASE_EN | APICBASE_BSP
        SET     HVREG_TSC, 0x100000000
        GET     HVREG_TSC
        mov     rcx, 0x100000000
        CONDITION jae, rax, rcx
        GET     HVREG_SFMASK
        EQ      rax, 0
        REFUSED HVREG_SFMASK, 1 << 40           # would be #GP
        REFUSED HVREG_SINT0, 3                  # a vector of exceptions
        REFUSED HVREG_APIC_BASE, 0x1000
        REFUSED HVREG_APIC_BASE, MEMORY_LOCAL_APIC | APICBASE_EN | 1
        REFUSED HVREG_ACTIVITY, 7
        call    clear_input                     # MXCSR with reserved bits
        mov     [INPUT], r15
        mov     dword ptr [INPUT + 16], HVREG_XMM_CONTROL
        mov     dword ptr [INPUT + 40], 0x10000
        STATUS  HVCALL_SET_REGISTERS | put(HVINPUT_COUNT, 1), HVSTATUS_INVALID_REGISTER_VALUE
        REFUSED HVREG_RFLAGS, 1 << 40
        REFUSED HVREG_CR4, 1 << 40
        REFUSED HVREG_CR0, 1 << 40
        REFUSED HVREG_CR8, 16
        REFUSED HVREG_LSTAR, 1 << 62
        REFUSED HVREG_EFER, 1 << 40
        mov     esi, 0x123                      # no such register
        xor     edx, edx
        call    set_register
        EQ      eax, HVSTATUS_UNKNOWN_REGISTER_NAME
        GET     HVREG_ES + 1
        EQ      rax, 0
        mov     rcx, 0xA09B0008FFFFFFFF
        EQ      rdx, rcx

        SET     HVREG_PENDING_INTERRUPTION, 0   # a VP that runs is stopped for it, and goes on
        SET     HVREG_INTERRUPT_STATE, 0
        SET     HVREG_EXPLICIT_SUSPEND, 0
        mov     r14d, 10
1:      CALL_FAST HVCALL_SPIN_WAIT, 1
        dec     r14d
        jnz     1b
        GET     HVREG_RAX + 6                   # RSI counts
        mov     r13, rax
        NE      r13, 0
        CALL_FAST HVCALL_SPIN_WAIT, 1
        CALL_FAST HVCALL_SPIN_WAIT, 1
        RDMSR   HVMSR_TIME_REF_COUNT
        lea     r12, [rax + 30000]
2:      CALL_FAST HVCALL_SPIN_WAIT, 1
        RDMSR   HVMSR_TIME_REF_COUNT
        cmp     rax, r12
        jb      2b
        GET     HVREG_RAX + 6
        ABOVE   rax, r13
        SET     HVREG_EXPLICIT_SUSPEND, 1
        SET     HVREG_PENDING_INTERRUPTION, 1 | 1 << 1 | 5 << 16        # of a type that does not exist
        SET     HVREG_EXPLICIT_SUSPEND, 0
        WAIT_MESSAGE HVMESSAGE_INVALID_REGISTER
        DONE_MESSAGE
        GET     HVREG_PENDING_INTERRUPTION      # it is still there, to be put right
        EQ      eax, 1 | 1 << 1 | 5 << 16
        SET     HVREG_PENDING_INTERRUPTION, 0
        GET     HVREG_RAX + 6
        mov     r13, rax
        RESUME
        mov     r14d, 20
3:      CALL_FAST HVCALL_SPIN_WAIT, 1
        dec     r14d
        jnz     3b
        GET     HVREG_RAX + 6
        ABOVE   rax, r13
        SET     HVREG_EFER, EFER_LME | EFER_LMA | EFER_NXE      # what does not fit together shows at the entry
        SET     HVREG_EXPLICIT_SUSPEND, 1
        SET     HVREG_CR0, CR0_PG
        SET     HVREG_EXPLICIT_SUSPEND, 0
        WAIT_MESSAGE HVMESSAGE_INVALID_REGISTER
        DONE_MESSAGE
        END_CHILD
        PASS
guest:  xor     esi, esi
1:      inc     rsi
        jmp     1b
guest_end:
        LIBRARY
