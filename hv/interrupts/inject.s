# inject.s - events for the guest: exceptions we raise (fault.s), events an exit cut off, NMI, interrupts of the virtual APIC.
#
# Source  SDM 3C, "Event Injection", "Interrupt-Window Exiting and Virtual-Interrupt Delivery"

        .equ    INFO_NMI, INTR_VALID | put(INTR_TYPE, EVENT_NMI) | VECTOR_NMI
        .equ    FROM_PIC, 0x100                 # r12 in event_deliver: a line of the 8259 pair, not a vector
        .equ    FROM_PARENT, 0x200              # the external interrupt of its parent
        .equ    INFO_EXTERNAL, INTR_VALID | put(INTR_TYPE, EVENT_EXTERNAL)

# event_keep - Remember the event whose delivery this exit cut off, for the next entry.  Entry: rbx = VP.  Exit: nothing.
# Changes rax, rcx.
# Source  SDM 3C, "Information for VM Exits That Occur During Event Delivery"
event_keep:
        VMGET   rax, VMCS_IDT_VECTORING_INFO
        test    eax, INTR_VALID
        jz      1f
        and     eax, INTR_VALID | INTR_ERROR | INTR_TYPE | INTR_VECTOR
        mov     [rbx + VP_AGAIN], eax
        VMGET   rax, VMCS_IDT_VECTORING_ERROR_CODE
        mov     [rbx + VP_AGAIN_ERROR], eax
        VMGET   rax, VMCS_EXIT_INSTRUCTION_LENGTH
        mov     [rbx + VP_AGAIN_LENGTH], eax
        WORK    WORK_EVENT
1:      ret

# event_deliver - Choose what the next entry injects.  Entry: rbx = VP.  Exit: nothing.  Changes rax, rcx, rdx, rdi, rsi.
event_deliver:
        push    r12
        push    rbp
        cmp     dword ptr [rbx + VP_OFFERED], 0
        jne     event_offered
event_choose:
        mov     rbp, [rbx + VP_PARTITION]
        xor     edi, edi
        xchg    edi, [rbx + VP_FAULT]
        xor     edx, edx
        test    edi, edi
        jz      event_again
        RESUME_FLAG                             # what we raise are faults; injection leaves RF to us
        mov     esi, [rbx + VP_FAULT_ERROR]
        xchg    edx, [rbx + VP_AGAIN]           # an interrupt it replaces goes back to the APIC
        test    edx, edx
        jz      event_write
        mov     eax, edx
        and     eax, INTR_TYPE
        jnz     event_write                     # an instruction or fault happens again by itself
        push    rdi
        push    rsi
        movzx   edi, dl
        call    apic_return
        pop     rsi
        pop     rdi
        jmp     event_write
event_again:
        xchg    edi, [rbx + VP_AGAIN]
        test    edi, edi
        jz      event_nmi
        mov     esi, [rbx + VP_AGAIN_ERROR]
        mov     edx, [rbx + VP_AGAIN_LENGTH]
        VMPUT   VMCS_ENTRY_INSTRUCTION_LENGTH, rdx
        mov     eax, edi
        and     eax, INTR_TYPE
        cmp     eax, put(INTR_TYPE, EVENT_NMI)
        jne     event_write
        VMGET   rax, VMCS_GUEST_INTERRUPTIBILITY
        and     eax, ~BLOCKING_NMI & 0xFFFFFFFF # its delivery had begun to block NMIs
        vmwrite rcx, rax
event_write:
        test    edi, INTR_ERROR
        jz      1f
        VMGET   rax, VMCS_GUEST_CR0             # real mode pushes no error code
        test    eax, CR0_PE
        jnz     2f
        and     edi, ~INTR_ERROR & 0xFFFFFFFF
        jmp     1f
2:      VMPUT   VMCS_ENTRY_EXCEPTION_ERROR_CODE, rsi
1:      call    event_inject
        jmp     event_more

