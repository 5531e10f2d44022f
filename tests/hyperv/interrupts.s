# Expect: pass. The root interrupts a child: fixed, logical, NMI, level-triggered, external; what it may not ask for is refused; the VP wakes from HLT.
        .include "rootlib.s"

        .equ    C_IDT, 0x24000
        .equ    C_TAKEN, 0x28000                # last vector, how many
        .macro  ASSERT_IT type, control, destination, vector
        call    clear_input
        mov     [INPUT], r15
        mov     dword ptr [INPUT + 8], \type
        mov     dword ptr [INPUT + 12], \control
        STORE   INPUT + 16, \destination
        mov     dword ptr [INPUT + 24], \vector
        .endm
# TAKEN vector, times - Until so many interrupts were taken; the last one had this vector.
        .macro  TAKEN vector, times
        mov     ebx, \times
        call    taken
        EQ      dword ptr [CHILD + C_TAKEN], \vector
        .endm
test:   ROOT_BEGINS
        NEW_CHILD guest, guest_end
        SET     HVREG_EXPLICIT_SUSPEND, 0
        ASSERT_IT DELIVERY_FIXED, 0, 0, 256
        STATUS  HVCALL_ASSERT_INTERRUPT, HVSTATUS_INVALID_PARAMETER
        ASSERT_IT DELIVERY_NMI, 0, 0, 2         # has no vector
        STATUS  HVCALL_ASSERT_INTERRUPT, HVSTATUS_INVALID_PARAMETER
        ASSERT_IT DELIVERY_SMI, 0, 0, 0
        STATUS  HVCALL_ASSERT_INTERRUPT, HVSTATUS_INVALID_PARAMETER
        ASSERT_IT DELIVERY_NMI, 1, 0, 0         # level
        STATUS  HVCALL_ASSERT_INTERRUPT, HVSTATUS_INVALID_PARAMETER
        ASSERT_IT DELIVERY_FIXED, 0, 3, 0x41    # nobody there
        STATUS  HVCALL_ASSERT_INTERRUPT, HVSTATUS_INVALID_VP_INDEX
        mov     r14d, 100                       # until the child sleeps
1:      CALL_FAST HVCALL_SPIN_WAIT, 1
        cmp     dword ptr [CHILD + C_TAKEN + 8], 1
        je      2f
        dec     r14d
        jnz     1b
2:      ASSERT_IT DELIVERY_FIXED, 0, 0, 0x41
        OK      HVCALL_ASSERT_INTERRUPT
        TAKEN   0x41, 1
        ASSERT_IT DELIVERY_FIXED, 2, 1, 0x42    # logical: bit 0
        OK      HVCALL_ASSERT_INTERRUPT
        TAKEN   0x42, 2
        ASSERT_IT DELIVERY_LOWEST, 0, 0xFF, 0x43
        OK      HVCALL_ASSERT_INTERRUPT
        TAKEN   0x43, 3
        ASSERT_IT DELIVERY_NMI, 0, 0, 0
        OK      HVCALL_ASSERT_INTERRUPT
        TAKEN   2, 4
        ASSERT_IT 9, 0, 0, 0                    # LINT1, which the child made an NMI; LINT0 is masked
        OK      HVCALL_ASSERT_INTERRUPT
        TAKEN   2, 5
        ASSERT_IT 8, 0, 0, 0
        OK      HVCALL_ASSERT_INTERRUPT
        ASSERT_IT 9, 0, 0, 1
        STATUS  HVCALL_ASSERT_INTERRUPT, HVSTATUS_INVALID_PARAMETER
        ASSERT_IT 10, 0, 0, 0
        STATUS  HVCALL_ASSERT_INTERRUPT, HVSTATUS_INVALID_PARAMETER

        ASSERT_IT DELIVERY_FIXED, 1, 0, 0x45    # level-triggered: its end comes back
        OK      HVCALL_ASSERT_INTERRUPT
        TAKEN   0x45, 6
        WAIT_MESSAGE HVMESSAGE_APIC_EOI
        EQ      byte ptr [SLOT0 + 4], 8
        EQ      qword ptr [SLOT0 + SLOTS_ORIGIN], r15
        EQ      dword ptr [SLOT0 + SLOTS_DATA], 0
        EQ      dword ptr [SLOT0 + SLOTS_DATA + 4], 0x45
        ASSERT_IT DELIVERY_FIXED, 1, 0, 0x45    # three while the first message lies there
        OK      HVCALL_ASSERT_INTERRUPT
        TAKEN   0x45, 7
        ASSERT_IT DELIVERY_FIXED, 1, 0, 0x46
        OK      HVCALL_ASSERT_INTERRUPT
        TAKEN   0x46, 8
        ASSERT_IT DELIVERY_LOWEST, 1, 0, 0x43
        OK      HVCALL_ASSERT_INTERRUPT
        TAKEN   0x43, 9
        DONE_MESSAGE
        xor     r13d, r13d
        mov     r12d, 3
