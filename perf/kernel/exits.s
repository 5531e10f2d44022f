# exits.s - VM exit round trips: guests that do nothing but exit, and handlers that answer.
#
# Entry   loop_exits: rdi = count, rbx = row
# Exit    rax = 0; 1 VM entry failed; 2 an exit of another reason.  rcx = error number or reason
# Source  SDM 3C, "VM Exits"; "VMM Software Interrupt Injection"

        .equ    VECTOR, 0x20

loop_exits:
        push    rdi
        call    vmcs_prepare
        pop     r12                             # exits still to come
        mov     r14, [rbx + LOOP_REASON]
        mov     ecx, VMCS_HOST_RSP
        vmwrite rcx, rsp
        mov     eax, ABSENT
        mov     edi, ABSENT                     # for guest_violation
        vmlaunch
entry_failed:
        mov     ecx, VMCS_VM_INSTRUCTION_ERROR
        vmread  rcx, rcx
        mov     eax, 1
        ret
other_exit:
        mov     eax, 2
        ret
done:   xor     eax, eax
        ret

# on_plain - the smallest complete answer: reason, length, RIP after the instruction.
        .align  64
on_plain:
        mov     eax, VMCS_EXIT_REASON
        vmread  rcx, rax
        cmp     ecx, r14d
        jne     other_exit
        mov     edx, VMCS_GUEST_RIP
        vmread  rax, rdx
        mov     ecx, VMCS_EXIT_INSTRUCTION_LENGTH
        vmread  rbx, rcx
        add     rax, rbx
        vmwrite rdx, rax
        dec     r12
        jz      done
        vmresume
        jmp     entry_failed

# on_violation - the access and its address are read; the store (REX.W 89 /r, 3 bytes) is skipped.
        .align  64
on_violation:
        mov     eax, VMCS_EXIT_REASON
        vmread  rcx, rax
        cmp     ecx, r14d
        jne     other_exit
        mov     eax, VMCS_EXIT_QUALIFICATION
        vmread  rcx, rax
        mov     eax, VMCS_GUEST_PHYSICAL_ADDRESS
        vmread  rbx, rax
        mov     edx, VMCS_GUEST_RIP
        vmread  rax, rdx
        cmp     word ptr [rax], 0x8948
        jne     other_exit
        add     rax, 3
        vmwrite rdx, rax
        dec     r12
        jz      done
        vmresume
        jmp     entry_failed

# on_inject - on_plain, and an external interrupt with the entry.
        .align  64
on_inject:
        mov     eax, VMCS_EXIT_REASON
        vmread  rcx, rax
        cmp     ecx, r14d
        jne     other_exit
        mov     edx, VMCS_GUEST_RIP
        vmread  rax, rdx
        mov     ecx, VMCS_EXIT_INSTRUCTION_LENGTH
        vmread  rbx, rcx
        add     rax, rbx
        vmwrite rdx, rax
        mov     eax, INTR_VALID | put(INTR_TYPE, EVENT_EXTERNAL) | VECTOR
        mov     edx, VMCS_ENTRY_INTERRUPTION_INFO
        vmwrite rdx, rax
        dec     r12
        jz      done
        vmresume
        jmp     entry_failed

# on_full - as hypervisors do it: fifteen registers saved, a routine by reason, CPUID executed, registers restored.
        .align  64
on_full:
        push    r15
        push    r14
        push    r13
        push    r12
        push    r11
        push    r10
        push    r9
        push    r8
        push    rbp
        push    rdi
        push    rsi
        push    rdx
        push    rcx
        push    rbx
        push    rax
        mov     ebp, VMCS_EXIT_REASON
        vmread  rax, rbp
        cmp     eax, 64
        jae     full_other
        call    qword ptr [rax*8 + full_rows]
        dec     qword ptr [rsp + 11*8]          # r12
        jz      full_done
        pop     rax
        pop     rbx
        pop     rcx
        pop     rdx
        pop     rsi
        pop     rdi
        pop     rbp
        pop     r8
        pop     r9
        pop     r10
        pop     r11
        pop     r12
        pop     r13
        pop     r14
        pop     r15
        vmresume
        jmp     entry_failed
full_done:
        add     rsp, 15*8
        jmp     done
full_other:
        mov     rcx, rax
        add     rsp, 15*8
        jmp     other_exit

full_cpuid:
        mov     eax, [rsp + 8]
        mov     ecx, [rsp + 8 + 2*8]
        cpuid
        mov     [rsp + 8], rax
        mov     [rsp + 8 + 1*8], rbx
        mov     [rsp + 8 + 2*8], rcx
        mov     [rsp + 8 + 3*8], rdx
full_skip:
        mov     edx, VMCS_GUEST_RIP
        vmread  rax, rdx
        mov     ecx, VMCS_EXIT_INSTRUCTION_LENGTH
        vmread  rbx, rcx
        add     rax, rbx
        vmwrite rdx, rax
        ret
full_unknown:
        pop     rcx
        jmp     full_other

        .align  64
guest_cpuid:
        cpuid
        jmp     guest_cpuid
        .align  64
guest_vmcall:
        vmcall
        jmp     guest_vmcall
        .align  64
guest_violation:
        mov     [rdi], rax
        jmp     guest_violation
        .align  64
guest_io:
        out     PORT_POST, al
        jmp     guest_io
        .align  64
guest_interrupt:
        iretq

        .align  16
full_rows:
        .fill   10, 8, full_unknown
        .quad   full_cpuid                      # REASON_CPUID
        .fill   7, 8, full_unknown
        .quad   full_skip                       # REASON_VMCALL
        .fill   45, 8, full_unknown
guest_idt:
        .fill   64, 8, 0
        .word   guest_interrupt & 0xFFFF, CODE, 0x8E00, guest_interrupt >> 16
        .quad   0
