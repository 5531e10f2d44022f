# Expect: pass. RF that exits save: 1 inside a repeated string instruction and for accesses that the EPT refuses, 0 for instructions that exit.
        .include "lib.s"
        .include "vmxlib.s"

        .equ    STORES, 0x100000
# SAVED label, flag - The guest stopped there, with RF so (0 or RFLAGS_RF).
        .macro  SAVED label, flag
        GET     rdx, GUEST_RIP
        EQ      rdx, offset \label
        GET     rax, GUEST_RFLAGS
        and     eax, RFLAGS_RF
        EQ      eax, \flag
        .endm
        .macro  REPEAT
        PUT     GUEST_RFLAGS, RFLAGS_ONE | RFLAGS_IF
        mov     dword ptr [AT_RCX], STORES
        mov     dword ptr [AT_RDI], 0x800000
        .endm
test:   call    vmx_start
        ON      0x70, taken
        APIC_WRITE APIC_SVR, SVR_ENABLE | 0xFF
        APIC_WRITE APIC_DIVIDE, 0xB
        APIC_WRITE APIC_LVT_TIMER, 0x70
        SET     PIN_BASED_CONTROLS, PIN_PREEMPTION_TIMER
        PUT     PREEMPTION_TIMER, 1000
        REPEAT
        GUEST   fill
        RUN     PREEMPTION_TIMER
        SAVED   fill, RFLAGS_RF
        BELOW   dword ptr [AT_RCX], STORES
        CLEAR   PIN_BASED_CONTROLS, PIN_PREEMPTION_TIMER
        SET     PRIMARY_CONTROLS, PROC_MTF
        REPEAT
        PUT     GUEST_RFLAGS, RFLAGS_ONE
        GUEST   fill
        RUN     MTF                             # after one iteration
        SAVED   fill, RFLAGS_RF
        EQ      dword ptr [AT_RCX], STORES - 1
        mov     dword ptr [AT_RCX], 1
        RUN     MTF                             # after the last one
        SAVED   filled, 0
        CLEAR   PRIMARY_CONTROLS, PROC_MTF
        SET     PIN_BASED_CONTROLS, PIN_EXTERNAL_INTERRUPT
        APIC_WRITE APIC_INITIAL_COUNT, 100000
        REPEAT
        GUEST   fill
        RUN     EXTERNAL_INTERRUPT
        SAVED   fill, RFLAGS_RF
        sti
        nop
        cli
        CLEAR   PIN_BASED_CONTROLS, PIN_EXTERNAL_INTERRUPT
        APIC_WRITE APIC_INITIAL_COUNT, 100000
        REPEAT
        RUN     VMCALL                          # delivered in the guest
        EQ      qword ptr [rip + where], offset fill
        BITS    dword ptr [rip + flags], RFLAGS_RF
        SAVED   filled, 0
        PUT     GUEST_RFLAGS, RFLAGS_ONE | RFLAGS_RF
        RUN     VMCALL
        SAVED   filled, 0
        mov     qword ptr [EPT_PD + 8 * (0x800000 >> 21)], 0
        REPEAT
        GUEST   fill
        RUN     EPT_VIOLATION
        SAVED   fill, RFLAGS_RF
        EQ      dword ptr [AT_RCX], STORES
        PASS
fill:   rep     stosb
filled: vmcall
taken:  mov     rax, [rdi + FRAME_RIP]
        mov     [rip + where], rax
        mov     rax, [rdi + FRAME_RFLAGS]
        mov     [rip + flags], rax
        APIC_WRITE APIC_EOI, 0
        ret
        .align  8
where:  .quad   0
flags:  .quad   0
