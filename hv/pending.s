# pending.s - does something wait for a VP, or is due?
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
        xor     eax, eax
        test    dword ptr [rbx + VP_EXTERNAL], EXTERNAL_WAITS
        jnz     2f
        call    pic_pending
        test    eax, eax
        jns     2f
        call    apic_highest
        test    eax, eax
2:      ret

# clock_fire - Let what is due happen: APIC timer, synthetic timers, counter 0 of the 8254.  Entry: rbx = VP, rdi = TSC now.
clock_fire:
        push    rbp
        mov     rbp, [rbx + VP_PARTITION]
        push    rdi
        cmp     [rbx + VP_DEADLINE], rdi
        ja      1f
        call    apic_timer_fire
1:      mov     rdi, [rsp]
        cmp     [rbx + VP_STIMER_DEADLINE], rdi
        ja      3f
        call    stimer_fire
3:      pop     rdi
        cmp     [rbx + VP_PIT_DEADLINE], rdi
        ja      2f
        call    pit_fire
2:      pop     rbp
        ret
