# Expect: pass. MWAIT in a guest: exits with the monitor's state, waits without its control, and is saved as active.
        .include "lib.s"
        .include "vmxlib.s"

        .equ    LINE, FREE + 0x100000
        .macro  SELF low
        APIC_WRITE APIC_ICR, put(ICR_SHORTHAND, SHORTHAND_SELF) | ICR_ASSERT | \low
        .endm
test:   APIC_WRITE APIC_SVR, SVR_ENABLE | 0xFF
        ON      0x71, eoi
        call    vmx_start
        SET     PRIMARY_CONTROLS, PROC_MWAIT
        GUEST   armed
        RUN     MWAIT
        QUALIFIED 1
        GUEST   unarmed                         # the exit before has disarmed it
        RUN     MWAIT
        QUALIFIED 0
        CLEAR   PRIMARY_CONTROLS, PROC_MWAIT

        GUEST   unarmed                         # nothing to wait for
        RUN     VMCALL
        SET     PIN_BASED_CONTROLS, PIN_PREEMPTION_TIMER
        PUT     PREEMPTION_TIMER, 1000
        GUEST   armed                           # waits until the timer ends it
        RUN     PREEMPTION_TIMER
        GET     rdx, GUEST_RIP
        EQ      rdx, offset after
        GET     rax, GUEST_ACTIVITY
        EQ      eax, ACTIVITY_ACTIVE
        CLEAR   PIN_BASED_CONTROLS, PIN_PREEMPTION_TIMER

        SET     PIN_BASED_CONTROLS, PIN_EXTERNAL_INTERRUPT
        APIC_WRITE APIC_DIVIDE, 0xB       # by 1
        APIC_WRITE APIC_LVT_TIMER, 0x71
        APIC_WRITE APIC_INITIAL_COUNT, 50000
        GUEST   armed                           # an interrupt that exits ends it, though IF is 0
        RUN     EXTERNAL_INTERRUPT
        GET     rdx, GUEST_RIP
        EQ      rdx, offset after
        sti
        nop
        nop
        cli
        EQ      dword ptr [rip + count], 1
        CLEAR   PIN_BASED_CONTROLS, PIN_EXTERNAL_INTERRUPT

        SET     PRIMARY_CONTROLS, PROC_INTERRUPT_WINDOW
        PUT     GUEST_RFLAGS, RFLAGS_ONE
        GUEST   masked                          # waits for a window with interrupts off: does not wait
        RUN     VMCALL
        PASS

armed:  mov     eax, LINE
        xor     ecx, ecx
        xor     edx, edx
        monitor
unarmed:
        xor     ecx, ecx
        mwait
after:  vmcall
masked: mov     eax, LINE
        xor     ecx, ecx
        xor     edx, edx
        monitor
        mov     ecx, 1
        mwait
        vmcall
eoi:    inc     dword ptr [rip + count]
        APIC_WRITE APIC_EOI, 0
        ret
        .align  8
count:  .quad   0
