# Expect: pass. The root interrupts a child: fixed, logical, NMI; what it may not ask for is refused; the VP wakes from HLT.
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
        ASSERT_IT DELIVERY_FIXED, 1, 0, 0x41    # level
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
        lea     rax, [rip + guest_\vector]
        mov     edi, C_IDT + \vector * 16
        mov     [rdi], ax
        mov     dword ptr [rdi + 2], 8
        mov     byte ptr [rdi + 4], 0
        mov     byte ptr [rdi + 5], 0x8E
        shr     rax, 16
        mov     [rdi + 6], ax
        mov     qword ptr [rdi + 8], 0
        .endm
        .macro  C_HANDLER vector
guest_\vector:
        mov     dword ptr [C_TAKEN], \vector
        inc     dword ptr [C_TAKEN + 4]
        .if     \vector > 2
        mov     dword ptr [rbp + APIC_EOI*16], 0
        .endif
        iretq
        .endm
guest:  lidt    [rip + guest_idt]
        lgdt    [rip + guest_gdt]
        C_GATE  2
        C_GATE  0x41
        C_GATE  0x42
        C_GATE  0x43
        mov     ebp, MEMORY_LOCAL_APIC          # the APIC page, by exits
        mov     dword ptr [rbp + APIC_SVR*16], SVR_ENABLE | 0xFF
        mov     dword ptr [rbp + APIC_LDR*16], 0x01000000
        mov     dword ptr [C_TAKEN + 8], 1
        sti
1:      hlt
        jmp     1b
        C_HANDLER 2
        C_HANDLER 0x41
        C_HANDLER 0x42
        C_HANDLER 0x43
guest_gdt:
        .word   23
        .quad   CHILD_CODE + guest_descriptors - guest
guest_descriptors:
        .quad   0, 0x00AF9B000000FFFF, 0x00CF93000000FFFF
guest_idt:
        .word   256 * 16 - 1
        .quad   C_IDT
guest_end:
        LIBRARY
