# fault.s - exceptions that we raise in the guest at its next entry (inject.s); an IRET whose exception a parent sees.
#
# Source  SDM 3C, "Event Injection"

        .equ    INFO_HARD, INTR_VALID | put(INTR_TYPE, EVENT_HARD)

# fault_ud - Raise #UD in the guest at its next entry.  Entry: rbx = VP.  Exit: nothing.  Keeps every register.
fault_ud:
        mov     dword ptr [rbx + VP_FAULT], INFO_HARD | VECTOR_UD
        WORK    WORK_EVENT
        ret
# fault_gp - Raise #GP(0).  Entry: rbx = VP.  Exit: nothing.  Keeps every register.
fault_gp:
        mov     dword ptr [rbx + VP_FAULT], INFO_HARD | INTR_ERROR | VECTOR_GP
        mov     dword ptr [rbx + VP_FAULT_ERROR], 0
        WORK    WORK_EVENT
        ret
# fault_pf - Raise #PF.  Entry: edi = error code, rsi = address for CR2, rbx = VP.  Exit: nothing.  Keeps every register.
fault_pf:
        mov     cr2, rsi                        # this VP's state is on the processor
        mov     dword ptr [rbx + VP_FAULT], INFO_HARD | INTR_ERROR | VECTOR_PF
        mov     [rbx + VP_FAULT_ERROR], edi
        WORK    WORK_EVENT
        ret

# iret_blocks - An IRET that faulted had unblocked NMIs.  The parent may let it run again: they are blocked as before it.  When the
# parent gives the fault back, reg_pending_write unblocks them.  Entry: rbx = VP, r12 = exit interruption information.
# Exit: nothing.  Changes rax, rcx.
# Source  SDM 3C, "Information About NMI Unblocking Due to IRET", "Resuming Guest Software after Handling an Exception"
iret_blocks:
        mov     dword ptr [rbx + VP_IRET], 0
        test    r12d, INTR_NMI_UNBLOCK
        jz      1f
        cmp     dword ptr [rbx + VP_AGAIN], 0
        jne     1f                              # the bit is undefined in a delivery, and for #DF
        cmp     r12b, VECTOR_DF
        je      1f
        mov     dword ptr [rbx + VP_IRET], 1
        VMGET   rax, VMCS_GUEST_INTERRUPTIBILITY
        or      eax, BLOCKING_NMI
        vmwrite rcx, rax
1:      ret
