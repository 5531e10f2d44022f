# loader.s - the boot loader of a child: reads the kernel that the disk's first sector names, and jumps to it.
#
# Entry   64-bit mode, first 4 GiB identity mapped, rdi = bytes of memory (firmware/root/README.md, "What a child finds")
# Exit    at the kernel's entry, rdi as it was; or the child ends with 0xB001 (no kernel), 0xB002 (the disk fails), 0xB003 (no room)
# Source  firmware/root/README.md, "Disk of a kernel"

        .use    root, uart

        .org    0x7C00
        .record HEAD                            # sector 0
        .field  MAGIC, 8
        .field  FIRST, 4                        # sector
        .field  SECTORS, 4
        .field  ADDRESS, 8                      # where it goes
        .field  ENTRY, 8
        .endrecord
        .equ    MAGIC, 0x31304B5349445648       # "HVDISK01"
        .equ    BUFFER, 0x9000

start:  mov     r15, rdi
        lea     rsi, [rel text_name]
        call    say
        xor     eax, eax
        mov     ecx, 1
        mov     edi, BUFFER
        call    read
        mov     rax, MAGIC
        cmp     [BUFFER + HEAD_MAGIC], rax
        mov     ebx, 0xB001
        jne     stop
        mov     r12d, [BUFFER + HEAD_FIRST]
        mov     r13d, [BUFFER + HEAD_SECTORS]
        mov     r14, [BUFFER + HEAD_ADDRESS]
        mov     rbp, [BUFFER + HEAD_ENTRY]
        mov     rax, r13
        shl     rax, 9
        add     rax, r14
        jc      2f
        cmp     rax, r15                        # inside the memory, and not over this loader
        ja      2f
        cmp     r14, 0x10000
        jb      2f
1:      test    r13d, r13d
        jz      3f
        mov     ecx, VDISK_MOST
        cmp     r13d, ecx
        cmovb   ecx, r13d
        mov     eax, r12d
        mov     edi, r14d
        push    rcx
        call    read
        pop     rcx
        add     r12d, ecx
        sub     r13d, ecx
        shl     ecx, 9
        add     r14, rcx
        jmp     1b
2:      mov     ebx, 0xB003
        jmp     stop
3:      mov     rdi, r15
        jmp     rbp

# read - Entry: eax = sector, ecx = sectors, edi = address.  Changes rax, rdx.
read:   mov     edx, VPORT_DISK_SECTOR
        out     dx, eax
        mov     eax, ecx
        mov     edx, VPORT_DISK_COUNT
        out     dx, eax
        mov     eax, edi
        mov     edx, VPORT_DISK_ADDRESS
        out     dx, eax
        mov     eax, 1
        mov     edx, VPORT_DISK_COMMAND
        out     dx, eax
1:      pause
        in      eax, dx
        test    eax, VDISK_BUSY
        jnz     1b
        test    eax, VDISK_FAILED
        mov     ebx, 0xB002
        jnz     stop
        ret

stop:   mov     eax, ebx
        mov     edx, VPORT_EXIT
        out     dx, eax
        hlt

say:    lodsb
        test    al, al
        jz      1f
        mov     edx, VPORT_SERIAL
        out     dx, al
        jmp     say
1:      ret
text_name: .asciz "loader: reading the kernel\n"
