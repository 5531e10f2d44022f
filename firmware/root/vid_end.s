# vid_end.s - a virtual machine ends: everything it had is the root's again, and clear.
#
# Source  TLFS, "Partition States" (the order of calls); firmware/root/README.md, "Commands"

# vm_stop - Entry: edi = slot, in any state but NONE.  Exit: eax = status.  Keeps rbx, rbp, r12-r15.
vm_stop:
        push    rbx
        call    vm_slot
        mov     eax, ROOTSTATUS_NO_SLOT
        jz      1f
        cmp     qword ptr [rbx + VM_STATE], ROOTVM_NONE
        je      1f
        call    vm_take_down
1:      pop     rbx
        ret

# vm_take_down - Entry: rbx = VM, whose partition may be half made.  Exit: eax = status.  Keeps rbx, rbp, r12-r15.
vm_take_down:
        mov     qword ptr [rbx + VM_STATE], ROOTVM_NONE
        mov     rdi, [rbx + VM_ID]
        test    rdi, rdi
        jz      4f
        call    winhv_clear
        mov     [INPUT], rdi
        call    winhv_finalize_partition        # what was never initialized needs none: its status does not matter
1:      mov     edx, 64
        call    winhv_withdraw_memory
        test    eax, eax
        jz      1b
        cmp     eax, HVSTATUS_NO_RESOURCES      # all of it is back
        jne     5f
        call    winhv_delete_partition
        test    eax, eax
        jnz     5f
        mov     qword ptr [rbx + VM_ID], 0
        mov     rdi, [rbx + VM_BASE]            # nothing of it stays
        mov     rcx, [rbx + VM_BYTES_OF]
        shr     rcx, 3
        xor     eax, eax
        rep stosq
        cmp     dword ptr [SIM_PAGE], 0         # a message of it may have been the last thing it did
        je      4f
        mov     rax, [SIM_PAGE + SLOTS_ORIGIN]
        cmp     rax, [INPUT]
        jne     4f
        call    message_done
4:      xor     eax, eax
5:      ret
