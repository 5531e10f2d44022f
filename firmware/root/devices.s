# devices.s - the ports of a child: serial line, timer, disk, exit.  Any other reads ones and ignores writes.
#
# Entry: edi = port, esi = bytes, edx = value, rbx = VM.  Exit: eax.  They change all but rbx, rsi, rbp, r12-r15.
# Source  firmware/root/README.md, "Devices of a child"; 16550 data sheet, "Line Status Register"

port_read:
        mov     eax, edi
        sub     eax, VPORT_SERIAL
        cmp     eax, 8
        jb      serial_read
        mov     eax, -1
        cmp     edi, VPORT_DISK_COMMAND
        jne     1f
        mov     rax, [rbx + VM_BUSY]
        mov     rcx, [rbx + VM_VDISK_FAILED]
        lea     eax, [rax + rcx*2]              # VDISK_BUSY, VDISK_FAILED
1:      ret

port_write:
        mov     eax, edi
        sub     eax, VPORT_SERIAL
        cmp     eax, 8
        jb      serial_write
        cmp     esi, 4
        jne     1b                              # the others are words of 32 bits
        cmp     edi, VPORT_EXIT
        je      vm_ends
        cmp     edi, VPORT_TIMER_PERIOD
        je      timer_write
        cmp     edi, VPORT_DISK_SECTOR
        je      2f
        cmp     edi, VPORT_DISK_COUNT
        je      3f
        cmp     edi, VPORT_DISK_ADDRESS
        je      4f
        cmp     edi, VPORT_DISK_COMMAND
        je      disk_command
        ret
2:      mov     [rbx + VM_SECTOR], rdx
        ret
3:      mov     [rbx + VM_SECTORS], rdx
        ret
4:      mov     [rbx + VM_TARGET], rdx
        ret

# vm_ends - The child has ended by itself: the host is told its code.
vm_ends:
        mov     qword ptr [rbx + VM_STATE], ROOTVM_FAILED
        mov     [rel said], rdx
        call    vm_number
        mov     ah, al
        mov     al, ROOTSAY_ENDED
        mov     ecx, 8
        jmp     channel_say

# ---- serial line: characters go to the partition console of slot + 1; input comes from its page of ROOTS_INPUTS ----
        .equ    INPUT_MOST, PAGE - 4            # a ring: where the host has come to, then the bytes
serial_write:                                   # eax = register
        test    eax, eax
        jnz     1f
        test    byte ptr [rbx + VM_LCR], LCR_DLAB
        jnz     4f
        mov     ecx, edx
        call    vm_number
        inc     eax
        mov     ah, cl
        mov     edx, PORT_PARTITION
        out     dx, ax
4:      ret
1:      cmp     eax, UART_LCR
        jne     2f
        mov     [rbx + VM_LCR], edx
        ret
2:      cmp     eax, UART_SCR
        jne     3f
        mov     [rbx + VM_SCR], edx
3:      ret
serial_read:
        cmp     eax, UART_LSR
        je      serial_status
        test    eax, eax
        je      serial_take
        cmp     eax, UART_LCR
        je      1f
        cmp     eax, UART_SCR
        je      2f
        mov     eax, 1                          # IIR: no interrupt waits; the rest are 0
        cmp     edi, VPORT_SERIAL + UART_IIR
        je      3f
        xor     eax, eax
3:      ret
1:      mov     eax, [rbx + VM_LCR]
        ret
2:      mov     eax, [rbx + VM_SCR]
        ret
serial_page:                                    # rcx = page of its input, edx = its tail; zero flag set when nothing waits
        call    vm_number
        shl     eax, 12
        lea     rcx, [rax + ROOTS_INPUTS]
        mov     edx, [rbx + VM_TAIL]
        cmp     [rcx], edx
        ret
serial_status:
        call    serial_page
        mov     eax, LSR_THRE | LSR_TEMT
        je      1f
        or      eax, LSR_DR
1:      ret
serial_take:
        call    serial_page
        mov     eax, 0
        je      1f
        movzx   eax, byte ptr [rcx + rdx + 4]
        inc     edx
        cmp     edx, INPUT_MOST
        jb      2f
        xor     edx, edx
2:      mov     [rbx + VM_TAIL], edx
1:      ret

# ---- timer: an interrupt each period, to the millisecond ----
timer_write:
        mov     [rbx + VM_PERIOD], rdx
        xor     eax, eax
        test    edx, edx
        jz      1f
        push    rdx
        call    time_now
        pop     rdx
        add     rax, rdx
1:      mov     [rbx + VM_TIMER], rax
        ret
time_now:
        mov     ecx, HVMSR_TIME_REF_COUNT
        rdmsr
        shl     rdx, 32
        or      rax, rdx
        ret
timers_serve:
        push    r12
        call    time_now
        mov     r12, rax
        lea     rbx, [rel vms]
1:      cmp     qword ptr [rbx + VM_STATE], ROOTVM_RUNS
        jne     3f
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

# vm_interrupt - Entry: edi = vector, rbx = VM.  Exit: eax = status.
vm_interrupt:
        call    winhv_clear
        mov     rax, [rbx + VM_ID]
        mov     [INPUT], rax
        mov     [INPUT + 24], edi
        jmp     winhv_assert_interrupt