event_nmi:
        cmp     dword ptr [rbx + VP_NMI], 0
        je      event_interrupt
        VMGET   rax, VMCS_GUEST_INTERRUPTIBILITY
        test    eax, BLOCKING_NMI | BLOCKING_MOV_SS
        jnz     event_nmi_later
        test    eax, BLOCKING_STI               # no window exit comes after it, and it need not block: it ends here
        jz      1f
        and     eax, ~BLOCKING_STI & 0xFFFFFFFF
        vmwrite rcx, rax
1:      mov     dword ptr [rbx + VP_NMI], 0
        mov     edi, INFO_NMI
        call    event_inject
        xor     edi, edi
        call    window_nmi
        jmp     event_more
event_nmi_later:
        mov     edi, 1
        call    window_nmi

event_interrupt:
        mov     r12d, FROM_PARENT
        test    dword ptr [rbx + VP_EXTERNAL], EXTERNAL_WAITS
        jnz     event_maskable
        call    pic_pending                     # eax = line, or negative
        lea     r12d, [rax + FROM_PIC]
        test    eax, eax
        jns     event_maskable
        call    apic_highest                    # eax = vector above PPR, or negative
        test    eax, eax
        js      event_none
        mov     r12d, eax
event_maskable:
        mov     eax, [rbx + VP_FLAGS]
        cmp     dword ptr [rbx + VP_KNOWN], 0
        jne     1f
        VMGET   rax, VMCS_GUEST_INTERRUPTIBILITY
        test    eax, BLOCKING_STI | BLOCKING_MOV_SS
        jnz     event_wait
        VMGET   rax, VMCS_GUEST_RFLAGS
1:      test    eax, RFLAGS_IF
        jz      event_wait
        mov     edi, r12d
        cmp     r12d, FROM_PARENT
        je      4f
        sub     r12d, FROM_PIC
        jns     2f
        push    rdi
        call    apic_accept
        pop     rdi
        push    rdi
        call    assist_offer
        pop     rdi
        jmp     3f
2:      mov     eax, r12d
        call    pic_accept
        jmp     3f
4:      call    external_accept
        jc      event_none                      # withdrawn meanwhile
3:      or      edi, INFO_EXTERNAL
        call    event_inject
event_none:
        xor     edi, edi
        call    window
        jmp     event_done
event_more:                                     # something else was injected: is an interrupt left?
        call    event_maskables
        js      event_none
event_wait:
        mov     edi, 1
        call    window
event_done:
        pop     rbp
        pop     r12
        ret
event_offered:                                  # the guest may have ended it; what waits after it needs an EOI
        call    assist_settle
        mov     edi, APIC_IRR
        call    apic_scan
        test    eax, eax
        js      event_choose
        call    assist_withdraw
        jmp     event_choose

# event_inject - Entry: edi = interruption information, rbp = partition.  Exit: nothing.  Changes rax, rcx.
event_inject:
        mov     eax, edi
        VMPUT   VMCS_ENTRY_INTERRUPTION_INFO, rax
        inc     qword ptr [rbp + PART_INJECTED]
        ret

# windows_close - No exit for a window.  Entry: rbx = VP.  Exit: nothing.  Changes rax, rcx, rdi.
windows_close:
        xor     edi, edi
        call    window_nmi
# window - Interrupt-window exiting on (edi = 1) or off (0).  Entry: edi, rbx = VP.  Exit: nothing.  Changes rax, rcx.
window: cmp     [rbx + VP_WINDOW], edi
        je      1f
        mov     [rbx + VP_WINDOW], edi
        VMGET   rax, VMCS_PRIMARY_CONTROLS
        xor     eax, PROC_INTERRUPT_WINDOW
        vmwrite rcx, rax
1:      ret
# window_nmi - The same for NMIs.  Entry: edi, rbx = VP.  Exit: nothing.  Changes rax, rcx.
window_nmi:
        cmp     [rbx + VP_NMI_WINDOW], edi
        je      1f
        mov     [rbx + VP_NMI_WINDOW], edi
        VMGET   rax, VMCS_PRIMARY_CONTROLS
        xor     eax, PROC_NMI_WINDOW
        vmwrite rcx, rax
1:      ret
