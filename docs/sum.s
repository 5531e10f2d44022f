# sum.s - the example of docs/time_travel.md: adds the digits that are typed; '=' shows the sum, '.' ends.
        .use    uart, platform
        .org    0x100000
start:  call    read
        cmp     al, '.'
        je      end
        cmp     al, '='
        je      show
        sub     al, '0'
        movzx   eax, al
        add     [rip + sum], eax
        jmp     start
show:   mov     al, [rip + sum]
        add     al, '0'                         # wrong above 9, and above that is what a user finds
        call    write
        jmp     start
end:    xor     eax, eax
        out     PORT_DEBUG_EXIT, eax
# read - A character that was typed.  Entry: nothing.  Exit: al.  Changes rdx.  Source  PC16550D data sheet, "Line Status Register"
read:   mov     dx, PORT_UART + UART_LSR
        in      al, dx
        test    al, LSR_DR
        jz      read
        mov     dx, PORT_UART + UART_DATA
        in      al, dx
        ret
# write - Show a character.  Entry: al.  Exit: nothing.  Changes rdx.  Source  PC16550D data sheet, "Line Status Register"
write:  mov     dx, PORT_UART + UART_DATA
        out     dx, al
        ret
        .align  8
sum:    .long   0
