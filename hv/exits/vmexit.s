# vmexit.s - the hot path: take an exit, answer CPUID at once, dispatch the rest, go back to the guest.
#
# Handlers (exit_*) follow the contract at exits.  Every other routine keeps rbx, rbp, r12-r15 unless its contract says less;
# arguments rdi rsi rdx, result rax.
# Source  SDM 3C, "VM Exits", "VM-Entry Checks and Loading"

# vmexit - Entry: from hardware at HOST_RIP, interrupts off, rsp = VP, every register else the guest's.  Exit: never.
# VMRESUME follows, or vmfail.  A prepared CPUID row is answered with four registers saved, unless the guest single-steps (TF) or
# is in the shadow of STI or MOV SS: advance knows what is due then.
vmexit: mov     [rsp + VP_RAX], rax
        mov     [rsp + VP_RCX], rcx
        mov     [rsp + VP_RDX], rdx
        mov     [rsp + VP_RBX], rbx
        VMGET   rax, VMCS_EXIT_REASON
        cmp     eax, REASON_CPUID
        jne     vmexit_any

        mov     edx, [rsp + VP_RAX]
        cmp     edx, CPUID_ROWS
        jae     vmexit_any
        shl     edx, 5
        add     rdx, [rsp + VP_CPUID]           # row: EAX EBX ECX EDX, then 1 if it may be given out here
        cmp     dword ptr [rdx + CPUID_READY], 0
        je      vmexit_any
        dec     dword ptr [rsp + VP_CREDIT]
        jz      vmexit_any

        VMGET   rax, VMCS_GUEST_RFLAGS
        test    eax, RFLAGS_TF
        jnz     vmexit_slow_cpuid
        VMGET   rax, VMCS_GUEST_INTERRUPTIBILITY
        test    eax, eax
        jnz     vmexit_slow_cpuid
        inc     qword ptr [rsp + VP_EXITS]
        VMGET   rbx, VMCS_EXIT_INSTRUCTION_LENGTH
        VMGET   rax, VMCS_GUEST_RIP
        add     rax, rbx
        vmwrite rcx, rax                        # rcx = GUEST_RIP
        mov     eax, [rdx]
        mov     ebx, [rdx + 4]
        mov     ecx, [rdx + 8]
        mov     edx, [rdx + 12]
        vmresume
        jmp     vmfail_hot

vmexit_slow_cpuid:
        mov     eax, REASON_CPUID
vmexit_any:
        SAVE_REST
        mov     rbx, rsp
        mov     rsp, gs:[CPU_SELF]              # this processor's stack
        mov     rbp, [rbx + VP_PARTITION]
        mov     dword ptr [rbx + VP_KNOWN], 0
        inc     qword ptr [rbx + VP_EXITS]
        cmp     eax, EXIT_ROWS
        jae     exit_unknown                    # entry failures have bit 31 set
        call    qword ptr [exits + rax*8]

# vm_resume - what is due, then the guest.  rbx = VP
vm_resume:
        dec     dword ptr [rbx + VP_CREDIT]
        jle     vm_clock
        cmp     dword ptr [rbx + VP_WORK], 0
        jne     vm_work
vm_enter:
        mov     rsp, rbx
        cmp     qword ptr [rbx + VP_LAUNCHED], 0
        je      vm_launch
        LOAD_GUEST
        vmresume
        jmp     vmfail
vm_launch:
        inc     qword ptr [rbx + VP_LAUNCHED]
        LOAD_GUEST
        vmlaunch
        jmp     vmfail
vm_clock:
        WORK    WORK_CLOCK
# vm_work - What is due before the VP runs: then at vm_enter, or with another VP.  Entry: rbx = VP, rsp = CPU_SELF.  Exit: never.
vm_work:
        cmp     rsp, gs:[CPU_SELF]              # the stack is as empty as it was at the exit
        jne     vm_stack
        test    dword ptr [rbx + VP_WORK], WORK_END
        jnz     end_partition                   # does not come back
        btr     dword ptr [rbx + VP_WORK], shift(WORK_CLOCK)
        jnc     vm_work_requests
        call    clock_update                    # may ask for YIELD and EVENT
vm_work_requests:
        btr     dword ptr [rbx + VP_WORK], shift(WORK_REQUESTS)
        jnc     vm_work_yield
        mov     rbp, [rbx + VP_PARTITION]
        call    requests_take
        test    dword ptr [rbx + VP_WORK], WORK_CLOCK
        jnz     vm_work
