# text.s - text and numbers on COM1, polled.
#
# Source  PC16550D data sheet, "Line Status Register"

# print - Send a text up to its zero byte.  Entry: rsi = text.  Exit: nothing.  Changes rax, rdx, rsi.
print:  lodsb
        test    al, al
        jz      .done
        call    print_character
        jmp     print
.done:  ret
# print_character - Send a character.  Entry: al.  Exit: nothing.  Changes rdx.
print_character:
        push    rax
        mov     edx, PORT_UART + UART_LSR
.wait:  in      al, dx
        test    al, LSR_THRE
        jz      .wait
        pop     rax
        mov     edx, PORT_UART + UART_DATA
        out     dx, al
        ret
# print_named - Send a text, then a number in hexadecimal.  Entry: rsi = text, rax = number.  Exit: nothing.  Changes rcx, rdx, rsi.
print_named:
        push    rax
        call    print
        pop     rax
# print_hex - Send a number in hexadecimal.  Entry: rax = number.  Exit: nothing.  Changes rcx, rdx.
print_hex:
        mov     ecx, 60
.skip:  mov     rdx, rax                        # leading zeros
        shr     rdx, cl
        test    dl, 0xF
        jnz     .digit
        sub     ecx, 4
        jg      .skip
.digit: push    rax
        shr     rax, cl
        and     eax, 0xF
        add     al, '0'
        cmp     al, '9'
        jbe     .send
        add     al, 'a' - '9' - 1
.send:  call    print_character
        pop     rax
        sub     ecx, 4
        jns     .digit
        ret

text_check:  .asciz " check "
text_line:   .asciz "\n"
text_vector: .asciz "unexpected vector "
text_error:  .asciz " error "
text_rip:    .asciz " rip "
text_cr2:    .asciz " cr2 "
