# hypercall_debug.s - debug registers of a VP.
#
# Source  SDM 3B, "Debug Registers"

# reg_dr, reg_dr_write - DR0-DR3 and DR6.  Entry: r10 = 16 * number, of DR6 64.
        .macro  DEBUGREG number
        .balign 16
        mov     rax, dr\number
        xor     edx, edx
        ret
        .endm
        .macro  DEBUGWRITE number
        .balign 16
        mov     dr\number, rsi
        xor     eax, eax
        ret
        .endm
reg_dr: lea     rcx, [rel debug_readers]
        add     rcx, r10
        jmp     rcx
reg_dr6_write:
        mov     eax, esi
        cmp     rax, rsi
        jne     reg_refused
reg_dr_write:
        lea     rcx, [rel debug_writers]
        add     rcx, r10
        jmp     rcx
        .balign 16
debug_readers:
        DEBUGREG 0
        DEBUGREG 1
        DEBUGREG 2
        DEBUGREG 3
        DEBUGREG 6
        .balign 16
debug_writers:
        DEBUGWRITE 0
        DEBUGWRITE 1
        DEBUGWRITE 2
        DEBUGWRITE 3
        DEBUGWRITE 6
