# interrupts.s - lines of a child's 8259 pair (hv/devices/pic.s) and its processor:
# one is asserted as the external interrupt of VP 0.
#
# The hypervisor takes it when the guest can; HvCallClearVirtualInterrupt then shows that it was acknowledged, and the pair is
# informed before anything else happens to it.
# Source  TLFS, "HvCallAssertVirtualInterrupt", "HvCallClearVirtualInterrupt"; Intel 8259A data sheet, "Interrupt Sequence"

# line_raise - An edge.  Entry: edi = line, rbx = rbp = VM.  Exit: nothing.  Changes rax, rcx, rdx, rdi, rsi, r8.
line_raise:
        call    pic_raise

# interrupts_offer - Assert what the pair asks for, if that is something new.  Entry: rbx = rbp = VM.
# Exit: nothing.  Changes rax, rcx, rdx, rdi, rsi, r8.
interrupts_offer:
        call    pic_asks
        cmp     eax, [rbx + VM_ASSERTED]
        je      .done
        push    rax
        mov     edi, -1                         # nothing: withdraw
        test    eax, eax
        js      1f
        movzx   edi, byte ptr [rbx + PIC_MASTER + PIC_BASE]
        cmp     eax, 8
        jb      2f
        movzx   edi, byte ptr [rbx + PIC_SLAVE + PIC_BASE]
2:      and     eax, 7
        add     edi, eax
1:      call    winhv_clear
        mov     rax, [rbx + VM_ID]
        mov     [INPUT], rax
        mov     dword ptr [INPUT + 8], DELIVERY_EXTINT
        mov     dword ptr [INPUT + 12], 1       # level
        mov     [INPUT + 24], edi
        call    winhv_assert_interrupt
        pop     rcx
        cmp     eax, HVSTATUS_ACKNOWLEDGED
        je      4f
        mov     [rbx + VM_ASSERTED], ecx
.done:  ret
4:      call    interrupts_settle               # the last one was taken meanwhile
        jmp     interrupts_offer

# interrupts_settle - Inform the pair when the line that is asserted was acknowledged.  Entry: rbx = rbp = VM.
# Exit: nothing.  Changes rax, rcx, rdx, rdi, rsi, r8.
interrupts_settle:
        cmp     dword ptr [rbx + VM_ASSERTED], 0
        jl      interrupts_offer.done
        call    winhv_clear
        mov     rax, [rbx + VM_ID]
        mov     [INPUT], rax
        call    winhv_clear_interrupt
        test    eax, eax
        jnz     interrupts_offer.done
        mov     eax, -1
        xchg    eax, [rbx + VM_ASSERTED]
        jmp     pic_accept

# interrupts_read - A port of the pair.  Entry, Exit, Keeps: as a device of port_read.
interrupts_read:
        push    rdi
        call    interrupts_settle
        pop     rdi
        jmp     pic_read
# interrupts_write - A port of the pair.  Entry, Exit, Keeps: as a device of port_write.
interrupts_write:
        push    rdi
        push    rdx
        call    interrupts_settle
        pop     rdx
        pop     rdi
        call    pic_write
        jmp     interrupts_offer
