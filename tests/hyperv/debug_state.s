# Expect: pass. DR6 and DR7 that the root writes are what MOV makes of the same values; what cannot be moved is refused.
        .include "rootlib.s"

        .equ    AT_RAX, SLOT0 + SLOTS_DATA + 48
        .macro  STOPS
        WAIT_MESSAGE HVMESSAGE_IO_INTERCEPT
        mov     rbx, [AT_RAX]
        ADVANCE
        DONE_MESSAGE
        RESUME
        .endm
# TRIED name, value - The root writes it, the child reads it; the child writes the same value and reads that.
        .macro  TRIED name, value
        WAIT_MESSAGE HVMESSAGE_IO_INTERCEPT
        ADVANCE
        DONE_MESSAGE
        SET     \name, \value
        SET     HVREG_RAX + 7, \value           # RDI
        RESUME
        STOPS
        mov     r13, rbx                        # what the root wrote
        STOPS
        EQ      rbx, r13                        # what MOV wrote
        .endm
test:   ROOT_BEGINS
        NEW_CHILD guest, guest_end
        WATCH_PORT 0x10
        SET     HVREG_EXPLICIT_SUSPEND, 0
        TRIED   HVREG_DR6, 0
        TRIED   HVREG_DR6, 0xFFFFFFFF
        TRIED   HVREG_DR6, 0x1000
        TRIED   HVREG_DR6, 0xFFFF0FF0
        TRIED   HVREG_DR6, 0x6005
        GET     HVREG_DR6
        EQ      rax, rbx                        # the processor's, too
        SET     HVREG_DR6, 0x6006
        GET     HVREG_DR6
        mov     edx, 0xFFFF6FF6
        EQ      rax, rdx
        mov     rdx, 0x100000000
        mov     esi, HVREG_DR6
        call    set_register
        EQ      eax, HVSTATUS_INVALID_REGISTER_VALUE
        TRIED   HVREG_DR7, 0
        TRIED   HVREG_DR7, 0xFFFF07FF           # all but GD and what is reserved
        TRIED   HVREG_DR7, 0x400
        END_CHILD
        PASS

guest:  mov     ebx, 5
1:      out     0x10, al
        mov     rax, dr6
        out     0x10, eax
        mov     dr6, rdi
        mov     rax, dr6
        out     0x10, eax
        dec     ebx
        jnz     1b
2:      out     0x10, al
        mov     rax, dr7
        out     0x10, eax
        mov     dr7, rdi
        mov     rax, dr7
        out     0x10, eax
        jmp     2b
guest_end:
        LIBRARY
