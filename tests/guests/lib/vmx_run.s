# vmx_run.s - into the guest and back.
#
# Source  SDM 3C, "VM Entries", "VM Exits"

# vmx_run - Enter the guest with guest_registers; returns at its exit.  Entry: nothing.  Exit: rax = exit reason, all 32 bits;
# a failed VMLAUNCH or VMRESUME gives NOTHING.  Keeps rbx, rbp, rsi, rdi, r8-r15.
vmx_run:
        push    rbx
        push    rbp
        push    rsi
        push    rdi
        push    r8
        push    r9
        push    r10
        push    r11
        push    r12
        push    r13
        push    r14
        push    r15
        mov     eax, VMCS_HOST_RSP
        vmwrite rax, rsp
        mov     rax, [rip + guest_registers]
        mov     rcx, [rip + guest_registers + 8]
        mov     rdx, [rip + guest_registers + 16]
        mov     rbx, [rip + guest_registers + 24]
        mov     rbp, [rip + guest_registers + 32]
        mov     rsi, [rip + guest_registers + 40]
        mov     rdi, [rip + guest_registers + 48]
        cmp     dword ptr [rip + launched], 0
        jne     .resume
        vmlaunch
        jmp     .failed
.resume: vmresume
.failed: pushfq
        pop     qword ptr [rip + entry_flags]
        mov     eax, NOTHING
        jmp     vmx_back
# vmx_exit - Where an exit leads: vmx_run returns.  Entry: every register is the guest's.  Exit: rax = exit reason.  Changes all.
vmx_exit: pushfq
        pop     qword ptr [rip + exit_flags]
        mov     dword ptr [rip + launched], 1
        mov     [rip + guest_registers], rax
        mov     [rip + guest_registers + 8], rcx
        mov     [rip + guest_registers + 16], rdx
        mov     [rip + guest_registers + 24], rbx
        mov     [rip + guest_registers + 32], rbp
        mov     [rip + guest_registers + 40], rsi
        mov     [rip + guest_registers + 48], rdi
        mov     ecx, VMCS_EXIT_REASON
        vmread  rax, rcx
        test    eax, EXIT_ENTRY_FAILURE
        jz      vmx_back
        mov     dword ptr [rip + launched], 0   # a failed entry does not launch
vmx_back:
        pop     r15
        pop     r14
        pop     r13
        pop     r12
        pop     r11
        pop     r10
        pop     r9
        pop     r8
        pop     rdi
        pop     rsi
        pop     rbp
        pop     rbx
        ret
        .align  8
guest_registers: .fill 7, 8
launched:       .quad 0
entry_flags:    .quad 0
exit_flags:     .quad 0
pointer:        .quad 0
