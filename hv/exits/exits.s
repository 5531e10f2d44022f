# exits.s - the dispatch table, and the handlers that are a few lines long.
#
# Source  SDM 3D, "Basic VM-Exit Reasons"; hv/README.md, "The life of an exit"

        .equ    EXIT_ROWS, 76
        .macro  EXIT reason, handler
        .assert (. - exits) / 8 == REASON_\reason, "rows follow the reason numbers"
        .quad   \handler
        .endm

        .balign 8
# exits - Handlers by the reason's number.  Entry: rbx = VP, rbp = its partition; the guest's registers are in the VP.
# Exit: nothing but WORK bits.  Keeps rbx.
exits:  EXIT    EXCEPTION, exit_exception
        EXIT    EXTERNAL_INTERRUPT, exit_interrupt
        EXIT    TRIPLE_FAULT, exit_triple
        .quad   exit_other, exit_other, exit_other, exit_other
        EXIT    INTERRUPT_WINDOW, exit_window
        EXIT    NMI_WINDOW, exit_window
        EXIT    TASK_SWITCH, exit_task
        EXIT    CPUID, exit_cpuid
        EXIT    GETSEC, fault_ud
        EXIT    HLT, exit_hlt
        EXIT    INVD, advance
        .quad   exit_other
        EXIT    RDPMC, fault_gp
        .quad   exit_other
        EXIT    RSM, fault_ud
        EXIT    VMCALL, exit_vmcall
        EXIT    VMCLEAR, fault_ud
        EXIT    VMLAUNCH, fault_ud
        EXIT    VMPTRLD, fault_ud
        EXIT    VMPTRST, fault_ud
        EXIT    VMREAD, fault_ud
        EXIT    VMRESUME, fault_ud
        EXIT    VMWRITE, fault_ud
        EXIT    VMXOFF, fault_ud
        EXIT    VMXON, fault_ud
        EXIT    CR_ACCESS, exit_cr
        EXIT    MOV_DR, exit_mov_dr
        EXIT    IO, exit_io
        EXIT    RDMSR, exit_rdmsr
        EXIT    WRMSR, exit_wrmsr
        .quad   exit_other, exit_other, exit_other
        EXIT    MWAIT, fault_ud
        .quad   exit_other, exit_other
        EXIT    MONITOR, fault_ud
        .quad   exit_other, exit_other, exit_other, exit_other, exit_other, exit_other, exit_other, exit_other
        EXIT    EPT_VIOLATION, exit_ept
        EXIT    EPT_MISCONFIG, exit_misconfig
        EXIT    INVEPT, fault_ud
        .quad   exit_other
        EXIT    PREEMPTION_TIMER, exit_clock
        EXIT    INVVPID, fault_ud
        EXIT    WBINVD, advance
        EXIT    XSETBV, fault_ud
        .rept   EXIT_ROWS - REASON_XSETBV - 1
        .quad   exit_other
        .endr

# exit_unknown - The reason has no row, or bit 31 marks a failed entry.  Entry: eax = exit reason, rbx = VP.  Exit: never.
exit_unknown:
        test    eax, EXIT_ENTRY_FAILURE
        jz      1f
        lea     rdi, [rel text_entry_failed]
        mov     esi, CODE_ENTRY
        call    partition_fatal
        test    dword ptr [rbp + PART_FLAGS], CREATED
        jnz     vm_work
        call    say_vmcs
        jmp     vm_work
1:      call    exit_other
        jmp     vm_work

# exit_other - An exit that we do not know ends the partition.  Entry: rbx = VP.  Exit: rbp = its partition.  Keeps rbx, r12-r15.
exit_other:
        lea     rdi, [rel text_other]
        mov     esi, CODE_EXIT
        jmp     partition_fatal
# exit_triple - A triple fault ends the partition.  Entry, Exit, Keeps: as a handler of exits.
exit_triple:
        lea     rdi, [rel text_triple]
        mov     esi, CODE_TRIPLE
        jmp     partition_fatal
# exit_task - So does a task switch.  Entry, Exit, Keeps: as a handler of exits.
exit_task:
        lea     rdi, [rel text_task]
        mov     esi, CODE_EXIT
        jmp     partition_fatal
# exit_misconfig - So does a wrong entry of ours.  Entry, Exit, Keeps: as a handler of exits.
exit_misconfig:
        lea     rdi, [rel text_misconfig]
        mov     esi, CODE_EXIT
        jmp     partition_fatal

