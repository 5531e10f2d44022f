# pending.s - does something wait for a VP, or is due?
#
# Source  SDM 3A, "Interrupt, Task, and Processor Priority"

# event_waits - Entry: rbx = VP.  Exit: sign flag clear when an interrupt or NMI waits, whatever keeps it back.
# Changes rax, rcx, rdx, rdi, rsi.
event_waits:
        mov     edi, APIC_IRR
        call    apic_scan
        test    eax, eax
        js      event_pending
        ret

# event_wakes - Entry: rbx = VP.  Exit: sign flag clear when something waits that wakes a halted VP.
# Changes rax, rcx, rdx, rdi, rsi.
event_wakes:
        cmp     dword ptr [rbx + VP_DEAF], 0
        je      event_pending
        cmp     dword ptr [rbx + VP_NMI], 1
        ret

# event_pending - Exit: sign flag clear when an NMI or interrupt waits for the VP.  Entry: rbx = VP.
# Changes rax, rcx, rdx, rdi, rsi.
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
# event_maskables - The same without NMI.  Entry: rbx = VP, rbp = partition.  Exit: eax, and the sign flag of it.
# Changes rcx, rdx, rdi, rsi.
event_maskables:
        xor     eax, eax
        test    dword ptr [rbx + VP_EXTERNAL], EXTERNAL_WAITS
        jnz     2f
        call    pic_pending
        test    eax, eax
        jns     2f
        call    apic_highest
        test    eax, eax
2:      ret

# pic_pending - The line of the 8259 pair that the VP should be interrupted for, or negative: LINT0 of its APIC is ExtINT and
# unmasked, or the APIC is off.  Exit: eax.  Entry: rbx = VP, rbp = partition.  Changes rcx, rdx, rdi, rsi.
# Source  SDM 3A, "Local Interrupts" (ExtINT)
pic_pending:
        mov     eax, -1
        test    dword ptr [rbx + VP_APIC_BASE], APICBASE_EN
        jz      pic_asks
        mov     edx, [rbx + VP_APIC + APIC_LVT_LINT0*16]
        and     edx, LVT_MASKED | LVT_MODE
        cmp     edx, put(LVT_MODE, DELIVERY_EXTINT)
        je      pic_asks
        ret

# clock_fire - Let what is due happen: APIC timer, synthetic timers, counter 0 of the 8254.  Entry: rbx = VP, rdi = TSC now.
# Exit: nothing.  Changes rax, rcx, rdx, rdi, rsi, r8.
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
