# port_table.s - a table of ports: which device answers, and how wide.  Any other port reads ones and ignores writes.
#
# PORTS_OF is the image's own: rax = first row for rbp.  The root partition finds its children's devices by this very file.
# Source  SDM 1, "I/O Port Addressing" (an access of several bytes is one to as many ports)

# port_find - Entry: edi = port, rbp = partition.  Exit: rax = its row, zero flag set when there is none.  Changes rdx.
port_find:
        PORTS_OF
1:      mov     edx, [rax]
        cmp     edx, 0xFFFFFFFF
        je      2f
        cmp     di, dx
        jb      3f
        shr     edx, 16
        cmp     di, dx
        jbe     4f
3:      add     rax, PORT_ROW
        jmp     1b
4:      test    rax, rax                        # zero flag clear
2:      ret

# port_read - Entry: edi = port, esi = bytes, rbx = VP, rbp = partition.  Exit: eax, ones where nothing is.
# Keeps rbx, rbp, r12-r15.
# A device of byte registers is asked for each byte.
port_read:
        push    r12
        push    r13
        push    r14
        push    r15
        mov     r12d, edi
        mov     r13d, esi
        xor     r14d, r14d                      # bytes so far
        xor     r15d, r15d                      # shift
1:      mov     edi, r12d
        call    port_find
        mov     ecx, 0xFF
        jz      3f
        cmp     dword ptr [rax + PORT_WIDE], 0
        jne     4f
        mov     edi, r12d
        call    qword ptr [rax + PORT_READ]
        movzx   ecx, al
3:      mov     eax, ecx
        mov     ecx, r15d
        shl     eax, cl
        or      r14d, eax
        inc     r12d
        add     r15d, 8
        dec     r13d
        jnz     1b
        mov     eax, r14d
5:      pop     r15
        pop     r14
        pop     r13
        pop     r12
        ret
4:      mov     edi, r12d
        mov     esi, r13d
        call    qword ptr [rax + PORT_READ]
        jmp     5b

# port_write - Entry: edi = port, esi = bytes, edx = value, rbx = VP, rbp = partition.  Exit: nothing.  Keeps rbx, rbp, r12-r15.
port_write:
        push    r12
        push    r13
        push    r14
        mov     r12d, edi
        mov     r13d, esi
        mov     r14d, edx
1:      mov     edi, r12d
        call    port_find
        jz      2f
        mov     edi, r12d
        mov     esi, r13d
        mov     edx, r14d
        cmp     dword ptr [rax + PORT_WIDE], 0
        jne     3f
        movzx   edx, dl
        call    qword ptr [rax + PORT_WRITE]
2:      inc     r12d
        shr     r14d, 8
        dec     r13d
        jnz     1b
4:      pop     r14
        pop     r13
        pop     r12
        ret
3:      call    qword ptr [rax + PORT_WRITE]
        jmp     4b

# First and last port, whether the device takes a whole access, and its routines: contracts of port_read and port_write.
        .equ    PORT_WIDE, 4
        .equ    PORT_READ, 8
        .equ    PORT_WRITE, 16
        .equ    PORT_ROW, 24
        .macro  PORTS first, last, wide, read, write
        .word   \first, \last
        .long   \wide
        .quad   \read, \write
        .endm
