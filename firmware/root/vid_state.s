# vid_state.s - the state of a machine that is suspended, for the host: registers, and what the root itself keeps of it.
#
# Source  firmware/root/README.md, "Commands"

# vm_read - Registers of a machine that is suspended: names and values as HvCallSetVpRegisters has them, in ROOTS_REGISTERS.
# Entry: edi = slot, rsi = how many, up to 64, r9 = VP.  Exit: eax = status.  Keeps rbx, rbp, r12-r15.
vm_read:
        push    rbx
        push    r12
        call    registers_check
        jz      .leave
        xor     ecx, ecx
1:      mov     rax, rcx
        shl     eax, 5
        mov     eax, [rax + ROOTS_REGISTERS]
        mov     [INPUT + 16 + rcx*4], eax
        inc     ecx
        cmp     ecx, r12d
        jb      1b
        mov     edx, r12d
        call    winhv_get_registers
        test    eax, eax
        jnz     .leave
        xor     ecx, ecx
2:      mov     edx, ecx
        shl     edx, 4
        mov     rax, [rdx + OUTPUT]
        mov     r8, [rdx + OUTPUT + 8]
        mov     [rdx*2 + ROOTS_REGISTERS + 16], rax
        mov     [rdx*2 + ROOTS_REGISTERS + 24], r8
        inc     ecx
        cmp     ecx, r12d
        jb      2b
        xor     eax, eax
.leave: pop     r12
        pop     rbx
        ret
# vm_write - From there into the machine.  Entry: as vm_read: edi, rsi, r9.  Exit: eax = status.  Keeps rbx, rbp, r12-r15.
vm_write:
        push    rbx
        push    r12
        call    registers_check
        jz      vm_read.leave
        mov     esi, ROOTS_REGISTERS
        mov     edi, INPUT + 16
        mov     ecx, r12d
        shl     ecx, 2
        rep movsq
        mov     edx, r12d
        call    winhv_set_registers
        jmp     vm_read.leave
# registers_check - Begin a list of registers of a machine that does not run.  Entry: edi = slot, rsi = how many, r9 = VP.
# Exit: rbx = VM, r12 = how many, zero flag clear; or zero flag set, eax = status: not this one, or not now.  Changes rax.
registers_check:
        mov     r12, rsi
        call    vm_slot
        mov     eax, ROOTSTATUS_NO_SLOT
        jz      3f
        cmp     qword ptr [rbx + VM_STATE], ROOTVM_READY
        je      4f
        cmp     qword ptr [rbx + VM_STATE], ROOTVM_PAUSED
        je      4f
5:      cmp     eax, eax
3:      ret
4:      cmp     r12, 64
        ja      5b
        call    winhv_clear
        mov     rax, [rbx + VM_ID]
        mov     [INPUT], rax
        mov     [INPUT + 8], r9d
        test    rbx, rbx                        # zero flag clear
        ret

# vm_save - The record and the reference time into ROOTS_RECORD.  Entry: edi = slot, r9 = VP.  Exit: eax = status, rdx = time.
# Keeps rbx, rbp, r12-r15.
vm_save:
        push    rbx
        push    r12
        xor     esi, esi
        call    registers_check
        jz      vm_read.leave
        push    rbp
        mov     rbp, rbx
        call    interrupts_settle               # what was taken is in service
        pop     rbp
        mov     rsi, rbx
        mov     edi, ROOTS_RECORD
        mov     ecx, VM_BYTES / 8
        rep movsq
        call    winhv_clear
        mov     rax, [rbx + VM_ID]
        mov     [INPUT], rax
        mov     dword ptr [INPUT + 8], 0x30005
        call    winhv_get_property
        mov     rdx, [OUTPUT]
        mov     [ROOTS_RECORD + VM_BYTES], rdx
        jmp     vm_read.leave
# vm_restore - Devices and reference time from there.  Entry: edi = slot, r9 = VP.  Exit: eax = status.  Keeps rbx, rbp, r12-r15.
vm_restore:
        push    rbx
        push    r12
        xor     esi, esi
        call    registers_check
        jz      vm_read.leave
        mov     esi, ROOTS_RECORD + VM_KEPT
        lea     rdi, [rbx + VM_KEPT]
        mov     ecx, (VM_KEPT_END - VM_KEPT) / 8
        rep movsq
        mov     dword ptr [INPUT + 8], 0x30005
        mov     rax, [ROOTS_RECORD + VM_BYTES]
        mov     [INPUT + 16], rax
        call    winhv_set_property
        test    eax, eax
        jnz     vm_read.leave
        call    timer_begin
        push    rbp
        mov     rbp, rbx
        call    interrupts_offer                # lines that waited
        pop     rbp
        xor     eax, eax
        jmp     vm_read.leave
