# hypercall_registers.s - HvCallGetVpRegisters and HvCallSetVpRegisters: of a VP on itself, or of a child's by its parent.
#
# A parent's call makes a VP that runs leave its processor and is continued until it has; then the VP is loaded in place
# of the caller's.  Of itself a VP writes only what does not change its mode under its feet; the rest is INVALID_PARAMETER.
# Source  TLFS, "HvCallGetVpRegisters", "HvCallSetVpRegisters", "Virtual Processor Registers"

        .record REGS
        .field  PARTITION, 8
        .field  VP, 4
        .field  VTL, 4
        .endrecord
        .equ    REGS_SET_VALUE, 16

# regs_header - Entry: rsi = header, rbx = caller's VP, rbp = caller.  Exit: r11 = VP, carry clear; or eax = status and carry set.
# Changes rax, rcx, rdi, r10.
regs_header:
        mov     rdi, [rsi + REGS_PARTITION]
        call    target_any
        jc      3f
        cmp     r10, rbp
        je      1f
        call    target_parent
        jc      3f
        STATES  PSTATE_ACTIVE
        jz      2f
        test    dword ptr [r10 + PART_FLAGS], CREATED
        mov     eax, HVSTATUS_OPERATION_DENIED
        jz      2f
        jmp     4f
1:      mov     eax, HVSTATUS_ACCESS_DENIED
        mov     rcx, PRIVILEGE_VP_REGISTERS
        test    [rbp + PART_PRIVILEGES], rcx
        jz      2f
4:      mov     ecx, [rsi + REGS_VP]
        mov     r11, rbx
        cmp     ecx, SELF_VP
        je      5f
        call    target_vp
        jc      3f
        cmp     r10, rbp                        # a brother's are not ours
        jne     6f
        cmp     r11, rbx
        mov     eax, HVSTATUS_INVALID_VP_INDEX
        jne     2f
        jmp     6f
5:      cmp     r10, rbp                        # "self" as a VP of another partition
        mov     eax, HVSTATUS_INVALID_VP_INDEX
        jne     2f
6:      mov     eax, HVSTATUS_INVALID_PARAMETER
        test    dword ptr [rsi + REGS_VTL], ~0x10 & 0xFFFFFFFF  # VTL 0, named or not
        jnz     2f
        clc
        ret
2:      stc
3:      ret

# regs_find - Entry: ecx = name.  Exit: rdi = row and r10 = its argument for this name, zero flag set when unknown.
# Changes rax, rcx.
regs_find:
        lea     rdi, [rel regs]
1:      mov     eax, [rdi + REG_FIRST]
        cmp     eax, 0xFFFFFFFF
        je      2f
        cmp     ecx, eax
        jb      3f
        cmp     ecx, [rdi + REG_LAST]
        ja      3f
        sub     ecx, eax
        imul    ecx, [rdi + REG_STRIDE]
        mov     r10d, [rdi + REG_ARGUMENT]
        add     r10d, ecx
        test    rdi, rdi
        ret
3:      add     rdi, REG_SIZE
        jmp     1b
2:      ret

# call_get_register - HvCallGetVpRegisters, a register an element.  Entry, Exit, Keeps: as a handler of calls.
call_get_register:
        call    regs_header
        jc      regs_let_go.done
        mov     ecx, [r8]
        cmp     ecx, HVREG_INTERCEPT_SUSPEND
        jbe     suspend_get
        call    regs_find
        mov     eax, HVSTATUS_UNKNOWN_REGISTER_NAME
        jz      regs_let_go.done
        cmp     r11, rbx
        jne     1f
        call    qword ptr [rdi + REG_READ]      # rdx:rax
        mov     [r9], rax
        mov     [r9 + 8], rdx
        xor     eax, eax
        ret
1:      call    vp_hold
        jc      call_once_more
        mov     r8, rdi
        call    vp_borrow
        push    r9
        call    qword ptr [r8 + REG_READ]
        pop     r9
        call    vp_return
        mov     [r9], rax
        mov     [r9 + 8], rdx
regs_let_go:
        call    vp_release
        xor     eax, eax
.done:  ret

# call_set_register - HvCallSetVpRegisters, a register an element.  Entry, Exit, Keeps: as a handler of calls.
call_set_register:
        call    regs_header
        jc      regs_let_go.done
        mov     ecx, [r8]
        cmp     ecx, HVREG_INTERCEPT_SUSPEND
        jbe     suspend_set
        call    regs_find
        mov     eax, HVSTATUS_UNKNOWN_REGISTER_NAME
        jz      regs_let_go.done
        mov     eax, HVSTATUS_INVALID_PARAMETER
        cmp     r11, rbx
        jne     1f
        cmp     qword ptr [rdi + REG_WRITE], 0
        je      regs_let_go.done
        mov     rcx, [rdi + REG_WRITE]
        mov     rsi, [r8 + REGS_SET_VALUE]
        mov     rdi, [r8 + REGS_SET_VALUE + 8]
        jmp     rcx                             # exit eax = status
1:      mov     rcx, [rdi + REG_WRITE]
        test    rcx, rcx
        jnz     3f
        mov     rcx, [rdi + REG_PARENT_WRITE]
        test    rcx, rcx
        jz      regs_let_go.done
3:      push    rcx
        call    vp_hold
        pop     rcx
        jc      call_once_more
        push    r8
        push    rcx
        call    vp_borrow
        pop     rcx
        pop     r8
        mov     rsi, [r8 + REGS_SET_VALUE]
        mov     rdi, [r8 + REGS_SET_VALUE + 8]
        call    rcx
        call    vp_return
        test    eax, eax
        jz      regs_let_go
        push    rax
        call    vp_release
        pop     rax
        ret

# suspend_get - ExplicitSuspend and InterceptSuspend.  Entry: ecx = name, r11 = VP, r9 = output.
# Exit: eax = status.  Changes nothing else.
suspend_get:
        mov     eax, [r11 + VP_SUSPENDED]
        shr     eax, cl                         # SUSPEND_EXPLICIT, SUSPEND_INTERCEPT
        and     eax, 1
        mov     [r9], rax
        mov     qword ptr [r9 + 8], 0
        xor     eax, eax
        ret
# suspend_set - Entry: ecx = name, r11 = VP, r8 = input, rbx = the caller.  Exit: eax = status, or CALL_LATER.
# Changes rdx, rdi, rsi, r8, r10.
suspend_set:
        mov     eax, HVSTATUS_INVALID_PARAMETER
        cmp     r11, rbx
        je      2f
        mov     rdx, [r8 + REGS_SET_VALUE]
        cmp     rdx, 1
        ja      2f
        je      1f
        cmp     ecx, HVREG_INTERCEPT_SUSPEND
        jne     3f
        call    state_take
        test    eax, eax
        jnz     2f
3:      lea     eax, [rcx + 1]                  # 1 or 2: the bit
        call    vp_resume
        xor     eax, eax
        ret
1:      cmp     ecx, HVREG_EXPLICIT_SUSPEND
        jne     2f                              # only an intercept sets the other
        lock or dword ptr [r11 + VP_SUSPENDED], SUSPEND_EXPLICIT
        cmp     dword ptr [r11 + VP_STATE], VP_SUSPENDED_STATE
        mov     eax, HVSTATUS_SUCCESS
        je      2f
        mov     rsi, r11
        mov     eax, REQUEST_LEAVE
        call    request
        WORK    WORK_YIELD
        mov     eax, CALL_LATER
2:      ret
