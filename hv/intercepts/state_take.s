# state_take.s - what a parent has changed in a VP's register page becomes the VP's.
#
# Source  TLFS, "HV_VP_REGISTER_PAGE" (dirty flags)

# state_take - Entry: r11 = VP, suspended, rbx = caller's.  Exit: eax = status.  Keeps r11, ecx, rbx, rbp.
state_take:
        xor     eax, eax
        mov     r8, [r11 + VP_STATE_PAGE + OVERLAY_FRAME]
        test    r8, r8
        jz      9f
        cmp     byte ptr [r8 + REGPAGE_VALID], 0
        je      9f
        cmp     dword ptr [r11 + VP_STATE], VP_SUSPENDED_STATE
        jne     9f
        push    rcx
        push    r11
        push    r12
        push    r13
        push    r14
        mov     r12, r8
        mov     r14d, [r12 + REGPAGE_DIRTY]
        test    r14d, r14d
        jz      7f
        call    vp_borrow
        test    r14d, DIRTY_GPR
        jz      1f
        lea     rsi, [r12 + REGPAGE_GPR]
        lea     rdi, [rbx + VP_RAX]
        mov     ecx, 16
        rep movsq
        mov     rax, [r12 + REGPAGE_GPR + 4 * 8]
        VMPUT   VMCS_GUEST_RSP, rax
1:      test    r14d, DIRTY_RIP
        jz      2f
        mov     rax, [r12 + REGPAGE_RIP]
        VMPUT   VMCS_GUEST_RIP, rax
2:      test    r14d, DIRTY_XMM
        jz      3f
        lea     rsi, [r12 + REGPAGE_XMM]
        lea     rdi, [rbx + VP_FX + FX_XMM]
        mov     ecx, 12
        rep movsq
3:      test    r14d, DIRTY_SEGMENTS
        jz      5f
        xor     r13d, r13d
4:      mov     r10d, r13d
        mov     eax, r13d
        shl     eax, 3
        mov     rsi, [r12 + rax + REGPAGE_SEGMENT]
        mov     rdi, [r12 + rax + REGPAGE_SEGMENT + 8]
        call    reg_segment_write
        add     r13d, 2
        cmp     r13d, 12
        jb      4b
5:      xor     eax, eax
        test    r14d, DIRTY_FLAGS
        jz      6f
        mov     rsi, [r12 + REGPAGE_RFLAGS]
        mov     r10d, VMCS_GUEST_RFLAGS
        call    reg_rflags_write
6:      call    vp_return
        test    eax, eax
        jnz     8f
        mov     dword ptr [r12 + REGPAGE_DIRTY], 0
7:      mov     byte ptr [r12 + REGPAGE_VALID], 0       # it runs from now on
        xor     eax, eax
8:      pop     r14
        pop     r13
        pop     r12
        pop     r11
        pop     rcx
9:      ret
