# panic.s - what is printed when the hypervisor cannot go on, and the VMCS in words.
#
# Source  SDM 3C, "Basic VM-Exit Information"

# fatal - Print why and end the machine.  Entry: rdi = text.  Exit: never.
fatal:  mov     rbx, rdi
        mov     dword ptr [rel console_lock], 0 # whoever held it: this is the last line
        call    line_begin
        mov     rsi, rbx
        call    say
        call    line_end
        mov     eax, CODE_PANIC
        jmp     machine_end

# panic_trap - An exception in the hypervisor.
# Entry: rdi = vector, rsi = error code, rdx = RIP, rcx = RSP, rax = CR2.  Exit: never.
panic_trap:
        push    rax
        push    rcx
        push    rdx
        push    rsi
        push    rdi
        mov     dword ptr [rel console_lock], 0
        call    line_begin
        SAY     text_trap
        xor     ebx, ebx
        lea     r12, [rel panic_words]
1:      mov     rsi, [r12 + rbx*8]
        call    say
        pop     rdi
        call    say_hex
        inc     ebx
        cmp     ebx, 5
        jb      1b
        call    line_end
        mov     eax, [rel vmx_running]
        test    eax, eax
        jz      2f
        call    say_vmcs
2:      mov     eax, CODE_PANIC
        jmp     machine_end

# machine_end - Entry: eax = code for the debug-exit port.  Exit: never.
machine_end:
        mov     edx, PORT_DEBUG_EXIT
        out     dx, eax
1:      cli
        hlt
        jmp     1b

# say_vmcs - Print the fields of vmcs_words, one a line.  A current VMCS exists.  Entry: nothing.  Exit: nothing.
# Keeps rbx, rbp, r12-r15.
say_vmcs:
        push    r12
        push    r13
        lea     r12, [rel vmcs_words]
1:      mov     r13d, [r12]
        cmp     r13d, 0xFFFFFFFF
        je      2f
        call    line_begin
        SAY     text_indent
        lea     rsi, [r12 + 4]
        call    say
        SAY     text_equals
        vmread  rdi, r13
        call    say_hex
        call    line_end
        add     r12, 4 + VMCS_WORD
        jmp     1b
2:      pop     r13
        pop     r12
        ret

        .balign 8
panic_words:    .quad text_vector, text_error, text_rip, text_rsp, text_cr2
vmx_running:    .long 0

        .equ    VMCS_WORD, 28
        .macro  ROW field
        .long   VMCS_\field
1:      .asciz  "\field"
        .space  1b + VMCS_WORD - ., 0
        .endm
vmcs_words:
        ROW     EXIT_REASON
        ROW     EXIT_QUALIFICATION
        ROW     EXIT_INTERRUPTION_INFO
        ROW     IDT_VECTORING_INFO
        ROW     EXIT_INSTRUCTION_LENGTH
        ROW     GUEST_PHYSICAL_ADDRESS
        ROW     GUEST_LINEAR_ADDRESS
        ROW     GUEST_RIP
        ROW     GUEST_RSP
        ROW     GUEST_RFLAGS
        ROW     GUEST_CR0
        ROW     GUEST_CR3
        ROW     GUEST_CR4
        ROW     GUEST_EFER
        ROW     GUEST_CS_SELECTOR
        ROW     GUEST_CS_ACCESS_RIGHTS
        ROW     GUEST_SS_ACCESS_RIGHTS
        ROW     GUEST_INTERRUPTIBILITY
        ROW     ENTRY_INTERRUPTION_INFO
        ROW     ENTRY_CONTROLS
        ROW     PIN_BASED_CONTROLS
        ROW     PRIMARY_CONTROLS
        ROW     SECONDARY_CONTROLS
        .long   0xFFFFFFFF

text_trap:      .asciz "exception in the hypervisor:"
text_vector:    .asciz " vector "
text_error:     .asciz " error "
text_rip:       .asciz " at "
text_rsp:       .asciz " stack "
text_cr2:       .asciz " CR2 "
text_indent:    .asciz "  "
text_equals:    .asciz " = "
