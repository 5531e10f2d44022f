# text.s - a line is put together in a buffer, then sent by message or on COM1.
#
# Source  hv/README.md, "What a partition finds" (console); PC16550D data sheet, "Registers"

# line_text - Append a text.  Entry: rsi = its bytes, ended by a zero.  Exit: nothing.  Changes rax, rcx, rdx, rsi.
line_text:
        mov     ecx, [rel line_length]
1:      mov     al, [rsi]
        test    al, al
        jz      2f
        inc     rsi
        cmp     ecx, LINE_MOST
        jae     2f
        lea     rdx, [rel line]
        mov     [rdx + rcx], al
        inc     ecx
        jmp     1b
2:      mov     [rel line_length], ecx
        ret

# line_number - Append a number in decimal.  Entry: rax.  Exit: nothing.  Changes rax, rcx, rdx, rsi.
line_number:
        lea     rsi, [rel digits_end]
        mov     ecx, 10
1:      xor     edx, edx
        div     rcx
        add     dl, '0'
        dec     rsi
        mov     [rsi], dl
        test    rax, rax
        jnz     1b
        jmp     line_text

# line_send - Send the line: a message when there is a hypercall page, else COM1.  Entry: nothing.
# Exit: nothing.  Changes all but rbx, rbp, r12-r15.
line_send:
        cmp     dword ptr [rel call_ready], 0
        je      1f
        mov     eax, [rel line_length]
        mov     [rel message_length], eax
        mov     ecx, HVCALL_POST_MESSAGE
        lea     rdx, [rel message]
        xor     r8d, r8d
        call    hypercall
        mov     dword ptr [rel line_length], 0
        ret
1:      lea     rsi, [rel line]
        mov     ecx, [rel line_length]
2:      test    ecx, ecx
        jz      3f
        mov     al, [rsi]
        call    line_byte
        inc     rsi
        dec     ecx
        jmp     2b
3:      mov     al, '\n'
        call    line_byte
        mov     dword ptr [rel line_length], 0
        ret
# line_byte - Entry: al.  Exit: nothing.  Changes rdx.
line_byte:
        push    rax
        mov     edx, PORT_UART + UART_LSR
1:      in      al, dx
        test    al, LSR_THRE
        jz      1b
        pop     rax
        mov     edx, PORT_UART + UART_DATA
        out     dx, al
        ret

        .macro  SAY text
        lea     rsi, [rel 79f]
        jmp     78f
79:     .asciz  "\text"
78:     call    line_text
        .endm
        .macro  SAY_NUMBER value
        mov     rax, \value
        call    line_number
        .endm
        .macro  SEND
        call    line_send
        .endm

        .equ    LINE_MOST, 240
        .align  16
message:        .long 1, 0                      # connection, reserved
                .long 1                         # message type
message_length: .long 0
line:           .fill LINE_MOST
line_length:    .long 0
                .fill 20
digits_end:     .byte 0
