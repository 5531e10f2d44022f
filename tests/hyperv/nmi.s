# Expect: pass. An IRET of a child that exits leaves NMIs blocked until it has run; one whose fault the parent reflects unblocks them.
        .include "rootlib.s"

        .equ    C_IDT, 0x24000
        .equ    C_COUNT, 0x28000                # NMIs that the child took, then where each interrupted it
        .equ    C_PLACES, 0x28010
        .equ    C_FRAME, 0x28100                # what IRET reads
        .equ    LOST, 0x30000000                # a page that the child lacks
        .equ    LOST_FRAME, LOST + 0x100
        .equ    LOST_STACK, LOST + 0x200800
        .equ    MASKED, 2                       # HV_X64_INTERRUPT_STATE_REGISTER.NmiMasked
        .equ    SHADOW, 1                       # InterruptShadow
        .equ    MEMORY_GPA, SLOT0 + SLOTS_DATA + 56
        .equ    SEEN_AT, SLOT0 + SLOTS_DATA + 24
        .equ    EVENT_WAITS, 1 << 6             # HV_X64_VP_EXECUTION_STATE.InterruptionPending
        .equ    PENDING_NMI, 1 | EVENT_NMI << 1 | VECTOR_NMI << 16
        .equ    PENDING_GP, 1 | EVENT_HARD << 1 | 1 << 4 | VECTOR_GP << 16
        .equ    BAD_CS, 0xFFF8

# STOPPED type, place, state - The child has stopped at a label of its code, with NMIs masked or not.
        .macro  STOPPED type, place, state
        WAIT_MESSAGE \type
        EQ      qword ptr [SEEN_AT], CHILD_CODE + \place - guest
        GET     HVREG_INTERRUPT_STATE
        EQ      rax, \state
        .endm
# REACHED place, times, number, at - It has reached an OUT; NMIs so far, and where one of them came.
        .macro  REACHED place, times, number, at
        STOPPED HVMESSAGE_IO_INTERCEPT, \place, 0
        EQ      dword ptr [CHILD + C_COUNT], \times
        EQ      qword ptr [CHILD + C_PLACES + 8 * \number], CHILD_CODE + \at - guest
        ADVANCE
        .endm
        .macro  GOES_ON
        DONE_MESSAGE
        RESUME
        .endm
# GIVE page, own - A page of the child's at guest-physical LOST + page.
        .macro  GIVE at, own
        call    clear_input
        mov     [INPUT], r15
        STORE   INPUT + 8, (\at) >> 12
        STORE   INPUT + 16, 3
        STORE   INPUT + 24, (CHILD >> 12) + \own
        CALL_HV HVCALL_MAP_PAGES | put(HVINPUT_COUNT, 1)
        EQ      ax, 0
        .endm
test:   ROOT_BEGINS
        NEW_CHILD guest, guest_end
        WATCH_PORT 0x10
        call    clear_input
        mov     [INPUT], r15
        mov     dword ptr [INPUT + 8], 4
        mov     dword ptr [INPUT + 12], 3
        STORE   INPUT + 16, VECTOR_GP
        OK      HVCALL_INSTALL_INTERCEPT
        SET     HVREG_EXPLICIT_SUSPEND, 0

        STOPPED HVMESSAGE_UNMAPPED_GPA, guest_iret, MASKED      # ---- IRET whose stack is not there ----
        EQ      qword ptr [MEMORY_GPA], LOST_FRAME
        EQ      dword ptr [CHILD + C_COUNT], 1  # the other one waits
        lea     rsi, [CHILD + C_FRAME]
        mov     edi, CHILD + 100 * 0x1000 + (LOST_FRAME & 0xFFF)
        mov     ecx, 5
        rep movsq
        GIVE    LOST, 100
        GOES_ON
        REACHED guest_out_1, 2, 1, guest_after_1
        GOES_ON

        STOPPED HVMESSAGE_EXCEPTION_INTERCEPT, guest_iret, MASKED       # ---- IRET that faults, and is put right ----
        EQ      word ptr [SLOT0 + SLOTS_DATA + 40], VECTOR_GP
        EQ      dword ptr [SLOT0 + SLOTS_DATA + 44], BAD_CS
        mov     dword ptr [CHILD + C_FRAME + 8], 8
        GOES_ON
        REACHED guest_out_2, 4, 3, guest_after_2
        GOES_ON

        STOPPED HVMESSAGE_EXCEPTION_INTERCEPT, guest_iret, MASKED       # ---- one whose fault the parent gives back ----
        SET     HVREG_PENDING_INTERRUPTION, PENDING_GP | BAD_CS << 32
        GOES_ON
        REACHED guest_out_3, 6, 5, guest_13     # as on the processor: at the handler's first instruction
        GOES_ON

        WAIT_MESSAGE HVMESSAGE_EXCEPTION_INTERCEPT      # ---- any other fault of a handler leaves NMIs blocked ----
        GET     HVREG_INTERRUPT_STATE
        EQ      rax, MASKED
        SET     HVREG_PENDING_INTERRUPTION, PENDING_GP
        GOES_ON
        REACHED guest_out_4, 8, 7, guest_after_4
        GOES_ON

        WAIT_MESSAGE HVMESSAGE_UNMAPPED_GPA     # ---- an NMI whose delivery finds no stack ----
        EQ      qword ptr [MEMORY_GPA], LOST_STACK - 8
        EQ      byte ptr [SLOT0 + SLOTS_DATA + 5], 1
        BITS    word ptr [SLOT0 + SLOTS_DATA + 6], EVENT_WAITS
        GET     HVREG_PENDING_INTERRUPTION
        EQ      rax, PENDING_NMI
        EQ      dword ptr [CHILD + C_COUNT], 8
        GIVE    LOST_STACK & ~0xFFF, 101
        GOES_ON
        REACHED guest_out_5, 10, 9, guest_after_5       # once, then blocked until its IRET
        SET     HVREG_INTERRUPT_STATE, SHADOW   # ---- blocked by the parent: by a shadow, for one instruction ----
        GET     HVREG_INTERRUPT_STATE
        EQ      rax, SHADOW
        GOES_ON
        STOPPED HVMESSAGE_IO_INTERCEPT, guest_out_5a, 0
        ADVANCE
        SET     HVREG_INTERRUPT_STATE, MASKED   # ---- until an IRET ----
        call    clear_input
        mov     [INPUT], r15
        mov     dword ptr [INPUT + 8], DELIVERY_NMI
        OK      HVCALL_ASSERT_INTERRUPT
        GOES_ON
        STOPPED HVMESSAGE_IO_INTERCEPT, guest_out_6, MASKED
        EQ      dword ptr [CHILD + C_COUNT], 10
        ADVANCE
        GOES_ON
        REACHED guest_out_7, 11, 10, guest_after_6
        END_CHILD
        PASS