vm_work_yield:
        test    dword ptr [rbx + VP_WORK], WORK_YIELD
        jnz     schedule                        # continues at vm_work with the VP it chose
        btr     dword ptr [rbx + VP_WORK], shift(WORK_EVENT)
        jnc     vm_enter
        call    event_deliver
        jmp     vm_enter

vm_stack:
        lea     rdi, [rel text_stack]
        jmp     fatal
text_stack:     .asciz "a handler has left something on its processor's stack"

# vmfail - VMRESUME or VMLAUNCH failed: CF or ZF set, RSP = VP, guest registers still in the VP.
vmfail_hot:
        SAVE_REST
vmfail: mov     rbx, rsp
        mov     rsp, gs:[CPU_SELF]
        xor     edx, edx
        jc      vmfail_known                     # no current VMCS: there is no error field
        VMGET   rdx, VMCS_VM_INSTRUCTION_ERROR
vmfail_known:
        mov     r12, rdx
        mov     esi, CODE_ENTRY
        lea     rdi, [rel text_entry_failed]
        call    partition_fatal
        test    dword ptr [rbp + PART_FLAGS], CREATED
        jnz     vm_work
        mov     rdi, r12
        call    say_vmcs
        jmp     vm_work

# advance - move the guest past the instruction that exited.
# Entry: rbx = VP.  Exit: nothing.  Changes rax, rcx, rdx.
# An STI or MOV SS shadow ends, RF is cleared (the exit of an access has saved it set), a single-step trap is left pending.
# VP_KNOWN and VP_FLAGS say so to who asks later.
# Source  SDM 3C, "Guest Non-Register State"; SDM 3B, "Single-Step Exception Condition"
advance:
        VMGET   rdx, VMCS_EXIT_INSTRUCTION_LENGTH
        VMGET   rax, VMCS_GUEST_RIP
        add     rdx, rax
        mov     rcx, rax
        xor     rcx, rdx
        bt      rcx, 32                         # crossed 4 GiB: 32-bit code wraps, 64-bit code does not
        jc      advance_wrap
# advance_rip - The same, to a RIP that is known.  Entry: rdx = RIP, rbx = VP.  Exit: nothing.  Changes rax, rcx.
advance_rip:
        VMPUT   VMCS_GUEST_RIP, rdx
# advance_shadow - The same, of a guest whose RIP has moved.  Entry: rbx = VP.  Exit: nothing.  Changes rax, rcx.
advance_shadow:
        VMGET   rax, VMCS_GUEST_INTERRUPTIBILITY
        test    eax, BLOCKING_STI | BLOCKING_MOV_SS
        jz      advance_trap
        and     eax, ~(BLOCKING_STI | BLOCKING_MOV_SS)
        vmwrite rcx, rax
advance_trap:
        VMGET   rax, VMCS_GUEST_RFLAGS
        test    eax, RFLAGS_RF
        jz      advance_flags
        and     eax, ~RFLAGS_RF
        vmwrite rcx, rax
advance_flags:
        mov     [rbx + VP_FLAGS], eax
        mov     dword ptr [rbx + VP_KNOWN], 1
        test    eax, RFLAGS_TF
        jz      advance_done
        VMGET   rax, VMCS_GUEST_PENDING_DEBUG
        or      eax, PENDING_BS
        vmwrite rcx, rax
advance_done:
        ret
advance_wrap:
        push    rdx
        call    guest_is_long                   # zero flag clear: 64-bit code
        pop     rdx
        jnz     advance_rip
        mov     edx, edx
        jmp     advance_rip

# guest_is_long - Entry: nothing.  Exit: rax = CS rights bit L and LMA, zero flag accordingly.  Changes rcx, rdx.
guest_is_long:
        VMGET   rdx, VMCS_GUEST_EFER
        xor     eax, eax
        test    edx, EFER_LMA
        jz      guest_is_long_done
        VMGET   rax, VMCS_GUEST_CS_ACCESS_RIGHTS
guest_is_long_done:
        and     eax, AR_L
        ret

# guest_cpl - Entry: nothing.  Exit: rax = current privilege level (SS.DPL).  Changes rcx.
guest_cpl:
        VMGET   rax, VMCS_GUEST_SS_ACCESS_RIGHTS
        shr     eax, shift(AR_DPL)
        and     eax, 3
        ret
