# disk.s - the disk of a child: a request goes to the host, its answer comes as a command.
#
# Source  firmware/root/README.md, "Devices of a child"

# ---- registers: words of 32 bits ----
# disk_read - Entry, Exit, Keeps: as a device of port_read.
disk_read:
        mov     eax, -1
        cmp     edi, VPORT_DISK_COMMAND
        jne     .done
        mov     rax, [rbx + VM_BUSY]
        mov     rcx, [rbx + VM_VDISK_FAILED]
        lea     eax, [rax + rcx*2]              # VDISK_BUSY, VDISK_FAILED
.done:  ret
# disk_write - Entry, Exit, Keeps: as a device of port_write.
disk_write:
        cmp     esi, 4
        jne     disk_read.done
        sub     edi, VPORT_DISK_SECTOR
        je      2f
        sub     edi, 4
        je      3f
        sub     edi, 4
        je      4f
        sub     edi, 4
        je      disk_command
        ret
2:      mov     [rbx + VM_SECTOR], rdx
        ret
3:      mov     [rbx + VM_SECTORS], rdx
        ret
4:      mov     [rbx + VM_TARGET], rdx
        ret
        .assert VPORT_DISK_COUNT == VPORT_DISK_SECTOR + 4 && VPORT_DISK_ADDRESS == VPORT_DISK_SECTOR + 8

# ---- disk: the host does the work, and answers by ROOTOP_DISK_DONE ----
disk_command:
        cmp     qword ptr [rbx + VM_BUSY], 0
        jne     1f
        mov     qword ptr [rbx + VM_VDISK_FAILED], 1
        cmp     edx, 1
        jb      1f
        cmp     edx, 2
        ja      1f
        mov     rcx, [rbx + VM_SECTORS]
        lea     eax, [rcx - 1]
        cmp     eax, VDISK_MOST
        jae     1f
        mov     rax, rcx
        shl     rax, 9
        add     rax, [rbx + VM_TARGET]          # within its memory
        cmp     rax, [rbx + VM_BYTES_OF]
        ja      1f
        mov     qword ptr [rbx + VM_VDISK_FAILED], 0
        mov     qword ptr [rbx + VM_BUSY], 1
        mov     rax, [rbx + VM_SECTOR]
        mov     [rel said], rax
        mov     [rel said + 8], rcx
        mov     rax, [rbx + VM_TARGET]
        mov     [rel said + 16], rax
        lea     eax, [rdx - 1]
        mov     [rel said + 24], rax
        call    vm_number
        mov     ah, al
        mov     al, ROOTSAY_DISK
        mov     ecx, 32
        jmp     channel_say
1:      ret
# disk_done - Entry: edi = slot, rsi = 0, or 1 when it failed.  Exit: eax = status.  Keeps rbx, rbp, r12-r15.
disk_done:
        push    rbx
        call    vm_slot
        mov     eax, ROOTSTATUS_NO_SLOT
        jz      1f
        cmp     qword ptr [rbx + VM_BUSY], 1
        jne     1f
        and     esi, 1
        mov     [rbx + VM_VDISK_FAILED], rsi
        mov     qword ptr [rbx + VM_BUSY], 0
        mov     edi, VVECTOR_DISK
        call    vm_interrupt
1:      pop     rbx
        ret
