# vps_end.s - the end of virtual processors.
#
# Source  TLFS, "HvCallDeleteVp", "HvCallFinalizePartition"

# vps_hold - All of a partition.  Entry: r10 = partition, rbx = caller's VP.  Exit: carry set while one has not left.
# Changes rax, rdx, rdi, rsi, r11.
vps_hold:
        mov     r11, [r10 + PART_VP]
        xor     edi, edi
1:      test    r11, r11
        jz      2f
        call    vp_hold
        adc     edi, 0
        mov     r11, [r11 + VP_SIBLING]
        jmp     1b
2:      neg     edi                             # carry: not 0
        ret

# vps_free - Entry: rbp = created partition, all of whose VPs are suspended, rbx = caller's VP.
# Exit: nothing.  Changes rax, rcx, rdx, rdi, rsi, r10, r11.
vps_free:
        mov     r11, [rbp + PART_VP]
        test    r11, r11
        jz      1f
        mov     rax, [r11 + VP_SIBLING]
        mov     [rbp + PART_VP], rax
        call    vp_free
        jmp     vps_free
1:      ret

# vp_free - Entry: r11 = VP, suspended, in no list of VPs; rbp = its partition, a created one; rbx = caller's VP.
# Exit: nothing.  Changes rax, rcx, rdx, rdi, rsi, r10.
vp_free:
        lea     rsi, [r11 + VP_SIM]
        call    overlay_drop
        lea     rsi, [r11 + VP_SIEF]
        call    overlay_drop
        lea     rsi, [r11 + VP_ASSIST]
        call    overlay_drop
        call    intercept_forget                # its messages that the parent has not got
        call    eoi_forget
        cmp     qword ptr [r11 + VP_STATE_PAGE + OVERLAY_FRAME], 0
        je      1f
        mov     r10, rbp
        call    state_drop
1:
        mov     rdi, [r11 + VP_SIM + OVERLAY_FRAME]
        call    pool_give
        mov     rdi, [r11 + VP_SIEF + OVERLAY_FRAME]
        call    pool_give
        mov     rdi, [r11 + VP_ASSIST + OVERLAY_FRAME]
        call    pool_give
        mov     rdi, [r11 + VP_VMCS]
        call    pool_give
        mov     rdi, r11
        jmp     pool_give

# call_delete_vp - HvCallDeleteVp.  Entry, Exit, Keeps: as a handler of calls.
call_delete_vp:
        call    map_target
        jc      2f
        mov     ecx, [rsi + 8]
        call    target_vp
        jc      2f
        call    vp_hold
        jc      call_once_more
        mov     rcx, [r11 + VP_SIBLING]
        lea     rax, [r10 + PART_VP]            # who came before it
3:      cmp     [rax], r11
        je      4f
        mov     rax, [rax]
        add     rax, VP_SIBLING
        jmp     3b
4:      mov     [rax], rcx
        push    rbp
        mov     rbp, r10
        call    vp_free
        pop     rbp
        xor     eax, eax
2:      ret
