# devices.s - the end of a child, its timer, and interrupts for it.
#
# Source  firmware/root/README.md, "Devices of a child"

        .equ    END_RESET, 0xE0000003           # as the hypervisor's own partitions end by a reset

# ones_read - Nothing is there.  Entry, Exit, Keeps: as a device of port_read.
ones_read:
        mov     eax, -1
        ret
# exit_write - Entry, Exit, Keeps: as a device of port_write.
exit_write:
        cmp     esi, 4
        je      vm_ends
        ret
# reset_write - A byte register inside the PCI configuration address, which is not there.
# Entry, Exit, Keeps: as a device of port_write.
reset_write:
        cmp     edi, PORT_RESET_CONTROL
        jne     1f
        cmp     esi, 1
        jne     1f
        test    dl, RESETCTL_RESET
        jz      1f
        mov     edx, END_RESET
        jmp     vm_ends
1:      ret

# partition_ends - What hv/devices/acpi.s calls the end.  Entry: esi = code, rbx = VM.  Exit: nothing.  Changes rax, rcx, rdx, rsi.
partition_ends:
        mov     edx, esi
# vm_ends - Report the child's code to the host.  Entry: edx = code, rbx = VM.  Exit: nothing.  Changes rax, rcx, rdx, rsi.
vm_ends:
        mov     qword ptr [rbx + VM_STATE], ROOTVM_FAILED
        mov     edx, edx
        mov     [rel said], rdx
        call    vm_number
        mov     ah, al
        mov     al, ROOTSAY_ENDED
        mov     ecx, 8
        jmp     channel_say

# ---- timer: an interrupt each period, to the millisecond ----
# timer_write - The period, or 0.  Entry, Exit, Keeps: as a device of port_write.
timer_write:
        cmp     esi, 4
        jne     timer_begin.done
        mov     [rbx + VM_PERIOD], rdx
# timer_begin - The first period begins now, if there is one.  Entry: rbx = VM.  Exit: nothing.  Changes rax, rcx, rdx.
timer_begin:
        xor     eax, eax
        cmp     qword ptr [rbx + VM_PERIOD], 0
        je      1f
        call    time_now
        add     rax, [rbx + VM_PERIOD]
1:      mov     [rbx + VM_TIMER], rax
.done:  ret
# time_now - Entry: nothing.  Exit: rax = reference time.  Changes rcx, rdx.
time_now:
        mov     ecx, HVMSR_TIME_REF_COUNT
        rdmsr
        shl     rdx, 32
        or      rax, rdx
        ret

# devices_serve - What is due of every child that runs: its timer, what was typed.  Entry: nothing.  Exit: nothing.  Keeps r12-r15.
devices_serve:
        push    r12
        call    time_now
        mov     r12, rax
        lea     rbx, [rel vms]
1:      cmp     qword ptr [rbx + VM_STATE], ROOTVM_RUNS
        jne     3f
        mov     rbp, rbx
        call    serial_serve
        mov     rax, [rbx + VM_TIMER]
        test    rax, rax
        jz      3f
        cmp     rax, r12
        ja      3f
2:      add     rax, [rbx + VM_PERIOD]          # what was missed is left out
        cmp     rax, r12
        jbe     2b
        mov     [rbx + VM_TIMER], rax
        mov     edi, VVECTOR_TIMER
        call    vm_interrupt
3:      add     rbx, VM_BYTES
        lea     rax, [rel vms + ROOTS_SLOTS * VM_BYTES]
        cmp     rbx, rax
        jb      1b
        pop     r12
        ret

# vm_interrupt - An edge-triggered interrupt of VP 0's APIC.  Entry: edi = vector, rbx = VM.  Exit: eax = status.
# Changes rcx, rdx, r8.
vm_interrupt:
        call    winhv_clear
        mov     rax, [rbx + VM_ID]
        mov     [INPUT], rax
        mov     [INPUT + 24], edi
        jmp     winhv_assert_interrupt
