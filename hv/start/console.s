# console.s - the hypervisor's messages on COM1, and partition output on the console port.
#
# A message is one line: line_begin, any of say, say_number, say_hex, line_end.  console_lock is held in between.
# All routines keep every register but rax, rcx, rdx, rsi.
# Source  16550 data sheet, "Line Status Register"; hv/README.md, "Console of the machine"

        .equ    LCR_8N1, put(LCR_WORD, 3)

# console_init - 115200 baud, 8N1, FIFOs on, no interrupts.  Entry: nothing.  Exit: nothing.  Changes rax, rdx, rsi.
console_init:
        lea     rsi, [rel console_setup]
1:      movzx   edx, word ptr [rsi]
        test    edx, edx
        jz      2f
        mov     al, [rsi + 2]
        out     dx, al
        add     rsi, 3
        jmp     1b
2:      ret
        .macro  SETUP register, value
        .word   PORT_UART + UART_\register
        .byte   \value
        .endm
console_setup:
        SETUP   IER, 0
        SETUP   LCR, LCR_DLAB
        SETUP   DATA, 1                         # divisor 1: 115200 baud
        SETUP   IER, 0
        SETUP   LCR, LCR_8N1
        SETUP   IIR, FCR_ENABLE | FCR_CLEAR_RECEIVE | FCR_CLEAR_SEND
        SETUP   MCR, MCR_DTR | MCR_RTS
        .word   0

# line_begin - Take the console and print what every line of ours begins with.  Entry: nothing.  Exit: nothing.  Changes rax, rsi.
line_begin:
        lock bts dword ptr [rel console_lock], 0
        jnc     1f
        pause
        jmp     line_begin
1:      lea     rsi, [rel text_prefix]
        jmp     say

# line_end - End the line, give the console back.  Entry: nothing.  Exit: nothing.  Changes rax.
line_end:
        mov     al, 10
        call    putc
        mov     dword ptr [rel console_lock], 0
        ret

# putc - Entry: al.  Exit: nothing.  Keeps every register.
putc:   push    rdx
        push    rax
        mov     edx, PORT_UART + UART_LSR
1:      in      al, dx
        test    al, LSR_THRE
        jnz     2f
        pause
        jmp     1b
2:      pop     rax
        mov     edx, PORT_UART + UART_DATA
        out     dx, al
        pop     rdx
        ret

# putc_safe - The same for a byte of a guest: what is not printable ASCII becomes a space, so that it forges no lines.
# Entry: al.  Exit: nothing.  Changes rax, rdx.
putc_safe:
        lea     edx, [rax - ' ']
        cmp     dl, '~' - ' '
        jbe     putc
        mov     al, ' '
        jmp     putc

# say - Entry: rsi = zero-terminated text.  Exit: nothing.  Changes rax, rsi.
say:    lodsb
        test    al, al
        jz      1f
        call    putc
        jmp     say
1:      ret

# say_some - Entry: rsi = text, ecx = most bytes to print; stops at a zero.  Exit: nothing.  Changes rax, rcx, rsi.
say_some:
        jecxz   1f
        lodsb
        test    al, al
        jz      1f
        call    putc
        dec     ecx
        jmp     say_some
1:      ret

# say_hex - Entry: rdi = number.  Exit: nothing.  Changes rax, rcx, rdx, rsi.
say_hex:
        lea     rsi, [rel text_0x]
        call    say
        mov     ecx, 64
1:      sub     ecx, 4                          # skip leading zeros, but print one digit
        jz      2f
        mov     rax, rdi
        shr     rax, cl
        jz      1b
2:      mov     rax, rdi
        shr     rax, cl
        and     eax, 15
        lea     rdx, [rel text_digits]
        mov     al, [rdx + rax]
        call    putc
        sub     ecx, 4
        jns     2b
        ret

# say_number - Entry: rdi = number, printed in decimal.  Exit: nothing.  Changes rax, rcx, rdx.
say_number:
        push    rdi
        push    rbx
        mov     rax, rdi
        mov     ebx, 10
        xor     ecx, ecx
1:      xor     edx, edx
        div     rbx
        push    rdx
        inc     ecx
        test    rax, rax
        jnz     1b
2:      pop     rax
        add     al, '0'
        call    putc
        dec     ecx
        jnz     2b
        pop     rbx
        pop     rdi
        ret

# say_partition - "partition N (name): ".  Entry: rbp = partition.  Exit: nothing.  Changes rax, rcx, rdx, rsi.
say_partition:
        push    rdi
        SAY     text_partition
        mov     edi, [rbp + PART_NUMBER]
        call    say_number
        SAY     text_open
        mov     rsi, [rbp + PART_DESC]
        test    rsi, rsi
        jz      1f
        add     rsi, DESC_NAME
        mov     ecx, 16
        call    say_some
1:
        SAY     text_close
        pop     rdi
        ret

# partition_putc - A character of the partition's own console.  Entry: al, rbp = partition.  Exit: nothing.  Changes rax, rdx.
partition_putc:
        mov     ah, al
        mov     al, [rbp + PART_NUMBER]
        mov     edx, PORT_PARTITION
        out     dx, ax
        ret

        .balign 4
console_lock:   .long 0
text_prefix:    .asciz "hv: "
text_0x:        .asciz "0x"
text_digits:    .ascii "0123456789abcdef"
text_partition: .asciz "partition "
text_open:      .asciz " ("
text_close:     .asciz "): "
