# target.s - the partition and VP that a hypercall is about: found, and allowed to the caller.
#
# One lock, `parts_lock`, is held during every call of a row with CALL_LOCKED: the list of partitions, their VPs, ports and
# connections change under it alone.
# Source  TLFS, "HV_PARTITION_ID", "Partition States"

# target_any - Entry: rdi = partition ID, rbp = caller.  Exit: r10 = partition, carry clear; or eax = status and carry set.
# Changes nothing else.
target_any:
        mov     r10, rbp
        cmp     rdi, -1                         # HV_PARTITION_ID_SELF
        je      2f
        mov     r10, [rel parts_first]
1:      test    r10, r10
        jz      3f
        cmp     [r10 + PART_ID], rdi
        je      2f
        mov     r10, [r10 + PART_LINK]
        jmp     1b
2:      clc
        ret
3:      mov     eax, HVSTATUS_INVALID_PARTITION_ID
        stc
        ret

# target_child_or_root - The same, and the caller must be its parent, or the root itself.  Entry: rdi = partition ID, rbp = caller.
# Exit: r10 = partition, carry clear; or eax = status and carry set.  Changes rax.
target_child_or_root:
        call    target_any
        jc      .done
        cmp     r10, rbp
        jne     target_parent
        test    dword ptr [rbp + PART_FLAGS], ROOT
        jz      target_parent
.done:  ret
# target_child - The parent alone.  Entry: rdi = partition ID, rbp = caller.  Exit: r10, eax, carry as above.  Changes rax.
target_child:
        call    target_any
        jc      target_child_or_root.done
# target_parent - Entry: r10 = partition, rbp = caller.  Exit: carry clear when it is the parent; or eax = status.  Changes rax.
target_parent:
        cmp     [r10 + PART_PARENT], rbp
        je      target_child_or_root.done       # equal: carry clear
        mov     eax, HVSTATUS_ACCESS_DENIED
        stc
        ret

# target_vp - Entry: ecx = VP index, r10 = partition.  Exit: r11 = VP, carry clear; or eax = status and carry set.
# Changes nothing else.
target_vp:
        mov     r11, [r10 + PART_VP]
1:      test    r11, r11
        jz      3f
        cmp     [r11 + VP_INDEX], ecx
        je      2f
        mov     r11, [r11 + VP_SIBLING]
        jmp     1b
2:      clc
        ret
3:      mov     eax, HVSTATUS_INVALID_VP_INDEX
        stc
        ret

        .equ    PROXIMITY_VALID, 0x80000000
        .equ    PROXIMITY_PREFERRED, 1
# proximity_check - A HV_PROXIMITY_DOMAIN_INFO: there is one node, 0.  Entry: rdi = its address.  Exit: eax = status.
# Changes nothing else.
proximity_check:
        mov     eax, [rdi + 4]
        test    eax, ~(PROXIMITY_VALID | PROXIMITY_PREFERRED) & 0xFFFFFFFF
        jnz     1f
        test    eax, PROXIMITY_VALID
        jz      2f
        cmp     dword ptr [rdi], 0
        jne     1f
2:      xor     eax, eax
        ret
1:      mov     eax, HVSTATUS_INVALID_PARAMETER
        ret

# parts_add - Put a partition at the end of the list.  Entry: rbp = partition.  Exit: nothing.  Changes rax, rcx.
parts_add:
        mov     rax, [rel parts_next]
        inc     qword ptr [rel parts_next]
        mov     [rbp + PART_ID], rax
        lea     rax, [rel parts_first]
1:      mov     rcx, [rax]
        test    rcx, rcx
        jz      2f
        lea     rax, [rcx + PART_LINK]
        jmp     1b
2:      mov     [rax], rbp
        ret

# parts_drop - Take it out.  Entry: r10 = partition.  Exit: nothing.  Changes rax, rcx.
parts_drop:
        lea     rax, [rel parts_first]
1:      mov     rcx, [rax]
        cmp     rcx, r10
        je      2f
        lea     rax, [rcx + PART_LINK]
        jmp     1b
2:      mov     rcx, [r10 + PART_LINK]
        mov     [rax], rcx
        ret

        .balign 8
parts_first:    .quad 0
parts_next:     .quad 1                         # ID of the next partition
parts_lock:     .long 0

# partition_root - The root has a word for each of its pages, and is the parent of all that come after it.
# Entry: rbp = partition with memory.  Exit: nothing.  Keeps rbx, rbp, r12-r15.
partition_root:
        test    dword ptr [rbp + PART_FLAGS], ROOT
        jz      1f
        mov     rdi, [rbp + PART_MEMORY]
        shr     rdi, 11                         # two bytes a page
        add     rdi, PAGE - 1
        and     rdi, -PAGE
        call    frames_zeroed
        mov     [rbp + PART_PAGES], rax
        mov     [rel root], rbp
        ret
1:      mov     rax, [rel root]
        mov     [rbp + PART_PARENT], rax
        test    rax, rax
        jz      2f
        inc     qword ptr [rax + PART_CHILDREN]
2:      ret