# exit_exception - NMIs of the machine, of no interest to a guest; exceptions that a parent intercepts.
# Entry, Exit, Keeps: as a handler of exits.
exit_exception:
        call    event_keep
        VMGET   rax, VMCS_EXIT_INTERRUPTION_INFO
        and     eax, INTR_TYPE
        cmp     eax, put(INTR_TYPE, EVENT_NMI)
        je      1f
        test    dword ptr [rbp + PART_FLAGS], CREATED
        jz      exit_other
        VMGET   r12, VMCS_EXIT_INTERRUPTION_INFO
        jmp     seen_exception
1:      ret

# exit_interrupt - An interrupt of the machine, acknowledged by the exit.
# Entry, Exit, Keeps: as a handler of exits.
exit_interrupt:
        VMGET   rax, VMCS_EXIT_INTERRUPTION_INFO
        cmp     al, SPURIOUS_VECTOR
        je      1f
        cmp     al, UART_VECTOR
        jne     3f
        mov     dword ptr [rel uart_waits], 1
3:      mov     edx, MEMORY_LOCAL_APIC
        mov     dword ptr [rdx + APIC_EOI*16], 0
        WORK    WORK_REQUESTS
1:      cmp     qword ptr gs:[CPU_NEWCOMERS], 0
        je      2f
        WORK    WORK_YIELD
2:      ret

# exit_window - A window is open: what waits is delivered before the entry.  Entry, Exit, Keeps: as a handler of exits.
exit_window:
        WORK    WORK_EVENT
        ret
# exit_clock - The preemption timer: something is due.  Entry, Exit, Keeps: as a handler of exits.
exit_clock:
        WORK    WORK_CLOCK
        ret

# exit_hlt - Sleep until the APIC has something; a VP that nothing can wake ends its partition.
# Entry, Exit, Keeps: as a handler of exits.
exit_hlt:
        call    advance
        call    assist_settle
        cmp     dword ptr [rbx + VP_NMI], 0
        jne     exit_window
        mov     dword ptr [rbx + VP_DEAF], 0
        test    dword ptr [rbx + VP_FLAGS], RFLAGS_IF
        jz      4f
        call    event_pending
        jns     exit_window
        test    dword ptr [rbp + PART_FLAGS], CREATED | ROOT
        jnz     3f                              # others can wake it
        cmp     qword ptr [rbp + PART_PARENT], 0
        jne     3f
        call    vps_alone
        jne     3f
        call    uart_wanted
        jnz     3f                              # somebody may type
        cmp     qword ptr [rbx + VP_PIT_DEADLINE], -1
        je      1f
        test    byte ptr [rbp + PIC_MASTER + PIC_IMR], 1 << IRQ_PIT
        jz      3f
        test    dword ptr [rbp + PART_IOAPIC + PIN_PIT*8], REDIRECT_MASKED
        jz      3f
1:      cmp     qword ptr [rbx + VP_STIMER_DEADLINE], -1
        jne     3f
        cmp     qword ptr [rbx + VP_DEADLINE], -1
        je      2f
        test    dword ptr [rbx + VP_APIC + APIC_SVR*16], SVR_ENABLE
        jz      2f
        mov     eax, [rbx + VP_APIC + APIC_LVT_TIMER*16]
        test    eax, LVT_MASKED
        jnz     2f
        and     eax, 0xF0
        push    rax
        call    apic_ppr
        pop     rcx
        and     eax, 0xF0
        cmp     ecx, eax
        jbe     2f                              # its priority is too low
3:      mov     dword ptr [rbx + VP_STATE], VP_HALTED
        WORK    WORK_YIELD
        ret
4:      mov     dword ptr [rbx + VP_DEAF], 1
        test    dword ptr [rbp + PART_FLAGS], CREATED
        jnz     3b                              # an NMI or INIT can
        call    vps_alone
        jne     3b
2:      lea     rdi, [rel text_halted]
        mov     esi, CODE_HALTED
        jmp     partition_fatal

# gpr_read - Entry: ecx = register number, rbx = VP.  Exit: rax = the guest's register.  Changes rcx.
gpr_read:
        cmp     ecx, GPR_RSP
        je      1f
        mov     rax, [rbx + rcx*8 + VP_RAX]
        ret
1:      VMGET   rax, VMCS_GUEST_RSP
        ret
# gpr_write - Entry: ecx = register number, rax = value, rbx = VP.  Exit: nothing.  Changes rcx.
gpr_write:
        cmp     ecx, GPR_RSP
        je      1f
        mov     [rbx + rcx*8 + VP_RAX], rax
        ret
1:      VMPUT   VMCS_GUEST_RSP, rax
        ret

text_other:     .asciz "VM exit that the hypervisor does not handle"
text_triple:    .asciz "triple fault"
text_task:      .asciz "task switch"
text_misconfig: .asciz "EPT misconfiguration"
text_halted:    .asciz "halted, and nothing can wake it"
