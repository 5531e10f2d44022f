# loader.s - the boot loader of a child: reads what the disk's first sector names, and jumps to it.
#
# Entry   64-bit mode, first 4 GiB identity mapped, rdi = bytes of memory, rsi = processors
#         (firmware/root/README.md, "What a child finds")
# Exit    at the kernel's entry; or the child ends with 0xB001 (no kernel), 0xB002 (the disk fails), 0xB003 (no room)
# Source  firmware/root/README.md, "Disk of a kernel"; Linux x86 boot protocol, "64-bit Boot Protocol" (segments)

        .use    root, uart, platform, cpu

        .org    0x7C00
        .equ    PIECES_MOST, 28
        .record HEAD                            # sector 0
        .field  MAGIC, 8
        .field  ENTRY, 8
        .field  ARGUMENT, 8                     # RSI there, or 0: processors
        .field  PIECES, 8
        .field  PIECE, 16 * PIECES_MOST
        .endrecord
        .record PIECE
        .field  FIRST, 4                        # sector
        .field  SECTORS, 4
        .field  ADDRESS, 8                      # where it goes
        .endrecord
        .equ    MAGIC, 0x32304B5349445648       # "HVDISK02"
        .equ    BUFFER, 0x9000
        .equ    LEAST, 0x10000                  # below are the tables, this loader and its stack

start:  mov     r15, rdi
        mov     rbp, rsi
        lgdt    [rel gdt_pointer]               # code 0x08 and 0x10, data 0x18
        push    0x10
        lea     rax, [rel flat]
        push    rax
        retfq
# flat - The rest, in the new code segment.  Entry: r15 = bytes of memory, rbp = boot information.  Exit: never.
flat:   mov     eax, 0x18
        mov     ds, ax
        mov     es, ax
        mov     ss, ax
        lea     rsi, [rel text_name]
        call    say
        call    acpi_build
        xor     eax, eax
        mov     ecx, 1
        mov     edi, BUFFER
        call    read
        mov     rax, MAGIC
        cmp     [BUFFER + HEAD_MAGIC], rax
        jne     bad_disk
        mov     r11, [BUFFER + HEAD_PIECES]
        cmp     r11, PIECES_MOST
        ja      bad_disk
        mov     ebx, BUFFER + HEAD_PIECE
1:      sub     r11, 1
        jc      kernel
        call    piece
        add     ebx, PIECE_SIZE
        jmp     1b
bad_disk:
        mov     ebx, 0xB001
        jmp     stop

kernel: mov     rdi, r15
        mov     rsi, [BUFFER + HEAD_ARGUMENT]
        test    rsi, rsi
        cmovz   rsi, rbp
        mov     rsp, 0x7C00
        jmp     qword ptr [BUFFER + HEAD_ENTRY]

# piece - Read a piece.  Entry: rbx = its row, r15 = bytes of memory.  Exit: nothing.  Keeps rbx, rbp, r11, r15.
piece:  mov     r12d, [rbx + PIECE_FIRST]
        mov     r13d, [rbx + PIECE_SECTORS]
        mov     r14, [rbx + PIECE_ADDRESS]
        mov     rax, r13
        shl     rax, 9
        add     rax, r14
        jc      2f
        cmp     rax, r15                        # inside the memory, and not over this loader
        ja      2f
        cmp     r14, LEAST
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
3:      ret

# read - Entry: eax = sector, ecx = sectors, edi = address.  Exit: nothing.  Changes rax, rdx.
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
        mov     eax, 0xB002
        cmovnz  ebx, eax
        jnz     stop
        ret

stop:   mov     eax, ebx
        mov     edx, VPORT_EXIT
        out     dx, eax
        hlt

# say - Entry: rsi = text, ended by a zero byte.  Exit: nothing.  Changes rax, rdx, rsi.
say:    lodsb
        test    al, al
        jz      1f
        mov     edx, VPORT_SERIAL
        out     dx, al
        jmp     say
1:      ret
text_name: .asciz "loader: reading the kernel\n"
        .balign 8
gdt:    .quad   0, GDT_CODE64, GDT_CODE64, GDT_DATA
gdt_pointer:
        .word   . - gdt - 1
        .quad   gdt
