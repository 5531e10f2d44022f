# Expect: pass. External-interrupt exits with and without acknowledge, interrupt window, NMI exits and NMI window.
        .include "lib.s"
        .include "vmxlib.s"

        .macro  SELF low
        APIC_WRITE APIC_ICR, put(ICR_SHORTHAND, SHORTHAND_SELF) | ICR_ASSERT | \low
        .endm
test:   APIC_WRITE APIC_SVR, SVR_ENABLE | 0xFF
        ON      0x71, eoi
        call    vmx_start
        SET     PIN_BASED_CONTROLS, PIN_EXTERNAL_INTERRUPT | PIN_NMI
        SELF    0x71
        GUEST   spin
        RUN     EXTERNAL_INTERRUPT              # IF of the guest does not matter
        GET     rax, EXIT_INTERRUPTION_INFO
        NOBITS  eax, INTR_VALID
        sti                                     # not acknowledged: still pending here
        nop
        nop
        cli
        EQ      dword ptr [rip + count], 1
        SET     EXIT_CONTROLS, EXITC_ACK_INTERRUPT
        SELF    0x71
        RUN     EXTERNAL_INTERRUPT
        GET     rax, EXIT_INTERRUPTION_INFO
        EQ      eax, INTR_VALID | 0x71
        APIC_READ (APIC_ISR + 3)
        EQ      eax, 1 << (0x71 & 31)
        APIC_WRITE APIC_EOI, 0

        CLEAR   PIN_BASED_CONTROLS, PIN_EXTERNAL_INTERRUPT      # delivered to the guest itself
        PUT     GUEST_RFLAGS, RFLAGS_ONE | RFLAGS_IF
        SELF    0x71
        GUEST   call
        RUN     VMCALL
        EQ      dword ptr [rip + count], 2
        SET     PIN_BASED_CONTROLS, PIN_EXTERNAL_INTERRUPT

        SET     PRIMARY_CONTROLS, PROC_INTERRUPT_WINDOW
        PUT     GUEST_RFLAGS, RFLAGS_ONE
        GUEST   window
        RUN     INTERRUPT_WINDOW
        GET     rdx, GUEST_RIP
        EQ      rdx, offset opened              # after the shadow of STI
        GUEST   spin
        RUN     INTERRUPT_WINDOW                # open already: before the first instruction
        GET     rdx, GUEST_RIP
        EQ      rdx, offset spin
        CLEAR   PRIMARY_CONTROLS, PROC_INTERRUPT_WINDOW

        APIC_WRITE APIC_ICR_HIGH, 0
        ON      VECTOR_NMI, eoi
        PUT     GUEST_RFLAGS, RFLAGS_ONE
        GUEST   nmi
        RUN     EXCEPTION                       # an NMI that the guest sends itself
        GET     rax, EXIT_INTERRUPTION_INFO
        EQ      eax, INTR_VALID | put(INTR_TYPE, EVENT_NMI) | VECTOR_NMI
        PASS

spin:   jmp     spin
call:   nop
        vmcall
window: nop
        sti
        nop
opened: nop
        vmcall
nmi:    mov     eax, MEMORY_LOCAL_APIC
        mov     dword ptr [rax + APIC_ICR * 16], put(ICR_MODE, DELIVERY_NMI) | ICR_ASSERT
        jmp     spin
eoi:    inc     dword ptr [rip + count]
        APIC_WRITE APIC_EOI, 0
        ret
        .align  8
count:  .quad   0
