# serial.s - what a child's 16550 leads to (hv/devices/uart.s): the partition console of slot + 1, its input page, line 4.
#
# A page of ROOTS_INPUTS is a ring: where the host has come to, then the bytes.  rbx = rbp = VM.
# Source  PC16550D data sheet, "Line Status Register"; firmware/root/README.md, "Memory map"

        .equ    INPUT_MOST, PAGE - 4

# partition_putc - Entry: al = character, rbx = VM.  Exit: nothing.  Changes rax, rcx, rdx.
partition_putc:
        mov     ecx, eax
        call    vm_number
        inc     eax
        mov     ah, cl
        mov     edx, PORT_PARTITION
        out     dx, ax
        ret

# serial_page - Entry: rbx = VM.  Exit: rcx = page of its input, edx = its tail; zero flag set when nothing waits.  Changes rax.
serial_page:
        call    vm_number
        shl     eax, 12
        lea     rcx, [rax + ROOTS_INPUTS]
        mov     edx, [rbx + VM_TAIL]
        cmp     [rcx], edx
        ret

# uart_ready - Entry: rbx = rbp = VM.  Exit: al = DR when something waits.  Changes rax, rcx, rdx.
uart_ready:
        xor     eax, eax
        test    byte ptr [rbp + SERIAL + SERIAL_MCR], MCR_LOOP
        jnz     1f
        call    serial_page
        mov     eax, 0
        jz      1f
        mov     al, LSR_DR
1:      ret
# uart_take - Entry: rbx = VM.  Exit: eax = the character that waits, or 0.  Changes rcx, rdx.
uart_take:
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
# uart_forget - Drop the characters that wait.  Entry: rbx = VM.  Exit: nothing.  Changes rax, rcx, rdx.
uart_forget:
        call    serial_page
        mov     edx, [rcx]
        mov     [rbx + VM_TAIL], edx
        ret

# serial_serve - Has the host placed more?  Entry: rbx = rbp = VM.  Exit: nothing.  Keeps rbx, rbp, r12-r15.
serial_serve:
        call    serial_page
        mov     eax, [rcx]
        cmp     eax, [rbx + VM_HEARD]
        je      1f
        mov     [rbx + VM_HEARD], eax
        jmp     uart_heard
1:      ret
