# A kernel for children of the root: says hello, counts timer interrupts, echoes; "q" ends with 0, "d" writes and reads its disk, "u" faults.
        .use    root, uart, cpu

        .org    0x100000
start:  lea     rsi, [rel hello]
        call    say
        lidt    [rel idt_pointer]
        lea     rax, [rel ticked]
        mov     edi, 0x20000 + VVECTOR_TIMER * 16
        call    gate
        lea     rax, [rel disk_done]
        mov     edi, 0x20000 + VVECTOR_DISK * 16
        call    gate
        mov     ecx, 0x1B                       # APIC by x2APIC MSRs, on
        rdmsr
        or      eax, 0xC00
        wrmsr
        mov     ecx, 0x80F
        mov     eax, 0x1FF
        xor     edx, edx
        wrmsr
        mov     eax, 50000                      # 5 ms
        mov     edx, VPORT_TIMER_PERIOD
        out     dx, eax
        sti
1:      cmp     dword ptr [rel ticks], 3
        jae     2f
        hlt
        jmp     1b
2:      lea     rsi, [rel ready]
        call    say
echo:   mov     edx, VPORT_SERIAL + UART_LSR
        in      al, dx
        test    al, LSR_DR
        jnz     4f
        hlt
        jmp     echo
4:      mov     edx, VPORT_SERIAL
        in      al, dx
        cmp     al, 'q'
        je      5f
        cmp     al, 'd'
        je      disk
        cmp     al, 'u'
        je      6f
        out     dx, al
        jmp     echo
5:      xor     eax, eax
        mov     edx, VPORT_EXIT
        out     dx, eax
6:      cli
        lidt    [rel nothing]
        ud2

disk:   mov     dword ptr [0x30000], 0x2177656E # "new!"
        mov     eax, 2
        call    request
        mov     dword ptr [0x30000], 0
        mov     eax, 1
        call    request
        mov     esi, 0x30000
        mov     byte ptr [rsi + 4], 0
        call    say
        mov     dword ptr [rel sector], 1000000 # beyond its end
        mov     eax, 1
        call    request
        lea     rsi, [rel failed]
        test    al, VDISK_FAILED
        jz      echo
        call    say
        jmp     echo
request:                                        # eax = command; exit al = status
        push    rax
        mov     eax, [rel sector]
        mov     edx, VPORT_DISK_SECTOR
        out     dx, eax
        mov     eax, 1
        mov     edx, VPORT_DISK_COUNT
        out     dx, eax
        mov     eax, 0x30000
        mov     edx, VPORT_DISK_ADDRESS
        out     dx, eax
        pop     rax
        mov     edx, VPORT_DISK_COMMAND
        out     dx, eax
1:      pause
        in      eax, dx
        test    al, VDISK_BUSY
        jnz     1b
        ret
say:    lodsb
        test    al, al
        jz      1f
        mov     edx, VPORT_SERIAL
        out     dx, al
        jmp     say
1:      ret
gate:   mov     [rdi], ax
        mov     dword ptr [rdi + 2], 8
        mov     word ptr [rdi + 4], 0x8E00
        shr     rax, 16
        mov     [rdi + 6], ax
        mov     qword ptr [rdi + 8], 0
        ret
ticked: inc     dword ptr [rel ticks]
disk_done:
        push    rax
        push    rcx
        push    rdx
        mov     ecx, 0x80B
        xor     eax, eax
        xor     edx, edx
        wrmsr
        pop     rdx
        pop     rcx
        pop     rax
        iretq
        .align  8
ticks:  .quad   0
sector: .quad   64                              # after the kernel
idt_pointer:
        .word   0xFFF
        .quad   0x20000
nothing: .word  0
        .quad   0
hello:  .asciz  "hello from a child\n"
ready:  .asciz  "ready\n"
failed: .asciz  "failed\n"