# NMI - Of the child, to itself.  Changes rax, rcx, rdx.  AGAIN - Its handler sends one more, which waits, and leaves by the IRET at C_FRAME.
        .macro  NMI
        mov     ecx, X2APIC_FIRST + APIC_ICR
        mov     eax, put(ICR_MODE, DELIVERY_NMI) | ICR_ASSERT
        xor     edx, edx
        wrmsr
        .endm
        .macro  AGAIN after, frame=C_FRAME, cs=8
        lea     rax, [rip + \after]
        mov     edi, C_FRAME
        mov     [rdi], rax
        mov     dword ptr [rdi + 8], \cs
        mov     dword ptr [rdi + 16], RFLAGS_ONE
        mov     dword ptr [rdi + 24], CHILD_STACK
        mov     dword ptr [rdi + 32], 0x10
        mov     r8d, \frame
        .endm
guest:  CHILD_LOADS
        CHILD_GATE C_IDT, VECTOR_NMI, guest_nmi
        CHILD_GATE C_IDT, VECTOR_GP, guest_13
        mov     ecx, MSR_APIC_BASE
        rdmsr
        or      eax, APICBASE_EXTD
        wrmsr
        AGAIN   guest_after_1, LOST_FRAME
        NMI
        hlt
guest_after_1:
        nop
guest_out_1:
        out     0x10, al
        AGAIN   guest_after_2, C_FRAME, BAD_CS
        NMI
        hlt
guest_after_2:
        nop
guest_out_2:
        out     0x10, al
        AGAIN   guest_out_3, C_FRAME, BAD_CS
        lea     rbp, [rip + guest_out_3]
        NMI
        hlt
guest_out_3:
        out     0x10, al
        AGAIN   guest_after_4
        mov     r9d, 1                          # with a fault of its own before its IRET
        lea     rbp, [rip + guest_iret]
        NMI
        hlt
guest_after_4:
        nop
guest_out_4:
        out     0x10, al
        AGAIN   guest_after_5
        mov     esp, LOST_STACK
        NMI
        hlt
guest_after_5:
        nop
guest_out_5:
        out     0x10, al
        nop
guest_out_5a:
        out     0x10, al
        nop
        nop
guest_out_6:
        out     0x10, al
        AGAIN   guest_after_6
        mov     rsp, r8
        xor     r8d, r8d
        iretq
guest_after_6:
        nop
guest_out_7:
        out     0x10, al
        hlt

guest_nmi:
        mov     eax, [C_COUNT]
        mov     rdx, [rsp]
        mov     [C_PLACES + rax*8], rdx
        inc     dword ptr [C_COUNT]
        test    r8d, r8d
        jz      guest_iret.alone
        NMI
        mov     rsp, r8
        xor     r8d, r8d
        test    r9d, r9d
        jnz     guest_iret.fault
guest_iret:
        iretq
.alone: iretq
.fault: xor     r9d, r9d
        mov     r10, rsp
        mov     rsp, CHILD_STACK
        mov     rax, 0x800000000000
        mov     rax, [rax]                      # not canonical: #GP(0)
guest_13:
        nop                                     # an NMI that was let in comes here
        cmp     rbp, CHILD_CODE + guest_iret - guest
        mov     rsp, CHILD_STACK
        cmove   rsp, r10
        jmp     rbp
        CHILD_DESCRIPTORS C_IDT
guest_end:
        LIBRARY
