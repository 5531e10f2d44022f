# Expect: pass. Virtual and real NMIs of a guest: unblocked by an IRET that has completed, or that faults or exits, which bit 12 says.
        .include "lib.s"
        .include "vmxlib.s"

        .equ    LOST, 0x2C0000                  # a stack whose page the EPT lacks
        .equ    UNBLOCKED, INTR_NMI_UNBLOCK
# BLOCKED - The guest begins at its IRET with NMIs blocked.  AT label, blocking - It has stopped there, with NMIs so.
        .macro  BLOCKED
        PUT     GUEST_INTERRUPTIBILITY, BLOCKING_NMI
        PUT     GUEST_RFLAGS, RFLAGS_ONE
        PUT     GUEST_RSP, frame
        GUEST   back
        .endm
        .macro  AT label, blocking=0
        GET     rdx, GUEST_RIP
        EQ      rdx, offset \label
        GET     rax, GUEST_INTERRUPTIBILITY
        EQ      eax, \blocking
        .endm
test:   call    vmx_start
        SET     PIN_BASED_CONTROLS, PIN_NMI | PIN_VIRTUAL_NMIS
        SET     PRIMARY_CONTROLS, PROC_NMI_WINDOW
        BLOCKED
        RUN     NMI_WINDOW                      # not before the IRET
        AT      target
        CLEAR   PRIMARY_CONTROLS, PROC_NMI_WINDOW
        SET     PRIMARY_CONTROLS, PROC_MTF
        BLOCKED
        RUN     MTF                             # after it
        AT      target
        SET     PRIMARY_CONTROLS, PROC_NMI_WINDOW
        BLOCKED
        RUN     MTF
        AT      target
        RUN     NMI_WINDOW
        AT      target
        CLEAR   PRIMARY_CONTROLS, PROC_NMI_WINDOW | PROC_MTF

        BLOCKED                                 # IRET faults
        PUT     EXCEPTION_BITMAP, 1 << VECTOR_GP
        mov     qword ptr [rip + frame_cs], 0xFFF8
        RUN     EXCEPTION
        AT      back
        GET     rax, EXIT_INTERRUPTION_INFO
        EQ      eax, INTR_VALID | UNBLOCKED | INTR_ERROR | put(INTR_TYPE, EVENT_HARD) | VECTOR_GP
        GUEST   elsewhere                       # any other #GP says nothing of it
        RUN     EXCEPTION
        GET     rax, EXIT_INTERRUPTION_INFO
        NOBITS  eax, UNBLOCKED
        mov     qword ptr [rip + frame_cs], CODE64
        PUT     EXCEPTION_BITMAP, 0

        mov     rax, EPT_PT + EPT_RWX           # the EPT refuses the IRET its stack
        mov     [EPT_PD + 8 * (LOST >> 21)], rax
        call    split
        BLOCKED
        PUT     GUEST_RSP, LOST
        RUN     EPT_VIOLATION
        AT      back
        GET     rax, EXIT_QUALIFICATION
        BITS    eax, UNBLOCKED
        EQ64    rax, QUAL_EPT_READ | QUAL_EPT_LINEAR | QUAL_EPT_FINAL | UNBLOCKED
        PUT     GUEST_RSP, frame                # with virtual NMIs the handler blocks them again and goes on
        PUT     GUEST_INTERRUPTIBILITY, BLOCKING_NMI
        RUN     VMCALL
        AT      target_call

        CLEAR   PIN_BASED_CONTROLS, PIN_VIRTUAL_NMIS
        BLOCKED                                 # NMIs exit and are not virtual: IRET changes nothing
        RUN     VMCALL
        AT      target_call, BLOCKING_NMI
        call    host_unblock

        CLEAR   PIN_BASED_CONTROLS, PIN_NMI
        ON      VECTOR_NMI, seen
        BLOCKED                                 # the guest's own: one that waits comes after the IRET
        GUEST   send
        RUN     VMCALL
        AT      target_call
        EQ      dword ptr [rip + count], 1
        EQ      qword ptr [rip + place], offset target
        PASS

send:   APIC_WRITE APIC_ICR, put(ICR_MODE, DELIVERY_NMI) | ICR_ASSERT       # to APIC 0, itself
        nop
back:   iretq
        nop
elsewhere:
        mov     rax, 0x800000000000
        mov     rax, [rax]
target: nop
target_call:
        vmcall
seen:   inc     dword ptr [rip + count]
        mov     rax, [rdi + FRAME_RIP]
        mov     [rip + place], rax
        ret
# split - The first 2 MiB page that holds LOST by 4 KiB pages, without that of LOST.  Changes rax, rcx, rdi.
split:  mov     edi, EPT_PT
        mov     eax, LOST & ~0x1FFFFF | EPT_RWX | EPT_WB
        mov     ecx, 512
1:      mov     [rdi], rax
        add     rdi, 8
        add     rax, 0x1000
        loop    1b
        mov     qword ptr [EPT_PT + 8 * (LOST >> 12 & 511)], 0
        ret
host_unblock:
        pop     rax
        mov     rdx, rsp
        push    DATA
        push    rdx
        pushfq
        push    CODE64
        push    rax
        iretq
        .align  8
frame:  .quad   target
frame_cs: .quad CODE64, RFLAGS_ONE, GUEST_STACK, DATA
count:  .quad   0
place:  .quad   0
