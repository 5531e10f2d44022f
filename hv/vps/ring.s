# ring.s - the VPs of a processor: who joins, who leaves, a VP borrowed for its registers.
#
# A ring is changed by its processor alone; VPs that are to join wait in a list that anyone may add to.
# Source  hv/README.md, "Scheduling, locks, isolation"

# ring_add - After the last.  Entry: rbx = VP, rax = processor block.  Exit: nothing.  Changes rcx, rdx.
ring_add:
        inc     qword ptr [rax + CPU_VPS]
        mov     rdx, [rax + CPU_RING]
        test    rdx, rdx
        jnz     1f
        mov     [rax + CPU_RING], rbx
        mov     [rax + CPU_LAST], rbx
        mov     rdx, rbx
1:      mov     rcx, [rax + CPU_LAST]
        mov     [rcx + VP_NEXT], rbx
        mov     [rbx + VP_NEXT], rdx
        mov     [rax + CPU_LAST], rbx
        ret

# ring_drop - Entry: rbx = VP of this processor.  Exit: rax = the one after it, or 0 when the ring is empty.  Changes rcx, rdx.
ring_drop:
        mov     rdx, gs:[CPU_SELF]
        dec     qword ptr [rdx + CPU_VPS]
        mov     rcx, rbx
1:      mov     rax, [rcx + VP_NEXT]
        cmp     rax, rbx
        je      2f
        mov     rcx, rax
        jmp     1b
2:      mov     rax, [rbx + VP_NEXT]            # rcx = before it, rax = after it
        cmp     rax, rbx
        jne     3f
        xor     eax, eax
        mov     [rdx + CPU_RING], rax
        mov     [rdx + CPU_LAST], rax
        ret
3:      mov     [rcx + VP_NEXT], rax
        cmp     [rdx + CPU_RING], rbx
        jne     4f
        mov     [rdx + CPU_RING], rax
4:      cmp     [rdx + CPU_LAST], rbx
        jne     5f
        mov     [rdx + CPU_LAST], rcx
5:      ret

# ring_join - Take in who waits.  Entry: nothing.  Exit: nothing.  Keeps rbx, r13-r15; the current VMCS is as before.
ring_join:
        cmp     qword ptr gs:[CPU_NEWCOMERS], 0
        je      3f
        push    rbx
        xor     ebx, ebx
        xchg    rbx, gs:[CPU_NEWCOMERS]
1:      push    qword ptr [rbx + VP_NEXT]
        cmp     dword ptr [rbx + VP_JOINED], 0
        jne     4f
        vmptrld [rbx + VP_VMCS]
        call    vmcs_host                       # of this processor, for life
        mov     dword ptr [rbx + VP_JOINED], 1
        mov     dword ptr [rbx + VP_STALE], 1   # VPID and tables may have been another's
        mov     rax, NEVER
        mov     [rbx + VP_FLUSHED], rax
4:      xor     eax, eax
        xchg    eax, [rbx + VP_STALE]
        test    eax, eax
        jz      5f
        call    vpid_flush
5:      mov     rax, gs:[CPU_SELF]
        call    ring_add
        mov     eax, [rbx + VP_ACTIVITY]
        mov     [rbx + VP_STATE], eax
        pop     rbx
        test    rbx, rbx
        jnz     1b
        mov     rbx, gs:[CPU_CURRENT]
        test    rbx, rbx
        jz      2f
        vmptrld [rbx + VP_VMCS]
2:      pop     rbx
3:      ret

# schedule_leave - A VP that is suspended goes.  Entry: rbx = VP of this processor, rsp = the processor's stack.  Exit: never.
schedule_leave:
        mov     rdx, gs:[CPU_CURRENT]
        cmp     rdx, rbx
        jne     1f
        call    switch_save
        mov     qword ptr gs:[CPU_CURRENT], 0
        cmp     dword ptr [rbx + VP_INTERCEPT_DUE], 0
        je      1f
        call    state_fill
1:      vmclear [rbx + VP_VMCS]
        mov     qword ptr [rbx + VP_LAUNCHED], 0
        mov     eax, [rbx + VP_STATE]
        mov     [rbx + VP_ACTIVITY], eax
        call    ring_drop
        push    rax
        mov     r11, rbx
        mov     dword ptr [rbx + VP_WORK], 0
        mov     dword ptr [rbx + VP_STATE], VP_SUSPENDED_STATE  # from here on others may touch it
        call    intercept_send
        cmp     dword ptr [r11 + VP_SUSPENDED], 0
        jne     3f
        call    vp_rejoin                       # it was let go on while it was leaving
3:
        mov     rdx, gs:[CPU_CURRENT]
        test    rdx, rdx
        jz      2f
        vmptrld [rdx + VP_VMCS]
2:      pop     rbx
        test    rbx, rbx
        jz      processor_rest
        jmp     schedule_look

# vp_borrow - Make a suspended VP's VMCS current, for its registers.  Entry: r11 = VP, rbx = caller's.  Exit: rbx, rbp = its.
# What the VMCS does not hold is in the VP, while the processor keeps the caller's (switch.s).  Changes nothing else.
vp_borrow:
        mov     gs:[CPU_BORROWER], rbx
        mov     rbx, r11
        mov     rbp, [rbx + VP_PARTITION]
        vmptrld [rbx + VP_VMCS]
        jbe     vmcs_refused
        ret
# vp_return - The caller's again.  Entry: rbx = VP that was borrowed.  Exit: rbx, rbp = the caller's.  Changes nothing else.
vp_return:
        vmclear [rbx + VP_VMCS]
        mov     rbx, gs:[CPU_BORROWER]
        mov     rbp, [rbx + VP_PARTITION]
        vmptrld [rbx + VP_VMCS]
        ret

# processor_rest - Sleep until a VP joins.  Entry: GS base = the processor's block.  Exit: never.
processor_rest:
        mov     rsp, gs:[CPU_SELF]
1:      call    ring_join
        cmp     qword ptr gs:[CPU_VPS], 0
        jne     schedule_first
        mov     rdi, NEVER
        call    host_sleep
        jmp     1b
