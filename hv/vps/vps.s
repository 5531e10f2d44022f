# vps.s - virtual processors of created partitions: made, held, freed.
#
# A VP that is suspended is in no ring, its VMCS is clear: whoever holds parts_lock may examine it.
# Source  TLFS, "HvCallCreateVp", "HvCallDeleteVp", "Virtual Processor States"

        .record CREATE_VP
        .field  PARTITION, 8
        .field  INDEX, 4
        .field  RESERVED, 4
        .field  SUBNODE, 8
        .field  PROXIMITY, 8
        .field  FLAGS, 8
        .endrecord
        .equ    VP_MOST, 64
        .equ    VP_PAGES, 5                     # VP, VMCS, SIM, SIEF, assist page

# call_create_vp - HvCallCreateVp.  Entry, Exit, Keeps: as a handler of calls.
call_create_vp:
        call    map_target
        jc      1f
        mov     eax, HVSTATUS_INVALID_PARAMETER
        cmp     qword ptr [rsi + CREATE_VP_FLAGS], 0
        jne     1f
        test    dword ptr [rsi + CREATE_VP_RESERVED], 0xFFFFFF
        jnz     1f
        lea     rdi, [rsi + CREATE_VP_PROXIMITY]
        call    proximity_check
        test    eax, eax
        jnz     1f
        mov     ecx, [rsi + CREATE_VP_INDEX]
        mov     eax, HVSTATUS_INVALID_VP_INDEX
        cmp     ecx, VP_MOST
        jae     1f
        call    target_vp
        jnc     vp_index_taken
        mov     eax, HVSTATUS_INSUFFICIENT_MEMORY
        cmp     qword ptr [r10 + PART_POOL_COUNT], VP_PAGES
        jb      1f
        push    rbx
        push    rbp
        push    rcx
        mov     rbp, r10
        call    pool_take
        mov     rbx, rax
        mov     [rbx + VP_PARTITION], rbp
        pop     rcx
        mov     [rbx + VP_INDEX], ecx
        call    vp_create
        pop     rbp
        pop     rbx
        vmptrld [rbx + VP_VMCS]
        xor     eax, eax
1:      ret
vp_index_taken:
        mov     eax, HVSTATUS_INVALID_VP_INDEX
        ret

# vp_create - Entry: rbx = cleared VP with partition and index, rbp = partition, whose pool has the pages.
# Exit: nothing.  Changes rax, rcx, rdx, rdi, rsi, r8, r12.
vp_create:
        call    pool_take
        mov     [rbx + VP_VMCS], rax
        call    pool_take
        mov     [rbx + VP_SIM + OVERLAY_FRAME], rax
        call    pool_take
        mov     [rbx + VP_SIEF + OVERLAY_FRAME], rax
        call    pool_take
        mov     [rbx + VP_ASSIST + OVERLAY_FRAME], rax
        mov     dword ptr [rbx + VP_STATE], VP_SUSPENDED_STATE
        mov     dword ptr [rbx + VP_SUSPENDED], SUSPEND_EXPLICIT
        lea     rax, [rel cpuid_created]
        lea     rcx, [rel cpuid_none]
        mov     edx, [rbp + PART_CPUID_COUNT]
        or      edx, [rbp + PART_SPECIAL]
        cmovnz  rax, rcx                        # the parent wants to see leaves, or has hidden something
        mov     [rbx + VP_CPUID], rax
        mov     eax, [rel vpid_next]
        mov     [rbx + VP_VPID], rax
        inc     word ptr [rel vpid_next]
        jnz     1f
        mov     word ptr [rel vpid_next], VPID_CREATED
1:      mov     eax, [rbx + VP_INDEX]
        add     eax, [rbp + PART_ID]            # the root is 1, on processor 0
        dec     eax
        xor     edx, edx
        div     dword ptr [rel processor_count]
        lea     rax, [rel processors]
        mov     rax, [rax + rdx*8]
        mov     [rbx + VP_PROCESSOR], rax
        lea     rax, [rbp + PART_VP]            # in the order of their creation
2:      mov     rcx, [rax]
        test    rcx, rcx
        jz      3f
        lea     rax, [rcx + VP_SIBLING]
        jmp     2b
3:      mov     [rax], rbx
        call    vmcs_make
        call    vp_power_on
        mov     dword ptr [rbx + VP_ACTIVITY], VP_RUNNABLE
        cmp     dword ptr [rbx + VP_INDEX], 0
        je      4f
        mov     dword ptr [rbx + VP_ACTIVITY], VP_PARKED        # waits for a start-up IPI
4:      vmclear [rbx + VP_VMCS]
        mov     qword ptr [rbx + VP_LAUNCHED], 0
        ret

# vp_hold - Let a VP leave its processor.  Entry: r11 = VP, rbx = caller's.  Exit: carry set while it has not.
# Changes rax, rcx, rdx, rsi.
vp_hold:
        cmp     dword ptr [r11 + VP_STATE], VP_SUSPENDED_STATE
        je      1f
        lock or dword ptr [r11 + VP_SUSPENDED], SUSPEND_HELD
        mov     rsi, r11
        mov     eax, REQUEST_LEAVE
        call    request
        WORK    WORK_YIELD                      # it may share this processor
        stc
1:      ret

# vp_release - It may run again, for all that we want.  Entry: r11 = VP, rbx = caller's.  Exit: nothing.  Changes rax, rdx.
vp_release:
        mov     eax, SUSPEND_HELD
# vp_resume - Clear SUSPEND bits, and let it run when none is left.  Entry: eax = bits, r11 = VP, rbx = caller's.  Exit: nothing.
# Changes rax, rdx.
vp_resume:
        not     eax
        lock and [r11 + VP_SUSPENDED], eax
        jnz     vp_rejoin.done
# vp_rejoin - Unless somebody else does it just now.  Entry: r11 = VP without SUSPEND bits, rbx = caller's.  Exit: nothing.
# Changes rax, rdx.
vp_rejoin:
        mov     eax, VP_SUSPENDED_STATE
        mov     edx, VP_JOINING
        lock cmpxchg [r11 + VP_STATE], edx
        jne     .done
        mov     rdx, [r11 + VP_PROCESSOR]
        mov     rax, [rdx + CPU_NEWCOMERS]
1:      mov     [r11 + VP_NEXT], rax
        lock cmpxchg [rdx + CPU_NEWCOMERS], r11
        jnz     1b
        cmp     rdx, gs:[CPU_SELF]
        jne     kick
        WORK    WORK_YIELD
.done:  ret

        .balign 4
vpid_next:      .long VPID_CREATED
