# state_page.s - the register page of a child's VP, in the parent's memory: what an intercept's answer needs,
# without a call for each.
#
# Written when the VP has stopped for an intercept; what the parent marks as changed is taken when it clears InterceptSuspend.
# Source  TLFS, "HvCallMapVpStatePage", "HvCallUnmapVpStatePage", "HV_VP_REGISTER_PAGE"

        .record STATE_CALL
        .field  PARTITION, 8
        .field  VP, 4
        .field  TYPE, 2
        .field  VTL, 1
        .field  FLAGS, 1                        # 1: GFN says where
        .field  GFN, 8
        .endrecord
        .equ    STATE_REGISTERS, 0
        .equ    STATE_PLACED, 1
        .equ    STATE_WINDOW, 0x4000000         # page number from which on the hypervisor chooses: 256 GiB
        .record REGPAGE
        .field  VERSION, 2
        .field  VALID, 1
        .field  VTL, 1
        .field  DIRTY, 4
        .field  GPR, 128
        .field  RIP, 8
        .field  RFLAGS, 8
        .field  RESERVED, 8
        .field  XMM, 96
        .field  SEGMENT, 96                     # ES CS SS DS FS GS
        .field  CR0, 8
        .field  CR3, 8
        .field  CR4, 8
        .field  CR8, 8
        .field  EFER, 8
        .field  DR7, 8
        .field  PENDING, 8
        .field  INTERRUPT, 8
        .field  HINTS, 8
        .endrecord
        .assert REGPAGE_HINTS == 416, "the layout of HV_VP_REGISTER_PAGE"
        .equ    DIRTY_GPR, 1
        .equ    DIRTY_RIP, 2
        .equ    DIRTY_XMM, 4
        .equ    DIRTY_SEGMENTS, 8
        .equ    DIRTY_FLAGS, 16

# state_target - Entry: rsi = input, rbp = caller.  Exit: r10 = partition, r11 = VP, carry clear; or eax = status and carry set.
# Changes rax, rcx, rdi.
state_target:
        call    map_target
        jc      2f
        mov     ecx, [rsi + STATE_CALL_VP]
        call    target_vp
        jc      2f
        mov     eax, HVSTATUS_INVALID_PARAMETER
        cmp     word ptr [rsi + STATE_CALL_TYPE], STATE_REGISTERS
        jne     1f
        test    byte ptr [rsi + STATE_CALL_VTL], ~0x10 & 0xFF
        jnz     1f
        test    byte ptr [rsi + STATE_CALL_FLAGS], ~STATE_PLACED & 0xFF
        jnz     1f
        clc
        ret
1:      stc
2:      ret

# call_map_state - HvCallMapVpStatePage.  Entry, Exit, Keeps: as a handler of calls.
call_map_state:
        call    state_target
        jc      3f
        mov     eax, HVSTATUS_OBJECT_IN_USE
        cmp     qword ptr [r11 + VP_STATE_PAGE + OVERLAY_FRAME], 0
        jne     3f
        mov     ecx, [r11 + VP_INDEX]           # a page for each VP that may be
        mov     rdx, [r10 + PART_ID]
        shl     rdx, 6
        lea     rdx, [rdx + rcx + STATE_WINDOW]
        test    byte ptr [rsi + STATE_CALL_FLAGS], STATE_PLACED
        jz      1f
        mov     rdx, [rsi + STATE_CALL_GFN]
1:      mov     eax, HVSTATUS_INVALID_PARAMETER
        mov     rcx, GPA_LIMIT >> 12
        cmp     rdx, rcx
        jae     3f
        push    r11
        push    rdx
        push    rbp
        mov     rbp, r10
        call    pool_take
        pop     rbp
        pop     rdx
        jc      2f
        mov     r11, [rsp]
        mov     word ptr [rax + REGPAGE_VERSION], 1
        lea     rsi, [r11 + VP_STATE_PAGE]
        mov     [rsi + OVERLAY_FRAME], rax
        push    rdx
        mov     rdi, rdx
        shl     rdi, 12
        mov     edx, EPTE_R | EPTE_W | put(EPTE_TYPE, MEMTYPE_WB)
        call    overlay_put
        pop     rdx
        pop     r11
        jc      state_unmap                     # there was no memory for a table of the caller's
        mov     rdi, [rbx + VP_CALL_OUTPUT]
        mov     [rdi], rdx
        xor     eax, eax
3:      ret
2:      pop     r11
        mov     eax, HVSTATUS_INSUFFICIENT_MEMORY
        ret