2:      WAIT_MESSAGE HVMESSAGE_APIC_EOI
        add     r13d, [SLOT0 + SLOTS_DATA + 4]
        push    r12
        DONE_MESSAGE
        pop     r12
        dec     r12d
        jnz     2b
        EQ      r13d, 0x43 + 0x45 + 0x46
        SET     HVREG_EXPLICIT_SUSPEND, 1       # what is withdrawn before it is taken never comes
        ASSERT_IT DELIVERY_FIXED, 1, 0, 0x46
        OK      HVCALL_ASSERT_INTERRUPT
        ASSERT_IT DELIVERY_FIXED, 1, 0, -1
        OK      HVCALL_ASSERT_INTERRUPT
        ASSERT_IT DELIVERY_FIXED, 0, 0, 0x41
        OK      HVCALL_ASSERT_INTERRUPT
        ASSERT_IT DELIVERY_FIXED, 0, 0, -1      # an edge is not
        OK      HVCALL_ASSERT_INTERRUPT
        SET     HVREG_EXPLICIT_SUSPEND, 0
        TAKEN   0x41, 10

        call    clear_input                     # external: once, until it is cleared
        mov     [INPUT], r15
        STATUS  HVCALL_CLEAR_INTERRUPT, HVSTATUS_NOT_ACKNOWLEDGED
        ASSERT_IT DELIVERY_EXTINT, 1, 1, 0x44
        STATUS  HVCALL_ASSERT_INTERRUPT, HVSTATUS_INVALID_VP_INDEX
        ASSERT_IT DELIVERY_EXTINT, 1, 0, 0x44
        OK      HVCALL_ASSERT_INTERRUPT
        TAKEN   0x44, 11
        ASSERT_IT DELIVERY_EXTINT, 1, 0, 0x44
        STATUS  HVCALL_ASSERT_INTERRUPT, HVSTATUS_ACKNOWLEDGED
        OK      HVCALL_CLEAR_INTERRUPT
        STATUS  HVCALL_CLEAR_INTERRUPT, HVSTATUS_NOT_ACKNOWLEDGED
        SET     HVREG_EXPLICIT_SUSPEND, 1       # a second one takes the place of the first, none withdraws it
        ASSERT_IT DELIVERY_EXTINT, 1, 0, 0x47
        OK      HVCALL_ASSERT_INTERRUPT
        ASSERT_IT DELIVERY_EXTINT, 1, 0, 0x44
        OK      HVCALL_ASSERT_INTERRUPT
        SET     HVREG_EXPLICIT_SUSPEND, 0
        TAKEN   0x44, 12
        call    clear_input
        mov     [INPUT], r15
        OK      HVCALL_CLEAR_INTERRUPT
        SET     HVREG_EXPLICIT_SUSPEND, 1
        ASSERT_IT DELIVERY_EXTINT, 1, 0, 0x44
        OK      HVCALL_ASSERT_INTERRUPT
        ASSERT_IT DELIVERY_EXTINT, 1, 0, -1
        OK      HVCALL_ASSERT_INTERRUPT
        ASSERT_IT DELIVERY_FIXED, 0, 0, 0x42
        OK      HVCALL_ASSERT_INTERRUPT
        SET     HVREG_EXPLICIT_SUSPEND, 0
        TAKEN   0x42, 13
        call    clear_input
        mov     [INPUT], r15
        STATUS  HVCALL_CLEAR_INTERRUPT, HVSTATUS_NOT_ACKNOWLEDGED
        ASSERT_IT DELIVERY_FIXED, 1, 0, 0x45    # it goes with an end that nobody has read
        OK      HVCALL_ASSERT_INTERRUPT
        TAKEN   0x45, 14
        ASSERT_IT DELIVERY_FIXED, 1, 0, 0x46
        OK      HVCALL_ASSERT_INTERRUPT
        TAKEN   0x46, 15
        END_CHILD
        PASS
taken:  mov     r14d, 1000
1:      cmp     [CHILD + C_TAKEN + 4], ebx
        je      2f
        CALL_FAST HVCALL_SPIN_WAIT, 1
        dec     r14d
        jnz     1b
        FAIL    0x7FF1
2:      ret

        .macro  C_GATE vector
        CHILD_GATE C_IDT, \vector, guest_\vector
        .endm
        .macro  C_HANDLER vector
guest_\vector:
        mov     dword ptr [C_TAKEN], \vector
        inc     dword ptr [C_TAKEN + 4]
        .if     \vector != 2 && \vector != 0x44 # those of an NMI and of an external one have no end
        mov     dword ptr [rbp + APIC_EOI*16], 0
        .endif
        iretq
        .endm
guest:  CHILD_LOADS
        C_GATE  2
        C_GATE  0x41
        C_GATE  0x42
        C_GATE  0x43
        C_GATE  0x44
        C_GATE  0x45
        C_GATE  0x46
        mov     ebp, MEMORY_LOCAL_APIC          # the APIC page, by exits
        mov     dword ptr [rbp + APIC_SVR*16], SVR_ENABLE | 0xFF
        mov     dword ptr [rbp + APIC_LDR*16], 0x01000000
        mov     dword ptr [rbp + APIC_LVT_LINT1*16], put(LVT_MODE, DELIVERY_NMI)
        mov     dword ptr [C_TAKEN + 8], 1
        sti
1:      hlt
        jmp     1b
        C_HANDLER 2
        C_HANDLER 0x41
        C_HANDLER 0x42
        C_HANDLER 0x43
        C_HANDLER 0x44
        C_HANDLER 0x45
        C_HANDLER 0x46
        CHILD_DESCRIPTORS C_IDT
guest_end:
        LIBRARY
