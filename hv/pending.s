# pending.s - does something wait for a VP?
#
# Source  SDM 3A, "Interrupt, Task, and Processor Priority"

# event_waits - Exit: sign flag clear when an interrupt or NMI waits, whatever keeps it back.  Changes rax, rcx, rdx, rdi, rsi.
event_waits:
        mov     edi, APIC_IRR
        call    apic_scan
        test    eax, eax
        js      event_pending
        ret

# event_pending - Exit: sign flag clear when an NMI or interrupt waits for the VP.  Entry: rbx = VP.  Changes rax, rcx, rdx, rdi, rsi.
event_pending:
        push    rbp
        mov     rbp, [rbx + VP_PARTITION]
        xor     eax, eax
        cmp     [rbx + VP_NMI], eax
        jne     1f
        call    event_maskables
1:      test    eax, eax
        pop     rbp
        ret
event_maskables:                                # the same without NMI; rbp = partition
        call    pic_pending
        test    eax, eax
        jns     2f
        call    apic_highest
        test    eax, eax
2:      ret
