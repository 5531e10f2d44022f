# start_vp.s - HvCallStartVirtualProcessor and HvCallGetVpIndexFromApicId.
#
# Source  TLFS, "HvCallStartVirtualProcessor", "HvCallGetVpIndexFromApicId", "HV_INITIAL_VP_CONTEXT"

        .record START
        .field  PARTITION, 8
        .field  VP, 4
        .field  VTL, 4
        .field  CONTEXT, 224
        .endrecord

# start_target - Entry: rdi = partition ID, rbp = caller.
# Exit: r10 = the caller's partition or its child, active; or eax = status and carry set.  Changes rax.
start_target:
        call    target_any
        jc      1f
        cmp     r10, rbp
        je      1f                              # carry clear
        call    target_parent
        jc      1f
        STATES  PSTATE_ACTIVE
        jnz     1f                              # TEST left the carry clear
        stc
1:      ret

# call_start_vp - HvCallStartVirtualProcessor.  Entry, Exit, Keeps: as a handler of calls.
call_start_vp:
        mov     rdi, [rsi]
        call    start_target
        jc      2f
        mov     ecx, [rsi + START_VP]
        call    target_vp
        jc      2f
        mov     eax, HVSTATUS_INVALID_PARAMETER
        cmp     dword ptr [rsi + START_VTL], 0
        jne     2f
        mov     eax, HVSTATUS_INVALID_VP_STATE
        cmp     r11, rbx
        je      2f
        push    rsi
        call    vp_hold
        pop     rsi
        jc      call_once_more
        cmp     dword ptr [r11 + VP_ACTIVITY], VP_PARKED
        jne     3f
        push    rsi
        call    vp_borrow
        call    windows_close
        call    vp_power_on
        pop     r8
        push    r8
        push    r11
        call    start_context
        pop     r11
        pop     r8
        call    vp_return
        test    eax, eax
        jnz     1f
        mov     dword ptr [r11 + VP_ACTIVITY], VP_RUNNABLE
        lock and dword ptr [r11 + VP_SUSPENDED], ~SUSPEND_EXPLICIT
1:      push    rax
        call    vp_release
        pop     rax
2:      ret
3:      call    vp_release
        mov     eax, HVSTATUS_INVALID_VP_STATE
        ret

# start_context - Entry: r8 = call's input, the VP loaded.  Exit: eax = status.  Keeps rbx, rbp, r12-r15.
start_context:
        push    r12
        push    r13
        lea     r12, [rel start_rows]
        lea     r13, [r8 + START_CONTEXT]
1:      movzx   eax, word ptr [r12]
        mov     rsi, [r13 + rax]
        mov     rdi, [r13 + rax + 8]
        mov     ecx, [r12 + 4]
        call    regs_find_row
        mov     rcx, [rdi + REG_WRITE]
        test    rcx, rcx
        jnz     2f
        mov     rcx, [rdi + REG_PARENT_WRITE]
2:      movzx   eax, word ptr [r12]
        mov     rsi, [r13 + rax]
        mov     rdi, [r13 + rax + 8]
        call    rcx
        test    eax, eax
        jnz     3f
        add     r12, 8
        cmp     dword ptr [r12], -1
        jne     1b
3:      pop     r13
        pop     r12
        test    eax, eax
        ret
# regs_find_row - regs_find of a row that exists.  Entry: ecx = name.  Exit: rdi = row, r10 = argument.  Changes rax, rcx.
regs_find_row:
        jmp     regs_find

# Offset in the context, and register name; what a mode is made of comes first.
        .macro  STARTROW offset, name
        .long   \offset, HVREG_\name
        .endm
        .balign 8
start_rows:
        STARTROW 184, EFER
        STARTROW 208, CR4
        STARTROW 200, CR3
        STARTROW 192, CR0
        STARTROW 0, RIP
        STARTROW 8, RSP
        STARTROW 16, RFLAGS
        .long   24, HVREG_ES + 1                # CS
        .long   40, HVREG_ES + 3                # DS
        STARTROW 56, ES
        .long   72, HVREG_ES + 4                # FS
        .long   88, HVREG_ES + 5                # GS
        .long   104, HVREG_ES + 2               # SS
        .long   120, HVREG_ES + 7               # TR
        .long   136, HVREG_ES + 6               # LDTR
        STARTROW 152, IDTR
        STARTROW 168, GDTR
        STARTROW 216, PAT
        .long   -1

# call_vp_index - APIC IDs are VP indices.  Entry, Exit, Keeps: as a handler of calls.
call_vp_index:
        mov     rdi, [rsi]
        call    start_target
        jc      1f
        mov     eax, HVSTATUS_INVALID_PARAMETER
        cmp     byte ptr [rsi + 8], 0           # VTL
        jne     1f
        mov     ecx, [r8]
        call    target_vp
        mov     eax, HVSTATUS_INVALID_PARAMETER
        jc      1f
        mov     [r9], ecx
        xor     eax, eax
1:      ret
