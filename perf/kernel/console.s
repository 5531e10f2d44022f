# console.s - lines on COM1, polled, so that whoever reads them can note the time.
#
# Source  PC16550D data sheet, "Line Status Register"

# putc - al -> COM1.  Changes rdx
putc:   push    rax
        mov     edx, PORT_UART + UART_LSR
.wait:  in      al, dx
        test    al, LSR_THRE
        jz      .wait
        pop     rax
        mov     edx, PORT_UART
        out     dx, al
        ret

# say - rsi = text that ends with 0.  Changes rdx, rsi; rax kept
say:    push    rax
.next:  mov     al, [rsi]
        test    al, al
        jz      .end
        call    putc
        inc     rsi
        jmp     .next
.end:   pop     rax
        ret

newline:
        mov     al, 10
        call    putc
# drained - wait until the last character is out.  Changes rax, rdx
drained:
        mov     edx, PORT_UART + UART_LSR
.wait:  in      al, dx
        test    al, LSR_TEMT
        jz      .wait
        ret

# hex - rax as 16 digits and a blank.  Changes rdx, r8, r9
hex:    mov     r8, rax
        mov     r9d, 16
.digit: rol     r8, 4
        mov     eax, r8d
        and     eax, 15
        cmp     al, 10
        jb      .put
        add     al, 'A' - 10 - '0'
.put:   add     al, '0'
        call    putc
        dec     r9d
        jnz     .digit
        mov     al, ' '
        jmp     putc

# line - rsi = text, then the name of row rbx and a line end, all out
line:   call    say
        lea     rsi, [rbx + LOOP_NAME]
        call    say
        jmp     newline

begin:  lea     rsi, [rel text_begin]
        jmp     line

text_begin:
        .asciz  "BEGIN "
text_end:
        .asciz  "END "
text_failed:
        .asciz  "FAILED "
