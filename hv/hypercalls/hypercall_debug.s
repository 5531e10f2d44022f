# hypercall_debug.s - debug registers of a VP.
#
# Source  SDM 3B, "Debug Registers"

# reg_dr - DR0-DR3, by r10 = 8 * number.  Entry, Exit, Keeps: as a reader of regs.
reg_dr: call    debugs_here
        jne     1f
        mov     rdi, rbx
        call    debugs_save                     # to where it is read
1:      mov     rax, [rbx + r10 + VP_DR0]
        xor     edx, edx
        ret
# reg_dr_write - Entry, Exit, Keeps: as a writer of regs.
reg_dr_write:
        call    debugs_here
        jne     2f
        mov     rdi, rbx
        call    debugs_save                     # loaded again when the guest or its DR7 asks for it
2:      mov     [rbx + r10 + VP_DR0], rsi
        xor     eax, eax
        ret
        .assert VP_DR1 == VP_DR0 + 8 && VP_DR3 == VP_DR0 + 24

# debugs_here - Entry: rbx = VP.  Exit: zero flag set when the processor holds its DR0-DR3.  Keeps every register.
debugs_here:
        cmp     rbx, gs:[CPU_CURRENT]
        jne     3f
        cmp     dword ptr [rbx + VP_DEBUGS], 1
3:      ret

# reg_dr6 - Entry, Exit, Keeps: as a reader of regs.
reg_dr6:
        mov     rax, [rbx + VP_DR6]
        xor     edx, edx
        cmp     rbx, gs:[CPU_CURRENT]
        jne     4f
        mov     rax, dr6
4:      ret
# reg_dr6_write - By a parent: the VP is nobody's.  Entry, Exit, Keeps: as a writer of regs.
reg_dr6_write:
        mov     eax, esi
        cmp     rax, rsi
        jne     reg_refused
        or      eax, DR6_RESET                  # as MOV to DR6 leaves them: no bus locks are detected
        and     eax, ~DR6_ZERO & 0xFFFFFFFF
        mov     [rbx + VP_DR6], rax
        xor     eax, eax
        ret