state_unmap:
        mov     r10, [r11 + VP_PARTITION]
        call    state_drop
        mov     eax, HVSTATUS_INSUFFICIENT_MEMORY
        ret

# call_unmap_state - HvCallUnmapVpStatePage.  Entry, Exit, Keeps: as a handler of calls.
call_unmap_state:
        call    state_target
        jc      .done
        mov     eax, HVSTATUS_INVALID_PARAMETER
        cmp     qword ptr [r11 + VP_STATE_PAGE + OVERLAY_FRAME], 0
        je      .done
        call    state_drop
        xor     eax, eax
.done:  ret

# state_drop - Entry: r11 = VP, r10 = its partition, rbx = VP this processor is about.  Exit: nothing.  Keeps r10-r15, rbx, rbp.
state_drop:
        push    rbp
        push    r10
        push    r11
        lea     rsi, [r11 + VP_STATE_PAGE]
        mov     rbp, [r10 + PART_PARENT]
        call    overlay_drop
        pop     r11
        pop     r10
        push    r10
        mov     rbp, r10
        xor     edi, edi
        xchg    rdi, [r11 + VP_STATE_PAGE + OVERLAY_FRAME]
        call    pool_give
        pop     r10
        pop     rbp
        ret

# state_fill - Entry: rbx = VP that has stopped for an intercept, its VMCS current, the rest of it in memory.
# Exit: nothing.  Changes all but rbx, rbp, rsp.
state_fill:
        mov     r12, [rbx + VP_STATE_PAGE + OVERLAY_FRAME]
        test    r12, r12
        jz      call_unmap_state.done
        mov     dword ptr [r12 + REGPAGE_DIRTY], 0
        lea     rsi, [rbx + VP_RAX]
        lea     rdi, [r12 + REGPAGE_GPR]
        mov     ecx, 16
        rep movsq
        VMGET   rax, VMCS_GUEST_RSP
        mov     [r12 + REGPAGE_GPR + 4 * 8], rax
        VMGET   rax, VMCS_GUEST_RIP
        mov     [r12 + REGPAGE_RIP], rax
        VMGET   rax, VMCS_GUEST_RFLAGS
        mov     [r12 + REGPAGE_RFLAGS], rax
        lea     rsi, [rbx + VP_FX + FX_XMM]
        lea     rdi, [r12 + REGPAGE_XMM]
        mov     ecx, 12
        rep movsq
        lea     r13, [rel state_rows]
1:      mov     r10d, [r13 + 4]
        call    qword ptr [r13 + 8]
        mov     ecx, [r13]
        mov     [r12 + rcx], rax
        cmp     ecx, REGPAGE_CR0
        jae     2f
        mov     [r12 + rcx + 8], rdx            # a segment
2:      add     r13, 16
        cmp     dword ptr [r13], 0
        jne     1b
        mov     byte ptr [r12 + REGPAGE_VALID], 1
        ret

# Offset in the page, argument, reader (hypercall_values.s).
        .macro  STATEROW offset, argument, reader
        .long   \offset, \argument
        .quad   \reader
        .endm
        .balign 8
# state_rows - Their readers: Entry: r10 = argument, rbx = VP, its VMCS current.  Exit: rdx:rax.  Changes rcx.
state_rows:
        STATEROW REGPAGE_SEGMENT, 0, reg_segment
        STATEROW REGPAGE_SEGMENT + 16, 2, reg_segment
        STATEROW REGPAGE_SEGMENT + 32, 4, reg_segment
        STATEROW REGPAGE_SEGMENT + 48, 6, reg_segment
        STATEROW REGPAGE_SEGMENT + 64, 8, reg_segment
        STATEROW REGPAGE_SEGMENT + 80, 10, reg_segment
        STATEROW REGPAGE_CR0, VMCS_GUEST_CR0, reg_cr0
        STATEROW REGPAGE_CR3, VMCS_GUEST_CR3, reg_field
        STATEROW REGPAGE_CR4, VMCS_GUEST_CR4, reg_cr4
        STATEROW REGPAGE_CR8, 0, reg_cr8
        STATEROW REGPAGE_EFER, VMCS_GUEST_EFER, reg_field
        STATEROW REGPAGE_DR7, VMCS_GUEST_DR7, reg_field
        STATEROW REGPAGE_PENDING, 0, reg_pending
        STATEROW REGPAGE_INTERRUPT, 0, reg_interrupt_state
        .long   0
